//! The read-out of an artifact goes under a lock: what is left in the clear ends with the features that it reads.
//!
//! The read-out is the last linear layer or convolution, with what follows it: operators without state that are affine and read one operand, so that all of it is
//! one matrix and a bias. What these are, the runtime says: it runs the read-out by itself, on features of which one is 1.

use crate::error::{Error, Result};
use snnc_ir::Diagnostic;
use snnc_runtime::{
    Artifact, Code, Coding, InputSpec, Layout, Lock, Network, NodeSpec, OpSpec, Preprocess, Quantiser,
    locked::{self, Key, LockedLayer, MAX_CLASSES, Open},
};
use std::collections::BTreeSet;

/// Name of the tensor that holds the lock. All others have a role behind a point.
const TENSOR: &str = "lock";
/// Most weights of a read-out: as many as 1000 classes of 4096 features have, and more than a lock is useful for.
const MAX_WEIGHTS: usize = 1 << 22;
/// Numbers that go through the read-out at a time.
const AT_ONCE: usize = 1 << 20;

/// The same network with its read-out locked. This is random, as encryption has to be: a second lock of the same network has other bytes.
///
/// # Errors
/// A [`Diagnostic`] that names the node, if the read-out is not one that can be locked; [`Error::Internal`] on a bug.
pub fn lock(artifact: &Artifact, key: &Key) -> Result<Artifact> {
    if artifact.graph.output.lock.is_some() {
        return Err(Error::Usage("its read-out is locked already".to_owned()));
    }
    let first = read_out(artifact)?;
    let dense = Dense::of(artifact, first)?;
    let mut locked = artifact.clone();
    let graph = &mut locked.graph;
    graph.output.node.clone_from(&artifact.graph.nodes[first].inputs[0]);
    let tail: BTreeSet<&str> = dense.nodes.iter().map(|node| node.name.as_str()).collect();
    graph.nodes.retain(|node| !tail.contains(node.name.as_str()));
    let used: BTreeSet<&String> = graph.nodes.iter().flat_map(|node| node.tensors.values()).collect();
    locked.tensors.retain(|name, _| used.contains(name));

    let bug = |e: &dyn std::fmt::Display| Error::Internal(format!("the network without its read-out is refused: {e}"));
    let steps = if graph.code == Code::Radix { 1 } else { graph.timesteps };
    let reach = locked.reach(steps).map_err(|e| bug(&e))?;
    let open = Open { classes: dense.bias.len(), weight: &dense.weight, bias: &dense.bias, reach: &reach, steps: steps as u32 };
    let layer = LockedLayer::lock(key, &open).map_err(|error| match error {
        locked::Error::Library(reason) => Error::Internal(reason),
        error => refusal(&artifact.graph.nodes[first], error.to_string()).help(ROOM).into(),
    })?;
    locked.graph.output.lock = Some(Lock { tensor: TENSOR.to_owned(), classes: dense.bias.len() });
    locked.lock = Some(layer.to_bytes());
    locked.check().map_err(|e| bug(&e))?;
    Ok(locked)
}

const ROOM: &str = "fewer `--timesteps` or digits, 8-bit weights or pooling before the read-out make its sums smaller";

fn refusal(node: &NodeSpec, why: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0113", format!("the read-out cannot be locked at `{}`", node.op.name())).at(&node.name).note(why)
}

/// The node that the read-out begins with: the last linear layer or convolution.
fn read_out(artifact: &Artifact) -> Result<usize> {
    let nodes = &artifact.graph.nodes;
    let place = |name: &str| nodes.iter().position(|node| node.name == name);
    let mut name = artifact.graph.output.node.as_str();
    let advice = "a read-out can be locked if it is one linear layer or convolution over the counts of neurons, or over sums and rearrangements of them: end \
                  the network with one such layer";
    while let Some(index) = place(name) {
        let node = &nodes[index];
        let reads = |why: &str| Err(refusal(node, why).help(advice).into());
        match node.op {
            OpSpec::Linear | OpSpec::Conv2d { .. } if place(&node.inputs[0]).is_none() => {
                return reads("it reads the image itself, so there is no network before it that could stay in the clear");
            }
            OpSpec::Linear | OpSpec::Conv2d { .. } => return Ok(index),
            OpSpec::Scale
            | OpSpec::Shift { .. }
            | OpSpec::SumPool2d { .. }
            | OpSpec::Sum { .. }
            | OpSpec::Pad { .. }
            | OpSpec::Slice { .. }
            | OpSpec::Reshape
            | OpSpec::Transpose { .. } => name = &node.inputs[0],
            OpSpec::Add | OpSpec::Concat { .. } => return reads("it joins several layers"),
            OpSpec::IfNeuron { .. }
            | OpSpec::LifNeuron { .. }
            | OpSpec::CountMaxPool2d { .. }
            | OpSpec::RadixNeuron { .. }
            | OpSpec::DigitMaxPool2d { .. } => {
                return reads("the network ends with it: no layer with weights follows, and there is nothing to lock");
            }
        }
    }
    let last = nodes.last().ok_or_else(|| Error::Internal("a checked artifact has nodes".to_owned()))?;
    Err(refusal(last, "no layer with weights leads to it").help(advice).into())
}

/// A read-out as one matrix.
struct Dense {
    /// From the first one to the output.
    nodes: Vec<NodeSpec>,
    /// `[classes, features]`.
    weight: Vec<i32>,
    bias: Vec<i32>,
}

impl Dense {
    fn of(artifact: &Artifact, first: usize) -> Result<Self> {
        let graph = &artifact.graph;
        let mut reads: BTreeSet<&str> = BTreeSet::from([graph.nodes[first].name.as_str()]);
        let mut nodes = vec![graph.nodes[first].clone()];
        for node in &graph.nodes[first + 1..] {
            if node.inputs.iter().any(|input| reads.contains(input.as_str())) {
                reads.insert(&node.name);
                nodes.push(node.clone());
            }
        }
        let operand = graph.nodes.iter().find(|node| node.name == graph.nodes[first].inputs[0]);
        let operand = operand.ok_or_else(|| Error::Internal("the read-out reads a node".to_owned()))?;
        let features: usize = operand.shape.iter().product();
        let classes: usize = nodes.last().map_or(0, |node| node.shape.iter().product());
        if classes > MAX_CLASSES || features.saturating_mul(classes) > MAX_WEIGHTS {
            let why = format!("it makes {classes} classes of {features} features, too many for ciphertexts");
            return Err(refusal(&graph.nodes[first], why).help("pool before the last layer: it then reads fewer features").into());
        }
        let network = Self::alone(artifact, operand, nodes.clone())?;
        let broken = |e: &dyn std::fmt::Display| Error::Internal(format!("the read-out cannot be run by itself: {e}"));
        let run = |images: &[u16]| -> Result<Vec<i32>> {
            let trace = network.trace(images, 1, 0).map_err(|e| broken(&e))?;
            trace.values.into_iter().next_back().ok_or_else(|| broken(&"it has no output"))
        };
        let bias = run(&vec![0; features])?;
        let mut weight = vec![0; classes * features];
        let columns: Vec<usize> = (0..features).collect();
        for columns in columns.chunks((AT_ONCE / features).max(1)) {
            let mut images = vec![0; columns.len() * features];
            columns.iter().enumerate().for_each(|(image, column)| images[image * features + column] = 1);
            for (column, sums) in columns.iter().zip(run(&images)?.chunks(classes)) {
                for (class, (sum, bias)) in sums.iter().zip(&bias).enumerate() {
                    weight[class * features + column] = sum - bias;
                }
            }
        }
        Ok(Self { nodes, weight, bias })
    }

    /// The read-out as a network of its own, whose input are the features, 0 or 1 each: a constant current for one time step, so that every value is what
    /// the operators make of it.
    fn alone(artifact: &Artifact, operand: &NodeSpec, nodes: Vec<NodeSpec>) -> Result<Network> {
        let mut alone = artifact.clone();
        alone.tensors.retain(|name, _| nodes.iter().any(|node| node.tensors.values().any(|used| used == name)));
        let graph = &mut alone.graph;
        graph.code = Code::Rate;
        graph.timesteps = 1;
        graph.input = InputSpec {
            name: operand.name.clone(),
            shape: operand.shape.clone(),
            layout: if operand.shape.len() == 2 { Layout::Flat } else { Layout::Nchw },
            coding: Coding::Direct,
            quantiser: Quantiser { digits: 1, step: vec![1.0], zero: vec![0.0] },
            preprocess: Preprocess::scale(1.0),
        };
        graph.nodes = nodes;
        Network::new(alone).map_err(|e| Error::Internal(format!("the read-out by itself is refused: {e}")))
    }
}
