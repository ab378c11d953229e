//! What neurons should stand for beside the output: the activations of the float network.

use super::objective::Inside;
use crate::sums::{add, add_steps};

/// The error of a layer's mean spikes.
#[derive(Clone, Debug)]
pub struct Hint {
    /// Weight of the layer's error in the loss, not yet shared out.
    pub weight: f64,
    /// The share of the layer: one over how many there are.
    pub layers: usize,
    /// The activations `[N, len]`.
    pub target: Vec<f32>,
    /// What a firing rate of 1 stands for, one value for each entry.
    pub size: Vec<f32>,
}

/// The squared error of what spikes stand for on average over time, over the squared activations.
impl Inside for Hint {
    fn add(&self, spikes: &[f32], _images: usize, gradient: &mut [f32]) -> f64 {
        let Self { weight, layers, target, size } = self;
        let steps = (spikes.len() / target.len()) as f32;
        let mut error = vec![0.0f32; target.len()];
        add_steps(spikes, &mut error);
        let mut square = 0.0f64;
        for (error, target) in error.chunks_mut(size.len()).zip(target.chunks(size.len())) {
            for (e, (t, s)) in error.iter_mut().zip(target.iter().zip(size)) {
                *e = *e / steps * s - t;
                square += f64::from(*e).powi(2);
            }
        }
        let norm = target.iter().map(|&t| f64::from(t).powi(2)).sum::<f64>().max(f64::MIN_POSITIVE);
        let share = *layers as f64;
        let factor = (2.0 * weight / (norm * share)) as f32 / steps;
        for error in error.chunks_mut(size.len()) {
            error.iter_mut().zip(size).for_each(|(e, s)| *e *= s * factor);
        }
        gradient.chunks_mut(error.len()).for_each(|flow| add(flow, &error));
        weight * (square / (norm * share))
    }
}
