//! The read-out of an artifact goes under a lock: what is left in the clear ends with the features that it reads.
//!
//! The read-out is the last linear layer or convolution, with what follows it: operators without state, so that all of it is one matrix and a bias. Where
//! several layers meet in the scores, as behind a leaky rectifier, all of them are the read-out, over the features of all. What its matrix is, the
//! runtime says: it runs the read-out by itself, on features of which one is 1.

use crate::error::{Error, Result};
use snnc_ir::Diagnostic;
use snnc_runtime::{
    Artifact, Code, Coding, InputSpec, Layout, Lock, Network, NodeSpec, OpSpec, Preprocess, Quantiser,
    locked::{self, Key, LockedLayer, MAX_CLASSES, Open},
};
use std::collections::{BTreeMap, BTreeSet};

/// Name of the tensor that holds the lock. All others have a role behind a point.
const TENSOR: &str = "lock";
/// Most weights of a read-out: as many as 1000 classes of 4096 features have, and more than a lock is useful for.
const MAX_WEIGHTS: usize = 1 << 22;
/// Numbers that go through the read-out at a time.
const AT_ONCE: usize = 1 << 20;

const ONE_LAYER: &str =
    "end the network with one linear layer or convolution over the counts of neurons, or over sums and rearrangements of them";
const ROOM: &str = "fewer `--timesteps` or digits, 8-bit weights or pooling before the read-out make its sums smaller";

/// The same network with its read-out locked. This is random, as encryption has to be: a second lock of the same network has other bytes.
///
/// # Errors
/// A [`Diagnostic`] that names the node, if the read-out is not one that can be locked; [`Error::Internal`] on a bug.
pub fn lock(artifact: &Artifact, key: &Key) -> Result<Artifact> {
    if artifact.graph.output.lock.is_some() {
        return Err(Error::Usage("its read-out is locked already".to_owned()));
    }
    let read_out = ReadOut::find(artifact)?;
    let dense = Dense::of(&read_out)?;
    let mut locked = read_out.cut()?;
    let bug = |e: &dyn std::fmt::Display| Error::Internal(format!("the network without its read-out is refused: {e}"));
    let steps = if locked.graph.code == Code::Radix { 1 } else { locked.graph.timesteps };
    let reach = locked.reach(steps).map_err(|e| bug(&e))?;
    let open = Open { classes: dense.bias.len(), weight: &dense.weight, bias: &dense.bias, reach: &reach, steps: steps as u32 };
    let layer = LockedLayer::lock(key, &open).map_err(|error| match error {
        locked::Error::Library(reason) => Error::Internal(reason),
        error => refusal(read_out.first(), error.to_string()).help(ROOM).into(),
    })?;
    locked.graph.output.lock = Some(Lock { tensor: TENSOR.to_owned(), classes: dense.bias.len() });
    locked.lock = Some(layer.to_bytes());
    locked.check().map_err(|e| bug(&e))?;
    Ok(locked)
}

fn refusal(node: &NodeSpec, why: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0113", format!("the read-out cannot be locked at `{}`", node.op.name())).at(&node.name).note(why)
}

/// Where a network is cut.
struct ReadOut<'a> {
    artifact: &'a Artifact,
    /// The nodes of the read-out, in order.
    nodes: BTreeSet<usize>,
    /// The nodes whose values it reads, in order.
    features: BTreeSet<usize>,
}

impl<'a> ReadOut<'a> {
    fn find(artifact: &'a Artifact) -> Result<Self> {
        let all = &artifact.graph.nodes;
        let places: BTreeMap<&str, usize> = all.iter().enumerate().map(|(place, node)| (node.name.as_str(), place)).collect();
        let (mut nodes, mut features) = (BTreeSet::new(), BTreeSet::new());
        let mut open = vec![places[artifact.graph.output.node.as_str()]];
        while let Some(place) = open.pop() {
            if !nodes.insert(place) {
                continue;
            }
            let node = &all[place];
            let refuse = |why: &str| Err(refusal(node, why).help(ONE_LAYER).into());
            let operands: Option<Vec<usize>> = node.inputs.iter().map(|name| places.get(name.as_str()).copied()).collect();
            let Some(operands) = operands else {
                return refuse("it reads the image itself: no network comes before it that could stay in the clear");
            };
            match node.op {
                OpSpec::Linear | OpSpec::Conv2d { .. } => features.extend(operands),
                OpSpec::Scale
                | OpSpec::Shift { .. }
                | OpSpec::Add
                | OpSpec::SumPool2d { .. }
                | OpSpec::Sum { .. }
                | OpSpec::Concat { .. }
                | OpSpec::Pad { .. }
                | OpSpec::Slice { .. }
                | OpSpec::Reshape
                | OpSpec::Transpose { .. } => open.extend(operands),
                OpSpec::IfNeuron { .. }
                | OpSpec::LifNeuron { .. }
                | OpSpec::CountMaxPool2d { .. }
                | OpSpec::RadixNeuron { .. }
                | OpSpec::DigitMaxPool2d { .. } => {
                    return refuse("it leads to the scores without a layer with weights: there is nothing to lock");
                }
            }
        }
        // What the features depend on stays, and must not be what is to be locked.
        let mut before = features.clone();
        for place in (0..all.len()).rev() {
            if before.contains(&place) {
                before.extend(all[place].inputs.iter().filter_map(|name| places.get(name.as_str()).copied()));
            }
        }
        if let Some(&place) = nodes.intersection(&before).next() {
            let why = "the scores read it directly, and so does the network before the other layers of the read-out";
            return Err(refusal(&all[place], why).help(ONE_LAYER).into());
        }
        Ok(Self { artifact, nodes, features })
    }

    fn first(&self) -> &'a NodeSpec {
        &self.artifact.graph.nodes[self.nodes.first().copied().unwrap_or(0)]
    }

    fn nodes(&self) -> impl Iterator<Item = &'a NodeSpec> {
        self.nodes.iter().map(|&place| &self.artifact.graph.nodes[place])
    }

    fn features(&self) -> impl Iterator<Item = &'a NodeSpec> {
        self.features.iter().map(|&place| &self.artifact.graph.nodes[place])
    }

    /// A name that no node has.
    fn free(&self, base: &str) -> String {
        let graph = &self.artifact.graph;
        let is_taken = |name: &String| *name == graph.input.name || graph.nodes.iter().any(|node| node.name == *name);
        let mut names = std::iter::once(base.to_owned()).chain((2..).map(|k| format!("{base}#{k}")));
        names.find(|name| !is_taken(name)).expect("some number is free")
    }

    /// The network without the read-out: its output are the features, those of several nodes one after the other.
    fn cut(&self) -> Result<Artifact> {
        let mut cut = self.artifact.clone();
        let graph = &mut cut.graph;
        let mut place = 0;
        graph.nodes.retain(|_| {
            place += 1;
            !self.nodes.contains(&(place - 1))
        });
        let mut parts = Vec::new();
        for node in self.features() {
            let size: usize = node.shape.iter().product();
            // Only one that has to be joined with others needs to be a row.
            if self.features.len() == 1 || node.shape == [1, size] {
                parts.push(node.clone());
                continue;
            }
            let name = self.free(&format!("features.{}", parts.len()));
            parts.push(moved(name, OpSpec::Reshape, &[&node.name], vec![1, size], node.spikes));
            graph.nodes.extend(parts.last().cloned());
        }
        graph.output.node = match &parts[..] {
            [] => return Err(Error::Internal("a read-out reads something".to_owned())),
            [one] => one.name.clone(),
            several => {
                let operands: Vec<&str> = several.iter().map(|part| part.name.as_str()).collect();
                let size = several.iter().map(|part| part.shape[1]).sum();
                let spikes = several.iter().all(|part| part.spikes);
                let node = moved(self.free("features"), OpSpec::Concat { axis: 1 }, &operands, vec![1, size], spikes);
                graph.nodes.push(node.clone());
                node.name
            }
        };
        let used: BTreeSet<&String> = graph.nodes.iter().flat_map(|node| node.tensors.values()).collect();
        cut.tensors.retain(|name, _| used.contains(name));
        Ok(cut)
    }

    /// The read-out as a network of its own, whose input are the features, 0 or 1 each: a constant current for one time step, so that every value is
    /// what the operators make of it.
    fn alone(&self, features: usize) -> Result<Network> {
        let mut alone = self.artifact.clone();
        let input = self.free("features");
        let mut nodes = Vec::new();
        let mut start = 0;
        for node in self.features() {
            let size: usize = node.shape.iter().product();
            let part = self.free(&format!("features.{start}"));
            nodes.push(moved(part.clone(), OpSpec::Slice { ranges: vec![(0, 1, 1), (start, 1, size)] }, &[&input], vec![1, size], false));
            nodes.push(moved(node.name.clone(), OpSpec::Reshape, &[&part], node.shape.clone(), false));
            start += size;
        }
        nodes.extend(self.nodes().cloned());
        alone.tensors.retain(|name, _| nodes.iter().any(|node| node.tensors.values().any(|used| used == name)));
        let graph = &mut alone.graph;
        graph.code = Code::Rate;
        graph.timesteps = 1;
        graph.input = InputSpec {
            name: input,
            shape: vec![1, features],
            layout: Layout::Flat,
            coding: Coding::Direct,
            quantiser: Quantiser { digits: 1, step: vec![1.0], zero: vec![0.0] },
            preprocess: Preprocess::scale(1.0),
        };
        graph.nodes = nodes;
        Network::new(alone).map_err(|e| Error::Internal(format!("the read-out by itself is refused: {e}")))
    }
}

/// A node that only moves entries.
fn moved(name: String, op: OpSpec, inputs: &[&str], shape: Vec<usize>, spikes: bool) -> NodeSpec {
    let inputs = inputs.iter().map(|&input| input.to_owned()).collect();
    NodeSpec { name, op, inputs, shape, spikes, tensors: BTreeMap::new(), origin: Vec::new() }
}

/// A read-out as one matrix.
struct Dense {
    /// `[classes, features]`.
    weight: Vec<i32>,
    bias: Vec<i32>,
}

impl Dense {
    fn of(read_out: &ReadOut<'_>) -> Result<Self> {
        let size = |node: &NodeSpec| node.shape.iter().product::<usize>();
        let features: usize = read_out.features().map(size).sum();
        let classes = read_out.nodes().last().map_or(0, size);
        if classes > MAX_CLASSES || features.saturating_mul(classes) > MAX_WEIGHTS {
            let why = format!("it makes {classes} classes of {features} features, too many for ciphertexts");
            return Err(refusal(read_out.first(), why).help("pool before the last layer: it then reads fewer features").into());
        }
        let network = read_out.alone(features)?;
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
        Ok(Self { weight, bias })
    }
}
