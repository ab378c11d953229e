//! The features of the images that excite the network most: what it answers surely may be a class.

use super::{Directions, dot, features::Sample, unit};

/// The directions of so many images whose features lie furthest from their mean, no two nearly the same.
#[must_use]
pub fn directions(sample: &Sample, count: usize) -> Directions {
    let mut far: Vec<&Vec<f32>> = sample.iter().collect();
    far.sort_by(|a, b| dot(b, b).total_cmp(&dot(a, a)));
    let mut chosen: Directions = Vec::new();
    for direction in far.into_iter().map(|x| unit(x.clone())) {
        if chosen.len() < count && chosen.iter().all(|other| dot(other, &direction) < SAME) {
            chosen.push(direction);
        }
    }
    chosen
}

/// Cosine from which on two directions are taken for one.
const SAME: f32 = 0.8;
