//! Short stretches of a tensor that no other tensor has.

use super::element::Element;
use std::collections::BTreeSet;

/// Entries of a stretch.
pub(crate) const LENGTH: usize = 16;
/// Stretches taken from a tensor, spread over it, so that a part of the tensor is found too.
const COUNT: usize = 4;
/// Different numbers that a stretch must have.
const DISTINCT: usize = 8;
/// Least share of the norm that deviations from the mean must have: what is nearly constant is like all that is.
const SPREAD: f64 = 0.1;
/// Least size of the first three entries, relative to the root mean square of the stretch: ratios of small numbers are lost to
/// rounding.
const FIRST: f64 = 0.05;

/// Whether a tensor has enough numbers, and enough different ones, for a copy of it to mean something.
pub(crate) fn is_telling(values: &[f32]) -> bool {
    let mut seen = BTreeSet::new();
    values.len() >= LENGTH
        && values.iter().all(|v| v.is_finite())
        && values.iter().any(|v| seen.insert(v.to_bits()) && seen.len() >= DISTINCT)
}

/// Where stretches of a tensor begin that are telling as they stand, in that format.
pub(crate) fn exact(values: &[f32], element: Element) -> Vec<usize> {
    starts(values, |window| {
        let bytes = element.bytes(window);
        let numbers: BTreeSet<&[u8]> = bytes.chunks_exact(element.width()).collect();
        numbers.len() >= DISTINCT && bytes.chunks_exact(element.width()).all(|b| element.read(b).is_finite())
    })
}

/// Where stretches of a tensor begin that are telling whatever factor they are multiplied by.
pub(crate) fn scaled(values: &[f32]) -> Vec<usize> {
    starts(values, |window| {
        let numbers: BTreeSet<u32> = window.iter().map(|v| v.to_bits()).collect();
        let norm = window.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
        let least = FIRST * (norm / LENGTH as f64).sqrt();
        numbers.len() >= DISTINCT && window[..3].iter().all(|&v| f64::from(v.abs()) > least) && centred(window) > SPREAD * norm.sqrt()
    })
}

/// Norm of the deviations from the mean.
fn centred(values: &[f32]) -> f64 {
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len().max(1) as f64;
    values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>().sqrt()
}

fn starts(values: &[f32], fits: impl Fn(&[f32]) -> bool) -> Vec<usize> {
    let places = (values.len() + 1).saturating_sub(LENGTH);
    let part = |k: usize| (k * places / COUNT..(k + 1) * places / COUNT).find(|&start| fits(&values[start..start + LENGTH]));
    (0..COUNT).filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_avoid_what_is_trivial() {
        let mut values = vec![0.0f32; 100];
        assert!(!is_telling(&values) && exact(&values, Element::F32).is_empty() && scaled(&values).is_empty());
        for (k, v) in values[60..].iter_mut().enumerate() {
            *v = (k as f32 * 1.7).sin();
        }
        assert!(is_telling(&values) && !is_telling(&values[60..70]) && !is_telling(&[1.0, 2.0].repeat(50)));
        assert_eq!(exact(&values, Element::F32), [52, 63]);
        assert!(scaled(&values).iter().all(|&s| s >= 60));
        // Different as f32, nearly all the same as f16.
        let near: Vec<f32> = (0..64).map(|k| 1.0 + k as f32 * 1e-6).collect();
        assert!(exact(&near, Element::F16).is_empty() && !exact(&near, Element::F64).is_empty() && scaled(&near).is_empty());
        let large: Vec<f32> = (0..64).map(|k| 1e6 + k as f32).collect();
        assert!(exact(&large, Element::F16).is_empty());
    }
}
