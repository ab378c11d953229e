//! The conversion of images to a model's input: checked once, then applied batch by batch.

use crate::{
    Images, Pixels,
    error::{Error, Result},
    layout,
    shape::joined,
};
use snnc_runtime::{Layout, Preprocess};
use std::ops::Range;

/// How images of one file become input of one model.
#[derive(Clone, Debug)]
pub struct Plan(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// The values as they are.
    AsIs,
    /// Preprocessing, in the order of the file or with the channels moved to the front.
    Pixels { layout: Layout, table: Table, planar: bool, plane: usize, channels: usize },
}

/// What each 8-bit value becomes: one table for all entries, one per channel, or one per entry of a flat input.
#[derive(Clone, Debug)]
struct Table(Vec<[f32; 256]>);

impl Plan {
    /// Checks that `images` fit a model input of shape `dims` (batch first).
    ///
    /// # Errors
    /// [`Error::Format`] if the images do not fit or the layout is in doubt, [`Error::Usage`] if the preprocessing has a number
    /// of means or deviations that the images do not have channels for.
    pub fn new(images: &Images, dims: &[usize], layout: Option<Layout>, preprocess: &Preprocess) -> Result<Self> {
        let misfit = |message: String| Error::format(&images.path, format!("array `x` {message}"));
        match &images.pixels {
            Pixels::F32 { dims: found, .. } => {
                let wanted = dims.get(1..).unwrap_or_default();
                if significant(found) == significant(wanted) && found.iter().product::<usize>() == wanted.iter().product::<usize>() {
                    return Ok(Self(Kind::AsIs));
                }
                let hint = match (&found[..], wanted) {
                    ([a, b, c], other) if [*c, *a, *b] == *other => ": transpose them (`x.transpose(0, 3, 1, 2)`)",
                    ([a, b, c], other) if [*b, *c, *a] == *other => ": transpose them (`x.transpose(0, 2, 3, 1)`)",
                    _ => "",
                };
                Err(misfit(format!(
                    "holds float32 tensors of [Nx{}], but the model reads [Nx{}]; floats are taken as they are{hint}",
                    joined(found, "x"),
                    joined(wanted, "x")
                )))
            }
            &Pixels::U8 { height, width, channels, .. } => {
                let layout = layout::of_images(dims, [height, width, channels], layout).map_err(misfit)?;
                let entries = if layout == Layout::Flat { dims.iter().product() } else { channels };
                let table = Table::new(preprocess, channels, entries)?;
                let planar = layout == Layout::Nchw && channels > 1;
                Ok(Self(Kind::Pixels { layout, table, planar, plane: height * width, channels }))
            }
        }
    }

    /// The layout of the model's input, where the images told it.
    #[must_use]
    pub fn layout(&self) -> Option<Layout> {
        match self.0 {
            Kind::AsIs => None,
            Kind::Pixels { layout, .. } => Some(layout),
        }
    }

    /// Images of a range as model input, image after image.
    ///
    /// # Panics
    /// If `images` are not those that the plan was made for, or the range leaves them.
    #[must_use]
    pub fn convert(&self, images: &Images, range: Range<usize>) -> Vec<f32> {
        let size = images.image_len();
        let entries = range.start * size..range.end * size;
        match (&self.0, &images.pixels) {
            (Kind::AsIs, Pixels::F32 { data, .. }) => data[entries].to_vec(),
            (Kind::Pixels { table, planar: false, .. }, Pixels::U8 { data, .. }) => {
                let period = table.0.len();
                data[entries].iter().enumerate().map(|(i, &p)| table.0[i % period][usize::from(p)]).collect()
            }
            (&Kind::Pixels { ref table, planar: true, plane, channels, .. }, Pixels::U8 { data, .. }) => {
                let mut result = Vec::with_capacity(entries.len());
                for image in data[entries].chunks(size) {
                    for channel in 0..channels {
                        let table = &table.0[channel % table.0.len()];
                        result.extend((0..plane).map(|at| table[usize::from(image[at * channels + channel])]));
                    }
                }
                result
            }
            _ => unreachable!("a plan is used with the images that it was made for"),
        }
    }
}

impl Table {
    /// `entries` is the number of values that the means and deviations may tell apart, `channels` or more.
    fn new(preprocess: &Preprocess, channels: usize, entries: usize) -> Result<Self> {
        let mut longest = 1;
        for (option, values) in [("--mean", &preprocess.mean), ("--std", &preprocess.std)] {
            let count = values.len();
            if count != 1 && count != channels && count != entries {
                let s = if channels == 1 { "" } else { "s" };
                return Err(Error::Usage(format!("{option} has {count} values, but the images have {channels} channel{s}")));
            }
            longest = longest.max(count);
        }
        // A list for each channel beside one for each entry: the former repeats.
        let pick = |values: &[f32], i: usize| values[i % values.len()];
        let table = |i: usize| {
            let one = Preprocess { scale: preprocess.scale, mean: vec![pick(&preprocess.mean, i)], std: vec![pick(&preprocess.std, i)] };
            std::array::from_fn(|p| one.apply(0, p as f32))
        };
        Ok(Self((0..longest).map(table).collect()))
    }
}

/// A shape without the axes of size 1, which do not change the order of the entries.
fn significant(dims: &[usize]) -> Vec<usize> {
    dims.iter().copied().filter(|&d| d != 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(count: usize, height: usize, width: usize, channels: usize) -> Images {
        let data = (0..count * height * width * channels).map(|i| i as u8).collect();
        let dims = vec![height, width, channels];
        Images { path: "x.npz".into(), count, pixels: Pixels::U8 { data, height, width, channels, dims }, labels: None }
    }

    fn floats(dims: &[usize]) -> Images {
        let data = vec![0.5; 2 * dims.iter().product::<usize>()];
        Images { path: "x.npz".into(), count: 2, pixels: Pixels::F32 { data, dims: dims.to_vec() }, labels: None }
    }

    fn unit() -> Preprocess {
        Preprocess { scale: 1.0, mean: vec![0.0], std: vec![1.0] }
    }

    #[test]
    fn channels_move_to_the_front() {
        let images = pixels(2, 1, 5, 3);
        let plan = Plan::new(&images, &[1, 3, 1, 5], None, &unit()).unwrap();
        assert_eq!(plan.layout(), Some(Layout::Nchw));
        let second: Vec<f32> = [15, 18, 21, 24, 27, 16, 19, 22, 25, 28, 17, 20, 23, 26, 29].map(|v| v as f32).to_vec();
        assert_eq!(plan.convert(&images, 1..2), second);
    }

    #[test]
    fn channels_stay_last() {
        let images = pixels(1, 5, 2, 3);
        let preprocess = Preprocess { scale: 2.0, mean: vec![0.0, 1.0, 2.0], std: vec![1.0, 1.0, 2.0] };
        let plan = Plan::new(&images, &[1, 5, 2, 3], None, &preprocess).unwrap();
        assert_eq!(plan.convert(&images, 0..1)[..6], [0.0, -0.5, -0.5, 1.5, 1.0, 0.25]);
    }

    #[test]
    fn flat_inputs_may_have_a_mean_image() {
        let images = pixels(2, 1, 2, 1);
        let preprocess = Preprocess { scale: 1.0, mean: vec![0.0, 1.0], std: vec![1.0] };
        let plan = Plan::new(&images, &[1, 2], None, &preprocess).unwrap();
        assert_eq!(plan.convert(&images, 0..2), [0.0, 0.0, 2.0, 2.0]);
    }

    #[test]
    fn values_match_the_formula_bit_by_bit() {
        let images = pixels(1, 8, 8, 4);
        let preprocess = Preprocess { scale: 255.0, mean: vec![0.485], std: vec![0.229] };
        let plan = Plan::new(&images, &[1, 8, 8, 4], Some(Layout::Nhwc), &preprocess).unwrap();
        for (p, value) in plan.convert(&images, 0..1).into_iter().enumerate() {
            assert_eq!(value.to_bits(), preprocess.apply(0, p as f32).to_bits());
        }
    }

    #[test]
    fn floats_are_taken_as_they_are() {
        let images = floats(&[3, 4, 4]);
        assert_eq!(Plan::new(&images, &[1, 3, 4, 4], None, &unit()).unwrap().convert(&images, 0..2), vec![0.5; 96]);
        assert!(Plan::new(&floats(&[4, 4]), &[1, 1, 4, 4], None, &unit()).is_ok());
        let message = Plan::new(&floats(&[4, 4, 3]), &[1, 3, 4, 4], None, &unit()).unwrap_err().to_string();
        assert!(message.contains("transpose(0, 3, 1, 2)") && message.contains("[Nx4x4x3]"), "{message}");
        let message = Plan::new(&floats(&[3, 4, 4]), &[1, 4, 4, 3], None, &unit()).unwrap_err().to_string();
        assert!(message.contains("transpose(0, 2, 3, 1)"), "{message}");
    }

    #[test]
    fn means_must_match_the_channels() {
        let preprocess = Preprocess { scale: 255.0, mean: vec![0.0; 3], std: vec![1.0] };
        let error = Plan::new(&pixels(1, 8, 8, 1), &[1, 1, 8, 8], None, &preprocess).unwrap_err();
        assert_eq!(error.to_string(), "--mean has 3 values, but the images have 1 channel");
    }
}
