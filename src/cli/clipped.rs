//! Values of images that lie outside of the range that an artifact's whole numbers cover.

use crate::observer::Observer;
use snnc_ir::Diagnostic;
use snnc_runtime::InputSpec;

/// How many values lay outside.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clipped {
    outside: usize,
    of: usize,
}

impl Clipped {
    /// Counts the values of whole images. What is out by less than a step of the numbers is within.
    pub(crate) fn count(&mut self, input: &InputSpec, values: &[f32]) {
        let len: usize = input.shape.iter().product();
        let (quantiser, top) = (&input.quantiser, f32::from(input.quantiser.top()));
        let pick = |list: &[f32], channel: usize| if list.len() == 1 { list[0] } else { list[channel] };
        let is_outside = |(entry, value): (usize, &f32)| {
            let channel = input.channel_of(entry % len);
            let number = value / pick(&quantiser.step, channel) + pick(&quantiser.zero, channel);
            number <= -1.0 || number >= top + 1.5
        };
        self.outside += values.iter().enumerate().filter(|&at| is_outside(at)).count();
        self.of += values.len();
    }

    /// The share of them, in percent.
    pub(crate) fn percent(self) -> f64 {
        100.0 * self.outside as f64 / self.of.max(1) as f64
    }

    /// Says so, if there were any.
    pub(crate) fn warn(self, observer: &mut dyn Observer) {
        if self.outside > 0 {
            observer.warning(
                &Diagnostic::warning("W0207", "values of the images lie outside of the range that the artifact knows")
                    .note(format!("{:.2} % of them are taken for the nearest value within", self.percent()))
                    .help("give images as the model reads them, or 8-bit pixels; compile with the `--scale`, `--mean` and `--std` of the model"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snnc_runtime::{Coding, Layout, Preprocess, Quantiser};

    #[test]
    fn each_channel_has_its_range() {
        let preprocess = Preprocess { scale: 255.0, mean: vec![0.0, 0.5], std: vec![1.0, 0.5] };
        let input = InputSpec {
            name: "x".to_owned(),
            shape: vec![1, 2, 1, 2],
            layout: Layout::Nchw,
            coding: Coding::Digits,
            quantiser: Quantiser::of_pixels(&preprocess),
            preprocess,
        };
        let mut clipped = Clipped::default();
        // The second channel reaches from -1 to 1. A hair beyond is rounding.
        clipped.count(&input, &[0.0, 1.001, -1.001, 1.0]);
        assert_eq!(clipped.percent(), 0.0);
        clipped.count(&input, &[-0.5, 1.0, 0.0, 1.5]);
        assert_eq!(clipped.percent(), 25.0);
    }
}
