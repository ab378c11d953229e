//! `fold-affine`: scales and shifts move into weights and biases.
//!
//! This is where input normalisation (`Sub`, `Div`, `Mul` by constants, 1x1 convolutions aside) and loose batch norms
//! disappear.
//!
//! Requires: nothing.
//! Leaves: no shift per channel directly behind a convolution or linear layer that nothing else reads, nor, until weights are in spike units, a
//! scale; no scale before one; no shift before one unless padding would dilute it (zeros come after the shift there, so the border sees
//! none of it); no two scales or shifts in a row.
//! Keeps: the function, up to rounding.

use crate::{
    About, Changed, Pass, PassCx, PassError,
    rewrite::{
        affine::{add_bias, bias_of_offset, broadcast, combine, per_channel, scale_outputs},
        scale,
    },
};
use snnc_ir::{Graph, NodeId, Operator, Phase};
use std::collections::BTreeSet;

pub struct FoldAffine;

impl Pass for FoldAffine {
    fn about(&self) -> About {
        About { name: "fold-affine", accepts: Phase::Imported..=Phase::Trained, is_required: false }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        // Each round removes a node or ends the loop.
        loop {
            let mut round = false;
            for node in graph.topological() {
                if graph.get(node).is_none() {
                    continue;
                }
                round |= match graph[node].op {
                    // In spike units a scale is a synapse; in whole numbers weights have no bits left for it.
                    Operator::Scale { .. } if graph.phase < Phase::Calibrated => scale_into_layer_before(graph, node),
                    Operator::Shift { .. } => shift_into_layer_before(graph, node)? || shift_into_layer_behind(graph, node)?,
                    _ => false,
                };
            }
            changed |= round;
            if !round {
                break;
            }
        }
        // The decoding scales of neurons are for `spike-units`, after calibration has used them.
        for node in graph.topological() {
            let sinkable = graph.phase <= Phase::Canonical && graph.get(node).is_some_and(|n| matches!(n.op, Operator::Scale { .. }));
            if sinkable && leads_into_layer(graph, node) {
                changed |= scale::sink(graph, node)?;
            }
        }
        Ok(changed.into())
    }
}

fn is_layer(graph: &Graph, node: NodeId) -> bool {
    matches!(graph[node].op, Operator::Conv2d { .. } | Operator::Linear { .. })
}

/// Whether all that a scale leads to, through movement and shifts, are layers or scales that can take it in.
fn leads_into_layer(graph: &Graph, node: NodeId) -> bool {
    let mut pending = vec![node];
    // Ways part and meet again.
    let mut seen = BTreeSet::from([node]);
    while let Some(node) = pending.pop() {
        let uses = graph.uses(node);
        if uses.is_empty() {
            return false;
        }
        for (user, _) in uses {
            let op = &graph[user].op;
            let is_end = is_layer(graph, user) || matches!(op, Operator::Scale { .. });
            if !is_end && !op.is_movement() && !matches!(op, Operator::Shift { .. }) {
                return false;
            }
            if !is_end && seen.insert(user) {
                pending.push(user);
            }
        }
    }
    true
}

fn scale_into_layer_before(graph: &mut Graph, node: NodeId) -> bool {
    let Operator::Scale { factor } = graph[node].op else { return false };
    let Some(layer) = graph.operand(node).filter(|&o| is_layer(graph, o) && graph.only_user(o) == Some(node)) else { return false };
    let Some(values) = per_channel(&graph.param(factor).tensor, &graph[node].ty.dims) else { return false };
    scale_outputs(graph, layer, &values, factor);
    graph.bypass(node);
    true
}

/// Moves the `shift` at `node` into the bias of the layer before it; also through sums: a current added to a sum is added to one of its terms.
/// Returns whether there was such a layer.
///
/// # Errors
/// Only on a bug.
pub fn shift_into_layer_before(graph: &mut Graph, node: NodeId) -> Result<bool, PassError> {
    let Operator::Shift { offset } = graph[node].op else { return Ok(false) };
    let Some(operand) = graph.operand(node) else { return Ok(false) };
    if graph.only_user(operand) != Some(node) {
        return Ok(false);
    }
    if let Operator::Shift { offset: first } = graph[operand].op {
        let sum = combine(&graph.param(first).tensor, &graph.param(offset).tensor, &graph[node].ty.dims, |a, b| a + b);
        let provenance = graph.param(first).provenance.join(graph.param(offset).provenance);
        let name = graph.param(first).name.clone();
        let offset = graph.add_param(name, sum, provenance);
        graph.set_op(node, Operator::Shift { offset })?;
        graph.bypass(operand);
        return Ok(true);
    }
    let Some(values) = per_channel(&graph.param(offset).tensor, &graph[node].ty.dims) else { return Ok(false) };
    let Some(layer) = term(graph, operand) else { return Ok(false) };
    add_bias(graph, layer, &values, offset);
    graph.bypass(node);
    Ok(true)
}

/// The layer that a bias per channel can be given to: the node itself, or a term of a sum that nothing else reads.
fn term(graph: &Graph, node: NodeId) -> Option<NodeId> {
    if is_layer(graph, node) {
        return Some(node);
    }
    if !matches!(graph[node].op, Operator::Add) {
        return None;
    }
    graph.operands(node).into_iter().filter(|&o| graph.only_user(o) == Some(node)).find_map(|o| term(graph, o))
}

fn shift_into_layer_behind(graph: &mut Graph, node: NodeId) -> Result<bool, PassError> {
    let Operator::Shift { offset } = graph[node].op else { return Ok(false) };
    let Some(user) = graph.only_user(node) else { return Ok(false) };
    let dims = graph[node].ty.dims.clone();
    let tensor = graph.param(offset).tensor.clone();
    match graph[user].op.clone() {
        Operator::Conv2d { geometry, .. } if geometry.pads == [0; 4] => {
            let Some(values) = per_channel(&tensor, &dims) else { return Ok(false) };
            let bias = bias_of_offset(graph, user, &values);
            add_bias(graph, user, &bias, offset);
            graph.bypass(node);
            Ok(true)
        }
        Operator::Linear { .. } => {
            let bias = bias_of_offset(graph, user, &broadcast(&tensor, &dims));
            add_bias(graph, user, &bias, offset);
            graph.bypass(node);
            Ok(true)
        }
        // A flattening reshape: the shift moves behind it, written out per feature.
        Operator::Reshape { dims: new } if graph.only_user(user).is_some_and(|u| matches!(graph[u].op, Operator::Linear { .. })) => {
            let param = graph.param(offset).clone();
            let moved = graph.add_param(param.name, snnc_ir::Tensor::new(new, broadcast(&tensor, &dims)), param.provenance);
            let origin = graph[node].origin.clone();
            graph.bypass(node);
            graph.insert_after(user, Operator::Shift { offset: moved }, origin)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}
