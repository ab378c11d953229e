//! Functions of every entry, or of entries along an axis, and their gradients.

use crate::plan::Activation;

/// `max/L · min(max(⌊x · L/max + 1/2⌋, 0), L)`; see [`snnc_ir::Operator::ClipFloorShift`].
fn clip_floor_shift(x: f32, max: f32, levels: u32) -> f32 {
    let step = max / levels as f32;
    step * (x / step + 0.5).floor().clamp(0.0, levels as f32)
}

/// The function's result. `own` are its spread parameters.
pub(super) fn forward(activation: &Activation, own: &[Vec<f32>], x: &[f32], y: &mut [f32]) {
    match *activation {
        Activation::Clamp { low, high } => each(x, y, |x| x.max(low).min(high)),
        Activation::ClipFloorShift { max, levels } => each(x, y, |x| clip_floor_shift(x, max, levels)),
        Activation::Leaky(slope) => each(x, y, |x| leaky(x, slope)),
        Activation::PRelu(_) => {
            let slopes = own[0].iter().cycle();
            x.iter().zip(slopes).zip(y).for_each(|((&x, &slope), y)| *y = leaky(x, slope));
        }
        Activation::Floor => each(x, y, f32::floor),
        Activation::Round => each(x, y, f32::round_ties_even),
        Activation::Sigmoid => each(x, y, sigmoid),
        Activation::Softmax { len, inner, is_log } => softmax(x, y, (len, inner), is_log),
    }
}

/// Whether [`backward`] reads the operand, or the result.
pub(super) fn reads(activation: &Activation) -> (bool, bool) {
    match activation {
        Activation::Clamp { .. } | Activation::ClipFloorShift { .. } | Activation::Leaky(_) | Activation::PRelu(_) => (true, false),
        Activation::Sigmoid | Activation::Softmax { .. } => (false, true),
        Activation::Floor | Activation::Round => (false, false),
    }
}

/// The gradient of the operand, in place of that of the result. `values` is what [`reads`] says.
pub(super) fn backward(activation: &Activation, own: &[Vec<f32>], values: &[f32], gradient: &mut [f32]) {
    let pairs = gradient.iter_mut().zip(values);
    match *activation {
        Activation::Clamp { low, high } => pairs.for_each(|(g, &x)| *g = if x > low && x < high { *g } else { 0.0 }),
        Activation::ClipFloorShift { max, .. } => pairs.for_each(|(g, &x)| *g = if x > 0.0 && x < max { *g } else { 0.0 }),
        Activation::Leaky(slope) => pairs.for_each(|(g, &x)| *g *= if x > 0.0 { 1.0 } else { slope }),
        Activation::PRelu(_) => pairs.zip(own[0].iter().cycle()).for_each(|((g, &x), slope)| *g *= if x > 0.0 { 1.0 } else { *slope }),
        Activation::Floor | Activation::Round => {}
        Activation::Sigmoid => pairs.for_each(|(g, &y)| *g *= y * (1.0 - y)),
        Activation::Softmax { len, inner, is_log } => lines(values.len(), len, inner, |line| {
            let sum: f32 = line.clone().map(|i| if is_log { gradient[i] } else { gradient[i] * values[i] }).sum();
            for i in line {
                gradient[i] = if is_log { gradient[i] - values[i].exp() * sum } else { values[i] * (gradient[i] - sum) };
            }
        }),
    }
}

/// Adds the gradients of the slopes of negative entries.
pub(super) fn add_slope(sum: &mut [f32], x: &[f32], dy: &[f32]) {
    for (x, dy) in x.chunks(sum.len()).zip(dy.chunks(sum.len())) {
        sum.iter_mut().zip(x.iter().zip(dy)).for_each(|(s, (&x, d))| *s += if x > 0.0 { 0.0 } else { x * d });
    }
}

/// The gradient of what a rectifier behind it made of values: only what fell on a positive result passes.
pub(super) fn behind_rectifier(y: &[f32], gradient: &mut [f32]) {
    gradient.iter_mut().zip(y).for_each(|(g, &y)| *g = if y > 0.0 { *g } else { 0.0 });
}

/// `x · factor + offset` for every channel of so many entries.
pub(super) fn normalise(x: &[f32], [factor, offset]: [&[f32]; 2], plane: usize, y: &mut [f32]) {
    for (k, (x, y)) in x.chunks(plane).zip(y.chunks_mut(plane)).enumerate() {
        let channel = k % factor.len();
        each(x, y, |x| x * factor[channel] + offset[channel]);
    }
}

fn each(x: &[f32], y: &mut [f32], of: impl Fn(f32) -> f32) {
    x.iter().zip(y).for_each(|(&x, y)| *y = of(x));
}

fn leaky(x: f32, slope: f32) -> f32 {
    if x > 0.0 { x } else { slope * x }
}

/// The logistic function. Of a large negative number the exponential is infinite, and its inverse is the 0 that it should be.
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / ((-x).exp() + 1.0)
}

/// Softmax or its logarithm along the middle axis of `[.., len, inner]`.
pub(crate) fn softmax(x: &[f32], y: &mut [f32], (len, inner): (usize, usize), is_log: bool) {
    lines(x.len(), len, inner, |line| {
        let largest = line.clone().map(|i| x[i]).fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = line.clone().map(|i| (x[i] - largest).exp()).sum();
        for i in line {
            let shifted = x[i] - largest;
            y[i] = if is_log { shifted - sum.ln() } else { shifted.exp() / sum };
        }
    });
}

/// Calls `body` with the places of every line of entries along the middle axis of `[.., len, inner]`.
fn lines(count: usize, len: usize, inner: usize, mut body: impl FnMut(std::iter::StepBy<std::ops::Range<usize>>)) {
    for block in (0..count).step_by(len * inner) {
        for first in block..block + inner {
            body((first..first + len * inner).step_by(inner));
        }
    }
}
