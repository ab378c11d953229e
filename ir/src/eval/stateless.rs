//! The meaning of every operator, in the order of their declarations.

use super::{View, radix, shapes, stateful, windows};
use crate::{
    graph::{Graph, NodeId},
    op::Operator,
    param::{ParamId, Tensor},
    phase::Phase,
};

/// The result of a node over `operands` for one image: at one time step where there is a `state`, else of the float network.
pub(super) fn apply(graph: &Graph, id: NodeId, operands: &[View<'_>], state: Option<&mut Vec<f64>>) -> Vec<f64> {
    let result = &graph[id].ty.dims;
    let Some(&x) = operands.first() else { return Vec::new() };
    let tensor = |id: ParamId| -> &Tensor { &graph.param(id).tensor };
    let spread = |id: ParamId| stateful::spread(tensor(id), x.dims);
    match &graph[id].op {
        // Without operands: the caller has the image.
        Operator::Input => Vec::new(),
        Operator::Conv2d { weight, bias, geometry } => windows::conv2d(x, tensor(*weight), bias.map(tensor), geometry, result),
        Operator::Linear { weight, bias } => linear(x.data, tensor(*weight), bias.map(tensor)),
        Operator::Scale { factor } => both(x.data, &spread(*factor), |v, factor| v * factor),
        Operator::Shift { offset } => both(x.data, &spread(*offset), |v, offset| v + offset),
        Operator::Add => operands[1..].iter().fold(x.data.to_vec(), |sum, other| both(&sum, other.data, |a, b| a + b)),
        Operator::AveragePool2d { window, count_include_pad } => windows::average_pool(x, window, *count_include_pad, result),
        Operator::Mean { axes } => shapes::mean(x, axes, result),
        Operator::SumPool2d { window } => windows::sum_pool(x, window, result),
        Operator::Sum { axes } => shapes::sum(x, axes, result),
        Operator::Concat { axis } => shapes::concat(operands, *axis),
        Operator::Pad { pads, value } => shapes::pad(x, pads, *value, result),
        Operator::Slice { ranges } => shapes::slice(x, ranges, result),
        Operator::Reshape { .. } => x.data.to_vec(),
        Operator::Transpose { permutation } => shapes::transpose(x, permutation, result),
        Operator::BatchNorm { scale, shift, mean, variance, epsilon } => {
            let shapes::Around { len: channels, inner, .. } = shapes::around(x.dims, 1);
            let of_channel = |id: &ParamId, i: usize| f64::from(tensor(*id).data[i / inner % channels]);
            let normalise = |(i, v): (usize, &f64)| {
                let deviation = (of_channel(variance, i) + f64::from(*epsilon)).sqrt();
                of_channel(scale, i) * (v - of_channel(mean, i)) / deviation + of_channel(shift, i)
            };
            x.data.iter().enumerate().map(normalise).collect()
        }
        Operator::Relu => each(x.data, |v| v.max(0.0)),
        Operator::Clip { min, max } => each(x.data, |v| v.max(f64::from(*min)).min(f64::from(*max))),
        Operator::Floor => each(x.data, f64::floor),
        Operator::Round => each(x.data, f64::round_ties_even),
        Operator::ClipFloorShift { max, levels } => each(x.data, |v| stateful::clip_floor_shift(v, *max, *levels)),
        Operator::LeakyRelu { slope } => each(x.data, |v| if v > 0.0 { v } else { f64::from(*slope) * v }),
        Operator::PRelu { slope } => both(x.data, &spread(*slope), |v, slope| if v > 0.0 { v } else { slope * v }),
        Operator::MaxPool2d { window } => windows::max_pool(x, window, result),
        Operator::Softmax { axis } => {
            let shapes::Around { len, inner, .. } = shapes::around(x.dims, *axis);
            softmax(x.data, len, inner)
        }
        Operator::LogSoftmax { axis } => {
            let shapes::Around { len, inner, .. } = shapes::around(x.dims, *axis);
            log_softmax(x.data, len, inner)
        }
        Operator::Sigmoid => each(x.data, sigmoid),
        Operator::Neuron { threshold, leak, reset, cap, levels, .. } => {
            let is_whole = graph.phase == Phase::Whole;
            let (threshold, leak) = (spread(*threshold), leak.map(spread));
            let neurons = stateful::Neurons { threshold, leak, reset: *reset, cap: *cap, levels: *levels, is_whole };
            match state {
                Some(state) => neurons.step(x, state),
                None => neurons.rate_twin(x),
            }
        }
        Operator::RadixNeuron { threshold, initial, levels, cap, is_given, .. } => {
            radix::twin(x, &spread(*threshold), &spread(*initial), is_given.then_some(*levels), *cap)
        }
        Operator::DigitMaxPool2d { window } => windows::max_pool(x, window, result),
        Operator::CountMaxPool2d { window } => match state {
            Some(arrived) => stateful::count_max_pool(x, window, result, arrived),
            None => windows::max_pool(x, window, result),
        },
    }
}

fn each(x: &[f64], f: impl Fn(f64) -> f64) -> Vec<f64> {
    x.iter().map(|&v| f(v)).collect()
}

fn both(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}

pub(super) fn linear(x: &[f64], weight: &Tensor, bias: Option<&Tensor>) -> Vec<f64> {
    let row = |out: usize| {
        let weights = &weight.data[out * x.len()..][..x.len()];
        let products: f64 = weights.iter().zip(x).map(|(&w, v)| f64::from(w) * v).sum();
        products + bias.map_or(0.0, |b| f64::from(b.data[out]))
    };
    (0..weight.dims[0]).map(row).collect()
}

/// The logistic function.
pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Softmax along the middle axis of a tensor of shape `[.., len, inner]`.
pub(super) fn softmax(x: &[f64], len: usize, inner: usize) -> Vec<f64> {
    each(&log_softmax(x, len, inner), f64::exp)
}

/// Logarithm of [`softmax`]. The largest entry is taken out first, so that no exponential overflows.
pub(super) fn log_softmax(x: &[f64], len: usize, inner: usize) -> Vec<f64> {
    let logarithm = |(i, v): (usize, &f64)| {
        let first = i / (len * inner) * len * inner + i % inner;
        let line = || (0..len).map(|k| x[first + k * inner]);
        let largest = line().fold(f64::NEG_INFINITY, f64::max);
        v - largest - line().map(|other| (other - largest).exp()).sum::<f64>().ln()
    };
    x.iter().enumerate().map(logarithm).collect()
}
