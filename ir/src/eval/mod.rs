//! The reference evaluator: what the operators mean, slow and obvious.
//!
//! Everything else that executes a graph (the engine, the runtime, a chip) is measured against it. One image is computed
//! after the other and all arithmetic is in 64 bits, so that it is the *other* side whose rounding a comparison shows;
//! results are rounded to 32 bits once, at the end.
//!
//! Float: one pass. A spiking graph then means its *rate twin*, the float network that its firing rates tend to: a neuron
//! is `max(x, 0) / θ` (of `min(x, cap)` where it has a cap, in steps where it was trained with them), and pools of spikes are max pools.
//!
//! Spiking: the image is a constant current (direct coding) for `T` time steps, stateful operators start afresh for every
//! image, and every result is the mean over time: of a neuron its firing rate (less its rate of correction spikes), of the
//! output its mean potential.
//!
//! Radix: every result is a number, of streams the count that they spell, and it is made digit by digit. Streams of different length meet
//! aligned at their last digit, since that counts 1 in all of them; constants come in with the last digit, and so does an input that is
//! no stream itself. A neuron integrates the window of its operand, then sends its own.

mod radix;
mod shapes;
mod stateful;
mod stateless;
mod windows;

pub use stateful::{NeuronState, neuron_step, neuron_sum};

use crate::{
    graph::{Graph, Head, NodeId},
    infer,
    op::{Code, Operator},
    param::Tensor,
    types::{Dims, TensorType},
};
use std::{collections::BTreeMap, fmt};

/// What to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One pass; a spiking graph as its rate twin.
    Float,
    /// The mean over time of a spiking graph of the rate code.
    Spiking {
        /// Time steps, at least one.
        timesteps: usize,
    },
    /// The counts of a spiking graph of the radix code.
    Radix,
}

/// Why a graph cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvalError {
    /// The graph is broken in a way that [`crate::verify()`] reports too.
    Graph(String),
    /// The input does not have the shape that the graph's input node has, but for the batch.
    Input(String),
    /// [`Mode::Spiking`] over no time step at all.
    NoTimesteps,
    /// An operator that has no meaning on spikes of the code: one that is not affine and keeps no state, or one of the other code.
    NotSpiking {
        /// Name of the operator.
        op: &'static str,
        /// The ONNX nodes it came from.
        origin: String,
    },
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Graph(message) | Self::Input(message) => f.write_str(message),
            Self::NoTimesteps => f.write_str("a spiking network needs at least one time step"),
            Self::NotSpiking { op, origin } => write!(f, "`{op}` (\"{origin}\") has no meaning on spikes"),
        }
    }
}

impl std::error::Error for EvalError {}

/// The result of the graph's output node for a batch of images, before its scale and the head (see [`apply_head`]): `[N, ..]` for an `input`
/// of shape `[N, ..]`.
///
/// # Errors
/// See [`EvalError`].
pub fn run(graph: &Graph, input: &Tensor, mode: Mode) -> Result<Tensor, EvalError> {
    let output = graph.output().ok_or_else(|| EvalError::Graph("the graph has no output".to_owned()))?.node;
    run_all(graph, input, mode)?.remove(&output).ok_or_else(|| EvalError::Graph("the output is made by a node that is gone".to_owned()))
}

/// The results of all nodes for a batch of images, each `[N, ..]` for an `input` of shape `[N, ..]`.
///
/// # Errors
/// See [`EvalError`].
pub fn run_all(graph: &Graph, input: &Tensor, mode: Mode) -> Result<BTreeMap<NodeId, Tensor>, EvalError> {
    let order = check(graph, mode)?;
    let images = images(graph, input)?;
    let mut results: BTreeMap<NodeId, Tensor> = order
        .iter()
        .map(|&id| {
            let mut dims = graph[id].ty.dims.clone();
            dims[0] = images.len();
            (id, Tensor { dims, data: Vec::new() })
        })
        .collect();
    for image in images {
        let means = match mode {
            Mode::Float => pass(graph, &order, image, None),
            Mode::Radix => radix::counts(graph, &order, image),
            Mode::Spiking { timesteps } => {
                let mut states = order.iter().map(|&id| (id, stateful::initial(graph, id))).collect();
                let mut sums = pass(graph, &order, image, Some(&mut states));
                for _ in 1..timesteps {
                    let step = pass(graph, &order, image, Some(&mut states));
                    for (sums, now) in sums.values_mut().zip(step.values()) {
                        sums.iter_mut().zip(now).for_each(|(sum, v)| *sum += v);
                    }
                }
                sums.values_mut().flatten().for_each(|sum| *sum /= timesteps as f64);
                sums
            }
        };
        for (result, mean) in results.values_mut().zip(means.values()) {
            result.data.extend(mean.iter().map(|&v| v as f32));
        }
    }
    Ok(results)
}

/// What the float network does after the graph's output: `head` over the last axis of `logits`, `[N, .., classes]`.
#[must_use]
pub fn apply_head(head: Head, logits: &Tensor) -> Tensor {
    let classes = logits.dims.last().copied().unwrap_or(1);
    let x: Vec<f64> = logits.data.iter().map(|&v| f64::from(v)).collect();
    let y = match head {
        Head::None => return logits.clone(),
        Head::Relu => return logits.map(|v| v.max(0.0)),
        Head::Softmax => stateless::softmax(&x, classes, 1),
        Head::LogSoftmax => stateless::log_softmax(&x, classes, 1),
        Head::Sigmoid => x.into_iter().map(stateless::sigmoid).collect(),
    };
    Tensor { dims: logits.dims.clone(), data: y.into_iter().map(|v| v as f32).collect() }
}

/// The entries of the tensors of one image at one time step.
type Values = BTreeMap<NodeId, Vec<f64>>;

/// A tensor of one image.
#[derive(Clone, Copy)]
struct View<'v> {
    dims: &'v [usize],
    data: &'v [f64],
}

/// One pass over all nodes: one time step where there are states, else the float network.
fn pass(graph: &Graph, order: &[NodeId], image: &[f32], mut states: Option<&mut Values>) -> Values {
    let mut values = Values::new();
    for &id in order {
        let operands = graph.operands(id);
        let operands: Vec<View<'_>> = operands.iter().map(|o| View { dims: &graph[*o].ty.dims, data: &values[o] }).collect();
        let state = states.as_deref_mut().and_then(|states| states.get_mut(&id));
        let result = match graph[id].op {
            Operator::Input => image.iter().map(|&v| f64::from(v)).collect(),
            _ => stateless::apply(graph, id, &operands, state),
        };
        values.insert(id, result);
    }
    values
}

/// The nodes in the order of evaluation, once all are known to fit together: the operators below index without asking.
fn check(graph: &Graph, mode: Mode) -> Result<Vec<NodeId>, EvalError> {
    if mode == (Mode::Spiking { timesteps: 0 }) {
        return Err(EvalError::NoTimesteps);
    }
    let order = graph.topological();
    if order.len() != graph.len() {
        return Err(EvalError::Graph("the graph has a cycle".to_owned()));
    }
    for &id in &order {
        let node = &graph[id];
        let of_node = |message: String| EvalError::Graph(format!("`{}` (\"{}\"): {message}", node.op.name(), node.origin));
        for (role, param) in node.op.params() {
            let Some(param) = graph.get_param(param) else {
                return Err(of_node(format!("parameter `{role}` is not in the table")));
            };
            if TensorType::f32(param.tensor.dims.clone()).len() != param.tensor.data.len() {
                return Err(of_node(format!("parameter `{role}` does not have as many entries as its shape says")));
            }
        }
        let has_meaning = match mode {
            Mode::Float => true,
            Mode::Spiking { .. } => is_affine(&node.op) || node.op.code() == Some(Code::Rate),
            Mode::Radix => is_affine(&node.op) || node.op.code() == Some(Code::Radix),
        };
        if !has_meaning {
            return Err(EvalError::NotSpiking { op: node.op.name(), origin: node.origin.to_string() });
        }
        if matches!(node.op, Operator::Input) {
            continue;
        }
        let operands = graph.operands(id);
        let types: Vec<&TensorType> = operands.iter().map(|&o| &graph[o].ty).collect();
        let ty = infer::result_type(graph, &node.op, &types).map_err(|error| of_node(error.to_string()))?;
        if ty != node.ty {
            return Err(of_node(format!("the type is {} and should be {ty}", node.ty)));
        }
    }
    Ok(order)
}

/// Whether the operator is affine, and therefore means the same at a time step as over all of them.
fn is_affine(op: &Operator) -> bool {
    match op {
        Operator::Input
        | Operator::Conv2d { .. }
        | Operator::Linear { .. }
        | Operator::Scale { .. }
        | Operator::Shift { .. }
        | Operator::Add
        | Operator::AveragePool2d { .. }
        | Operator::Mean { .. }
        | Operator::SumPool2d { .. }
        | Operator::Sum { .. }
        | Operator::Concat { .. }
        | Operator::Pad { .. }
        | Operator::Slice { .. }
        | Operator::Reshape { .. }
        | Operator::Transpose { .. }
        | Operator::BatchNorm { .. } => true,
        Operator::Neuron { .. }
        | Operator::CountMaxPool2d { .. }
        | Operator::RadixNeuron { .. }
        | Operator::DigitMaxPool2d { .. }
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
        | Operator::Sigmoid => false,
    }
}

/// The images of a batch.
fn images<'t>(graph: &Graph, input: &'t Tensor) -> Result<Vec<&'t [f32]>, EvalError> {
    let inputs: Vec<NodeId> = graph.node_ids().into_iter().filter(|&id| matches!(graph[id].op, Operator::Input)).collect();
    let [id] = inputs[..] else {
        return Err(EvalError::Graph(format!("a graph has one input, not {}", inputs.len())));
    };
    let ty = &graph[id].ty;
    if ty.dims.first() != Some(&1) || ty.is_empty() {
        return Err(EvalError::Graph(format!("the input {ty} does not start with a batch of 1, or is empty")));
    }
    let fits = input.dims.len() == ty.dims.len() && input.dims[1..] == ty.dims[1..];
    if !fits || input.data.len() != input.dims[0].saturating_mul(ty.len()) {
        let (dims, len) = (Dims(&input.dims), input.data.len());
        return Err(EvalError::Input(format!("a tensor of shape [{dims}] and {len} entries is no batch of {ty}")));
    }
    Ok(input.data.chunks_exact(ty.len()).collect())
}
