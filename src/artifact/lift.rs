//! From an artifact back to the IR: what anyone who holds the file can do.
//!
//! The graph is one in spike units, as it was emitted. Every parameter counts as derived from the source network: the file does not say
//! more.

use crate::error::{Error, Result};
use snnc_ir::{Conv2d, Graph, Head, NodeId, Operator, Origin, ParamId, Phase, Provenance, Reset, TensorType, Window, verify};
use snnc_runtime::artifact::{self, Artifact, NodeSpec, OpSpec};
use std::collections::BTreeMap;

/// The network of an artifact. Nodes keep their names as their origin, parameters those of their tensors.
///
/// # Errors
/// Only on a bug: an artifact was checked when it was read.
pub fn lift(artifact: &Artifact) -> Result<Graph> {
    let spec = &artifact.graph;
    let mut graph = Graph::new("artifact", Phase::Calibrated);
    let mut nodes: BTreeMap<&str, NodeId> = BTreeMap::new();
    let input = graph.add_input(TensorType::f32(spec.input.shape.clone()), Origin::one(&spec.input.name));
    nodes.insert(&spec.input.name, input);
    let mut params: BTreeMap<&str, ParamId> = BTreeMap::new();
    for (name, tensor) in &artifact.tensors {
        let tensor = snnc_ir::Tensor::new(tensor.dims.clone(), tensor.data.clone());
        params.insert(name, graph.add_param(name, tensor, Provenance::Derived));
    }
    let missing = |what: &str| Error::Internal(format!("a checked artifact lacks `{what}`"));
    for node in &spec.nodes {
        let op = operator(node, |role| node.tensors.get(role).and_then(|name| params.get(name.as_str())).copied())
            .ok_or_else(|| missing(&node.name))?;
        let operands: Vec<NodeId> =
            node.inputs.iter().map(|name| nodes.get(name.as_str()).copied().ok_or_else(|| missing(name))).collect::<Result<_>>()?;
        let id = graph.add_node(op, &operands, Origin::one(&node.name)).map_err(|e| Error::Internal(format!("`{}`: {e}", node.name)))?;
        nodes.insert(&node.name, id);
    }
    let output = *nodes.get(spec.output.node.as_str()).ok_or_else(|| missing(&spec.output.node))?;
    let head = match spec.output.head {
        artifact::Head::None => Head::None,
        artifact::Head::Relu => Head::Relu,
        artifact::Head::Softmax => Head::Softmax,
        artifact::Head::LogSoftmax => Head::LogSoftmax,
        artifact::Head::Sigmoid => Head::Sigmoid,
    };
    graph.set_output(output, &spec.output.name, head);
    verify(&graph).map_err(|violations| Error::broken("reading the artifact back", &violations))?;
    Ok(graph)
}

/// `None` where a parameter is missing.
fn operator(node: &NodeSpec, param: impl Fn(&str) -> Option<ParamId>) -> Option<Operator> {
    let reset = |reset: artifact::Reset| match reset {
        artifact::Reset::Soft => Reset::Soft,
        artifact::Reset::Signed => Reset::Signed,
        artifact::Reset::Hard => Reset::Hard,
    };
    let neuron = |r| -> Option<Operator> {
        Some(Operator::Neuron {
            threshold: param("threshold")?,
            initial: param("initial")?,
            leak: param("leak"),
            reset: reset(r),
            cap: None,
            levels: None,
        })
    };
    Some(match &node.op {
        &OpSpec::Conv2d { stride, dilation, pads, groups } => {
            Operator::Conv2d { weight: param("weight")?, bias: param("bias"), geometry: Conv2d { stride, dilation, pads, groups } }
        }
        OpSpec::Linear => Operator::Linear { weight: param("weight")?, bias: param("bias") },
        OpSpec::Scale => Operator::Scale { factor: param("factor")? },
        OpSpec::Shift => Operator::Shift { offset: param("offset")? },
        OpSpec::Add => Operator::Add,
        &OpSpec::AveragePool2d { kernel, stride, pads, ceil, count_include_pad } => {
            Operator::AveragePool2d { window: Window { kernel, stride, pads, ceil }, count_include_pad }
        }
        OpSpec::Mean { axes } => Operator::Mean { axes: axes.clone() },
        &OpSpec::Concat { axis } => Operator::Concat { axis },
        OpSpec::Pad { pads } => Operator::Pad { pads: pads.clone(), value: 0.0 },
        OpSpec::Slice { ranges } => {
            Operator::Slice { ranges: ranges.iter().map(|&(start, step, len)| (start, step as isize, len)).collect() }
        }
        OpSpec::Reshape => Operator::Reshape { dims: node.shape.clone() },
        OpSpec::Transpose { permutation } => Operator::Transpose { permutation: permutation.clone() },
        &OpSpec::IfNeuron { reset } | &OpSpec::LifNeuron { reset } => neuron(reset)?,
        &OpSpec::CountMaxPool2d { kernel, stride, pads, ceil } => {
            Operator::CountMaxPool2d { window: Window { kernel, stride, pads, ceil } }
        }
    })
}
