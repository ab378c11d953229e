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
        let fits = match (self.layout, &self.shape[..]) {
            (Layout::Nchw, &[_, c, h, w]) | (Layout::Nhwc, &[_, h, w, c]) => given == [h, w, c],
            (Layout::Flat, &[_, features]) => given.iter().try_fold(1usize, |product, &d| product.checked_mul(d)) == Some(features),
            _ => false,
        };
        let image: usize = self.shape.iter().product();
        if !fits || count.checked_mul(image) != Some(data.len()) {
            return Err(RunError::Pixels {
                got: format!("{height}x{width} with {channels} channels ({count} of them in {} bytes)", data.len()),
                wanted: format!("{:?} in the layout {:?}", self.shape, self.layout),
            });
        }
        let plane = height * width;
        let of = |values: &[f32], channel: usize| if values.len() == 1 { values[0] } else { values[channel] };
        let mut values = vec![0.0; data.len()];
        for (source, target) in data.chunks(image).zip(values.chunks_mut(image)) {
            for (place, &pixel) in source.iter().enumerate() {
                let (spot, channel) = match self.layout {
                    Layout::Nchw => (place % channels * plane + place / channels, place % channels),
                    Layout::Nhwc => (place, place % channels),
                    Layout::Flat => (place, place),
                };
                let unit = f32::from(pixel) / self.preprocess.scale;
                target[spot] = (unit - of(&self.preprocess.mean, channel)) / of(&self.preprocess.std, channel);
            }
        }
        Ok(values)
    }
}
