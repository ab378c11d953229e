//! `split-sums`: a layer of the radix code that reads a sum of streams becomes a sum of layers.
//!
//! `leaky(x) = relu(x) - α relu(-x)` is such a sum: two populations of neurons, whose spikes go each through weights of its own.
//! The sum itself would be no stream, but a current.
//!
//! Requires: a graph in phase `Canonical`.
//! Leaves: no sum of streams that leads to a layer through movement, means, scales and shifts alone. Does nothing for the rate code.
//! Keeps: the function, up to rounding.

use crate::{
    About, Changed, Pass, PassCx, PassError,
    rewrite::streams::{Streams, is_layer, passes_spikes},
};
use snnc_ir::{Code, Graph, NodeId, Operator, Phase};
use std::collections::BTreeSet;

pub struct SplitSums;

impl Pass for SplitSums {
    fn about(&self) -> About {
        About { name: "split-sums", accepts: Phase::Canonical..=Phase::Canonical, is_required: false }
    }

    fn run(&self, graph: &mut Graph, cx: &mut PassCx<'_>) -> Result<Changed, PassError> {
        if cx.settings.code != Code::Radix {
            return Ok(Changed::No);
        }
        let mut changed = false;
        let mut streams = Streams::default();
        let mut sums: BTreeSet<NodeId> = BTreeSet::new();
        for node in graph.topological() {
            let operands = graph.operands(node);
            let op = graph[node].op.clone();
            if matches!(op, Operator::Add) && operands.iter().all(|&operand| streams.has(operand)) {
                sums.insert(node);
            } else if let [sum] = operands[..]
                && sums.contains(&sum)
                && (is_layer(&op) || passes_spikes(&op) && leads_to_layers(graph, node))
            {
                split(graph, node, sum)?;
                // Behind a layer it is a current.
                if !is_layer(&op) {
                    sums.insert(node);
                }
                changed = true;
            }
            streams.see(graph, node);
        }
        graph.prune();
        Ok(changed.into())
    }
}

/// Whether all that read a node are layers, or pass it on to such.
fn leads_to_layers(graph: &Graph, node: NodeId) -> bool {
    let (mut seen, mut pending) = (BTreeSet::from([node]), vec![node]);
    while let Some(node) = pending.pop() {
        let uses = graph.uses(node);
        if uses.is_empty() {
            return false;
        }
        for (user, _) in uses {
            let op = &graph[user].op;
            if !is_layer(op) {
                if !passes_spikes(op) {
                    return false;
                }
                if seen.insert(user) {
                    pending.push(user);
                }
            }
        }
    }
    true
}

/// `op(a + b)` becomes `op(a) + op'(b)`, where `op'` is without constants. The node becomes the sum: what it makes stays what it was.
fn split(graph: &mut Graph, node: NodeId, sum: NodeId) -> Result<(), PassError> {
    let (op, origin) = (graph[node].op.clone(), graph[node].origin.clone());
    let mut parts = Vec::new();
    for (k, &term) in graph.operands(sum).iter().enumerate() {
        let mut op = op.clone();
        match &mut op {
            Operator::Conv2d { bias, .. } | Operator::Linear { bias, .. } if k > 0 => *bias = None,
            Operator::Shift { .. } if k > 0 => {
                parts.push(term);
                continue;
            }
            _ => {}
        }
        parts.push(graph.add_node(op, &[term], origin.clone())?);
    }
    parts.iter().enumerate().for_each(|(slot, &part)| graph.set_operand(node, slot, part));
    graph.set_op(node, Operator::Add)?;
    Ok(())
}
