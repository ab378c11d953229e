//! The radix code, digit by digit.

use super::{Values, View, stateful::spread, stateless, windows};
use crate::{
    graph::{Graph, NodeId},
    op::{MAX_DIGITS, Operator},
    types::Element,
};
use std::collections::BTreeMap;

/// What a node sends in its window: the entries of every digit, most significant first.
type Digits = Vec<Vec<f64>>;

/// The number that every entry of every node says.
pub(super) fn counts(graph: &Graph, order: &[NodeId], image: &[f32]) -> Values {
    let mut windows: BTreeMap<NodeId, Digits> = BTreeMap::new();
    for &id in order {
        let window = match &graph[id].op {
            Operator::Input => input(graph, id, image),
            Operator::RadixNeuron { threshold, initial, digits, levels, .. } => {
                let operand = graph.operands(id)[0];
                let of = |param| spread(&graph.param(param).tensor, &graph[operand].ty.dims);
                let (potentials, thetas) = (integrate(&windows[&operand]).into_iter().zip(of(*initial)), of(*threshold));
                let potentials: Vec<f64> = potentials.map(|(u, start)| u + start).collect();
                fire(&potentials, &thetas, *digits, *levels)
            }
            Operator::DigitMaxPool2d { window } => {
                let operand = graph.operands(id)[0];
                max_pool(&windows[&operand], &graph[operand].ty.dims, |x| windows::max_pool(x, window, &graph[id].ty.dims))
            }
            _ => affine(graph, id, &windows),
        };
        windows.insert(id, window);
    }
    windows.into_iter().map(|(id, window)| (id, integrate(&window))).collect()
}

/// `u ← 2u + x` over a window, from 0.
fn integrate(window: &[Vec<f64>]) -> Vec<f64> {
    let mut sum = vec![0.0; window.first().map_or(0, Vec::len)];
    for digit in window {
        sum.iter_mut().zip(digit).for_each(|(u, x)| *u = 2.0 * *u + x);
    }
    sum
}

/// A stream of digits if that is what the input is; else the image comes in at once, with the last digit.
fn input(graph: &Graph, id: NodeId, image: &[f32]) -> Digits {
    let values: Vec<f64> = image.iter().map(|&v| f64::from(v)).collect();
    match graph[id].ty.element {
        Element::F32 => vec![values],
        // As a neuron would say it that was given the count.
        Element::Spike => fire(&values, &vec![1.0; values.len()], MAX_DIGITS, (1 << MAX_DIGITS) - 1),
    }
}

/// The digits of neurons with these potentials.
fn fire(potentials: &[f64], thetas: &[f64], digits: u32, levels: u32) -> Digits {
    // Beyond the largest count, what that leaves of the potential is of no account.
    let most = |theta: f64| theta * f64::from(levels);
    let mut left: Vec<f64> = potentials.iter().zip(thetas).map(|(&v, &theta)| v.min(most(theta))).collect();
    let digit = |k: u32| {
        let spikes = left.iter_mut().zip(thetas).map(|(v, &theta)| {
            let value = theta * f64::from(1u32 << k);
            let fires = *v >= value;
            *v -= if fires { value } else { 0.0 };
            f64::from(u8::from(fires))
        });
        spikes.collect()
    };
    (0..digits).rev().map(digit).collect()
}

/// The digits of the largest count of every window. Whoever is behind after some digits cannot catch up: 1 ahead is worth more than all
/// that follows. So those that are still in are those with the largest count so far, and their next digit is what that count grows by.
fn max_pool(window: &[Vec<f64>], dims: &[usize], largest: impl Fn(View<'_>) -> Vec<f64>) -> Digits {
    let mut counts = vec![0.0; window.first().map_or(0, Vec::len)];
    let mut before: Option<Vec<f64>> = None;
    let digit = |x: &Vec<f64>| {
        counts.iter_mut().zip(x).for_each(|(count, x)| *count = 2.0 * *count + x);
        let now = largest(View { dims, data: &counts });
        let spikes = match &before {
            Some(before) => now.iter().zip(before).map(|(now, before)| now - 2.0 * before).collect(),
            None => now.clone(),
        };
        before = Some(now);
        spikes
    };
    window.iter().map(digit).collect()
}

/// An affine operator on every digit of its operands, without its constants on all but the last.
fn affine(graph: &Graph, id: NodeId, windows: &BTreeMap<NodeId, Digits>) -> Digits {
    let operands = graph.operands(id);
    let digits = operands.iter().map(|o| windows[o].len()).max().unwrap_or(0);
    let silent: Vec<Vec<f64>> = operands.iter().map(|&o| vec![0.0; graph[o].ty.len()]).collect();
    let digit = |place: usize| {
        let views = operands.iter().zip(&silent).map(|(o, silent)| {
            let window = &windows[o];
            let data = (place + window.len()).checked_sub(digits).map_or(silent, |place| &window[place]);
            View { dims: &graph[*o].ty.dims, data }
        });
        let views: Vec<View<'_>> = views.collect();
        if place + 1 == digits { stateless::apply(graph, id, &views, None) } else { linear(graph, id, &views) }
    };
    (0..digits).map(digit).collect()
}

/// An affine operator without its constants.
fn linear(graph: &Graph, id: NodeId, operands: &[View<'_>]) -> Vec<f64> {
    let (x, result) = (operands[0], &graph[id].ty.dims);
    match &graph[id].op {
        Operator::Conv2d { weight, geometry, .. } => windows::conv2d(x, &graph.param(*weight).tensor, None, geometry, result),
        Operator::Linear { weight, .. } => stateless::linear(x.data, &graph.param(*weight).tensor, None),
        Operator::Shift { .. } => x.data.to_vec(),
        _ => stateless::apply(graph, id, operands, None),
    }
}

/// What a neuron's count would be if it could be any number: its activation over θ. With `levels`, the network was trained for them.
pub(super) fn twin(x: View<'_>, thetas: &[f64], initial: &[f64], levels: Option<u32>, cap: Option<f32>) -> Vec<f64> {
    let count = |((&v, theta), start): ((&f64, &f64), &f64)| match levels {
        Some(levels) => ((v + start) / theta).floor().clamp(0.0, f64::from(levels)),
        None => v.min(cap.map_or(f64::INFINITY, f64::from)).max(0.0) / theta,
    };
    x.data.iter().zip(thetas).zip(initial).map(count).collect()
}
