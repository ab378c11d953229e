//! The image that a model's input stands for: its size, and how pixels in [0, 1] become the model's numbers.

use crate::options::{Layout, Preprocess};
use snnc_ir::TensorType;

/// Geometry and value range of the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Canvas {
    /// Channels: 1 or 3 mostly.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// How the model wants the axes.
    pub layout: Layout,
    /// Least and greatest model value of every channel.
    pub range: Vec<(f32, f32)>,
}

impl Canvas {
    /// The image behind an input of the given type and layout.
    ///
    /// A flat vector is read as a square image of one channel, or of three, where its length allows; else as one row. It has
    /// three or four channels where that many means or deviations say so.
    #[must_use]
    pub fn new(input: &TensorType, layout: Layout, preprocess: &Preprocess) -> Self {
        let entries = input.len();
        let square = |n: usize| Some((n as f64).sqrt().round() as usize).filter(|s| s * s == n && *s >= 4);
        let colours = preprocess.mean.len().max(preprocess.std.len());
        let is_coloured = matches!(colours, 3 | 4) && entries.is_multiple_of(colours);
        let (channels, height, width) = match (layout, &input.dims[..]) {
            (Layout::Nhwc, &[_, h, w, c]) => (c, h, w),
            (Layout::Nchw, &[_, c, h, w]) => (c, h, w),
            (Layout::Nchw, &[_, c, l]) => (c, 1, l),
            (Layout::Nhwc, &[_, l, c]) => (c, 1, l),
            _ => match (square(entries), square(entries / 3)) {
                (None, Some(s)) if entries.is_multiple_of(3) => (3, s, s),
                _ if is_coloured => square(entries / colours).map_or((colours, 1, entries / colours), |s| (colours, s, s)),
                (Some(s), _) => (1, s, s),
                _ => (1, 1, entries),
            },
        };
        let known = |values: &[f32], c: usize| values.len() == 1 || c < values.len();
        let range = (0..channels)
            .map(|c| if known(&preprocess.mean, c) && known(&preprocess.std, c) { preprocess.range(c) } else { preprocess.range(0) })
            .collect();
        Self { channels, height, width, layout, range }
    }

    /// Whether its pictures are as often drawings and symbols as photographs: those of one channel are.
    #[must_use]
    pub fn may_be_drawn(&self) -> bool {
        self.channels == 1
    }

    /// Values of one image.
    #[must_use]
    pub fn len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether an image has no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Channel of every entry of an image in the model's layout.
    #[must_use]
    pub fn channel_of_entry(&self) -> Vec<usize> {
        (0..self.len())
            .map(|i| match self.layout {
                Layout::Nchw => i / (self.height * self.width),
                Layout::Nhwc | Layout::Flat => i % self.channels,
            })
            .collect()
    }

    /// Where a pixel of a channel stands in an image as the model wants it.
    #[must_use]
    pub fn entry(&self, channel: usize, pixel: usize) -> usize {
        match self.layout {
            Layout::Nchw => channel * self.height * self.width + pixel,
            Layout::Nhwc | Layout::Flat => pixel * self.channels + channel,
        }
    }

    /// Every entry of an image as the model wants it, with the range of its channel: channel by channel, pixel by pixel.
    pub fn entries(&self) -> impl Iterator<Item = (usize, (f32, f32))> + '_ {
        let pixels = self.height * self.width;
        self.range.iter().enumerate().flat_map(move |(channel, &range)| (0..pixels).map(move |pixel| (self.entry(channel, pixel), range)))
    }

    /// Images in channels-first pixels in [0, 1] to images as the model wants them.
    #[must_use]
    pub fn to_model(&self, pixels: &[f32]) -> Vec<f32> {
        let plane = self.height * self.width;
        let channel = self.channel_of_entry();
        pixels
            .chunks(self.len())
            .flat_map(|image| {
                channel.iter().enumerate().map(move |(i, &c)| {
                    let source = match self.layout {
                        Layout::Nchw => i,
                        Layout::Nhwc | Layout::Flat => c * plane + i / self.channels,
                    };
                    let (low, high) = self.range[c];
                    low + (high - low) * image[source]
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_agree_on_what_a_pixel_is() {
        let preprocess = Preprocess { scale: 255.0, mean: vec![0.5], std: vec![0.5] };
        let pixels: Vec<f32> = (0..12).map(|i| i as f32 / 11.0).collect();
        let first = Canvas::new(&TensorType::f32([1, 3, 2, 2]), Layout::Nchw, &preprocess).to_model(&pixels);
        let last = Canvas::new(&TensorType::f32([1, 2, 2, 3]), Layout::Nhwc, &preprocess).to_model(&pixels);
        assert_eq!((first[0], first[11]), (-1.0, 1.0));
        assert_eq!(first[4], last[1], "channel 1 of pixel 0");
        assert_eq!(first[3], last[9], "channel 0 of pixel 3");
    }

    #[test]
    fn flat_vectors_are_squares_where_they_can_be() {
        let canvas = |n| Canvas::new(&TensorType::f32([1, n]), Layout::Flat, &Preprocess::default());
        assert_eq!((canvas(784).channels, canvas(784).height), (1, 28));
        assert_eq!((canvas(3072).channels, canvas(3072).height), (3, 32));
        assert_eq!((canvas(13).height, canvas(13).width), (1, 13));

        let coloured = |n, colours| {
            let preprocess = Preprocess { mean: vec![0.5; colours], ..Preprocess::default() };
            let canvas = Canvas::new(&TensorType::f32([1, n]), Layout::Flat, &preprocess);
            (canvas.channels, canvas.height, canvas.width)
        };
        assert_eq!(coloured(3 * 20 * 30, 3), (3, 1, 600));
        assert_eq!(coloured(4 * 8 * 8, 4), (4, 8, 8));
        assert_eq!(coloured(784, 3), (1, 28, 28), "no whole number of pixels");
    }
}
