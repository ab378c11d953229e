//! Rewrites that several passes share.

pub mod affine;
pub mod bounds;
pub mod offset;
pub mod scale;

use snnc_ir::{Graph, NodeId};

/// Takes the foremost of the nodes that wait to be moved down. Those that meet in a join then get there before one of them goes on, and
/// go on as one: otherwise an activation that is copied many times over would be followed once for every way through the copies.
fn next(graph: &Graph, pending: &mut Vec<NodeId>) -> Option<NodeId> {
    if pending.len() > 1 {
        pending.sort_unstable();
        pending.dedup();
        let first = graph.topological().into_iter().find(|node| pending.contains(node))?;
        pending.retain(|&node| node != first);
        return Some(first);
    }
    pending.pop()
}
