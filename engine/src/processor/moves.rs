//! Entries that only move, or are averaged with those that go to the same place.

use crate::plan::NOWHERE;

/// Puts the entries of rows of `x` where the map says, in rows of `len` entries. Where `x` has fewer rows, they come again.
pub(super) fn forward(x: &[f32], map: &[u32], y: &mut [f32], len: usize) {
    let rows = x.len() / map.len();
    for (row, y) in y.chunks_mut(len).enumerate() {
        for (x, &place) in x[row % rows * map.len()..][..map.len()].iter().zip(map) {
            if place != NOWHERE {
                y[place as usize] = *x;
            }
        }
    }
}

/// The means of the entries that go to one place.
pub(super) fn mean(x: &[f32], map: &[u32], share: f32, y: &mut [f32], len: usize) {
    y.fill(0.0);
    for (x, y) in x.chunks(map.len()).zip(y.chunks_mut(len)) {
        x.iter().zip(map).for_each(|(x, &place)| y[place as usize] += x);
    }
    y.iter_mut().for_each(|y| *y *= share);
}

/// The gradient of the operand of either, from rows of `len` entries.
pub(super) fn backward(dy: &[f32], map: &[u32], share: f32, dx: &mut [f32], len: usize) {
    for (dy, dx) in dy.chunks(len).zip(dx.chunks_mut(map.len())) {
        dx.iter_mut().zip(map).for_each(|(dx, &place)| *dx = if place == NOWHERE { 0.0 } else { share * dy[place as usize] });
    }
}
