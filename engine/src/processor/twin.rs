//! Activations in the place of neurons.
//!
//! Each kind of activation has a loop of its own without branches, which compilers turn into vectors: attacks spend much of their time here.

use crate::plan::Twin;
use snnc_kernels::neuron::Neurons;

/// What a twin's activation makes of mean currents.
pub(super) fn forward(twin: Twin, neurons: Neurons<'_>, x: &[f32], y: &mut [f32], timesteps: usize) {
    let count = timesteps as f32;
    let per_step = 1.0 / count;
    match twin {
        Twin::Limit => activate(neurons, x, y, no_start, |rate| rate.max(0.0)),
        Twin::Relu => activate(neurons, x, y, beyond_half(per_step), |rate| rate.max(0.0)),
        Twin::Clipped => activate(neurons, x, y, beyond_half(per_step), |rate| rate.clamp(0.0, 1.0)),
        // A number from 0 to T, so what a cast cuts off is what rounding down does.
        Twin::Quantised => activate(neurons, x, y, whole_start(per_step), |rate| ((rate.clamp(0.0, 1.0) * count) as i32) as f32 * per_step),
        Twin::Response => {
            neurons.sums(x, x.len() / neurons.threshold.len(), timesteps, y);
            y.iter_mut().for_each(|y| *y /= count);
        }
    }
}

/// The gradient of mean currents, in place: the activation's, and where that is a staircase, the one of its envelope.
pub(super) fn backward(twin: Twin, neurons: Neurons<'_>, x: &[f32], gradient: &mut [f32], timesteps: usize) {
    let per_step = 1.0 / timesteps as f32;
    let is_firing = |rate: f32| rate > 0.0;
    let is_between = |rate: f32| rate > 0.0 && rate < 1.0;
    match twin {
        Twin::Limit => pass_back(neurons, x, gradient, no_start, is_firing),
        Twin::Relu => pass_back(neurons, x, gradient, beyond_half(per_step), is_firing),
        Twin::Clipped | Twin::Response => pass_back(neurons, x, gradient, beyond_half(per_step), is_between),
        Twin::Quantised => pass_back(neurons, x, gradient, whole_start(per_step), is_between),
    }
}

/// What a start potential adds to a mean current, given the threshold and that potential: nothing as T grows.
fn no_start(_: f32, _: f32) -> f32 {
    0.0
}

/// Of a twin that counts: all of it.
fn whole_start(per_step: f32) -> impl Fn(f32, f32) -> f32 {
    move |_, initial| initial * per_step
}

/// Of one that does not count. Counting rounds down, so a start potential of half a threshold rounds to the nearest, and what lies beyond that
/// half is a current.
fn beyond_half(per_step: f32) -> impl Fn(f32, f32) -> f32 {
    move |threshold, initial| (initial - 0.5 * threshold) * per_step
}

fn activate(neurons: Neurons<'_>, x: &[f32], y: &mut [f32], start: impl Fn(f32, f32) -> f32, activation: impl Fn(f32) -> f32) {
    let len = neurons.threshold.len();
    for (x, y) in x.chunks(len).zip(y.chunks_mut(len)) {
        for (((x, y), &threshold), &initial) in x.iter().zip(y).zip(neurons.threshold).zip(neurons.initial) {
            *y = activation((x + start(threshold, initial)) / threshold);
        }
    }
}

fn pass_back(neurons: Neurons<'_>, x: &[f32], gradient: &mut [f32], start: impl Fn(f32, f32) -> f32, passes: impl Fn(f32) -> bool) {
    let len = neurons.threshold.len();
    for (x, g) in x.chunks(len).zip(gradient.chunks_mut(len)) {
        for (((x, g), &threshold), &initial) in x.iter().zip(g).zip(neurons.threshold).zip(neurons.initial) {
            let slope = *g / threshold;
            *g = if passes((x + start(threshold, initial)) / threshold) { slope } else { 0.0 };
        }
    }
}
