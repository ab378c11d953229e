//! Least squares on simulated firing.
//!
//! The formula `n = clamp(⌊T·x/θ + ι⌋, 0, T)` holds for currents that arrive evenly. In a network they do not: strong inputs
//! arrive first, and what excites may come before what inhibits. So the neuron is run on the currents that it really gets.

use super::method::{Layer, Method};

/// Weight of the whole layer's error beside the channel's own. It keeps a channel that the samples hardly excite from a
/// threshold that real images would overrun.
const LAYER_WEIGHT: f64 = 0.25;

/// Candidates between 1/50 of the layer's largest activation and that, in equal ratios.
const COARSE: usize = 28;

/// Candidates around the best of those, as shares of it.
const FINE: [f32; 4] = [0.9, 0.95, 1.05, 1.1];

/// The θ that minimises the mean of `(a - θ·n/T)²` over the channel, plus [`LAYER_WEIGHT`] times that over the layer.
pub(super) struct LeastSquares;

impl Method for LeastSquares {
    fn ranges(&self, layer: &Layer<'_>) -> Vec<Option<f32>> {
        let channels = layer.target.channels;
        let largest = layer.target.data.iter().copied().fold(0.0, f32::max).min(layer.bound);
        if largest <= 0.0 {
            return vec![None; channels];
        }
        let grid: Vec<f32> = (0..COARSE).map(|k| largest * 50f32.powf(k as f32 / (COARSE - 1) as f32 - 1.0)).collect();
        let targets: Vec<Vec<f32>> = (0..channels).map(|c| layer.targets(c)).collect();
        let mut own = vec![[0.0f64; COARSE]; channels];
        let mut spikes = vec![0.0; layer.traces.places.len()];
        for (channel, errors) in own.iter_mut().enumerate() {
            for (error, &theta) in errors.iter_mut().zip(&grid) {
                *error = mean_error(layer, channel, &targets[channel], theta, &mut spikes);
            }
        }
        let mean = |k: usize| own.iter().map(|errors| errors[k]).sum::<f64>() / channels as f64;
        let shared: Vec<f64> = (0..COARSE).map(mean).collect();
        let mut refine = |channel: usize| {
            let cost = |k: usize| own[channel][k] + LAYER_WEIGHT * shared[k];
            let best = (1..COARSE).fold(0, |best, k| if cost(k) < cost(best) { k } else { best });
            // The layer's error hardly changes over so short a way.
            let candidates = FINE.iter().map(|f| f * grid[best]).filter(|&theta| theta <= layer.bound);
            let start = (own[channel][best], grid[best]);
            candidates.fold(start, |known, theta| {
                let error = mean_error(layer, channel, &targets[channel], theta, &mut spikes);
                if error < known.0 { (error, theta) } else { known }
            })
        };
        (0..channels).map(|channel| Some(refine(channel).1)).collect()
    }
}

/// Mean squared difference of the activations and of what the spikes stand for. `spikes` is room for a sum a place.
fn mean_error(layer: &Layer<'_>, channel: usize, targets: &[f32], range: f32, spikes: &mut [f32]) -> f64 {
    let unit = range / layer.neuron.levels();
    layer.firing.counts(layer.neuron, layer.neuron.threshold(range), layer.traces.channel(channel), spikes);
    let sum: f64 = targets.iter().zip(&*spikes).map(|(a, n)| f64::from(a - unit * n).powi(2)).sum();
    sum / targets.len().max(1) as f64
}
