//! From an artifact back to the IR: what anyone who holds the file can do.
//!
//! The graph is one of whole numbers, as it was emitted. Every parameter counts as derived from the source network: the file does not say
//! more.

use super::border;
use crate::error::{Error, Result};
use snnc_ir::{Conv2d, Graph, Head, LEAK_UNIT, NodeId, Operator, Origin, ParamId, Phase, Provenance, Reset, TensorType, Window, verify};
use snnc_runtime::artifact::{self, Artifact, Coding, InputSpec, Layout, NodeSpec, OpSpec};
use std::collections::BTreeMap;

/// The network of an artifact, in whole numbers as it is there. Nodes keep their names as their origin, parameters those of their tensors.
///
/// # Errors
/// Only on a bug: an artifact was checked when it was read.
pub fn lift(artifact: &Artifact) -> Result<Graph> {
    let (graph, _) = read(artifact, Phase::Whole)?;
    verify(&graph).map_err(|violations| Error::broken("reading the artifact back", &violations))?;
    Ok(graph)
}

/// The same over images and scores in the units of the source network: with what its quantiser does before it, but for the rounding, and the
/// scale of the read-out behind it. With Poisson coding its input are spikes, which have no other unit.
///
/// # Errors
/// As [`lift`].
pub fn lift_in_units(artifact: &Artifact) -> Result<Graph> {
    let bug = |e: snnc_ir::infer::TypeError| Error::Internal(e.to_string());
    let (mut graph, input) = read(artifact, Phase::Calibrated)?;
    let spec = &artifact.graph.input;
    if spec.coding != Coding::Poisson {
        graph.set_input_type(input, TensorType::f32(spec.shape.clone()));
        let shares: Vec<f32> = spec.quantiser.step.iter().map(|step| 1.0 / step).collect();
        let factor = graph.add_param("input.share", over_channels(spec, shares), Provenance::Fixed);
        let offset = graph.add_param("input.zero", over_channels(spec, spec.quantiser.zero.clone()), Provenance::Fixed);
        let scaled = graph.insert_after(input, Operator::Scale { factor }, Origin::default()).map_err(bug)?;
        graph.insert_after(scaled, Operator::Shift { offset }, Origin::default()).map_err(bug)?;
    }
    let output = graph.output().ok_or_else(|| Error::Internal("a verified graph has an output".into()))?.clone();
    let factor = snnc_ir::Tensor::splat(vec![1; graph[output.node].ty.dims.len()], output.scale);
    let factor = graph.add_param("output.scale", factor, Provenance::Derived);
    let scaled = graph.add_node(Operator::Scale { factor }, &[output.node], Origin::default()).map_err(bug)?;
    graph.set_output(scaled, output.name, output.head);
    graph.refresh_types().map_err(bug)?;
    verify(&graph).map_err(|violations| Error::broken("reading the artifact back", &violations))?;
    Ok(graph)
}

/// Values of channels, one for all or one each, over a tensor of the input's shape.
fn over_channels(input: &InputSpec, values: Vec<f32>) -> snnc_ir::Tensor {
    let mut shape = vec![1; input.shape.len()];
    match input.layout {
        _ if values.len() == 1 => {}
        Layout::Nchw => shape[1] = values.len(),
        Layout::Nhwc => shape[input.shape.len() - 1] = values.len(),
        Layout::Flat => shape.clone_from(&input.shape),
    }
    snnc_ir::Tensor::new(shape, values)
}

/// The graph and its input.
fn read(artifact: &Artifact, phase: Phase) -> Result<(Graph, NodeId)> {
    let spec = &artifact.graph;
    let mut graph = Graph::new("artifact", phase);
    let mut nodes: BTreeMap<&str, NodeId> = BTreeMap::new();
    let ty = match spec.input.coding {
        Coding::Digits => TensorType::spike(spec.input.shape.clone()),
        Coding::Direct | Coding::Poisson => TensorType::f32(spec.input.shape.clone()),
    };
    let input = graph.add_input(ty, Origin::one(&spec.input.name));
    nodes.insert(&spec.input.name, input);
    let missing = |what: &str| Error::Internal(format!("a checked artifact lacks `{what}`"));
    // A tensor may serve several nodes, and be read by each in its own way.
    let mut params: BTreeMap<(&str, &str), ParamId> = BTreeMap::new();
    for node in &spec.nodes {
        for (role, name) in &node.tensors {
            if params.contains_key(&(name.as_str(), role.as_str())) && !matches!(node.op, OpSpec::Shift { .. }) {
                continue;
            }
            let tensor = artifact.tensors.get(name).ok_or_else(|| missing(name))?;
            let unit = if role == "leak" { LEAK_UNIT } else { 1.0 };
            let tensor = snnc_ir::Tensor::new(tensor.dims.clone(), tensor.data.iter().map(|v| v as f32 * unit).collect());
            let tensor = match &node.op {
                OpSpec::Shift { rows: Some(rows), columns: Some(columns) } => border::unfold(&tensor, rows, columns),
                _ => tensor,
            };
            params.insert((name, role), graph.add_param(name, tensor, Provenance::Derived));
        }
        let param = |role: &str| {
            let (role, name) = node.tensors.get_key_value(role)?;
            params.get(&(name.as_str(), role.as_str())).copied()
        };
        let op = operator(node, param).ok_or_else(|| missing(&node.name))?;
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
    graph.set_output(output, spec.output.name.as_deref().unwrap_or("output"), head);
    graph.set_output_scale(spec.output.scale);
    Ok((graph, input))
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
        OpSpec::Shift { .. } => Operator::Shift { offset: param("offset")? },
        OpSpec::Add => Operator::Add,
        &OpSpec::SumPool2d { kernel, stride, pads, ceil } => Operator::SumPool2d { window: Window { kernel, stride, pads, ceil } },
        OpSpec::Sum { axes } => Operator::Sum { axes: axes.clone() },
        &OpSpec::Concat { axis } => Operator::Concat { axis },
        OpSpec::Pad { pads } => Operator::Pad { pads: pads.clone(), value: 0.0 },
        OpSpec::Slice { ranges } => {
            Operator::Slice { ranges: ranges.iter().map(|&(start, step, len)| (start, step as isize, len)).collect() }
        }
        OpSpec::Reshape => Operator::Reshape { dims: node.shape.clone() },
        OpSpec::Transpose { permutation } => Operator::Transpose { permutation: permutation.clone() },
        &OpSpec::IfNeuron { reset } | &OpSpec::LifNeuron { reset } => neuron(reset)?,
        &OpSpec::RadixNeuron { digits, levels } => {
            Operator::RadixNeuron { threshold: param("threshold")?, initial: param("initial")?, digits, levels, cap: None, is_given: false }
        }
        &OpSpec::DigitMaxPool2d { kernel, stride, pads, ceil } => {
            Operator::DigitMaxPool2d { window: Window { kernel, stride, pads, ceil } }
        }
        &OpSpec::CountMaxPool2d { kernel, stride, pads, ceil } => {
            Operator::CountMaxPool2d { window: Window { kernel, stride, pads, ceil } }
        }
    })
}
