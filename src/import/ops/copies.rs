//! Copies of entries: what it comes to when an operator picks, repeats or broadcasts activations. Slices, concatenations and
//! changes of shape only: exact in spikes, and without a synapse.

use crate::import::{
    cx::{Cx, check_entries},
    problem::{Outcome, malformed, unsupported_use},
    proto::Node,
};
use snnc_ir::{NodeId, Operator};

/// More pieces than this of one operator are no picking of channels or positions.
const MAX_PIECES: usize = 4096;

/// What a slice takes of each axis: `(start, step, len)`.
type Ranges = Vec<(usize, isize, usize)>;

/// The ranges that take everything.
pub(super) fn whole(dims: &[usize]) -> Ranges {
    dims.iter().map(|&d| (0, 1, d)).collect()
}

/// A slice; nothing where it takes everything.
pub(super) fn cut(cx: &mut Cx, node: &Node, operand: NodeId, ranges: Ranges) -> Outcome<NodeId> {
    if ranges == whole(cx.dims(operand)) { Ok(operand) } else { cx.add(node, Operator::Slice { ranges }, &[operand]) }
}

/// Permutes the axes; nothing where they stay.
pub(super) fn transpose(cx: &mut Cx, node: &Node, operand: NodeId, permutation: Vec<usize>) -> Outcome<NodeId> {
    if permutation.is_sorted() { Ok(operand) } else { cx.add(node, Operator::Transpose { permutation }, &[operand]) }
}

/// The entries `picked` along an axis, in that order: slices of evenly spaced runs, joined.
pub(super) fn pick(cx: &mut Cx, node: &Node, operand: NodeId, axis: usize, picked: &[usize]) -> Outcome<NodeId> {
    let dims = cx.dims(operand).to_vec();
    let Some(&first) = picked.first() else { return Err(malformed(format!("operator `{}` takes nothing", node.op)).into()) };
    check_resized(node, &dims, axis, picked.len())?;
    // Every entry as often as the next, as nearest-neighbour interpolation has it: copies along an axis of their own.
    let times = picked.iter().take_while(|&&p| p == first).count();
    if times > 1 && picked.len().is_multiple_of(times) && picked.chunks(times).all(|c| c.iter().all(|p| *p == c[0])) {
        let each: Vec<usize> = picked.chunks(times).map(|c| c[0]).collect();
        let once = pick(cx, node, operand, axis, &each)?;
        let mut split = cx.dims(once).to_vec();
        split.insert(axis + 1, 1);
        let split = cx.reshape(node, once, split)?;
        let copies = repeat(cx, node, split, axis + 1, times)?;
        let mut joined = dims;
        joined[axis] = picked.len();
        return cx.reshape(node, copies, joined);
    }
    let mut parts = Vec::new();
    let mut rest = picked;
    while let [first, tail @ ..] = rest {
        if parts.len() == MAX_PIECES {
            return Err(unsupported_use(format!("operator `{}` of more than {MAX_PIECES} scattered entries", node.op)).into());
        }
        // The longest run with one step.
        let step = tail.first().map_or(1, |&second| second as isize - *first as isize);
        let len = 1 + tail.iter().enumerate().take_while(|(k, p)| **p as isize == *first as isize + step * (*k as isize + 1)).count();
        let mut ranges = whole(&dims);
        ranges[axis] = if step == 0 || len == 1 { (*first, 1, 1) } else { (*first, step, len) };
        let part = cut(cx, node, operand, ranges)?;
        parts.push(if step == 0 { repeat(cx, node, part, axis, len)? } else { part });
        rest = &rest[len..];
    }
    match parts[..] {
        [one] => Ok(one),
        _ => cx.add(node, Operator::Concat { axis }, &parts),
    }
}

/// The operand `times` over along an axis, by doubling.
pub(super) fn repeat(cx: &mut Cx, node: &Node, operand: NodeId, axis: usize, times: usize) -> Outcome<NodeId> {
    let size = cx.dims(operand)[axis];
    if times == 0 {
        return Err(malformed(format!("operator `{}` takes nothing", node.op)).into());
    }
    check_resized(node, cx.dims(operand), axis, size.saturating_mul(times))?;
    let (mut id, mut copies) = (operand, 1);
    while copies <= times / 2 {
        id = cx.add(node, Operator::Concat { axis }, &[id, id])?;
        copies *= 2;
    }
    if copies < times {
        let mut ranges = whole(cx.dims(id));
        ranges[axis].2 = size * (times - copies);
        let rest = cut(cx, node, id, ranges)?;
        id = cx.add(node, Operator::Concat { axis }, &[id, rest])?;
    }
    Ok(id)
}

/// Broadcasts to a shape of as many axes, batch first, over which the operand broadcasts.
pub(super) fn stretch(cx: &mut Cx, node: &Node, operand: NodeId, dims: &[usize]) -> Outcome<NodeId> {
    check_entries(node, dims)?;
    let mut id = operand;
    for (axis, &size) in dims.iter().enumerate().skip(1) {
        if cx.dims(id).get(axis) == Some(&1) && size > 1 {
            id = repeat(cx, node, id, axis, size)?;
        }
    }
    Ok(id)
}

fn check_resized(node: &Node, dims: &[usize], axis: usize, size: usize) -> Outcome<()> {
    let mut dims = dims.to_vec();
    dims[axis] = size;
    check_entries(node, &dims)
}
