//! Activations in the place of neurons.

use crate::plan::Twin;
use snnc_kernels::neuron::Neurons;

/// What a twin's activation makes of mean currents.
pub(super) fn forward(twin: Twin, neurons: Neurons<'_>, x: &[f32], y: &mut [f32], timesteps: usize) {
    let len = neurons.threshold.len();
    if twin == Twin::Response {
        neurons.sums(x, x.len() / len, timesteps, y);
        y.iter_mut().for_each(|y| *y /= timesteps as f32);
        return;
    }
    let per_step = 1.0 / timesteps as f32;
    for (x, y) in x.chunks(len).zip(y.chunks_mut(len)) {
        for (i, (x, y)) in x.iter().zip(y).enumerate() {
            let rate = rate(*x, neurons.threshold[i], neurons.initial[i], per_step, twin).max(0.0);
            *y = match twin {
                Twin::Relu | Twin::Limit | Twin::Response => rate,
                Twin::Clipped => rate.min(1.0),
                Twin::Quantised => (rate.min(1.0) * timesteps as f32).floor() * per_step,
            };
        }
    }
}

/// The gradient of mean currents, in place: the activation's, and where that is a staircase, the one of its envelope.
pub(super) fn backward(twin: Twin, neurons: Neurons<'_>, x: &[f32], gradient: &mut [f32], timesteps: usize) {
    let (len, per_step) = (neurons.threshold.len(), 1.0 / timesteps as f32);
    for (x, g) in x.chunks(len).zip(gradient.chunks_mut(len)) {
        for (i, (x, g)) in x.iter().zip(g).enumerate() {
            let rate = rate(*x, neurons.threshold[i], neurons.initial[i], per_step, twin);
            let passes = rate > 0.0 && (matches!(twin, Twin::Relu | Twin::Limit) || rate < 1.0);
            *g = if passes { *g / neurons.threshold[i] } else { 0.0 };
        }
    }
}

/// The rate that a mean current stands for, before it is bounded. Counting rounds down, so a start potential of half a threshold rounds to
/// the nearest: to a twin that does not count, it is what lies beyond that half which is a current.
fn rate(current: f32, threshold: f32, initial: f32, per_step: f32, twin: Twin) -> f32 {
    let start = match twin {
        Twin::Limit => 0.0,
        Twin::Quantised => initial,
        Twin::Relu | Twin::Clipped | Twin::Response => initial - 0.5 * threshold,
    };
    (current + start * per_step) / threshold
}
