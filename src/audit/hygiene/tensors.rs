//! Tensors of the artifact beside those of the source network.

use super::{How, Source, channels as parts, element::Element, samples::correlation};
use crate::{
    artifact::{
        Shape,
        remains::{ROUNDED, distance},
    },
    audit::weights::{
        LEAST_FREEDOM,
        equilibrate::{equilibrate, freedom},
    },
};
use snnc_runtime::{Artifact, Tensor, artifact::Data};

/// Sorted magnitudes are compared one by one, which tells little of many numbers, since independent draws come close to each other, the
/// closer the more there are; and by the means of so many blocks, in which rounding averages out as those draws do. Those of copies then
/// differ by less than a fiftieth of 1/√n, those of draws by about half of it.
const BLOCKS: usize = 32;
const DRAWN: f64 = 0.1;
const MOST_DRAWN: f64 = 5e-3;
/// Correlation in place of two tensors from which on their magnitudes are alike because their entries are: weights that training has hardly
/// moved are no reordered copy.
const IN_PLACE: f64 = 0.8;
/// Cosine of equilibrated weights that are the same: at most [`ROUNDED`] apart.
const SAME_COSINE: f64 = 1.0 - ROUNDED * ROUNDED / 2.0;

/// Copies of sources in tensors: index of the source, name of the tensor, form. Of each pair the plainest form.
pub(super) fn copies(artifact: &Artifact, sources: &[&Source<'_>]) -> Vec<(usize, String, How)> {
    let mut found = Vec::new();
    for (name, tensor) in &artifact.tensors {
        let numbers = Numbers { dims: &tensor.dims, data: tensor.data.iter().map(|v| v as f32).collect() };
        let halves: Vec<(Element, Vec<f32>)> =
            [Element::F16, Element::Bf16].into_iter().filter_map(|e| Some((e, halves(tensor, e)?))).collect();
        let sorted = Sorted::new(&numbers.data);
        for (k, source) in sources.iter().enumerate() {
            if let Some(how) = of(source, &numbers, &sorted) {
                found.push((k, name.clone(), how));
                continue;
            }
            for (element, values) in halves.iter().filter(|(_, values)| values.len() == source.values.len()) {
                if is_multiple(source.values, values) || is_permuted(source.values, values, &Sorted::new(values)) {
                    found.push((k, name.clone(), How::Bytes { element: element.name(), scaled: true }));
                }
            }
        }
    }
    found
}

/// The numbers of a tensor. Whole numbers are multiples of what they were rounded from, nearly.
struct Numbers<'a> {
    dims: &'a [usize],
    data: Vec<f32>,
}

fn of(source: &Source<'_>, tensor: &Numbers<'_>, sorted: &Sorted) -> Option<How> {
    let (a, b) = (source.values, &tensor.data[..]);
    if a.len() != b.len() {
        return None;
    }
    if a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits()) {
        return Some(How::Same);
    }
    if is_multiple(a, b) {
        return Some(How::Scaled);
    }
    if source.dims == tensor.dims {
        if is_channel_scaled(source, tensor) {
            return Some(How::ChannelScaled);
        }
        if let Some(part) = parts::of(source, &tensor.data) {
            return Some(part);
        }
    }
    is_permuted(a, b, sorted).then_some(How::Permuted)
}

/// The payload of a tensor read as 16-bit floats, if these are finite.
fn halves(tensor: &Tensor, element: Element) -> Option<Vec<f32>> {
    let bytes: Vec<u8> = match &tensor.data {
        Data::I8(data) => data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::I16(data) => data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::I32(data) => data.iter().flat_map(|v| v.to_le_bytes()).collect(),
    };
    let values: Vec<f32> = bytes.chunks_exact(2).map(|b| element.read(b)).collect();
    values.iter().all(|v| v.is_finite()).then_some(values)
}

/// Whether one is the other times a factor of either sign.
fn is_multiple(a: &[f32], b: &[f32]) -> bool {
    distance(a, b) <= ROUNDED
}

/// Whether factors of output channels, of either sign, and positive ones of input channels make one of the other. Such factors must
/// leave something to compare.
fn is_channel_scaled(source: &Source<'_>, tensor: &Numbers<'_>) -> bool {
    let Some(shape) = Shape::new(source.dims, 1, source.values.len()) else { return false };
    if freedom(source.values, &shape) < LEAST_FREEDOM || freedom(&tensor.data, &shape) < LEAST_FREEDOM {
        return false;
    }
    let (a, b) = (equilibrate(source.values, &shape), equilibrate(&tensor.data, &shape));
    let product: f64 = a.chunks(shape.row()).zip(b.chunks(shape.row())).map(|(a, b)| dot(a, b).abs()).sum();
    let size = (dot(&a, &a) * dot(&b, &b)).sqrt();
    size > 0.0 && product / size >= SAME_COSINE
}

/// Whether one is the other in another order, up to a factor of either sign and the signs of the entries; `sorted` is `b` sorted.
fn is_permuted(a: &[f32], b: &[f32], sorted: &Sorted) -> bool {
    correlation(a, b).abs() < IN_PLACE && sorted.is_same(&Sorted::new(a))
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// Magnitudes in descending order, in units of their root mean square.
struct Sorted(Vec<f32>);

impl Sorted {
    fn new(values: &[f32]) -> Self {
        let size = (dot(values, values) / values.len().max(1) as f64).sqrt().max(f64::from(f32::MIN_POSITIVE)) as f32;
        let mut sorted: Vec<f32> = values.iter().map(|v| v.abs() / size).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        Self(sorted)
    }

    fn is_same(&self, other: &Self) -> bool {
        let count = self.0.len();
        if count != other.0.len() || count == 0 {
            return false;
        }
        let differences: Vec<f64> = self.0.iter().zip(&other.0).map(|(a, b)| f64::from(a - b)).collect();
        let blocks: Vec<f64> =
            differences.chunks(count.div_ceil(BLOCKS)).map(|block| block.iter().sum::<f64>() / block.len() as f64).collect();
        root_mean_square(&differences) < ROUNDED && root_mean_square(&blocks) < (DRAWN / (count as f64).sqrt()).min(MOST_DRAWN)
    }
}

fn root_mean_square(values: &[f64]) -> f64 {
    (values.iter().map(|v| v.powi(2)).sum::<f64>() / values.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesize::random::Random;

    fn normal(count: usize, seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed, 0);
        (0..count).map(|_| random.normal()).collect()
    }

    fn half(values: &[f32]) -> Vec<f32> {
        Element::F16.bytes(values).chunks_exact(2).map(|b| Element::F16.read(b)).collect()
    }

    fn form(dims: &[usize], values: &[f32], planted: Vec<f32>) -> Option<How> {
        let source = Source { name: "w", dims, values };
        let numbers = Numbers { dims, data: planted };
        of(&source, &numbers, &Sorted::new(&numbers.data))
    }

    #[test]
    fn planted_copies_are_found_in_every_form() {
        let dims = [16, 8, 3, 3];
        let values = normal(16 * 8 * 9, 1);
        assert_eq!(form(&dims, &values, values.clone()), Some(How::Same));
        let scaled: Vec<f32> = half(&values).iter().map(|v| -3.7 * v).collect();
        assert_eq!(form(&dims, &values, scaled.clone()), Some(How::Scaled));
        for sign in [1.0f32, -1.0] {
            // Every third output channel with the other sign.
            let factor = |k: usize| if (k / 72).is_multiple_of(3) { sign * (1.0 + (k / 72) as f32) } else { 1.0 + (k / 72) as f32 };
            let by_channel = values.iter().enumerate().map(|(k, v)| v * factor(k) / (2.0 + (k / 9 % 8) as f32)).collect();
            assert_eq!(form(&dims, &values, by_channel), Some(How::ChannelScaled), "{sign}");
        }
        let mut permuted = scaled;
        permuted.rotate_left(77);
        permuted.swap(3, 500);
        assert_eq!(form(&dims, &values, permuted), Some(How::Permuted));
    }

    #[test]
    fn halves_in_the_payload_are_found() {
        let values = normal(512, 1);
        let bytes = Element::F16.bytes(&half(&values).iter().map(|v| 0.5 * v).collect::<Vec<_>>());
        let packed: Vec<i32> = bytes.chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let read = halves(&Tensor::new([256], packed), Element::F16).unwrap();
        assert!(is_multiple(&values, &read));
    }

    #[test]
    fn whole_numbers_read_as_halves_raise_no_alarm() {
        for seed in 0..200 {
            let (thresholds, bias) = (normal(32, 2 * seed), normal(64, 2 * seed + 1));
            let bias: Vec<f32> = bias.iter().map(|b| 1e-3 * b).collect();
            let thresholds: Vec<i32> = thresholds.iter().map(|t| (t * 65536.0) as i32).collect();
            for element in [Element::F16, Element::Bf16] {
                let Some(read) = halves(&Tensor::new([32], thresholds.clone()), element) else { continue };
                assert!(!is_multiple(&bias, &read) && !is_permuted(&bias, &read, &Sorted::new(&read)), "{seed} {element:?}");
            }
        }
    }

    #[test]
    fn unrelated_weights_raise_no_alarm() {
        for count in [16, 48, 144, 1000, 100_000, 1_000_000] {
            let mut random = Random::new(count as u64, 0);
            let mut draws = |make: &dyn Fn(f32) -> f32| -> Vec<f32> { (0..count).map(|_| make(random.uniform())).collect() };
            // Uniform, heavy of tail, and on the grid of 8-bit integers.
            let shapes: [&dyn Fn(f32) -> f32; 3] = [&|u| u - 0.5, &|u| (u - 0.5).powi(9), &|u| ((u - 0.5) * 254.0).round() / 127.0];
            for make in shapes {
                let (a, b) = (draws(make), draws(make));
                assert_eq!(form(&[count / 8, 8], &a, b), None, "{count}");
            }
            assert_eq!(form(&[count / 8, 8], &normal(count, 1), normal(count, 2)), None, "{count}");
        }
    }

    #[test]
    fn weights_that_training_has_moved_are_no_copies() {
        for (moved, count) in [(0.04, 64_000), (0.04, 4_096), (0.04, 640_000), (0.1, 64_000)] {
            let (a, change) = (normal(count, 1), normal(count, 2));
            let b = a.iter().zip(change).map(|(a, c)| a + moved * c).collect();
            assert_eq!(form(&[count / 64, 64], &a, b), None, "{moved} {count}");
        }
    }

    #[test]
    fn any_order_and_format_is_found() {
        for count in [64, 400, 5_000, 300_000] {
            let a = normal(count, 3);
            for element in [Element::F16, Element::Bf16, Element::F32] {
                let mut b: Vec<f32> = element.bytes(&a).chunks_exact(element.width()).map(|b| 0.3 * element.read(b)).collect();
                b.reverse();
                assert_eq!(form(&[count / 8, 8], &a, b), Some(How::Permuted), "{count} {element:?}");
            }
        }
    }
}
