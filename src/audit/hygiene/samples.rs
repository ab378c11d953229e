//! Images in a file.

use super::{Finding, Sample, Severity, finder::Finder};
use snnc_runtime::Artifact;
use std::collections::BTreeSet;

/// Bytes of a stretch that betrays an image, and different ones that it must have: a plain background is in every file.
const LENGTH: usize = 48;
const DISTINCT: usize = 16;
/// Correlation of a tensor with an image from which on it is one.
const ALIKE: f64 = 0.95;

/// Findings about images.
pub(super) fn findings(bytes: &[u8], artifact: &Artifact, samples: &[Sample<'_>]) -> Vec<Finding> {
    let mut strings = Vec::new();
    let mut of = Vec::new();
    for (k, sample) in samples.iter().enumerate() {
        let values: Vec<u8> = sample.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        for image in [sample.pixels.unwrap_or_default(), &values] {
            if let Some(stretch) = telling(image) {
                strings.push(stretch.to_vec());
                of.push(k);
            }
        }
    }
    let mut found: BTreeSet<(usize, String)> = BTreeSet::new();
    for (offset, string) in Finder::new(strings).places(bytes) {
        found.insert((of[string], format!("at offset {offset}")));
    }
    for (name, tensor) in &artifact.tensors {
        let values: Vec<f32> = tensor.data.iter().map(|v| v as f32).collect();
        for (k, sample) in samples.iter().enumerate().filter(|(_, s)| s.values.len() == values.len() && values.len() >= LENGTH) {
            if correlation(sample.values, &values).abs() > ALIKE {
                found.insert((k, format!("as tensor `{name}`")));
            }
        }
    }
    let finding = |(k, place): (usize, String)| Finding {
        severity: Severity::Leak,
        what: format!("The file holds the {} {place}.", samples[k].name),
    };
    found.into_iter().map(finding).collect()
}

/// The first stretch with enough different bytes, from the middle on.
fn telling(image: &[u8]) -> Option<&[u8]> {
    let half = image.len() / 2;
    let starts = (half..image.len()).chain(0..half).step_by(LENGTH / 2);
    starts.filter_map(|start| image.get(start..start + LENGTH)).find(|s| s.iter().collect::<BTreeSet<_>>().len() >= DISTINCT)
}

/// Of two lists of numbers; 0 where one is constant.
pub(super) fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |v: &[f32]| v.iter().map(|&x| f64::from(x)).sum::<f64>() / v.len() as f64;
    let (of_a, of_b) = (mean(a), mean(b));
    let dot =
        |x: &[f32], y: &[f32], mx: f64, my: f64| x.iter().zip(y).map(|(x, y)| (f64::from(*x) - mx) * (f64::from(*y) - my)).sum::<f64>();
    let size = (dot(a, a, of_a, of_a) * dot(b, b, of_b, of_b)).sqrt();
    if size > 0.0 { dot(a, b, of_a, of_b) / size } else { 0.0 }
}
