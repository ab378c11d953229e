//! From a graph to a plan.

use super::{
    op::{NeuronSlots, Op, Pool, RadixSlots, Slot, Spread},
    places::{concat, mean, pad, slice, transpose},
    step::{Kind, Parameter, Plan, Span, Step, Tail},
    twin::{Counting, Twin},
};
use crate::error::{Error, Result};
use snnc_ir::{Code, Graph, NodeId, Operator, ParamId, Phase, Provenance, Reset, Window, types::broadcast_index};
use snnc_kernels::{Conv2d, Pool2d, neuron};
use std::collections::{BTreeMap, BTreeSet};

/// What is planned so far.
pub(super) struct Planner<'g> {
    graph: &'g Graph,
    steps: Vec<Step>,
    parameters: Vec<Parameter>,
    slots: BTreeMap<ParamId, Slot>,
    at: BTreeMap<NodeId, usize>,
}

/// What one node does, and the parameters that it has.
pub(crate) fn single(graph: &Graph, node: NodeId) -> Result<(Op, Vec<ParamId>)> {
    let mut planner = Planner::new(graph);
    let op = planner.op(node)?;
    Ok((op, planner.parameters.into_iter().map(|p| p.id).collect()))
}

impl<'g> Planner<'g> {
    pub(super) fn new(graph: &'g Graph) -> Self {
        Self { graph, steps: Vec::new(), parameters: Vec::new(), slots: BTreeMap::new(), at: BTreeMap::new() }
    }

    pub(super) fn float(mut self, kept: &[NodeId]) -> Result<Plan> {
        let graph = self.graph;
        for node in graph.topological() {
            let operands = self.operands(node);
            let rectifies = |op: &Op| matches!(op, Op::Convolution { rectified: true, .. } | Op::Linear { rectified: true, .. });
            let alias = match &graph[node].op {
                Operator::Reshape { .. } => true,
                // The layer before has done it.
                Operator::Relu => rectifies(&self.steps[operands[0]].op),
                _ => false,
            };
            if alias {
                if let (Operator::Relu, Some(layer)) = (&graph[node].op, graph.operand(node))
                    && matches!(graph[layer].op, Operator::Conv2d { .. } | Operator::Linear { .. })
                {
                    // What it made before the rectifier is nowhere by itself.
                    self.at.remove(&layer);
                }
                self.at.insert(node, operands[0]);
                continue;
            }
            let mut op = self.op(node)?;
            match &mut op {
                Op::Convolution { rectified, .. } | Op::Linear { rectified, .. } => {
                    let reader = graph.only_user(node).filter(|_| !kept.contains(&node));
                    *rectified = reader.is_some_and(|reader| matches!(graph[reader].op, Operator::Relu));
                }
                Op::Neuron(slots) => op = Op::Twin(Twin::Limit, slots.clone()),
                Op::Radix(slots) => slots.counting = Counting::Endless,
                _ => {}
            }
            let at = self.push(Step { op, operands, len: graph[node].ty.len(), span: Span::Static, is_spikes: false, node: Some(node) });
            self.at.insert(node, at);
        }
        self.plan(1)
    }

    pub(super) fn spiking(self, timesteps: usize, is_static: bool, tail: Tail) -> Result<Plan> {
        let graph = self.graph;
        let is_radix = graph.node_ids().into_iter().any(|id| graph[id].op.code() == Some(Code::Radix));
        if is_radix { self.counts() } else { self.over_time(timesteps, is_static, tail) }
    }

    /// A network of the radix code, by the counts of its digits.
    fn counts(mut self) -> Result<Plan> {
        let graph = self.graph;
        for node in graph.topological() {
            let operands = self.operands(node);
            if matches!(graph[node].op, Operator::Reshape { .. }) {
                self.at.insert(node, operands[0]);
                continue;
            }
            let op = self.op(node)?;
            let at = self.push(Step { op, operands, len: graph[node].ty.len(), span: Span::Static, is_spikes: false, node: Some(node) });
            self.at.insert(node, at);
        }
        self.plan(1)
    }

    /// A network of the rate code.
    fn over_time(mut self, timesteps: usize, is_static: bool, tail: Tail) -> Result<Plan> {
        let graph = self.graph;
        let order = graph.topological();
        let before = before_neurons(graph, &order);
        let mut means: BTreeMap<usize, usize> = BTreeMap::new();
        for &node in &order {
            let operands = self.operands(node);
            if matches!(graph[node].op, Operator::Reshape { .. }) {
                self.at.insert(node, operands[0]);
                continue;
            }
            let span = match &graph[node].op {
                Operator::Input if is_static => Span::Static,
                Operator::Input | Operator::Neuron { .. } => Span::Temporal,
                _ if operands.iter().all(|&o| self.steps[o].span == Span::Static) => Span::Static,
                // A node behind the last neurons may read the mean.
                op if op.is_stateful() || before.contains(&node) || tail == Tail::EveryStep => Span::Temporal,
                _ => Span::Mean,
            };
            let mut read = Vec::with_capacity(operands.len());
            for operand in operands {
                let is_averaged = span == Span::Mean && self.steps[operand].span == Span::Temporal;
                read.push(if is_averaged {
                    let len = self.steps[operand].len;
                    let mean = Step { op: Op::TimeMean, operands: vec![operand], len, span: Span::Mean, is_spikes: false, node: None };
                    *means.entry(operand).or_insert_with(|| self.push(mean))
                } else {
                    operand
                });
            }
            let op = self.op(node)?;
            let is_spikes = span == Span::Temporal && graph[node].ty.element == snnc_ir::Element::Spike;
            let at = self.push(Step { op, operands: read, len: graph[node].ty.len(), span, is_spikes, node: Some(node) });
            self.at.insert(node, at);
        }
        self.plan(timesteps)
    }

    fn plan(self, timesteps: usize) -> Result<Plan> {
        let output = self.graph.output().ok_or_else(|| Error::Bug("a verified graph has an output".into()))?;
        let head = output.head;
        let Self { steps, parameters, at, .. } = self;
        Ok(Plan { steps, parameters, output: at[&output.node], timesteps, head, at })
    }

    /// The steps of a node's operands.
    fn operands(&self, node: NodeId) -> Vec<usize> {
        self.graph.operands(node).iter().map(|operand| self.at[operand]).collect()
    }

    fn push(&mut self, step: Step) -> usize {
        self.steps.push(step);
        self.steps.len() - 1
    }

    fn slot(&mut self, id: ParamId, kind: Kind, row: usize, measure: Option<Slot>) -> Slot {
        let is_fixed = self.graph.param(id).provenance == Provenance::Fixed && kind == Kind::Weight;
        *self.slots.entry(id).or_insert_with(|| {
            self.parameters.push(Parameter { id, kind, row, measure, is_fixed });
            self.parameters.len() - 1
        })
    }

    fn spread(&mut self, node: NodeId, id: ParamId, kind: Kind, measure: Option<Slot>) -> Spread {
        let index = broadcast_index(&self.graph.param(id).tensor.dims, &self.graph[node].ty.dims);
        Spread { slot: self.slot(id, kind, 1, measure), index: index.into_iter().map(|i| i as u32).collect() }
    }

    /// What a node does. Reshapes do nothing here.
    fn op(&mut self, node: NodeId) -> Result<Op> {
        let graph = self.graph;
        let operands = graph.operands(node);
        let operand = |slot: usize| &graph[operands[slot]].ty.dims;
        let result = &graph[node].ty.dims;
        let pool = |window: &Window, count_include_pad: bool| {
            let dims = operand(0);
            let size = [dims[2], dims[3]];
            let output = window.output_size(size).expect("the graph was verified");
            let pool = Pool2d { kernel: window.kernel, stride: window.stride, pads: window.pads, count_include_pad, output };
            Pool { pool, channels: dims[1], size }
        };
        let alone = |map: Vec<u32>, fill: f32| Op::Move { maps: vec![map], fill };
        Ok(match &graph[node].op {
            Operator::Input => Op::Input,
            Operator::Conv2d { weight, bias, geometry } => {
                let (dims, size) = (&graph.param(*weight).tensor.dims, [operand(0)[2], operand(0)[3]]);
                let conv = Conv2d {
                    in_channels: dims[1] * geometry.groups,
                    out_channels: dims[0],
                    kernel: [dims[2], dims[3]],
                    stride: geometry.stride,
                    dilation: geometry.dilation,
                    pads: geometry.pads,
                    groups: geometry.groups,
                };
                let weight = self.slot(*weight, Kind::Weight, dims[1..].iter().product(), None);
                let bias = bias.map(|b| self.slot(b, Kind::Bias, 1, Some(weight)));
                Op::Convolution { conv, size, weight, bias, rectified: false }
            }
            Operator::Linear { weight, bias } => {
                let dims = &graph.param(*weight).tensor.dims;
                let (outputs, inputs) = (dims[0], dims[1]);
                let weight = self.slot(*weight, Kind::Weight, inputs, None);
                let bias = bias.map(|b| self.slot(b, Kind::Bias, 1, Some(weight)));
                Op::Linear { inputs, outputs, weight, bias, rectified: false }
            }
            Operator::Scale { factor } => Op::Scale(self.spread(node, *factor, Kind::Weight, None)),
            Operator::Shift { offset } => Op::Shift(self.spread(node, *offset, Kind::Bias, None)),
            Operator::Add => Op::Add,
            Operator::AveragePool2d { window, count_include_pad } => Op::AveragePool(pool(window, *count_include_pad)),
            Operator::SumPool2d { window } => Op::SumPool(pool(window, false)),
            Operator::MaxPool2d { window } | Operator::CountMaxPool2d { window } | Operator::DigitMaxPool2d { window } => {
                Op::MaxPool(pool(window, false))
            }
            Operator::Mean { axes } => {
                let count = axes.iter().map(|&axis| operand(0)[axis]).product::<usize>();
                Op::Mean { map: mean(operand(0), axes), share: (1.0 / count as f64) as f32 }
            }
            Operator::Sum { axes } => Op::Mean { map: mean(operand(0), axes), share: 1.0 },
            Operator::Concat { axis } => {
                let mut first = 0;
                let mut maps = Vec::with_capacity(operands.len());
                for slot in 0..operands.len() {
                    maps.push(concat(operand(slot), result, *axis, first));
                    first += operand(slot)[*axis];
                }
                Op::Move { maps, fill: 0.0 }
            }
            Operator::Pad { pads, value } => alone(pad(operand(0), result, pads), *value),
            Operator::Slice { ranges } => alone(slice(operand(0), result, ranges), 0.0),
            Operator::Transpose { permutation } => alone(transpose(operand(0), result, permutation), 0.0),
            Operator::BatchNorm { scale, shift, mean, variance, epsilon } => {
                let scale = self.slot(*scale, Kind::Weight, 1, None);
                let shift = self.slot(*shift, Kind::Bias, 1, Some(scale));
                let [mean, variance] = [mean, variance].map(|id| self.slot(*id, Kind::Bias, 1, None));
                // Records of the training are no parameters to be trained.
                [mean, variance].into_iter().for_each(|slot| self.parameters[slot].is_fixed = true);
                Op::Normalise { slots: [scale, shift, mean, variance], epsilon: *epsilon, plane: graph[operands[0]].ty.plane() }
            }
            Operator::Relu => Op::Clamp { low: 0.0, high: f32::INFINITY },
            Operator::Clip { min, max } => Op::Clamp { low: *min, high: *max },
            Operator::ClipFloorShift { max, levels } => Op::ClipFloorShift { max: *max, levels: *levels },
            Operator::Neuron { threshold, initial, leak, reset, .. } => {
                let threshold = self.spread(node, *threshold, Kind::Threshold, None);
                Op::Neuron(NeuronSlots {
                    initial: self.spread(node, *initial, Kind::Initial, Some(threshold.slot)),
                    leak: leak.map(|leak| self.spread(node, leak, Kind::Leak, None)),
                    threshold,
                    reset: kernel_reset(*reset),
                    is_whole: graph.phase == Phase::Whole,
                })
            }
            Operator::RadixNeuron { threshold, initial, levels, .. } => {
                let threshold = self.spread(node, *threshold, Kind::Threshold, None);
                let initial = self.spread(node, *initial, Kind::Initial, Some(threshold.slot));
                Op::Radix(RadixSlots { threshold, initial, levels: *levels, counting: Counting::Digits })
            }
            // A reshape is its operand under another name; passes bring the others into other forms before a network is run.
            Operator::Reshape { .. }
            | Operator::Floor
            | Operator::Round
            | Operator::LeakyRelu { .. }
            | Operator::PRelu { .. }
            | Operator::Softmax { .. }
            | Operator::LogSoftmax { .. }
            | Operator::Sigmoid => return Err(Error::Bug(format!("`{}` is no step of a plan", graph[node].op.name()))),
        })
    }
}

/// What a spike does, in the words of the kernels.
#[must_use]
pub fn kernel_reset(reset: Reset) -> neuron::Reset {
    match reset {
        Reset::Soft => neuron::Reset::Soft,
        Reset::Hard => neuron::Reset::Hard,
        Reset::Signed => neuron::Reset::Signed,
    }
}

/// The nodes from which a path leads to neurons or counts.
fn before_neurons(graph: &Graph, order: &[NodeId]) -> BTreeSet<NodeId> {
    let mut before = BTreeSet::new();
    for &node in order.iter().rev() {
        if graph.uses(node).iter().any(|(user, _)| graph[*user].op.is_stateful() || before.contains(user)) {
            before.insert(node);
        }
    }
    before
}
