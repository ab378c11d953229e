//! From pixels to what the network reads.

use crate::{
    artifact::{InputSpec, Layout},
    error::RunError,
    network::Network,
};

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
}

impl InputSpec {
    /// As [`Network::preprocess`].
    ///
    /// # Errors
    /// If the images do not have the size and channels of the input.
    pub fn preprocess(&self, pixels: &Pixels<'_>) -> Result<Vec<f32>, RunError> {
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
        let mut values = vec![0.0; data.len()];
        for (source, target) in data.chunks(image).zip(values.chunks_mut(image)) {
            for (place, &pixel) in source.iter().enumerate() {
                let spot = match self.layout {
                    Layout::Nchw => place % channels * plane + place / channels,
                    Layout::Nhwc | Layout::Flat => place,
                };
                target[spot] = self.preprocess.apply(self.channel_of(spot), f32::from(pixel));
            }
        }
        Ok(values)
    }
}
