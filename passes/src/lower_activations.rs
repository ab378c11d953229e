//! `lower-activations`: every rectifier becomes `relu` or a `clip` that lets something through and holds something back.
//!
//! Requires: a graph in phase `Imported`.
//! Leaves: no `leaky_relu`, `prelu`; no `clip` whose lower bound its operand never falls below, or without bounds; no rectifier right
//! behind a rectifier.
//! Keeps: up to rounding,
//! - `leaky(x) = relu(x) - α relu(-x)`: two populations of neurons;
//! - `clip(clip(x, a, b), c, d)` is one clip.

use crate::{
    About, Changed, Pass, PassCx, PassError,
    rewrite::bounds::{limits, lower_bounds},
};
use snnc_ir::{Diagnostic, Graph, NodeId, Operator, Phase, Provenance, Tensor};

pub struct LowerActivations;

impl Pass for LowerActivations {
    fn about(&self) -> About {
        About { name: "lower-activations", accepts: Phase::Imported..=Phase::Imported, is_required: true }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = Changed::No;
        for node in graph.topological() {
            match graph[node].op.clone() {
                Operator::LeakyRelu { slope } => {
                    let shape = vec![1; graph[node].ty.dims.len()];
                    lower_leaky(graph, node, Tensor::splat(shape, slope))?;
                }
                Operator::PRelu { slope } => {
                    let tensor = graph.param(slope).tensor.clone();
                    lower_leaky(graph, node, tensor)?;
                }
                _ => continue,
            }
            changed = Changed::Yes;
        }
        let bounds = lower_bounds(graph);
        for node in graph.topological() {
            if let Some((min, max)) = limits(&graph[node].op)
                && plain(graph, node, min, max, bounds.get(&graph.operand(node).expect("a rectifier has one operand")).copied())?
            {
                changed = Changed::Yes;
            }
        }
        Ok(changed)
    }
}

/// Takes the rectifier at `node` into the one before it, or gives it the plainest form. `bound` is what its operand never falls below.
fn plain(graph: &mut Graph, node: NodeId, min: f32, max: f32, bound: Option<f32>) -> Result<bool, PassError> {
    if min >= max || min.is_nan() || max.is_nan() || min == f32::INFINITY || max == f32::NEG_INFINITY {
        return Err(PassError::User(
            Diagnostic::error("E0103", format!("`Clip` from {min} to {max} lets nothing through"))
                .at(graph[node].origin.to_string())
                .help("mend the bounds in the model, or remove the node"),
        ));
    }
    let operand = graph.operand(node).expect("a rectifier has one operand");
    let (mut low, mut high) = (min, max);
    let before = limits(&graph[operand].op).filter(|_| graph.only_user(operand) == Some(node));
    let joined = before.map(|(a, b)| (a.clamp(min, max), b.clamp(min, max))).filter(|(low, high)| low < high);
    if let Some(limits) = joined {
        (low, high) = limits;
        graph.bypass(operand);
    } else if bound.is_some_and(|bound| low <= bound) {
        // Behind a rectifier that others read too there is nothing below 0 to hold back.
        low = f32::NEG_INFINITY;
    }
    match (low, high) {
        (f32::NEG_INFINITY, f32::INFINITY) => graph.bypass(node),
        (0.0, f32::INFINITY) => graph.set_op(node, Operator::Relu)?,
        _ => graph.set_op(node, Operator::Clip { min: low, max: high })?,
    }
    Ok((low, high) != (min, max) || joined.is_some())
}

fn lower_leaky(graph: &mut Graph, node: NodeId, slope: Tensor) -> Result<(), PassError> {
    if slope.data.iter().all(|&s| s == 0.0) {
        return Ok(graph.set_op(node, Operator::Relu)?);
    }
    let origin = graph[node].origin.clone();
    let x = graph.operand(node).expect("a rectifier has one operand");
    let ones = vec![1; graph[node].ty.dims.len()];
    let minus_one = graph.add_param("minus_one", Tensor::splat(ones, -1.0), Provenance::Fixed);
    let minus_slope = graph.add_param("minus_slope", slope.map(|s| -s), Provenance::Derived);
    graph.set_op(node, Operator::Relu)?;
    let negated = graph.add_node(Operator::Scale { factor: minus_one }, &[x], origin.clone())?;
    let negative = graph.add_node(Operator::Relu, &[negated], origin.clone())?;
    let weighted = graph.add_node(Operator::Scale { factor: minus_slope }, &[negative], origin.clone())?;
    // The sum takes the rectifier's users; its own use of the rectifier is made afterwards.
    let sum = graph.add_node(Operator::Add, &[weighted, weighted], origin)?;
    graph.replace_uses(node, sum);
    graph.set_operand(sum, 0, node);
    Ok(())
}
