//! What of the source network is left in trained weights: channels that are multiples of what they were.
//!
//! A conversion scales channels by factors, which hides nothing of them; training moves them in earnest, but not where no sample reaches.

use super::{Shape, Side};

/// Distance up to which one list of numbers is a multiple of the other: the rounding to 8-bit whole numbers of a channel whose largest
/// weight is a few times as large as most (a 16-bit float, bfloat16, rounds by 1.1e-3).
pub const ROUNDED: f64 = 2e-2;
/// Numbers that a channel must have for being a multiple to mean anything, and how many of them must carry its length (the inverse
/// participation ratio): a list with one large entry is a multiple of any other such list.
const LEAST_ENTRIES: usize = 16;
const LEAST_CARRYING: f64 = 4.0;

/// Distance between the direction of `b` and that of `a`: what the best multiple of `a` leaves of `b`, relative to the deviations of `b`
/// from its mean. Infinite where there is no telling.
#[must_use]
pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let factor = dot(a, b) / dot(a, a);
    let left: f64 = a.iter().zip(b).map(|(&a, &b)| (f64::from(b) - factor * f64::from(a)).powi(2)).sum();
    let mean = b.iter().map(|&b| f64::from(b)).sum::<f64>() / b.len().max(1) as f64;
    let spread: f64 = b.iter().map(|&b| (f64::from(b) - mean).powi(2)).sum();
    let distance = (left / spread).sqrt();
    // Bytes that are no numbers may read as numbers of any size.
    if factor.is_finite() && factor != 0.0 && distance.is_finite() { distance } else { f64::INFINITY }
}

/// Whether a channel has enough numbers, carried by enough of them, for a copy of it to mean something.
#[must_use]
pub fn is_telling(values: &[f32]) -> bool {
    let power = |exponent: i32| values.iter().map(|&v| f64::from(v).powi(exponent)).sum::<f64>();
    values.len() >= LEAST_ENTRIES && power(2).powi(2) >= LEAST_CARRYING * power(4) && power(4) > 0.0
}

/// For every telling channel of a side, its number and its [`distance`] between two weights.
#[must_use]
pub fn distances(shape: &Shape, side: Side, before: &[f32], after: &[f32]) -> Vec<(usize, f64)> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let gather = |values: &[f32], channel: usize, into: &mut Vec<f32>| {
        into.clear();
        into.extend(shape.places(side, channel).map(|at| values[at]));
    };
    let mut found = Vec::new();
    for channel in 0..shape.count(side) {
        gather(before, channel, &mut a);
        gather(after, channel, &mut b);
        if is_telling(&a) {
            found.push((channel, distance(&a, &b)));
        }
    }
    found
}

/// How many channels of a side are multiples of what they were, and of how many that tell anything.
#[must_use]
pub fn left(shape: &Shape, side: Side, before: &[f32], after: &[f32]) -> (usize, usize) {
    let distances = distances(shape, side, before, after);
    (distances.iter().filter(|(_, distance)| *distance <= ROUNDED).count(), distances.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in no order, the same for the same `seed`.
    fn noise(count: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn multiples_are_near_and_lists_of_one_number_tell_nothing() {
        let a = noise(64, 1);
        let b: Vec<f32> = a.iter().map(|v| -0.3 * v).collect();
        assert!(distance(&a, &b) < 1e-6 && distance(&a, &noise(64, 2)) > 0.5);
        assert!(distance(&[0.0; 8], &a[..8]).is_infinite() && distance(&a[..8], &[0.0; 8]).is_infinite());
        assert!(is_telling(&a) && !is_telling(&a[..15]) && !is_telling(&[0.0; 64]));
        // What weight decay leaves of a channel that is of no use: numbers of all orders of magnitude, one of which is all there is.
        let decayed: Vec<f32> = (0..30).map(|k| 10f32.powi(-k)).collect();
        assert!(!is_telling(&decayed));
    }

    #[test]
    fn channels_that_are_multiples_of_what_they_were_are_counted() {
        let shape = Shape::new(&[16, 8, 3, 3], 1, 1152).unwrap();
        let (before, change) = (noise(1152, 1), noise(1152, 2));
        for (side, channel, of) in [(Side::Input, 3, 8), (Side::Output, 5, 16)] {
            let mut after: Vec<f32> = before.iter().zip(&change).map(|(b, c)| b + 0.1 * c).collect();
            assert_eq!(left(&shape, side, &before, &after), (0, of));
            shape.places(side, channel).for_each(|at| after[at] = 0.7 * before[at]);
            assert_eq!(left(&shape, side, &before, &after), (1, of));
            let nearest = distances(&shape, side, &before, &after).into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
            assert_eq!(nearest.map(|(k, _)| k), Some(channel));
        }
    }
}
