//! `split-score`: a network with one score becomes one with two classes, 1 where the score is above 0.
//!
//! The score `s` becomes the two scores `(0, s)`, which have the same softmax as `s` has a sigmoid: `(1 - p, p)`. The class is the
//! place of the larger, and class 0 where they are equal, since of equal scores the first counts.
//!
//! Requires: a graph in phase `Imported`; `extract-head` has run.
//! Leaves: two scores where there was one. Matrices of the compiler at the output, this one and those of the importer's heads,
//! are one with the layer before them, where nothing else reads it: through changes of shape and pools, which mix no channels.
//! Keeps: the score exactly; scores that a matrix subtracts, up to rounding.

use crate::{About, Changed, Pass, PassCx, PassError};
use snnc_ir::{Graph, Head, NodeId, Operator, ParamId, Phase, Provenance, Tensor};

pub struct SplitScore;

impl Pass for SplitScore {
    fn about(&self) -> About {
        About { name: "split-score", accepts: Phase::Imported..=Phase::Imported, is_required: true }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = split(graph)?;
        while merge(graph)? {
            changed = true;
        }
        Ok(changed.into())
    }
}

fn split(graph: &mut Graph) -> Result<bool, PassError> {
    let Some(output) = graph.output().cloned().filter(|o| graph[o.node].ty.len() == 1) else { return Ok(false) };
    let head = match output.head {
        Head::Sigmoid => Head::Softmax,
        Head::None | Head::Relu => output.head,
        // Over one score these say the same of every image: there is nothing to split.
        Head::Softmax | Head::LogSoftmax => return Ok(false),
    };
    let origin = graph[output.node].origin.clone();
    let mut node = output.node;
    if graph[node].ty.dims != [1, 1] {
        node = graph.insert_after(node, Operator::Reshape { dims: vec![1, 1] }, origin.clone())?;
    }
    let weight = graph.add_param("score", Tensor::new([2, 1], vec![0.0, 1.0]), Provenance::Fixed);
    let node = graph.insert_after(node, Operator::Linear { weight, bias: None }, origin)?;
    graph.set_output(node, output.name, head);
    Ok(true)
}

/// Multiplies a matrix of the compiler at the output into the layer before it.
fn merge(graph: &mut Graph) -> Result<bool, PassError> {
    let Some(node) = graph.output().map(|o| o.node) else { return Ok(false) };
    let Operator::Linear { weight, bias: None } = graph[node].op else { return Ok(false) };
    let matrix = graph.param(weight).tensor.clone();
    if graph.param(weight).provenance != Provenance::Fixed || !graph.is_read_once(node) {
        return Ok(false);
    }
    let Some((layer, reshapes)) = layer_before(graph, node, matrix.dims[1]) else { return Ok(false) };
    for (role, _) in graph[layer].op.params() {
        multiply(graph, &matrix, weight, layer, role);
    }
    let rows = matrix.dims[0];
    graph.bypass(node);
    for reshape in reshapes {
        graph.bypass(reshape);
    }
    graph.refresh_types()?;
    let output = graph.output().expect("it was there above").node;
    if graph[output].ty.dims != [1, rows] {
        let origin = graph[output].origin.clone();
        graph.insert_after(output, Operator::Reshape { dims: vec![1, rows] }, origin)?;
    }
    Ok(true)
}

/// The layer whose channels are the `features` that `node` reads, and the changes of shape between.
fn layer_before(graph: &Graph, node: NodeId, features: usize) -> Option<(NodeId, Vec<NodeId>)> {
    let mut reshapes = Vec::new();
    let mut at = graph.operand(node)?;
    while matches!(graph[at].op, Operator::Reshape { .. }) && graph.is_read_once(at) {
        reshapes.push(at);
        at = graph.operand(at)?;
    }
    let is_pool = |op: &Operator| match op {
        Operator::Mean { axes } => !axes.contains(&1),
        Operator::AveragePool2d { .. } => true,
        _ => false,
    };
    while is_pool(&graph[at].op) && graph.is_read_once(at) {
        at = graph.operand(at)?;
    }
    let weight = match &graph[at].op {
        Operator::Linear { weight, .. } => *weight,
        Operator::Conv2d { weight, geometry, .. } if geometry.groups == 1 => *weight,
        _ => return None,
    };
    (graph.is_read_once(at) && graph.param(weight).tensor.dims[0] == features).then_some((at, reshapes))
}

/// Multiplies a parameter of `layer`, of which each row belongs to an output, by `matrix` from the left.
fn multiply(graph: &mut Graph, matrix: &Tensor, from: ParamId, layer: NodeId, role: &str) {
    let id = graph.own_param(layer, role);
    let tensor = graph.param(id).tensor.clone();
    let len: usize = tensor.dims[1..].iter().product();
    let mut data = Vec::with_capacity(matrix.dims[0] * len);
    for factors in matrix.data.chunks(matrix.dims[1]) {
        let mut sum = vec![0.0f64; len];
        for (&factor, row) in factors.iter().zip(tensor.data.chunks(len)).filter(|(factor, _)| **factor != 0.0) {
            sum.iter_mut().zip(row).for_each(|(s, &v)| *s += f64::from(factor) * f64::from(v));
        }
        data.extend(sum.into_iter().map(|v| v as f32));
    }
    let dims: Vec<usize> = std::iter::once(matrix.dims[0]).chain(tensor.dims[1..].iter().copied()).collect();
    let provenance = graph.param(id).provenance.join(graph.param(from).provenance);
    graph.set_param(id, Tensor::new(dims, data), provenance);
}
