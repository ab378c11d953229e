//! `lift-dequantisers`: what turns quantised integers into numbers again comes right behind the rounding.
//!
//! Exporters let max pools, reshapes, joints and the like work on integers, and put `DequantizeLinear` behind them. A scale and a shift
//! of one number do the same before them; there, `fold-floor` finds them.
//!
//! Requires: a graph in phase `Imported`, after `fold-pool-pad`, which wants to see by what integers are padded.
//! Leaves: no scale or shift by one number behind an operator that moves or chooses entries of nothing but rounded activations. Where
//! that operator has several operands, each has its own; an operand that others read by the same numbers is shared. What a rounding reads
//! stays before it.
//! Keeps: the function exactly: both do the same to every entry, and keep the order.

use crate::{About, Changed, Pass, PassCx, PassError, rewrite::affine::one_number};
use snnc_ir::{Graph, NodeId, Operator, Phase, Tensor};
use std::collections::BTreeMap;

pub struct LiftDequantisers;

impl Pass for LiftDequantisers {
    fn about(&self) -> About {
        About { name: "lift-dequantisers", accepts: Phase::Imported..=Phase::Imported, is_required: false }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut rounded = rounded(graph);
        let mut changed = false;
        let mut waiting = graph.topological();
        waiting.reverse();
        while let Some(node) = waiting.pop() {
            if graph.get(node).is_some() && can_lift(graph, node, &rounded) {
                for new in lift(graph, node)? {
                    rounded.insert(new, true);
                    waiting.push(new);
                }
                changed = true;
            }
        }
        Ok(changed.into())
    }
}

/// Which nodes make nothing but rounded activations, moved, bounded, scaled and shifted.
fn rounded(graph: &Graph) -> BTreeMap<NodeId, bool> {
    let mut rounded = BTreeMap::new();
    for node in graph.topological() {
        let op = &graph[node].op;
        let hands_on = op.is_rectifier() || is_passed(op) || matches!(op, Operator::Scale { .. } | Operator::Shift { .. });
        let of_operands = graph.operands(node).iter().all(|operand| rounded[operand]);
        let is_rounded = matches!(op, Operator::Floor | Operator::Round) || (hands_on && of_operands);
        rounded.insert(node, is_rounded);
    }
    rounded
}

/// Operators that what is done to every entry alike, in order, can pass.
fn is_passed(op: &Operator) -> bool {
    op.is_movement() || matches!(op, Operator::Pad { .. } | Operator::MaxPool2d { .. })
}

/// What a scale or shift of one number makes of a number.
fn map(graph: &Graph, node: NodeId) -> Option<impl Fn(f32) -> f32 + use<>> {
    let (factor, offset) = match graph[node].op {
        Operator::Scale { factor } => (one_number(graph, factor).filter(|f| *f > 0.0)?, 0.0),
        Operator::Shift { offset } => (1.0, one_number(graph, offset)?),
        _ => return None,
    };
    Some(move |v| v * factor + offset)
}

fn can_lift(graph: &Graph, node: NodeId, rounded: &BTreeMap<NodeId, bool>) -> bool {
    let Some(operand) = graph.operand(node).filter(|_| map(graph, node).is_some()) else { return false };
    // What the next rounding needs stays with it.
    let is_of_next = graph.uses(node).iter().any(|(user, _)| matches!(graph[*user].op, Operator::Floor | Operator::Round));
    !is_of_next && is_passed(&graph[operand].op) && graph.only_user(operand) == Some(node) && rounded[&operand]
}

/// Moves a scale or shift before its operand. Returns what stands there now.
fn lift(graph: &mut Graph, node: NodeId) -> Result<Vec<NodeId>, PassError> {
    let passed = graph.operand(node).expect("checked by `can_lift`");
    let change = map(graph, node).expect("checked by `can_lift`");
    let (op, origin) = (graph[node].op.clone(), graph[node].origin.clone());
    let (_, param) = op.params()[0];
    let number = graph.param(param).tensor.data[0];
    let mut made = Vec::new();
    for (slot, operand) in graph.operands(passed).into_iter().enumerate() {
        let same = |user: NodeId| {
            let other = &graph[user].op;
            std::mem::discriminant(other) == std::mem::discriminant(&op)
                && other.params().first().and_then(|&(_, p)| one_number(graph, p)) == Some(number)
        };
        let known = graph.uses(operand).into_iter().map(|(user, _)| user).find(|&user| user != node && same(user));
        let new = match known {
            Some(known) => known,
            None => {
                let mut op = op.clone();
                let source = graph.param(param).clone();
                let tensor = Tensor::splat(vec![1; graph[operand].ty.dims.len()], number);
                for (_, slot) in op.params_mut() {
                    *slot = graph.add_param(source.name.clone(), tensor.clone(), source.provenance);
                }
                graph.add_node(op, &[operand], origin.clone())?
            }
        };
        graph.set_operand(passed, slot, new);
        made.push(new);
    }
    let own = graph[passed].origin.clone();
    if let Operator::Pad { pads, value } = graph[passed].op.clone() {
        graph.set_op(passed, Operator::Pad { pads, value: change(value) })?;
    }
    graph.bypass(node);
    *graph.origin_mut(passed) = own;
    Ok(made)
}
