//! Joins whose terms cannot all have their unit.

use super::{demands::Sizes, streams::Streams, streams::one, units::Units};
use crate::{PassError, rewrite::affine::broadcast};
use snnc_ir::{Graph, NodeId, Operator, Origin};
use std::collections::BTreeSet;

/// A factor of fewer units than this is too coarse, where others in the sum decide the unit.
const COARSE: f64 = 32.0;

/// Gives each term of the joins a scale of its own, so that their units are free.
///
/// # Errors
/// Only on a bug.
pub(super) fn separate(graph: &mut Graph, streams: &Streams, joins: &BTreeSet<NodeId>) -> Result<(), PassError> {
    for &join in joins {
        for (slot, operand) in graph.operands(join).into_iter().enumerate().filter(|(_, operand)| !streams.has(*operand)) {
            if !(matches!(graph[operand].op, Operator::Scale { .. }) && graph.only_user(operand) == Some(join)) {
                let factor = one(graph, operand);
                graph.insert_before(join, slot, Operator::Scale { factor }, Origin::default())?;
            }
        }
    }
    Ok(())
}

/// The joins of classes out of which weights lead back into them: `x + w x`. A weight would be a whole number there by itself.
pub(super) fn circular(graph: &Graph, units: &Units) -> BTreeSet<NodeId> {
    let mut reads: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); units.count()];
    for node in graph.topological() {
        if has_weights(&graph[node].op)
            && let (Some(own), Some(operand)) = (units.classes(graph, node), graph.operand(node))
        {
            let read = units.classes(graph, operand).unwrap_or_default();
            own.iter().for_each(|&class| reads[class].extend(read));
        }
    }
    let comes_back = |class: usize| {
        let (mut seen, mut pending) = (BTreeSet::new(), vec![class]);
        while let Some(next) = pending.pop() {
            if reads[next].contains(&class) {
                return true;
            }
            pending.extend(reads[next].iter().filter(|&&read| seen.insert(read)));
        }
        false
    };
    // Only what reads currents can come back, and that is seldom.
    let circular: BTreeSet<usize> = (0..units.count()).filter(|&class| !reads[class].is_empty() && comes_back(class)).collect();
    joins_of(graph, units, &circular)
}

/// The joins in which layers have made the unit so large that a scale beside them has too few of it.
pub(super) fn coarse(graph: &Graph, units: &Units, sizes: &Sizes) -> BTreeSet<NodeId> {
    let mut classes = BTreeSet::new();
    for node in graph.topological() {
        let (Operator::Scale { factor }, Some(own), Some(operand)) = (&graph[node].op, units.classes(graph, node), graph.operand(node))
        else {
            continue;
        };
        let (ty, read) = (&graph[node].ty, units.classes(graph, operand));
        let mut largest = vec![0.0f64; ty.channels()];
        for (entry, factor) in broadcast(&graph.param(*factor).tensor, &ty.dims).into_iter().enumerate() {
            let at = &mut largest[entry / ty.plane().max(1) % ty.channels()];
            *at = at.max(f64::from(factor.abs()));
        }
        for (channel, factor) in largest.into_iter().enumerate() {
            let size = read.map_or(1.0, |read| sizes.units[read[channel]]);
            let unit = sizes.units[own[channel]];
            let count = factor * size / unit;
            if count > 0.0 && count < COARSE && !is_near(count) {
                classes.insert(own[channel]);
            }
        }
    }
    joins_of(graph, units, &classes)
}

/// Whether a factor is a whole number up to rounding.
fn is_near(count: f64) -> bool {
    (count - count.round()).abs() <= 1e-6 * count
}

fn has_weights(op: &Operator) -> bool {
    matches!(op, Operator::Conv2d { .. } | Operator::Linear { .. } | Operator::Scale { .. })
}

fn joins_of(graph: &Graph, units: &Units, classes: &BTreeSet<usize>) -> BTreeSet<NodeId> {
    let is_join = |node: &NodeId| matches!(graph[*node].op, Operator::Add | Operator::Concat { .. });
    let has = |node: &NodeId| units.classes(graph, *node).is_some_and(|own| own.iter().any(|class| classes.contains(class)));
    graph.node_ids().into_iter().filter(is_join).filter(has).collect()
}
