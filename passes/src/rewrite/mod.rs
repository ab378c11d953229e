//! Rewrites that several passes share.

pub mod affine;
pub mod bounds;
pub mod grid;
pub mod offset;
pub mod scale;
pub mod streams;

use snnc_ir::{Graph, NodeId};
use std::collections::BTreeSet;

/// Takes the foremost of the nodes that wait to be moved down. Those that meet in a join then get there before one of them goes on, and
/// go on as one: otherwise an activation that is cut and joined again and again would be followed once for every way through the joints.
fn next(graph: &Graph, pending: &mut BTreeSet<NodeId>) -> Option<NodeId> {
    let first = if pending.len() > 1 { graph.topological().into_iter().find(|node| pending.contains(node))? } else { *pending.first()? };
    pending.remove(&first);
    Some(first)
}
