//! The spiking network as a list of steps, ready to be run over all time steps at once.
//!
//! Time is folded into the batch, and each step is run as rarely as it can be ([`Span`]):
//!
//! * what is the same at every time step (with direct coding, all before the first neurons) once an image;
//! * what lies behind the last neurons, being affine, once an image too, on the mean over time;
//! * the rest at all T time steps, `[T, N, ..]`.
//!
//! Reshapes are gone: values are row-major, so a reshape is its operand under another name.

use crate::{
    error::{Error, Result},
    simulate::action::{Action, convolution_geometry, pool_geometry},
};
use candle_core::{Device, Tensor};
use snnc_ir::{Graph, NodeId, Operator, ParamId, Provenance, Reset, types::broadcast_index};
use snnc_kernels::{Conv2d, Pool2d, neuron};
use std::collections::BTreeMap;

/// How often a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Once an image: it is the same at every time step.
    Static,
    /// At every time step.
    Temporal,
    /// Once an image, on the mean over time.
    Mean,
}

/// Place of a parameter in the list of parameters.
pub type Slot = usize;

/// What a step does.
#[derive(Clone, Debug)]
pub enum Op {
    /// The image, or its spikes.
    Input,
    /// Convolution.
    Convolution {
        /// Geometry.
        conv: Conv2d,
        /// Height and width of the operand.
        size: [usize; 2],
        /// Weight.
        weight: Slot,
        /// Bias.
        bias: Option<Slot>,
    },
    /// Linear layer.
    Linear {
        /// Features in.
        inputs: usize,
        /// Features out.
        outputs: usize,
        /// Weight.
        weight: Slot,
        /// Bias.
        bias: Option<Slot>,
    },
    /// Times a parameter, whose entry for each entry of the operand is in the index.
    Scale(Slot, Vec<usize>),
    /// Plus a parameter.
    Shift(Slot, Vec<usize>),
    /// Sum of the operands.
    Add,
    /// Average pool over so many planes of this height and width.
    AveragePool(Pool2d, usize, [usize; 2]),
    /// Entry k of operand i, times the factor, is added to entry `places[i][k]` of the result; `NOWHERE` to none. Slices, pads,
    /// transposes, concatenations, and means over axes.
    Place(Vec<Vec<u32>>, f32),
    /// Neurons.
    Neuron(NeuronSlots),
    /// What stands in for neurons in a twin of the network that has no time.
    Twin(Twin, NeuronSlots),
    /// Largest accumulated count of every window; of what is the same at every step, its maximum.
    CountMaxPool(Pool2d, usize, [usize; 2]),
    /// Mean over the time steps.
    TimeMean,
}

/// A static activation of the mean current `x`, which an attacker puts in place of neurons to read a spiking network's weights with
/// the tools for float networks. What a potential starts with counts as a current: `x + v(0)/T` where the twin counts, and
/// `x + (v(0) - θ/2)/T` where it does not, since the half threshold only makes up for counting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Twin {
    /// `max(x, 0)/θ`: the PrivateSNN paper's attack.
    Relu,
    /// `min(max(x, 0)/θ, 1)`: a rate is at most 1.
    Clipped,
    /// `⌊min(max(x, 0)/θ, 1) T⌋/T`: and is counted in T steps.
    Quantised,
    /// What the neuron answers to a current that is `x` at every step, leak and reset included.
    Response,
}

impl Twin {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Relu, Self::Clipped, Self::Quantised, Self::Response];

    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Clipped => "clipped",
            Self::Quantised => "quantised",
            Self::Response => "response",
        }
    }
}

/// No place in the result.
pub const NOWHERE: u32 = u32::MAX;

/// The parameters of neurons and, for each, its entry for every neuron.
#[derive(Clone, Debug)]
pub struct NeuronSlots {
    /// θ.
    pub threshold: (Slot, Vec<usize>),
    /// v(0).
    pub initial: (Slot, Vec<usize>),
    /// λ, where it is not 1.
    pub leak: Option<(Slot, Vec<usize>)>,
    /// What a spike does.
    pub reset: neuron::Reset,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does.
    pub op: Op,
    /// The steps whose results it reads.
    pub operands: Vec<usize>,
    /// Entries of its result for one image and time step.
    pub len: usize,
    /// How often it runs.
    pub span: Span,
    /// Whether its entries are -1, 0 or 1.
    pub is_spikes: bool,
    /// The node of the graph; none for a mean over time.
    pub node: Option<NodeId>,
}

/// What a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Of a convolution, a linear layer or a scale: what a spike adds.
    Weight,
    /// A constant current.
    Bias,
    /// θ.
    Threshold,
    /// v(0).
    Initial,
    /// λ.
    Leak,
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its key in the graph.
    pub id: ParamId,
    /// What it is.
    pub kind: Kind,
    /// Entries that belong together: those of one output channel, say. They come one after the other.
    pub row: usize,
    /// The parameter whose size says what a small step is: of a bias the weight beside it, of a start potential the threshold.
    pub measure: Option<Slot>,
    /// Whether it may change: constants of the compiler may not.
    pub is_fixed: bool,
}

/// A network as a list of steps.
#[derive(Clone, Debug)]
pub struct Plan {
    /// In order: each follows its operands. The first is the input.
    pub steps: Vec<Step>,
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// The step whose mean over time is the output.
    pub output: usize,
    /// T.
    pub timesteps: usize,
}

impl Plan {
    /// Plans a graph in spike units. `is_static` says whether the input is the same at every time step.
    ///
    /// # Errors
    /// Only on a bug: the graph was verified.
    pub fn new(graph: &Graph, timesteps: usize, is_static: bool) -> Result<Self> {
        let mut planner = Planner { graph, steps: Vec::new(), parameters: Vec::new(), slots: BTreeMap::new(), at: BTreeMap::new() };
        let order = graph.topological();
        let behind = before_neurons(graph, &order);
        let mut means: BTreeMap<usize, usize> = BTreeMap::new();
        for &node in &order {
            let operands: Vec<usize> = graph.operands(node).iter().map(|o| planner.at[o]).collect();
            if matches!(graph[node].op, Operator::Reshape { .. }) {
                planner.at.insert(node, operands[0]);
                continue;
            }
            let span = match &graph[node].op {
                Operator::Input if is_static => Span::Static,
                Operator::Input | Operator::Neuron { .. } => Span::Temporal,
                _ if operands.iter().all(|&o| planner.steps[o].span == Span::Static) => Span::Static,
                // A node behind the last neurons may read the mean.
                op if op.is_stateful() || behind.contains(&node) => Span::Temporal,
                _ => Span::Mean,
            };
            let operands = operands
                .into_iter()
                .map(|operand| {
                    if span != Span::Mean || planner.steps[operand].span != Span::Temporal {
                        return operand;
                    }
                    let len = planner.steps[operand].len;
                    let mean = Step { op: Op::TimeMean, operands: vec![operand], len, span: Span::Mean, is_spikes: false, node: None };
                    *means.entry(operand).or_insert_with(|| planner.push(mean))
                })
                .collect();
            let op = planner.op(node)?;
            let is_spikes = span == Span::Temporal && graph[node].ty.element == snnc_ir::Element::Spike;
            let step = Step { op, operands, len: graph[node].ty.len(), span, is_spikes, node: Some(node) };
            let at = planner.push(step);
            planner.at.insert(node, at);
        }
        let output = graph.output().ok_or_else(|| Error::Internal("a verified graph has an output".into()))?.node;
        let output = planner.at[&output];
        let Planner { steps, parameters, .. } = planner;
        Ok(Self { steps, parameters, output, timesteps })
    }

    /// The same network without time: neurons answer their mean current by a static activation.
    #[must_use]
    pub fn twin(&self, twin: Twin) -> Self {
        let mut plan = self.clone();
        for step in &mut plan.steps {
            step.span = Span::Static;
            step.is_spikes = false;
            match &step.op {
                Op::Neuron(slots) => step.op = Op::Twin(twin, slots.clone()),
                // A sum of one.
                Op::TimeMean => step.op = Op::Add,
                _ => {}
            }
        }
        plan
    }

    /// Values of a step's result for so many images.
    #[must_use]
    pub fn rows(&self, step: usize, images: usize) -> usize {
        match self.steps[step].span {
            Span::Temporal => images * self.timesteps,
            Span::Static | Span::Mean => images,
        }
    }

    /// The parameters' values in the graph.
    #[must_use]
    pub fn values(&self, graph: &Graph) -> Vec<Vec<f32>> {
        self.parameters.iter().map(|p| graph.param(p.id).tensor.data.clone()).collect()
    }

    /// Multiply-accumulates for one image over all time steps, forward.
    #[must_use]
    pub fn macs(&self) -> f64 {
        let one = |step: &Step| match &step.op {
            Op::Convolution { conv, .. } => step.len as f64 * (conv.in_channels / conv.groups * conv.kernel[0] * conv.kernel[1]) as f64,
            Op::Linear { inputs, outputs, .. } => (inputs * outputs) as f64,
            // A step of a neuron costs about as much as a few products.
            Op::Neuron(_) => 8.0 * step.len as f64,
            _ => step.len as f64,
        };
        self.steps.iter().enumerate().map(|(at, step)| one(step) * self.rows(at, 1) as f64).sum()
    }
}

/// Values that candle's kernels can tell apart in one tensor, with a bit to spare: they count in 32 bits.
const COUNTABLE: usize = 1 << 31;

impl Plan {
    /// How many images, at least one, can go through the network together on candle tensors, forward and backward, in so many bytes
    /// of memory. An estimate: candle keeps every result until the backward pass is done with it, and convolutions unfold what
    /// they read.
    #[must_use]
    pub fn images_within(&self, bytes: usize) -> usize {
        let (mut kept, mut unfolded) = (0, 0);
        for (at, step) in self.steps.iter().enumerate() {
            let rows = self.rows(at, 1);
            let values = rows * step.len;
            kept += match &step.op {
                Op::AveragePool(pool, ..) | Op::CountMaxPool(pool, ..) => values * pool.kernel[0] * pool.kernel[1],
                _ => values,
            };
            let one = match &step.op {
                Op::Convolution { conv, size, .. } => {
                    // At every place of planes that are not square; see `tensor`.
                    let plane = if size[0] == size[1] { step.len / conv.out_channels } else { size[0] * size[1] };
                    rows * plane * conv.in_channels / conv.groups * conv.kernel[0] * conv.kernel[1]
                }
                _ => values,
            };
            unfolded = unfolded.max(one);
        }
        // The result, its gradient, and about as much again for what lies between (padding, bias); unfolded, what is read and a copy.
        let image = size_of::<f32>() * (4 * kept + 2 * unfolded);
        (bytes / image.max(1)).min(COUNTABLE / unfolded.max(1)).max(1)
    }
}

/// The nodes from which a path leads to neurons or counts.
fn before_neurons(graph: &Graph, order: &[NodeId]) -> std::collections::BTreeSet<NodeId> {
    let mut before = std::collections::BTreeSet::new();
    for &node in order.iter().rev() {
        if graph.uses(node).iter().any(|(user, _)| graph[*user].op.is_stateful() || before.contains(user)) {
            before.insert(node);
        }
    }
    before
}

struct Planner<'g> {
    graph: &'g Graph,
    steps: Vec<Step>,
    parameters: Vec<Parameter>,
    slots: BTreeMap<ParamId, Slot>,
    /// The step that makes a node's result.
    at: BTreeMap<NodeId, usize>,
}

impl Planner<'_> {
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

    fn spread(&mut self, node: NodeId, id: ParamId, kind: Kind, measure: Option<Slot>) -> (Slot, Vec<usize>) {
        let index = broadcast_index(&self.graph.param(id).tensor.dims, &self.graph[node].ty.dims);
        (self.slot(id, kind, 1, measure), index)
    }

    fn op(&mut self, node: NodeId) -> Result<Op> {
        let graph = self.graph;
        let operand = |slot: usize| &graph[graph.operands(node)[slot]].ty;
        let size = || [operand(0).dims[2], operand(0).dims[3]];
        Ok(match &graph[node].op {
            Operator::Input => Op::Input,
            Operator::Conv2d { weight, bias, geometry } => {
                let dims = &graph.param(*weight).tensor.dims;
                let conv = convolution_geometry(geometry, dims);
                let row = dims[1..].iter().product();
                let weight = self.slot(*weight, Kind::Weight, row, None);
                Op::Convolution { conv, size: size(), weight, bias: bias.map(|b| self.slot(b, Kind::Bias, 1, Some(weight))) }
            }
            Operator::Linear { weight, bias } => {
                let dims = &graph.param(*weight).tensor.dims;
                let (outputs, inputs) = (dims[0], dims[1]);
                let weight = self.slot(*weight, Kind::Weight, inputs, None);
                Op::Linear { inputs, outputs, weight, bias: bias.map(|b| self.slot(b, Kind::Bias, 1, Some(weight))) }
            }
            Operator::Scale { factor } => {
                let (slot, index) = self.spread(node, *factor, Kind::Weight, None);
                Op::Scale(slot, index)
            }
            Operator::Shift { offset } => {
                let (slot, index) = self.spread(node, *offset, Kind::Bias, None);
                Op::Shift(slot, index)
            }
            Operator::Add => Op::Add,
            Operator::AveragePool2d { window, count_include_pad } => {
                Op::AveragePool(pool_geometry(window, *count_include_pad, operand(0)), operand(0).dims[1], size())
            }
            Operator::CountMaxPool2d { window } => Op::CountMaxPool(pool_geometry(window, false, operand(0)), operand(0).dims[1], size()),
            Operator::Neuron { threshold, initial, leak, reset, .. } => {
                let threshold = self.spread(node, *threshold, Kind::Threshold, None);
                Op::Neuron(NeuronSlots {
                    initial: self.spread(node, *initial, Kind::Initial, Some(threshold.0)),
                    leak: leak.map(|leak| self.spread(node, leak, Kind::Leak, None)),
                    threshold,
                    reset: match reset {
                        Reset::Soft => neuron::Reset::Soft,
                        Reset::Hard => neuron::Reset::Hard,
                        Reset::Signed => neuron::Reset::Signed,
                    },
                })
            }
            Operator::Mean { axes } => {
                let share = axes.iter().map(|&axis| operand(0).dims[axis]).product::<usize>();
                Op::Place(vec![means(&operand(0).dims, axes)], 1.0 / share as f32)
            }
            Operator::Concat { .. } | Operator::Pad { .. } | Operator::Slice { .. } | Operator::Transpose { .. } => {
                Op::Place(places(graph, node)?, 1.0)
            }
            Operator::Reshape { .. }
            | Operator::BatchNorm { .. }
            | Operator::Relu
            | Operator::Clip { .. }
            | Operator::Floor
            | Operator::Round
            | Operator::ClipFloorShift { .. }
            | Operator::LeakyRelu { .. }
            | Operator::PRelu { .. }
            | Operator::MaxPool2d { .. }
            | Operator::Softmax { .. }
            | Operator::LogSoftmax { .. }
            | Operator::Sigmoid => {
                return Err(Error::Internal(format!("`{}` has no place in a spiking network", graph[node].op.name())));
            }
        })
    }
}

/// Where the entries of an operand of shape `dims` go when `axes` become 1.
fn means(dims: &[usize], axes: &[usize]) -> Vec<u32> {
    let kept: Vec<usize> = dims.iter().enumerate().map(|(axis, &d)| if axes.contains(&axis) { 1 } else { d }).collect();
    broadcast_index(&kept, dims).into_iter().map(|i| i as u32).collect()
}

/// Where the entries of each operand of a node that only moves entries go, found by moving their numbers.
fn places(graph: &Graph, node: NodeId) -> Result<Vec<Vec<u32>>> {
    let action = Action::of(graph, node, false, &Device::Cpu)?;
    let operands = graph.operands(node);
    let numbers = |asked: usize| -> Result<Vec<u32>> {
        // Numbers from 1 (f32 counts exactly to 2^24, the most entries that a tensor may have); 0 is what came from elsewhere.
        let tensors = operands.iter().enumerate().map(|(slot, &operand)| {
            let ty = &graph[operand].ty;
            let values = (0..ty.len()).map(|k| if slot == asked { (k + 1) as f32 } else { 0.0 }).collect::<Vec<_>>();
            Tensor::from_vec(values, ty.dims.clone(), &Device::Cpu)
        });
        let tensors: Vec<Tensor> = tensors.collect::<candle_core::Result<_>>()?;
        let result = action.apply(&tensors.iter().collect::<Vec<_>>())?.flatten_all()?.to_vec1::<f32>()?;
        let mut places = vec![NOWHERE; graph[operands[asked]].ty.len()];
        for (place, &number) in result.iter().enumerate() {
            if number > 0.0 {
                places[number as usize - 1] = place as u32;
            }
        }
        Ok(places)
    };
    (0..operands.len()).map(numbers).collect()
}
