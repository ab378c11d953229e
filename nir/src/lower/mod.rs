//! From an artifact to a graph.
//!
//! A value of the artifact is the sum of some nodes of the graph, since NIR adds up the edges into a node: an `add` is no node. What only moves
//! entries (slices, padding, concatenations) becomes convolutions, or matrices, of ones and zeros. The structure depends on the description
//! of the network alone, not on its parameters: so `restore` can find out where these stand before it knows them.
//!
//! | file | lowers |
//! |---|---|
//! | `input` | the input, with what only gives it another form |
//! | `layers` | convolutions, linear layers, factors and offsets |
//! | `pools` | pooling |
//! | `moves` | slices, padding, concatenations, flattening |
//! | `neurons` | neurons |
//! | `kernel`, `place`, `names` | (what these share) |

mod input;
mod kernel;
mod layers;
mod moves;
mod names;
mod neurons;
mod place;
mod pools;

pub(crate) use place::{Place, Site};

use crate::{
    error::{Error, Unsayable},
    node::{Graph, MAX_ENTRIES, Node, Value},
};
use names::Names;
use place::{Form, Slot};
use snnc_runtime::{Artifact, NodeSpec, OpSpec, Reset, Tensor};
use std::collections::BTreeMap;

/// What an artifact became.
pub(crate) struct Lowered {
    /// Without what `describe` adds.
    pub(crate) graph: Graph,
    /// Where each tensor of the artifact stands; of one that several nodes use, in the first.
    pub(crate) places: BTreeMap<String, Place>,
    /// Nodes with constants that stand in the metadata.
    pub(crate) offsets: Vec<String>,
    /// Nodes whose kernels are no squares.
    pub(crate) oblong: Vec<String>,
}

/// A value: the sum of what some nodes make, of a shape without the batch.
#[derive(Clone)]
struct Sum {
    nodes: Vec<String>,
    shape: Vec<usize>,
}

/// A graph in the making.
struct Lowering<'a> {
    artifact: &'a Artifact,
    names: Names,
    graph: Graph,
    /// By name in the artifact.
    values: BTreeMap<&'a str, Sum>,
    places: BTreeMap<String, Place>,
    offsets: Vec<String>,
    oblong: Vec<String>,
    /// Entries of all arrays so far.
    entries: usize,
}

/// Why a node cannot be lowered: in a word, or because the graph would be too large.
enum Stop {
    Unsayable(String),
    Size(usize),
}

type Step<T> = Result<T, Stop>;

fn unsayable<T>(what: impl Into<String>) -> Step<T> {
    Err(Stop::Unsayable(what.into()))
}

/// The graph of an artifact that was checked.
pub(crate) fn lower(artifact: &Artifact) -> Result<Lowered, Error> {
    let spec = &artifact.graph;
    let mut lowering = Lowering {
        artifact,
        names: Names::default(),
        graph: Graph::default(),
        values: BTreeMap::new(),
        places: BTreeMap::new(),
        offsets: Vec::new(),
        oblong: Vec::new(),
        entries: 0,
    };
    let (input, output) = (lowering.names.take("input"), lowering.names.take("output"));
    let mut refused = Vec::new();
    let absorbed = lowering.input(input);
    for node in &spec.nodes[absorbed..] {
        let value = match lowering.node(node) {
            Ok(value) => value,
            Err(Stop::Size(entries)) => return Err(Error::Size { node: node.name.clone(), entries }),
            Err(Stop::Unsayable(what)) => {
                refused.push(Unsayable { node: node.name.clone(), what });
                Sum { nodes: Vec::new(), shape: node.shape[1..].to_vec() }
            }
        };
        lowering.values.insert(&node.name, value);
    }
    if !refused.is_empty() {
        return Err(Error::Unsayable(refused));
    }
    let result = lowering.values.get(spec.output.node.as_str()).cloned();
    let result = result.unwrap_or_else(|| Sum { nodes: Vec::new(), shape: Vec::new() });
    lowering.connect(&result, &output);
    lowering.graph.nodes.insert(output, Node::Output { shape: result.shape });
    let Lowering { graph, places, offsets, oblong, .. } = lowering;
    Ok(Lowered { graph, places, offsets, oblong })
}

impl<'a> Lowering<'a> {
    fn node(&mut self, node: &'a NodeSpec) -> Step<Sum> {
        let operands: Vec<Sum> = node.inputs.iter().filter_map(|name| self.values.get(name.as_str()).cloned()).collect();
        let Some(x) = operands.first() else { return unsayable("a node without operands") };
        match &node.op {
            OpSpec::Conv2d { .. } => self.conv(node, x),
            OpSpec::Linear => self.linear(node, x),
            OpSpec::Scale => self.scale(node, x),
            OpSpec::Shift { .. } => self.shift(node, x),
            OpSpec::Add => self.add(node, &operands),
            OpSpec::SumPool2d { .. } | OpSpec::CountMaxPool2d { .. } | OpSpec::DigitMaxPool2d { .. } => self.pool(node, x),
            OpSpec::Sum { axes } => self.sum(node, x, axes),
            OpSpec::Concat { axis } => self.concat(node, &operands, *axis),
            OpSpec::Pad { pads } => self.pad(node, x, pads),
            OpSpec::Slice { ranges } => self.slice(node, x, ranges),
            OpSpec::Reshape => self.reshape(node, x),
            OpSpec::Transpose { .. } => unsayable("a transposition of anything but the input"),
            OpSpec::IfNeuron { .. } | OpSpec::LifNeuron { .. } | OpSpec::RadixNeuron { .. } => self.neurons(node, x),
        }
    }

    /// Puts a node with a name that was taken for it behind a value.
    fn put(&mut self, name: String, behind: &Sum, node: Node, shape: Vec<usize>) -> Sum {
        self.connect(behind, &name);
        self.graph.nodes.insert(name.clone(), node);
        Sum { nodes: vec![name], shape }
    }

    fn connect(&mut self, from: &Sum, to: &str) {
        self.graph.edges.extend(from.nodes.iter().map(|node| (node.clone(), to.to_owned())));
    }

    /// Room for an array of a shape.
    fn reserve(&mut self, dims: &[usize]) -> Step<()> {
        let entries = dims.iter().fold(1usize, |product, &size| product.saturating_mul(size));
        self.entries = self.entries.saturating_add(entries);
        if self.entries > MAX_ENTRIES { Err(Stop::Size(entries)) } else { Ok(()) }
    }

    /// The entries of a node's parameter, as `f32`; it is noted where they go.
    fn parameter(&mut self, node: &NodeSpec, role: &str, place: Place) -> Vec<f32> {
        let form = place.form;
        let Some((name, tensor)) = node.tensors.get(role).and_then(|name| self.artifact.tensors.get_key_value(name)) else {
            return Vec::new();
        };
        self.places.entry(name.clone()).or_insert(place);
        tensor.data.iter().map(|number| form.apply(number)).collect()
    }

    /// Shape of a node's parameter.
    fn dims(&self, node: &NodeSpec, role: &str) -> Vec<usize> {
        parameter(self.artifact, node, role).map(|tensor| tensor.dims.clone()).unwrap_or_default()
    }

    /// Writes down what a node cannot say.
    fn note(&mut self, what: &str, node: &str, value: Value) {
        self.graph.metadata.insert(format!("{what}.{node}"), value);
    }
}

/// A place where parameters stand as they are.
fn plain(node: &str, field: &'static str, slot: Slot) -> Place {
    Place { site: Site::Field(node.to_owned(), field), slot, form: Form::Plus(0.0) }
}

/// The parameter of a node that has a role.
pub(crate) fn parameter<'a>(artifact: &'a Artifact, node: &NodeSpec, role: &str) -> Option<&'a Tensor> {
    artifact.tensors.get(node.tensors.get(role)?)
}

/// What a spike does to the potential of neurons of the rate code.
pub(crate) fn reset(op: &OpSpec) -> Option<Reset> {
    match op {
        OpSpec::IfNeuron { reset } | OpSpec::LifNeuron { reset } => Some(*reset),
        _ => None,
    }
}
