//! Which layer of the artifact is which layer of the ANN.

use super::{Layer, similarity::cosine};
use std::collections::BTreeMap;

/// Least magnitude of the cosine of two layers that overrules the order of the layers.
const SIMILAR: f64 = 0.2;

/// Pairs of indices into both lists, in the order of the artifact. Only layers of one shape are paired, each at most once: first
/// those whose weights are similar in place, the most similar first, then the rest in the order of the lists. (A layer whose
/// channels were permuted is not similar in place: it is found if it stands where it stood.)
pub(crate) fn pairs(artifact: &[Layer<'_>], ann: &[Layer<'_>]) -> Vec<(usize, usize)> {
    let mut by_shape: BTreeMap<_, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (k, layer) in artifact.iter().enumerate() {
        by_shape.entry(layer.shape).or_default().0.push(k);
    }
    for (k, layer) in ann.iter().enumerate() {
        by_shape.entry(layer.shape).or_default().1.push(k);
    }
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (left, right) in by_shape.into_values() {
        pairs.extend(within(artifact, ann, left, right));
    }
    pairs.sort_unstable();
    pairs
}

/// Pairs among layers of one shape.
fn within(artifact: &[Layer<'_>], ann: &[Layer<'_>], mut left: Vec<usize>, mut right: Vec<usize>) -> Vec<(usize, usize)> {
    let mut candidates = Vec::new();
    if left.len() > 1 || right.len() > 1 {
        for &a in &left {
            candidates.extend(right.iter().map(|&b| (cosine(&artifact[a].unit, &ann[b].unit).abs(), a, b)));
        }
        candidates.retain(|&(value, ..)| value >= SIMILAR);
        candidates.sort_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    }
    let mut pairs = Vec::new();
    for (_, a, b) in candidates {
        if left.contains(&a) && right.contains(&b) {
            pairs.push((a, b));
            left.retain(|&k| k != a);
            right.retain(|&k| k != b);
        }
    }
    pairs.extend(left.into_iter().zip(right));
    pairs
}
