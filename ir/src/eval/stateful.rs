//! Operators with a memory.

use super::{View, windows};
use crate::{
    graph::{Graph, NodeId},
    op::{Operator, Reset, Window},
    param::Tensor,
    types::broadcast_index,
};

/// One neuron over one time step: leak, integrate, fire, reset. Returns the new potential and whether it fired.
#[must_use]
pub fn neuron_step(potential: f64, current: f64, threshold: f64, leak: f64, reset: Reset) -> (f64, bool) {
    let potential = leak * potential + current;
    let fires = potential >= threshold;
    match (fires, reset) {
        (false, _) => (potential, false),
        (true, Reset::Soft) => (potential - threshold, true),
        (true, Reset::Hard) => (0.0, true),
    }
}

/// The state of a node before the first time step: of neurons the potentials, of a count-based max pool the sums of what
/// has arrived, of other operators nothing.
pub(super) fn initial(graph: &Graph, id: NodeId) -> Vec<f64> {
    match &graph[id].op {
        Operator::Neuron { initial, .. } => spread(&graph.param(*initial).tensor, &graph[id].ty.dims),
        Operator::CountMaxPool2d { .. } => graph.operand(id).map_or_else(Vec::new, |operand| vec![0.0; graph[operand].ty.len()]),
        _ => Vec::new(),
    }
}

/// A parameter, repeated to the shape that it broadcasts over.
pub(super) fn spread(param: &Tensor, dims: &[usize]) -> Vec<f64> {
    broadcast_index(&param.dims, dims).into_iter().map(|i| f64::from(param.data[i])).collect()
}

/// Thresholds, leaks and reset of a node's neurons, one per entry.
pub(super) struct Neurons {
    pub(super) threshold: Vec<f64>,
    pub(super) leak: Option<Vec<f64>>,
    pub(super) reset: Reset,
    pub(super) cap: Option<f32>,
}

impl Neurons {
    /// One time step; spikes are 1.
    pub(super) fn step(&self, x: View<'_>, potentials: &mut [f64]) -> Vec<f64> {
        let neurons = potentials.iter_mut().zip(x.data).zip(&self.threshold).enumerate();
        let step = |(i, ((potential, &current), &threshold)): (usize, ((&mut f64, &f64), &f64))| {
            let leak = self.leak.as_ref().map_or(1.0, |leak| leak[i]);
            let (next, fires) = neuron_step(*potential, current, threshold, leak, self.reset);
            *potential = next;
            f64::from(u8::from(fires))
        };
        neurons.map(step).collect()
    }

    /// The rate that a neuron without leak tends to under a constant current, were there no limit of one spike a step.
    pub(super) fn rate_twin(&self, x: View<'_>) -> Vec<f64> {
        let cap = self.cap.map_or(f64::INFINITY, f64::from);
        x.data.iter().zip(&self.threshold).map(|(v, threshold)| v.min(cap).max(0.0) / threshold).collect()
    }
}

/// One time step: how much the largest sum of every window has grown. Before the first step all sums, and with them their
/// largest, are 0.
pub(super) fn count_max_pool(x: View<'_>, window: &Window, result: &[usize], arrived: &mut [f64]) -> Vec<f64> {
    let before = windows::max_pool(View { dims: x.dims, data: arrived }, window, result);
    arrived.iter_mut().zip(x.data).for_each(|(sum, v)| *sum += v);
    let after = windows::max_pool(View { dims: x.dims, data: arrived }, window, result);
    after.iter().zip(before).map(|(after, before)| after - before).collect()
}
