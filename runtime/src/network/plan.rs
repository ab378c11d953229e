//! From an artifact to a list of steps.

use super::{
    activity::{Activity, Drive},
    broadcast::Broadcast,
    memory::Allocator,
    neuron::{Neuron, RadixNeuron},
    ops::{self, Concat, Op, Pool, Sum},
};
use crate::{
    artifact::{Artifact, Code, Coding, Head, Links, NodeSpec, OpSpec, Tensor},
    kernels::{Conv, Geometry, Linear},
};

/// One operator over buffers.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) op: Op,
    /// The value that it makes.
    pub(super) value: usize,
    /// Buffers of the operands.
    pub(super) operands: Vec<Place>,
    /// Buffer of the result; that of the first operand where the operator overwrites it.
    pub(super) result: Place,
}

/// A value in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) slot: usize,
    /// Entries for one image.
    pub(super) len: usize,
}

/// What one population, or one `count_max_pool2d`, keeps from step to step, in entries for one image.
#[derive(Clone, Debug)]
pub(super) struct StateSpec {
    /// Potentials, or what has arrived so far.
    pub(super) main: usize,
    /// The maximum so far.
    pub(super) best: usize,
    /// Sums of the signed spikes so far.
    pub(super) nets: usize,
    /// Spikes so far, corrections included.
    pub(super) counts: usize,
    /// The population that it is, if it is one.
    pub(super) population: Option<usize>,
    /// Where the potentials start.
    pub(super) initial: Option<Broadcast>,
}

/// How the image comes in.
#[derive(Clone, Debug)]
pub(super) enum Feed {
    /// Once, as it is.
    Direct,
    /// Once, as streams whose digits are counted.
    Digits { state: usize },
    /// At every step, as random spikes.
    Poisson { digits: u32, seed: u64, state: usize },
}

/// A network as a list of steps.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) feed: Feed,
    pub(super) input: Place,
    /// What never changes while the image stays.
    pub(super) once: Vec<Step>,
    /// What is done at every time step.
    pub(super) each: Vec<Step>,
    pub(super) output: Place,
    /// What one of the output's units is in the read-out.
    pub(super) scale: f64,
    pub(super) is_rectified: bool,
    /// For every value the one whose entries it has: its own, or that of the operand of a reshape.
    pub(super) roots: Vec<usize>,
    /// Words that a convolution lays its operand out in, at most, for one image.
    scratch: usize,
    /// Entries of each buffer, for one image.
    pub(super) slots: Vec<usize>,
    pub(super) states: Vec<StateSpec>,
}

impl Plan {
    /// Bytes of all buffers, for one image.
    pub(super) fn image_bytes(&self) -> usize {
        let states: usize = self.states.iter().map(|state| state.main + state.best + state.nets + state.counts).sum();
        (self.slots.iter().sum::<usize>() + states + self.scratch) * size_of::<i32>()
    }

    pub(super) fn new(artifact: &Artifact, links: &Links, activity: &Activity) -> Self {
        let graph = &artifact.graph;
        let nodes = &graph.nodes;
        let dims: Vec<&[usize]> =
            std::iter::once(graph.input.shape.as_slice()).chain(nodes.iter().map(|node| node.shape.as_slice())).collect();
        let len = |value: usize| dims[value].iter().product::<usize>();
        let is_static = |value: usize| activity.drives[value] == Drive::Analog;

        // A reshape makes no value of its own: its result is its operand.
        let mut roots: Vec<usize> = vec![0];
        for (node, operands) in nodes.iter().zip(&links.operands) {
            let own = roots.len();
            roots.push(if matches!(node.op, OpSpec::Reshape) { roots[operands[0]] } else { own });
        }
        // What is done once comes first, then what is done at every step.
        let is_step = |index: &usize| !matches!(nodes[*index].op, OpSpec::Reshape);
        let (first, second): (Vec<usize>, Vec<usize>) = (0..nodes.len()).filter(is_step).partition(|index| is_static(index + 1));
        let order: Vec<usize> = first.iter().chain(&second).copied().collect();

        // The last position that reads each value. What every step reads anew is never given up.
        const ALWAYS: usize = usize::MAX;
        let mut last = vec![0; dims.len()];
        for (position, &index) in order.iter().enumerate() {
            for &operand in &links.operands[index] {
                let root = roots[operand];
                let kept = is_static(root) && position >= first.len();
                last[root] = if kept { ALWAYS } else { last[root].max(position) };
            }
        }
        last[roots[links.output + 1]] = ALWAYS;

        let mut plan = Self {
            feed: Feed::Direct,
            input: Place { slot: 0, len: len(0) },
            once: Vec::new(),
            each: Vec::new(),
            output: Place { slot: 0, len: len(links.output + 1) },
            scale: f64::from(graph.output.scale),
            roots: Vec::new(),
            scratch: 0,
            is_rectified: graph.output.head == Head::Relu,
            slots: Vec::new(),
            states: Vec::new(),
        };
        if graph.input.coding != Coding::Direct {
            let population = activity.sources[0];
            plan.states.push(StateSpec { main: 0, best: 0, nets: 0, counts: len(0), population, initial: None });
            plan.feed = match graph.code {
                Code::Radix => Feed::Digits { state: 0 },
                Code::Rate => Feed::Poisson { digits: graph.input.quantiser.digits, seed: graph.seed, state: 0 },
            };
        }

        let mut memory = Allocator::default();
        let mut slots = vec![0; dims.len()];
        slots[0] = memory.take(len(0));
        plan.input.slot = slots[0];
        for (position, &index) in order.iter().enumerate() {
            let (node, operands) = (&nodes[index], &links.operands[index]);
            let state = plan.states.len();
            let op = prepare(artifact, links, index, &dims, activity, state);
            plan.scratch = plan.scratch.max(scratch(node, dims[operands[0]]));
            plan.states.extend(state_of(index + 1, &op, activity, len(index + 1)));
            let read: Vec<usize> = operands.iter().map(|&operand| roots[operand]).collect();
            let overwrites = op.is_elementwise() && last[read[0]] == position && !read[1..].contains(&read[0]);
            slots[index + 1] = if overwrites { slots[read[0]] } else { memory.take(len(index + 1)) };
            let place = |value: usize| Place { slot: slots[value], len: len(value) };
            let step = Step { op, value: index + 1, operands: read.iter().map(|&root| place(root)).collect(), result: place(index + 1) };
            if position < first.len() {
                plan.once.push(step)
            } else {
                plan.each.push(step)
            }
            for (place, &root) in read.iter().enumerate() {
                let is_new = !read[..place].contains(&root);
                if last[root] == position && is_new && !(overwrites && place == 0) {
                    memory.release(slots[root]);
                }
            }
        }
        plan.output.slot = slots[roots[links.output + 1]];
        plan.slots = memory.sizes;
        plan.roots = roots;
        plan
    }
}

/// Words in which a convolution lays out its operand for one image, at most.
fn scratch(node: &NodeSpec, x: &[usize]) -> usize {
    match node.op {
        OpSpec::Conv2d { pads, .. } => x[1] * (x[2] + pads[0] + pads[2]) * (x[3] + pads[1] + pads[3]),
        _ => 0,
    }
}

fn parameter<'a>(artifact: &'a Artifact, node: &NodeSpec, role: &str) -> Option<&'a Tensor> {
    artifact.tensors.get(node.tensors.get(role)?)
}

fn needed<'a>(artifact: &'a Artifact, node: &NodeSpec, role: &str) -> &'a Tensor {
    parameter(artifact, node, role).expect("a checked node has its tensors")
}

fn prepare(artifact: &Artifact, links: &Links, index: usize, dims: &[&[usize]], activity: &Activity, state: usize) -> Op {
    let (node, operands) = (&artifact.graph.nodes[index], &links.operands[index]);
    let x = dims[operands[0]];
    let most = links.bounds.values[operands[0]];
    let bias = parameter(artifact, node, "bias");
    match &node.op {
        OpSpec::Conv2d { stride, dilation, pads, groups } => {
            let weight = needed(artifact, node, "weight");
            let geometry = Geometry {
                channels: x[1],
                outputs: weight.dims[0],
                groups: *groups,
                kernel: [weight.dims[2], weight.dims[3]],
                stride: *stride,
                dilation: *dilation,
                pads: *pads,
                size: [x[2], x[3]],
                result: [node.shape[2], node.shape[3]],
            };
            // At a step of the rate code an image is often silent; over a whole window hardly ever.
            let may_skip = activity.drives[operands[0]] == Drive::Spikes && artifact.graph.code == Code::Rate;
            Op::Conv { conv: Conv::new(geometry, weight, bias, most), may_skip }
        }
        OpSpec::Linear => Op::Linear(Linear::new(needed(artifact, node, "weight"), bias, most)),
        OpSpec::Scale => Op::Scale(Broadcast::alone(needed(artifact, node, "factor"), x)),
        OpSpec::Shift { rows: Some(rows), columns: Some(columns) } => {
            Op::Shift(Broadcast::by_place(needed(artifact, node, "offset"), rows, columns, x))
        }
        OpSpec::Shift { .. } => Op::Shift(Broadcast::alone(needed(artifact, node, "offset"), x)),
        OpSpec::Add => Op::Add,
        OpSpec::SumPool2d { kernel, stride, pads, .. } => Op::SumPool(Pool::new(x, &node.shape, *kernel, *stride, *pads)),
        OpSpec::Sum { axes } => Op::Sum(Sum::new(axes, x)),
        OpSpec::Concat { axis } => {
            let shapes: Vec<&[usize]> = operands.iter().map(|&value| dims[value]).collect();
            Op::Concat(Concat::new(*axis, &shapes))
        }
        OpSpec::Pad { .. } | OpSpec::Slice { .. } | OpSpec::Reshape | OpSpec::Transpose { .. } => {
            let index = ops::gather_index(&node.op, x, &node.shape);
            Op::Gather(index.expect("a reshape makes no step, and the others move entries"))
        }
        OpSpec::IfNeuron { reset } => {
            let (threshold, initial) = (needed(artifact, node, "threshold"), needed(artifact, node, "initial"));
            let [threshold, initial] = Broadcast::together([threshold, initial], x);
            Op::Neuron { neuron: Neuron::new(threshold, None, initial, *reset), state }
        }
        OpSpec::LifNeuron { reset } => {
            let [threshold, initial, leak] = ["threshold", "initial", "leak"].map(|role| needed(artifact, node, role));
            let [threshold, initial, leak] = Broadcast::together([threshold, initial, leak], x);
            Op::Neuron { neuron: Neuron::new(threshold, Some(leak), initial, *reset), state }
        }
        OpSpec::CountMaxPool2d { kernel, stride, pads, .. } => {
            Op::CountMax { pool: Pool::new(x, &node.shape, *kernel, *stride, *pads), state }
        }
        OpSpec::RadixNeuron { digits, levels } => {
            let (threshold, initial) = (needed(artifact, node, "threshold"), needed(artifact, node, "initial"));
            let [threshold, initial] = Broadcast::together([threshold, initial], x);
            Op::RadixNeuron { neuron: RadixNeuron::new(threshold, initial, *digits, *levels), state }
        }
        OpSpec::DigitMaxPool2d { kernel, stride, pads, .. } => {
            Op::DigitMax { pool: Pool::new(x, &node.shape, *kernel, *stride, *pads), state }
        }
    }
}

fn state_of(value: usize, op: &Op, activity: &Activity, len: usize) -> Option<StateSpec> {
    let population = activity.sources[value];
    let counts = if population.is_some() { len } else { 0 };
    match op {
        Op::Neuron { neuron, .. } => {
            let nets = if neuron.is_signed() { len } else { 0 };
            Some(StateSpec { main: len, best: 0, nets, counts, population, initial: Some(neuron.initial.clone()) })
        }
        Op::CountMax { pool, .. } => Some(StateSpec { main: pool.operand_len(), best: len, nets: 0, counts, population, initial: None }),
        // The window is over when the next begins: only spikes are kept.
        Op::RadixNeuron { .. } | Op::DigitMax { .. } => Some(StateSpec { main: 0, best: 0, nets: 0, counts, population, initial: None }),
        _ => None,
    }
}
