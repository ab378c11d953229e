//! From pixels to values of the input, and from these to the whole numbers that the network reads.

use crate::{
    artifact::{InputSpec, Layout},
    error::RunError,
    network::Network,
};
use alloc::{format, vec, vec::Vec};

/// Images of 8 bits a channel: `[count, height, width, channels]`. Gray images have one channel.
#[derive(Clone, Copy, Debug)]
pub struct Pixels<'a> {
    /// The pixels, one image after the other.
    pub data: &'a [u8],
    /// Number of images.
    pub count: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels, which stand together.
    pub channels: usize,
}

impl Network {
    /// Turns pixels into the network's input: `(pixel / scale - mean) / std`, in the network's layout.
    ///
    /// # Errors
    /// If the images do not have the size and channels of the input.
    pub fn preprocess(&self, pixels: &Pixels<'_>) -> Result<Vec<f32>, RunError> {
        self.spec().input.preprocess(pixels)
    }

    /// Turns values of the input, of any number of images, into the whole numbers that [`Network::run_quantised`] takes.
    ///
    /// # Errors
    /// If the values are not a whole number of images, or not finite.
    pub fn quantise(&self, images: &[f32]) -> Result<Vec<u16>, RunError> {
        self.spec().input.quantise(images)
    }

    /// [`Network::preprocess`] and [`Network::quantise`] in one, by a table of the 256 pixels: no number is a float on the way.
    ///
    /// # Errors
    /// As [`Network::preprocess`].
    pub fn quantise_pixels(&self, pixels: &Pixels<'_>) -> Result<Vec<u16>, RunError> {
        self.spec().input.quantise_pixels(pixels)
    }
}

impl InputSpec {
    /// As [`Network::preprocess`].
    ///
    /// # Errors
    /// If the images do not have the size and channels of the input.
    pub fn preprocess(&self, pixels: &Pixels<'_>) -> Result<Vec<f32>, RunError> {
        self.arrange(pixels, |channel, pixel| self.preprocess.apply(channel, f32::from(pixel)))
    }

    /// As [`Network::quantise`].
    ///
    /// # Errors
    /// As there.
    pub fn quantise(&self, images: &[f32]) -> Result<Vec<u16>, RunError> {
        let image: usize = self.shape.iter().product();
        if !images.len().is_multiple_of(image.max(1)) {
            return Err(RunError::Images { got: images.len(), image });
        }
        if let Some(place) = images.iter().position(|v| !v.is_finite()) {
            return Err(RunError::NotFinite { image: place / image, index: place % image });
        }
        let entries = images.iter().enumerate();
        Ok(entries.map(|(place, &value)| self.quantiser.apply(self.channel_of(place), value)).collect())
    }

    /// As [`Network::quantise_pixels`].
    ///
    /// # Errors
    /// As there.
    pub fn quantise_pixels(&self, pixels: &Pixels<'_>) -> Result<Vec<u16>, RunError> {
        let of_channel = |channel: usize| -> [u16; 256] {
            core::array::from_fn(|pixel| self.quantiser.apply(channel, self.preprocess.apply(channel, pixel as f32)))
        };
        let one = [&self.preprocess.mean, &self.preprocess.std, &self.quantiser.step, &self.quantiser.zero].iter().all(|v| v.len() == 1);
        let tables: Vec<[u16; 256]> = (0..if one { 1 } else { self.channels() }).map(of_channel).collect();
        self.arrange(pixels, |channel, pixel| tables[if one { 0 } else { channel }][usize::from(pixel)])
    }

    /// Pixels in the order of the input, each turned into `of(channel, pixel)`.
    fn arrange<T: Copy + Default>(&self, pixels: &Pixels<'_>, of: impl Fn(usize, u8) -> T) -> Result<Vec<T>, RunError> {
        let &Pixels { data, count, height, width, channels } = pixels;
        let given = [height, width, channels];
        let values = given.iter().try_fold(1usize, |product, &d| product.checked_mul(d));
        let is_flat = Layout::Flat.fits(&self.shape) && values == self.shape.iter().copied().max();
        let fits = match (self.layout, &self.shape[..]) {
            (Layout::Nchw, &[_, c, h, w]) | (Layout::Nhwc, &[_, h, w, c]) => given == [h, w, c],
            // A signal is an image of one row. A gray image may stand for its two axes without colour.
            (Layout::Nchw, &[_, c, l]) => given == [1, l, c] || given == [c, l, 1],
            (Layout::Nhwc, &[_, l, c]) => given == [1, l, c] || given == [l, c, 1],
            _ => self.layout == Layout::Flat && is_flat,
        };
        // The pixels of a gray image stand in one order in all layouts of a flat vector.
        let fits = fits || (channels == 1 && is_flat && self.layout.fits(&self.shape));
        let image: usize = self.shape.iter().product();
        if !fits || count.checked_mul(image) != Some(data.len()) {
            return Err(RunError::Pixels {
                got: format!("{height}x{width} with {channels} channels ({count} of them in {} bytes)", data.len()),
                wanted: format!("{:?} in the layout {:?}", self.shape, self.layout),
            });
        }
        let plane = height * width;
        let mut values = vec![T::default(); data.len()];
        for (source, target) in data.chunks(image).zip(values.chunks_mut(image)) {
            for (place, &pixel) in source.iter().enumerate() {
                let spot = match self.layout {
                    Layout::Nchw => place % channels * plane + place / channels,
                    Layout::Nhwc | Layout::Flat => place,
                };
                target[spot] = of(self.channel_of(spot), pixel);
            }
        }
        Ok(values)
    }
}
