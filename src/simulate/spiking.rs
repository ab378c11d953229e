//! The spiking network over time, all steps of one node before the next node.
//!
//! Time is folded into the batch: what varies over time is one tensor `[T·N, ..]`, step after step, so that a convolution
//! sees one large batch. What does not (the image and all that is computed from it before the first neuron, with direct
//! coding) is kept once, `[N, ..]`.

use super::{action::Action, action::pool_geometry, float::per_entry, kernel::with_slice};
use crate::error::{Error, Result};
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use snnc_ir::{Graph, NodeId, Operator, Reset, Window};
use std::collections::BTreeMap;

/// What a node makes over all steps.
#[derive(Clone, Debug)]
pub enum Signal {
    /// The same at every step: `[N, ..]`.
    Static(Tensor),
    /// Step after step: `[T·N, ..]`.
    Temporal(Tensor),
}

impl Signal {
    /// The mean over time, `[N, ..]`, summed in step order.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn mean(&self, timesteps: usize) -> Result<Tensor> {
        match self {
            Self::Static(tensor) => Ok(tensor.clone()),
            Self::Temporal(tensor) => {
                let images = tensor.dim(0)? / timesteps;
                let dims: Vec<usize> = std::iter::once(images).chain(tensor.dims()[1..].iter().copied()).collect();
                let len = dims.iter().product();
                let mean = with_slice(&tensor.contiguous()?, |values| {
                    let mut sum = vec![0.0f32; len];
                    for step in values.chunks(len) {
                        sum.iter_mut().zip(step).for_each(|(s, v)| *s += v);
                    }
                    sum.iter_mut().for_each(|s| *s /= timesteps as f32);
                    sum
                })?;
                Ok(Tensor::from_vec(mean, dims, tensor.device())?)
            }
        }
    }

    fn temporal(&self, timesteps: usize) -> Result<Tensor> {
        match self {
            Self::Temporal(tensor) => Ok(tensor.clone()),
            Self::Static(tensor) => Ok(Tensor::cat(&vec![tensor; timesteps], 0)?),
        }
    }
}

/// Runs nodes of a spiking graph for a fixed number of steps.
#[derive(Clone, Copy, Debug)]
pub struct SpikingSimulator {
    /// T.
    pub timesteps: usize,
}

impl SpikingSimulator {
    /// What `node` makes, from what its operands made.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn node(&self, graph: &Graph, node: NodeId, operands: &[&Signal]) -> Result<Signal> {
        match &graph[node].op {
            Operator::Neuron { threshold, initial, leak, reset, .. } => {
                let dims = &graph[node].ty.dims;
                let neurons = Neurons {
                    threshold: per_entry(graph, *threshold, dims),
                    initial: per_entry(graph, *initial, dims),
                    leak: leak.map(|l| per_entry(graph, l, dims)),
                    reset: *reset,
                };
                self.fire(&neurons, operands[0]).map(Signal::Temporal)
            }
            Operator::CountMaxPool2d { window } => self.count_max(graph, node, window, operands[0]),
            _ => {
                let action = Action::of(graph, node, false, &Device::Cpu)?;
                if operands.iter().all(|o| matches!(o, Signal::Static(_))) {
                    let tensors: Vec<Tensor> = operands.iter().map(|o| o.mean(self.timesteps)).collect::<Result<_>>()?;
                    return Ok(Signal::Static(action.apply(&tensors.iter().collect::<Vec<_>>())?));
                }
                let tensors: Vec<Tensor> = operands.iter().map(|o| o.temporal(self.timesteps)).collect::<Result<_>>()?;
                Ok(Signal::Temporal(action.apply(&tensors.iter().collect::<Vec<_>>())?))
            }
        }
    }

    /// Runs a whole graph on an input signal and returns the mean output potential, `[N, classes]`.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn logits(&self, graph: &Graph, input: &Signal) -> Result<Tensor> {
        let output = graph.output().ok_or_else(|| Error::Internal("a verified graph has an output".into()))?;
        let means = self.means(graph, input, &[output.node])?;
        Ok(means[&output.node].flatten_from(1)?)
    }

    /// Runs a whole graph on an input signal and returns what `kept` nodes make, on the mean over time: `[N, ..]` each.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn means(&self, graph: &Graph, input: &Signal, kept: &[NodeId]) -> Result<BTreeMap<NodeId, Tensor>> {
        let mut signals: BTreeMap<NodeId, Signal> = BTreeMap::new();
        let mut means = BTreeMap::new();
        let order = graph.topological();
        for (k, &node) in order.iter().enumerate() {
            let signal = if matches!(graph[node].op, Operator::Input) {
                input.clone()
            } else {
                let operands: Vec<&Signal> = graph.operands(node).iter().map(|o| &signals[o]).collect();
                self.node(graph, node, &operands)?
            };
            if kept.contains(&node) {
                means.insert(node, signal.mean(self.timesteps)?);
            }
            signals.insert(node, signal);
            // Memory is T times that of a float run: let go of what no later node reads.
            signals.retain(|&n, _| graph.uses(n).iter().any(|(user, _)| order[k + 1..].contains(user)));
        }
        Ok(means)
    }

    fn fire(&self, neurons: &Neurons, current: &Signal) -> Result<Tensor> {
        let (tensor, varies) = match current {
            Signal::Static(tensor) => (tensor, false),
            Signal::Temporal(tensor) => (tensor, true),
        };
        let tensor = tensor.contiguous()?;
        let images = if varies { tensor.dim(0)? / self.timesteps } else { tensor.dim(0)? };
        let len = neurons.threshold.len();
        let mut spikes = vec![0.0f32; self.timesteps * images * len];
        with_slice(&tensor, |current| {
            // Each image's neurons are independent: hand every task its image's slice of every step.
            let mut rows: Vec<Vec<&mut [f32]>> = (0..images).map(|_| Vec::with_capacity(self.timesteps)).collect();
            for (k, row) in spikes.chunks_mut(len).enumerate() {
                rows[k % images].push(row);
            }
            rows.par_iter_mut().enumerate().for_each(|(image, steps)| {
                let mut potential = neurons.initial.clone();
                // Only signed neurons remember how often they fired.
                let mut net = vec![0.0f32; if neurons.reset == Reset::Signed { len } else { 0 }];
                for (t, out) in steps.iter_mut().enumerate() {
                    let start = if varies { t * images + image } else { image } * len;
                    neurons.step(&mut potential, &mut net, &current[start..start + len], out);
                }
            });
        })?;
        let dims: Vec<usize> = std::iter::once(self.timesteps * images).chain(tensor.dims()[1..].iter().copied()).collect();
        Ok(Tensor::from_vec(spikes, dims, tensor.device())?)
    }

    fn count_max(&self, graph: &Graph, node: NodeId, window: &Window, arriving: &Signal) -> Result<Signal> {
        let operand = graph.operands(node)[0];
        let pool = pool_geometry(window, false, &graph[operand].ty);
        let ty = &graph[operand].ty;
        let size = [ty.dims[2], ty.dims[3]];
        let tensor = match arriving {
            // A constant arrival accumulates in proportion, so its maximum grows by the same amount every step.
            Signal::Static(tensor) => {
                let action = Action::of(graph, node, false, &Device::Cpu)?;
                return Ok(Signal::Static(action.apply(&[tensor])?));
            }
            Signal::Temporal(tensor) => tensor.contiguous()?,
        };
        let planes = tensor.dim(0)? / self.timesteps * ty.dims[1];
        let result = planes * pool.output[0] * pool.output[1];
        let mut out = vec![0.0f32; self.timesteps * result];
        with_slice(&tensor, |arriving| {
            let mut total = vec![0.0f32; planes * size[0] * size[1]];
            let mut before = vec![0.0f32; result];
            let mut now = vec![0.0f32; result];
            for (step, out) in arriving.chunks(total.len()).zip(out.chunks_mut(result)) {
                total.iter_mut().zip(step).for_each(|(a, x)| *a += x);
                pool.max_forward(&total, planes, size, &mut now);
                out.iter_mut().zip(now.iter().zip(&before)).for_each(|(y, (n, b))| *y = n - b);
                std::mem::swap(&mut now, &mut before);
            }
        })?;
        let dims = [tensor.dim(0)?, ty.dims[1], pool.output[0], pool.output[1]];
        Ok(Signal::Temporal(Tensor::from_vec(out, &dims, tensor.device())?))
    }
}

struct Neurons {
    threshold: Vec<f32>,
    initial: Vec<f32>,
    leak: Option<Vec<f32>>,
    reset: Reset,
}

impl Neurons {
    /// One step of one image: leak, integrate, compare, reset.
    fn step(&self, potential: &mut [f32], net: &mut [f32], current: &[f32], spikes: &mut [f32]) {
        if let Some(leak) = &self.leak {
            potential.iter_mut().zip(leak).for_each(|(v, l)| *v *= l);
        }
        let entries = potential.iter_mut().zip(current).zip(&self.threshold).zip(spikes);
        match self.reset {
            Reset::Soft => entries.for_each(|(((v, x), theta), s)| {
                *v += x;
                *s = if *v >= *theta { 1.0 } else { 0.0 };
                *v -= theta * *s;
            }),
            Reset::Signed => entries.zip(net).for_each(|((((v, x), theta), s), n)| {
                *v += x;
                let back = if *v < 0.0 && *n > 0.0 { -1.0 } else { 0.0 };
                *s = if *v >= *theta { 1.0 } else { back };
                *v -= theta * *s;
                *n += *s;
            }),
            Reset::Hard => entries.for_each(|(((v, x), theta), s)| {
                *v += x;
                *s = if *v >= *theta { 1.0 } else { 0.0 };
                *v *= 1.0 - *s;
            }),
        }
    }
}
