//! Directions in which features change most where an image changes little: the principal components of these changes. A network's answer turns quickly
//! where classes meet.

use super::{Directions, features::Sample, principal};

/// So many directions, given features of images, and of the same images with a little noise.
#[must_use]
pub fn directions(sample: &Sample, noisy: &Sample, count: usize) -> Directions {
    let changes: Sample = sample.iter().zip(noisy).map(|(a, b)| b.iter().zip(a).map(|(b, a)| b - a).collect()).collect();
    principal::directions(&changes, count)
}
