//! Operators with a memory.

use super::{View, windows};
use crate::{
    graph::{Graph, NodeId},
    op::{Operator, Reset, Window},
    param::Tensor,
    types::broadcast_index,
};

/// What one neuron keeps from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NeuronState {
    /// The membrane potential, in the units of the threshold.
    pub potential: f64,
    /// Sum of the spikes since the first step, corrections subtracted.
    pub net: f64,
}

/// One neuron over one time step: leak, integrate, fire, reset. Returns the new state and the spike: 1, 0, or -1 for a
/// correction, which only [`Reset::Signed`] makes.
#[must_use]
pub fn neuron_step(state: NeuronState, current: f64, threshold: f64, leak: f64, reset: Reset) -> (NeuronState, f64) {
    fire(state, leak * state.potential + current, threshold, reset)
}

/// Fire and reset, from a potential that has been integrated.
fn fire(state: NeuronState, potential: f64, threshold: f64, reset: Reset) -> (NeuronState, f64) {
    let spike = if potential >= threshold {
        1.0
    } else if reset == Reset::Signed && potential < 0.0 && state.net > 0.0 {
        -1.0
    } else {
        0.0
    };
    let potential = match reset {
        Reset::Soft | Reset::Signed => potential - threshold * spike,
        Reset::Hard if spike != 0.0 => 0.0,
        Reset::Hard => potential,
    };
    (NeuronState { potential, net: state.net + spike }, spike)
}

/// The sum of a neuron's spikes under these currents, one a step, from a start potential on.
#[must_use]
pub fn neuron_sum(initial: f64, currents: impl IntoIterator<Item = f64>, threshold: f64, leak: f64, reset: Reset) -> f64 {
    let start = NeuronState { potential: initial, net: 0.0 };
    currents.into_iter().fold(start, |state, current| neuron_step(state, current, threshold, leak, reset).0).net
}

/// The state of a node before the first time step: of neurons the potentials and behind them the sums of their spikes, of a
/// count-based max pool the sums of what has arrived, of other operators nothing.
pub(super) fn initial(graph: &Graph, id: NodeId) -> Vec<f64> {
    match &graph[id].op {
        Operator::Neuron { initial, .. } => {
            let mut state = spread(&graph.param(*initial).tensor, &graph[id].ty.dims);
            state.resize(2 * state.len(), 0.0);
            state
        }
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
    pub(super) levels: Option<u32>,
    /// Whether what is left of a potential is rounded down: in whole numbers.
    pub(super) is_whole: bool,
}

/// See [`Operator::ClipFloorShift`].
pub(super) fn clip_floor_shift(x: f64, max: f32, levels: u32) -> f64 {
    let (max, levels) = (f64::from(max), f64::from(levels));
    max / levels * (x * levels / max + 0.5).floor().clamp(0.0, levels)
}

impl Neurons {
    /// One time step over the state of [`initial`]; returns the spikes.
    pub(super) fn step(&self, x: View<'_>, state: &mut [f64]) -> Vec<f64> {
        let (potentials, nets) = state.split_at_mut(x.data.len());
        let step = |(i, &current): (usize, &f64)| {
            let leak = self.leak.as_ref().map_or(1.0, |leak| leak[i]);
            let before = NeuronState { potential: potentials[i], net: nets[i] };
            let left = leak * before.potential;
            let left = if self.is_whole { left.floor() } else { left };
            let (after, spike) = fire(before, left + current, self.threshold[i], self.reset);
            (potentials[i], nets[i]) = (after.potential, after.net);
            spike
        };
        x.data.iter().enumerate().map(step).collect()
    }

    /// The rate that a neuron without leak tends to under a constant current, were there no limit of one spike a step.
    pub(super) fn rate_twin(&self, x: View<'_>) -> Vec<f64> {
        let activation = |v: f64| match (self.cap, self.levels) {
            (Some(cap), Some(levels)) => clip_floor_shift(v, cap, levels),
            (cap, _) => v.min(cap.map_or(f64::INFINITY, f64::from)).max(0.0),
        };
        x.data.iter().zip(&self.threshold).map(|(&v, threshold)| activation(v) / threshold).collect()
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
