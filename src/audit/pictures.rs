//! Pictures as people see them: 8 bits a channel, whatever a network wants.

use crate::{
    data::{Images, Pixels, Plan},
    error::Result,
    options::Layout,
    synthesize::Canvas,
};
use std::path::PathBuf;

/// Pictures of one size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pictures {
    /// How many.
    pub count: usize,
    /// Rows, columns, channels.
    pub size: [usize; 3],
    /// Picture after picture, each in the order rows, columns, channels.
    pub pixels: Vec<u8>,
}

impl Pictures {
    /// What a person sees of images in a model's own layout and units. Values between two levels go to the nearer one.
    #[must_use]
    pub fn of_model(canvas: &Canvas, images: &[f32]) -> Self {
        let (plane, channels) = (canvas.height * canvas.width, canvas.channels);
        let mut pixels = Vec::with_capacity(images.len());
        for image in images.chunks(canvas.len()) {
            for pixel in 0..plane {
                for channel in 0..channels {
                    let (low, high) = canvas.range[channel];
                    let share = (image[canvas.entry(channel, pixel)] - low) / (high - low).max(f32::MIN_POSITIVE);
                    pixels.push((share * 255.0).round().clamp(0.0, 255.0) as u8);
                }
            }
        }
        Self { count: images.len() / canvas.len().max(1), size: [canvas.height, canvas.width, channels], pixels }
    }

    /// The first `limit` pictures of a file; `canvas` is the image behind the model's input, in which float images are given.
    #[must_use]
    pub fn of_file(canvas: &Canvas, images: &Images, limit: usize) -> Self {
        let count = images.count.min(limit);
        match &images.pixels {
            Pixels::U8 { data, height, width, channels, .. } => {
                Self { count, size: [*height, *width, *channels], pixels: data[..count * height * width * channels].to_vec() }
            }
            Pixels::F32 { data, .. } => Self::of_model(canvas, &data[..count * images.image_len()]),
        }
    }

    /// The first `limit` of them.
    #[must_use]
    pub fn take(&self, limit: usize) -> Self {
        let count = self.count.min(limit);
        Self { count, size: self.size, pixels: self.pixels[..count * self.len()].to_vec() }
    }

    /// Puts others of the same size behind them.
    pub fn append(&mut self, mut others: Self) {
        self.count += others.count;
        self.pixels.append(&mut others.pixels);
    }

    /// As a file of such pictures would hold them.
    #[must_use]
    pub fn images(&self, name: &str) -> Images {
        let [height, width, channels] = self.size;
        let pixels = Pixels::U8 { data: self.pixels.clone(), height, width, channels, dims: self.size.to_vec() };
        Images { path: PathBuf::from(name), count: self.count, pixels, labels: None }
    }

    /// What a model with this input makes of them.
    ///
    /// # Errors
    /// If they do not fit it.
    pub fn to_model(&self, name: &str, dims: &[usize], preprocess: &crate::options::Preprocess) -> Result<Vec<f32>> {
        let images = self.images(name);
        let layout = Layout::Flat.fits(dims).then_some(Layout::Flat);
        Ok(Plan::new(&images, dims, layout, preprocess)?.convert(&images, 0..self.count))
    }

    /// Values of one picture.
    #[must_use]
    pub fn len(&self) -> usize {
        self.size.iter().product()
    }

    /// Whether there is nothing to see.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Preprocess;
    use snnc_ir::TensorType;

    #[test]
    fn there_and_back() {
        for (dims, layout) in [([1, 3, 4, 5], Layout::Nchw), ([1, 4, 5, 3], Layout::Nhwc)] {
            let preprocess = Preprocess { scale: 255.0, mean: vec![0.4, 0.5, 0.6], std: vec![0.2, 0.3, 0.25] };
            let canvas = Canvas::new(&TensorType::f32(dims), layout, &preprocess);
            let pictures = Pictures { count: 2, size: [4, 5, 3], pixels: (0..120).map(|k| (k * 37 % 256) as u8).collect() };
            let images = pictures.to_model("pictures", &dims, &preprocess).unwrap();
            assert_eq!(Pictures::of_model(&canvas, &images), pictures);
        }
    }
}
