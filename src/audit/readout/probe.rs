//! A read-out of the attacker's own: a multinomial logistic regression on the features of labelled images. With enough of them nothing that a lock
//! hides is left; the question is how few will do.

use super::{Directions, dot, features::Sample};
use snnc_engine::loss::log_softmax;

const ROUNDS: usize = 300;
const RATE: f32 = 0.5;
/// Share by which weights shrink a round: with few images a day there are many read-outs that fit.
const SHRINK: f32 = 1e-2;

/// One direction a class.
#[must_use]
pub fn fitted(sample: &Sample, labels: &[usize], classes: usize) -> Directions {
    let len = sample.first().map_or(0, Vec::len);
    let mut directions = vec![vec![0.0f32; len]; classes];
    let share = 1.0 / sample.len().max(1) as f32;
    // Features are many and correlated: steps in proportion to their number would be too long.
    let rate = RATE / (len.max(1) as f32).sqrt();
    for _ in 0..ROUNDS {
        let mut slopes = vec![vec![0.0f32; len]; classes];
        for (x, &label) in sample.iter().zip(labels) {
            let logits: Vec<f32> = directions.iter().map(|d| dot(d, x)).collect();
            for (class, log) in log_softmax(&logits, 1.0).into_iter().enumerate() {
                let error = share * (log.exp() as f32 - f32::from(u8::from(class == label)));
                slopes[class].iter_mut().zip(x).for_each(|(s, v)| *s += error * v);
            }
        }
        for (direction, slope) in directions.iter_mut().zip(slopes) {
            direction.iter_mut().zip(slope).for_each(|(d, s)| *d -= rate * (s + SHRINK * *d));
        }
    }
    directions
}

/// How many of these images a read-out puts into their class.
#[must_use]
pub fn right(directions: &Directions, sample: &Sample, labels: &[usize]) -> usize {
    let named = |x: &Vec<f32>| snnc_runtime::argmax(&directions.iter().map(|d| dot(d, x)).collect::<Vec<f32>>());
    sample.iter().zip(labels).filter(|(x, label)| named(x) == **label).count()
}
