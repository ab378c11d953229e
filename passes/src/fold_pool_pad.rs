//! `fold-pool-pad`: a border that no max pool can choose becomes the pool's own padding.
//!
//! Exporters write the padding of a max pool as a `Pad` of its own: with zeros behind a rectifier, or with minus infinity or a number
//! that stands for it.
//!
//! Requires: a graph in phase `Imported`.
//! Leaves: no max pool that reads, over transposes and new axes of size 1, a `pad` over height and width whose value is at or
//! under everything that it surrounds, if the pool can take it: padding is narrower than the window.
//! Keeps: the function exactly. That a value of -65504 or less is under everything is taken for granted: it is the smallest 16-bit
//! float, and exporters mean minus infinity by it. A network whose activations go there would be found out when it is compared with
//! its file.

use crate::{About, Changed, Pass, PassCx, PassError, rewrite::bounds::lower_bounds};
use snnc_ir::{Graph, NodeId, Operator, Origin, Phase, Window};

pub struct FoldPoolPad;

/// Entries before and after, per axis.
type Pads = Vec<(usize, usize)>;

/// What is at or under this stands for minus infinity.
const AS_GOOD_AS_INFINITE: f32 = -65504.0;

impl Pass for FoldPoolPad {
    fn about(&self) -> About {
        // Without it a border of minus infinity is refused.
        About { name: "fold-pool-pad", accepts: Phase::Imported..=Phase::Imported, is_required: true }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let bounds = lower_bounds(graph);
        let mut changed = false;
        for node in graph.topological() {
            let Operator::Pad { value, .. } = graph[node].op else { continue };
            let operand = graph.operand(node).expect("a pad has one operand");
            if (value <= AS_GOOD_AS_INFINITE || value <= bounds[&operand]) && leads_to_pool(graph, node) {
                let pad = sink(graph, node)?;
                changed |= pad != node;
                changed |= into_pools(graph, pad)?;
            }
        }
        Ok(changed.into())
    }
}

/// Whether a pad, or what moves its axes, is read by a max pool.
fn leads_to_pool(graph: &Graph, node: NodeId) -> bool {
    graph.uses(node).iter().any(|&(user, _)| matches!(graph[user].op, Operator::MaxPool2d { .. }))
        || graph.only_user(node).is_some_and(|user| is_passed(graph, user) && leads_to_pool(graph, user))
}

fn is_passed(graph: &Graph, node: NodeId) -> bool {
    matches!(graph[node].op, Operator::Transpose { .. } | Operator::Reshape { .. })
}

/// Moves a pad down to the pool, past transposes and reshapes that only add axes. Returns where it is then.
fn sink(graph: &mut Graph, mut pad: NodeId) -> Result<NodeId, PassError> {
    while let Some(user) = graph.only_user(pad).filter(|&user| is_passed(graph, user)) {
        let Operator::Pad { pads, value } = graph[pad].op.clone() else { return Ok(pad) };
        let operand = graph.operand(pad).expect("a pad has one operand");
        let (op, moved) = match graph[user].op.clone() {
            Operator::Transpose { permutation } => {
                let moved = permutation.iter().map(|&axis| pads[axis]).collect();
                (Operator::Transpose { permutation }, moved)
            }
            Operator::Reshape { dims } => {
                let Some((dims, moved)) = with_new_axes(&graph[operand].ty.dims, &graph[pad].ty.dims, &dims, &pads) else { return Ok(pad) };
                (Operator::Reshape { dims }, moved)
            }
            _ => return Ok(pad),
        };
        let origin = graph[pad].origin.clone();
        graph.set_operand(user, 0, operand);
        graph.set_op(user, op)?;
        pad = graph.insert_after(user, Operator::Pad { pads: moved, value }, origin)?;
    }
    Ok(pad)
}

/// A reshape from `padded` to `result` that only adds axes of size 1: its shape without the padding, and the pads of the new axes.
fn with_new_axes(plain: &[usize], padded: &[usize], result: &[usize], pads: &[(usize, usize)]) -> Option<(Vec<usize>, Pads)> {
    let (mut dims, mut moved, mut axis) = (Vec::new(), Vec::new(), 0);
    for &size in result {
        if padded.get(axis) == Some(&size) {
            dims.push(plain[axis]);
            moved.push(pads[axis]);
            axis += 1;
        } else if size == 1 {
            dims.push(1);
            moved.push((0, 0));
        } else {
            return None;
        }
    }
    (axis == padded.len()).then_some((dims, moved))
}

/// Lets the max pools that read a pad do without it.
fn into_pools(graph: &mut Graph, pad: NodeId) -> Result<bool, PassError> {
    let Operator::Pad { pads, .. } = graph[pad].op.clone() else { return Ok(false) };
    let operand = graph.operand(pad).expect("a pad has one operand");
    let mut changed = false;
    for (user, slot) in graph.uses(pad) {
        let Operator::MaxPool2d { window } = &graph[user].op else { continue };
        let Some(window) = wider(window, &pads, &graph[operand].ty.dims, &graph[user].ty.dims) else { continue };
        let origin: Origin = graph[pad].origin.join(&graph[user].origin);
        graph.set_operand(user, slot, operand);
        graph.set_op(user, Operator::MaxPool2d { window })?;
        *graph.origin_mut(user) = origin;
        changed = true;
    }
    Ok(changed)
}

/// The window that pads by itself as `pads` did, if a pool may have it: over an operand of shape `operand` it makes the same `result`.
fn wider(window: &Window, pads: &[(usize, usize)], operand: &[usize], result: &[usize]) -> Option<Window> {
    let [(0, 0), (0, 0), (top, bottom), (left, right)] = *pads else { return None };
    let mut wide = window.clone();
    for (slot, extra) in wide.pads.iter_mut().zip([top, left, bottom, right]) {
        *slot += extra;
    }
    let fits = (0..4).all(|i| wide.pads[i] < wide.kernel[i % 2]);
    (fits && wide.output_size([operand[2], operand[3]])? == [result[2], result[3]]).then_some(wide)
}
