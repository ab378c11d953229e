//! From an artifact to a list of steps.

use super::{
    activity::{Activity, Drive},
    broadcast::Broadcast,
    memory::Allocator,
    ops::{self, Concat, Mean, Neuron, Op, Pool},
};
use crate::artifact::{Artifact, Coding, Head, Links, NodeSpec, OpSpec, Tensor};
use snnc_kernels::Conv2d;

/// One operator over buffers.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) op: Op,
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
    /// At every step, as random spikes.
    Poisson { amplitude: Broadcast, seed: u64, state: usize },
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
    pub(super) is_rectified: bool,
    /// Entries of each buffer, for one image.
    pub(super) slots: Vec<usize>,
    pub(super) states: Vec<StateSpec>,
}

impl Plan {
    /// Bytes of all buffers, for one image.
    pub(super) fn image_bytes(&self) -> usize {
        let states: usize = self.states.iter().map(|state| state.main + state.best + state.nets + state.counts).sum();
        (self.slots.iter().sum::<usize>() + states) * size_of::<f32>()
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
            is_rectified: graph.output.head == Head::Relu,
            slots: Vec::new(),
            states: Vec::new(),
        };
        if let Coding::Poisson { amplitude } = &graph.input.coding {
            let population = activity.sources[0];
            plan.states.push(StateSpec { main: 0, best: 0, nets: 0, counts: len(0), population, initial: None });
            let amplitude = amplitude_of(artifact, amplitude);
            plan.feed = Feed::Poisson { amplitude, seed: graph.seed, state: 0 };
        }

        let mut memory = Allocator::default();
        let mut slots = vec![0; dims.len()];
        slots[0] = memory.take(len(0));
        plan.input.slot = slots[0];
        for (position, &index) in order.iter().enumerate() {
            let (node, operands) = (&nodes[index], &links.operands[index]);
            let state = plan.states.len();
            let op = prepare(artifact, node, operands, &dims, activity, state);
            plan.states.extend(state_of(node, index + 1, &op, activity, len(index + 1)));
            let read: Vec<usize> = operands.iter().map(|&operand| roots[operand]).collect();
            let overwrites = op.is_elementwise() && last[read[0]] == position && !read[1..].contains(&read[0]);
            slots[index + 1] = if overwrites { slots[read[0]] } else { memory.take(len(index + 1)) };
            let place = |value: usize| Place { slot: slots[value], len: len(value) };
            let step = Step { op, operands: read.iter().map(|&root| place(root)).collect(), result: place(index + 1) };
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
        plan
    }
}

fn amplitude_of(artifact: &Artifact, amplitude: &[f32]) -> Broadcast {
    let input = &artifact.graph.input;
    let values = if amplitude.len() == 1 { vec![amplitude[0]; input.channels()] } else { amplitude.to_vec() };
    let per_entry = values.len() * input.channel_run();
    let pixels: usize = input.shape.iter().product();
    let repeated: Vec<f32> = values.iter().flat_map(|&v| std::iter::repeat_n(v, input.channel_run())).collect();
    Broadcast { values: repeated.iter().copied().cycle().take(pixels.max(per_entry)).collect(), run: 1 }
}

fn parameter<'a>(artifact: &'a Artifact, node: &NodeSpec, role: &str) -> Option<&'a Tensor> {
    artifact.tensors.get(node.tensors.get(role)?)
}

fn needed<'a>(artifact: &'a Artifact, node: &NodeSpec, role: &str) -> &'a Tensor {
    parameter(artifact, node, role).expect("a checked node has its tensors")
}

fn prepare(artifact: &Artifact, node: &NodeSpec, operands: &[usize], dims: &[&[usize]], activity: &Activity, state: usize) -> Op {
    let x = dims[operands[0]];
    let bias = || parameter(artifact, node, "bias").map(|bias| bias.data.clone());
    match &node.op {
        OpSpec::Conv2d { stride, dilation, pads, groups } => {
            let weight = needed(artifact, node, "weight");
            let conv = Conv2d {
                in_channels: x[1],
                out_channels: weight.dims[0],
                kernel: [weight.dims[2], weight.dims[3]],
                stride: *stride,
                dilation: *dilation,
                pads: *pads,
                groups: *groups,
            };
            let may_skip = activity.drives[operands[0]] == Drive::Spikes;
            Op::Conv { conv, size: [x[2], x[3]], weight: weight.data.clone(), bias: bias(), may_skip }
        }
        OpSpec::Linear => {
            let weight = needed(artifact, node, "weight");
            Op::Linear { shape: [weight.dims[1], weight.dims[0]], weight: weight.data.clone(), bias: bias() }
        }
        OpSpec::Scale => Op::Scale(Broadcast::alone(needed(artifact, node, "factor"), x)),
        OpSpec::Shift => Op::Shift(Broadcast::alone(needed(artifact, node, "offset"), x)),
        OpSpec::Add => Op::Add,
        OpSpec::AveragePool2d { kernel, stride, pads, count_include_pad, .. } => {
            Op::AveragePool(Pool::new(x, &node.shape, *kernel, *stride, *pads, *count_include_pad))
        }
        OpSpec::Mean { axes } => Op::Mean(Mean::new(axes, x)),
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
            Op::CountMax { pool: Pool::new(x, &node.shape, *kernel, *stride, *pads, false), state }
        }
    }
}

fn state_of(node: &NodeSpec, value: usize, op: &Op, activity: &Activity, len: usize) -> Option<StateSpec> {
    let population = activity.sources[value];
    let counts = if population.is_some() { len } else { 0 };
    debug_assert!(node.op.is_stateful() == matches!(op, Op::Neuron { .. } | Op::CountMax { .. }), "state belongs to these two");
    match op {
        Op::Neuron { neuron, .. } => {
            let nets = if neuron.is_signed() { len } else { 0 };
            Some(StateSpec { main: len, best: 0, nets, counts, population, initial: Some(neuron.initial.clone()) })
        }
        Op::CountMax { pool, .. } => Some(StateSpec { main: pool.operand_len(), best: len, nets: 0, counts, population, initial: None }),
        _ => None,
    }
}
