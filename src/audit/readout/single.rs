//! Each feature by itself: training aligns features with classes.

use super::Directions;

/// One direction a feature that changes.
#[must_use]
pub fn directions(alive: &[usize], len: usize) -> Directions {
    let one = |&feature: &usize| (0..len).map(|k| f32::from(u8::from(k == feature))).collect();
    alive.iter().map(one).collect()
}
