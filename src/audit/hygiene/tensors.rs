//! Tensors of the artifact beside those of the source network.

use super::{How, Source, element::Element};
use crate::audit::weights::{
    LEAST_FREEDOM,
    equilibrate::{Shape, equilibrate, freedom},
};
use snnc_runtime::{Artifact, Tensor};

/// Largest relative difference of two entries that are equal up to the rounding of a 16-bit float.
const ROUNDED: f32 = 1e-3;
/// Entries smaller than this share of the root mean square are lost to rounding.
const SMALL: f32 = 1e-2;
/// Relative length of the difference of sorted magnitudes, up to which they are the same numbers, and number of the largest ones, each of
/// which must be the same. Independent draws from one distribution come close in the first, the closer the more there are, but never in the
/// second: their largest values are apart by percents.
const SORTED: f64 = 2e-3;
const LARGEST: usize = 64;
/// Cosine of equilibrated weights that are the same.
const SAME_COSINE: f64 = 1.0 - 1e-5;

/// Copies of sources in tensors: index of the source, name of the tensor, form. Of each pair the plainest form.
pub(super) fn copies(artifact: &Artifact, sources: &[&Source<'_>]) -> Vec<(usize, String, How)> {
    let mut found = Vec::new();
    for (name, tensor) in &artifact.tensors {
        let halves: Vec<(Element, Vec<f32>)> =
            [Element::F16, Element::Bf16].into_iter().filter_map(|e| Some((e, halves(tensor, e)?))).collect();
        let sorted = Sorted::new(&tensor.data);
        for (k, source) in sources.iter().enumerate() {
            if let Some(how) = of(source, tensor, &sorted) {
                found.push((k, name.clone(), how));
                continue;
            }
            for (element, values) in halves.iter().filter(|(_, values)| values.len() == source.values.len()) {
                if is_scaled(source.values, values) || Sorted::new(values).is_same(&Sorted::new(source.values)) {
                    found.push((k, name.clone(), How::Bytes { element: element.name(), scaled: true }));
                }
            }
        }
    }
    found
}

fn of(source: &Source<'_>, tensor: &Tensor, sorted: &Sorted) -> Option<How> {
    let (a, b) = (source.values, &tensor.data[..]);
    if a.len() != b.len() {
        return None;
    }
    if a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits()) {
        return Some(How::Same);
    }
    if is_scaled(a, b) {
        return Some(How::Scaled);
    }
    if source.dims == tensor.dims && is_channel_scaled(source, tensor) {
        return Some(How::ChannelScaled);
    }
    sorted.is_same(&Sorted::new(a)).then_some(How::Permuted)
}

/// The payload of a tensor read as 16-bit floats, if these are finite.
fn halves(tensor: &Tensor, element: Element) -> Option<Vec<f32>> {
    let values: Vec<f32> =
        tensor.data.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>().chunks_exact(2).map(|b| element.read(b)).collect();
    values.iter().all(|v| v.is_finite()).then_some(values)
}

fn root_mean_square(values: &[f32]) -> f32 {
    (values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / values.len().max(1) as f64).sqrt() as f32
}

/// Whether `b` is `a` times a factor of either sign.
fn is_scaled(a: &[f32], b: &[f32]) -> bool {
    let (size_a, size_b) = (root_mean_square(a), root_mean_square(b));
    if size_a <= 0.0 || size_b <= 0.0 {
        return false;
    }
    let product: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    let factor = product.signum() as f32 * (size_b / size_a);
    // Bytes that are no numbers of the format may read as numbers of any size.
    factor.is_finite() && a.iter().zip(b).all(|(a, b)| (b - factor * a).abs() <= ROUNDED * (factor * a).abs().max(SMALL * size_b))
}

/// Whether positive factors of output and input channels make one of the other. Such factors must leave something to compare.
fn is_channel_scaled(source: &Source<'_>, tensor: &Tensor) -> bool {
    let Some(shape) = Shape::new(source.dims, 1, source.values.len()) else { return false };
    if freedom(source.values, &shape) < LEAST_FREEDOM || freedom(&tensor.data, &shape) < LEAST_FREEDOM {
        return false;
    }
    let (a, b) = (equilibrate(source.values, &shape), equilibrate(&tensor.data, &shape));
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let size = (dot(&a, &a) * dot(&b, &b)).sqrt();
    size > 0.0 && dot(&a, &b) / size >= SAME_COSINE
}

/// Magnitudes in descending order, in units of their root mean square.
struct Sorted(Vec<f32>);

impl Sorted {
    fn new(values: &[f32]) -> Self {
        let size = root_mean_square(values).max(f32::MIN_POSITIVE);
        let mut sorted: Vec<f32> = values.iter().map(|v| v.abs() / size).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        Self(sorted)
    }

    fn is_same(&self, other: &Self) -> bool {
        let pairs = || self.0.iter().zip(&other.0);
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= ROUNDED * a.max(*b);
        if self.0.len() != other.0.len() || !pairs().take(LARGEST).all(near) {
            return false;
        }
        let apart: f64 = pairs().map(|(a, b)| f64::from(a - b).powi(2)).sum();
        (apart / self.0.len().max(1) as f64).sqrt() < SORTED
    }
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
        let tensor = Tensor::new(dims, planted);
        let sorted = Sorted::new(&tensor.data);
        of(&source, &tensor, &sorted)
    }

    #[test]
    fn planted_copies_are_found_in_every_form() {
        let dims = [16, 8, 3, 3];
        let values = normal(16 * 8 * 9, 1);
        assert_eq!(form(&dims, &values, values.clone()), Some(How::Same));
        let scaled: Vec<f32> = half(&values).iter().map(|v| -3.7 * v).collect();
        assert_eq!(form(&dims, &values, scaled.clone()), Some(How::Scaled));
        let by_channel = values.iter().enumerate().map(|(k, v)| v * (1.0 + (k / 72) as f32) / (2.0 + (k / 9 % 8) as f32)).collect();
        assert_eq!(form(&dims, &values, by_channel), Some(How::ChannelScaled));
        let mut permuted = scaled;
        permuted.rotate_left(77);
        permuted.swap(3, 500);
        assert_eq!(form(&dims, &values, permuted), Some(How::Permuted));
    }

    #[test]
    fn halves_in_the_payload_are_found() {
        let values = normal(512, 1);
        let bytes = Element::F16.bytes(&half(&values).iter().map(|v| 0.5 * v).collect::<Vec<_>>());
        let packed: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let read = halves(&Tensor::new([256], packed), Element::F16).unwrap();
        assert!(is_scaled(&values, &read));
    }

    #[test]
    fn floats_read_as_halves_raise_no_alarm() {
        for seed in 0..200 {
            let (thresholds, bias) = (normal(32, 2 * seed), normal(64, 2 * seed + 1));
            let bias: Vec<f32> = bias.iter().map(|b| 1e-3 * b).collect();
            for element in [Element::F16, Element::Bf16] {
                let Some(read) = halves(&Tensor::new([32], thresholds.clone()), element) else { continue };
                assert!(!is_scaled(&bias, &read) && !Sorted::new(&read).is_same(&Sorted::new(&bias)), "{seed} {element:?}");
            }
        }
    }

    #[test]
    fn unrelated_weights_raise_no_alarm() {
        for count in [16, 144, 1000, 100_000, 1_000_000] {
            let (a, b) = (normal(count, 1), normal(count, 2));
            assert_eq!(form(&[count / 8, 8], &a, b), None, "{count}");
        }
    }
}
