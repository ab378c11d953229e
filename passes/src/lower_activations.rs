//! `lower-activations`: every rectifier becomes `relu`, or `clip` from 0, which is what a neuron can imitate.
//!
//! Requires: a graph in phase `Imported`.
//! Leaves: no `leaky_relu`, `prelu`; `clip` only with minimum 0 and a finite positive maximum.
//! Keeps: up to rounding,
//! - `leaky(x) = relu(x) - α relu(-x)`: two populations of neurons;
//! - `clip(x, a, b) = clip(x - a, 0, b - a) + a`;
//! - `min(x, b) = b - relu(b - x)`.

use crate::{Changed, Pass, PassCx, PassError};
use snnc_ir::{Diagnostic, Graph, NodeId, Operator, Phase, Provenance, Tensor};
use std::ops::RangeInclusive;

pub struct LowerActivations;

impl Pass for LowerActivations {
    fn name(&self) -> &'static str {
        "lower-activations"
    }

    fn accepts(&self) -> RangeInclusive<Phase> {
        Phase::Imported..=Phase::Imported
    }

    fn is_required(&self) -> bool {
        true
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = Changed::No;
        for node in graph.topological() {
            match graph[node].op.clone() {
                Operator::Clip { min, max } if min == 0.0 && max.is_finite() && max > 0.0 => continue,
                Operator::Clip { min, max } => lower_clip(graph, node, min, max)?,
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
        Ok(changed)
    }
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

fn lower_clip(graph: &mut Graph, node: NodeId, min: f32, max: f32) -> Result<(), PassError> {
    let origin = graph[node].origin.clone();
    if min >= max || min.is_nan() || max.is_nan() || min == f32::INFINITY || max == f32::NEG_INFINITY {
        return Err(PassError::User(
            Diagnostic::error("E0103", format!("`Clip` from {min} to {max} lets nothing through"))
                .at(origin.to_string())
                .help("mend the bounds in the model, or remove the node"),
        ));
    }
    let ones = vec![1; graph[node].ty.dims.len()];
    match (min.is_finite(), max.is_finite()) {
        (false, false) => graph.bypass(node),
        (true, _) => {
            let op = if max.is_finite() { Operator::Clip { min: 0.0, max: max - min } } else { Operator::Relu };
            graph.set_op(node, op)?;
            if min != 0.0 {
                let down = graph.add_param("clip.down", Tensor::splat(ones.clone(), -min), Provenance::Source);
                let up = graph.add_param("clip.up", Tensor::splat(ones, min), Provenance::Source);
                graph.insert_before(node, 0, Operator::Shift { offset: down }, origin.clone())?;
                graph.insert_after(node, Operator::Shift { offset: up }, origin)?;
            }
        }
        (false, true) => {
            let minus_one = graph.add_param("minus_one", Tensor::splat(ones.clone(), -1.0), Provenance::Fixed);
            let bound = graph.add_param("clip.max", Tensor::splat(ones, max), Provenance::Source);
            graph.insert_before(node, 0, Operator::Scale { factor: minus_one }, origin.clone())?;
            graph.insert_before(node, 0, Operator::Shift { offset: bound }, origin.clone())?;
            graph.set_op(node, Operator::Relu)?;
            let negated = graph.insert_after(node, Operator::Scale { factor: minus_one }, origin.clone())?;
            graph.insert_after(negated, Operator::Shift { offset: bound }, origin)?;
        }
    }
    Ok(())
}
