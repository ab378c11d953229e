//! `SpaceToDepth` and `DepthToSpace`: blocks of pixels become channels, and back.

use super::copies::transpose;
use crate::import::{
    arguments::sizes,
    cx::{Call, Cx, Value},
    problem::{Outcome, Problem, malformed},
};
use snnc_ir::NodeId;

/// The operand, its four sizes and the size of a block.
fn operand(cx: &Cx, call: &Call<'_>) -> Outcome<(NodeId, [usize; 4], usize)> {
    call.check_counts(1, 1)?;
    let block = sizes(call, "`blocksize`", &[call.node.int("blocksize", 0)?], 1)?[0];
    let id = call.activation(0)?;
    match *cx.dims(id) {
        [n, c, h, w] => Ok((id, [n, c, h, w], block)),
        ref dims => Err(malformed(format!("operator `{}` of a tensor of {} dimensions", call.node.op, dims.len())).into()),
    }
}

fn misfit(call: &Call<'_>, what: &str, block: usize) -> Problem {
    malformed(format!("operator `{}` cannot divide {what} by blocks of {block}", call.node.op)).into()
}

/// `SpaceToDepth`.
pub(super) fn space_to_depth(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (id, [n, c, h, w], b) = operand(cx, call)?;
    if !h.is_multiple_of(b) || !w.is_multiple_of(b) {
        return Err(misfit(call, "height and width", b));
    }
    let blocks = cx.reshape(call.node, id, vec![n, c, h / b, b, w / b, b])?;
    let moved = transpose(cx, call.node, blocks, vec![0, 3, 5, 1, 2, 4])?;
    Ok(vec![Value::Node(cx.reshape(call.node, moved, vec![n, c * b * b, h / b, w / b])?)])
}

/// `DepthToSpace`, whose mode says whether the channels count blocks first (DCR) or last (CRD).
pub(super) fn depth_to_space(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (id, [n, c, h, w], b) = operand(cx, call)?;
    // Blocks are at most 2^24 wide, so that their square does not overflow.
    if !c.is_multiple_of(b * b) {
        return Err(misfit(call, "the channels", b));
    }
    let depth = c / (b * b);
    let (dims, permutation) = match call.node.string("mode", "DCR")?.as_str() {
        "DCR" => (vec![n, b, b, depth, h, w], vec![0, 3, 4, 1, 5, 2]),
        "CRD" => (vec![n, depth, b, b, h, w], vec![0, 1, 4, 2, 5, 3]),
        other => return Err(malformed(format!("attribute `mode` of operator `DepthToSpace` is `{other}`")).into()),
    };
    let blocks = cx.reshape(call.node, id, dims)?;
    let moved = transpose(cx, call.node, blocks, permutation)?;
    Ok(vec![Value::Node(cx.reshape(call.node, moved, vec![n, depth, h * b, w * b])?)])
}
