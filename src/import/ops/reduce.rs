//! Reductions of activations over anything but the batch.

use super::{copies::transpose, elementwise::scale_by, pool::full_max_pool};
use crate::import::{
    arguments::reduced_axes,
    cx::{Call, Cx, Value},
    problem::{Outcome, batch_lost},
};
use snnc_ir::{NodeId, Operator};

/// The axes of a reduction of an activation, and the shape of its result. `None` where nothing is reduced.
fn reduction(cx: &Cx, call: &Call<'_>, operand: NodeId) -> Outcome<Option<(Vec<usize>, Vec<usize>)>> {
    let dims = cx.dims(operand);
    let keep = call.node.int("keepdims", 1)? != 0;
    let Some(axes) = reduced_axes(call, dims.len())? else { return Ok(None) };
    if axes.contains(&0) {
        return Err(batch_lost(format!("operator `{}` runs over the batch", call.node.op))
            .note(format!("its axes are {axes:?}, and axis 0 is that of the images"))
            .into());
    }
    let reduced =
        dims.iter().enumerate().filter(|(axis, _)| keep || !axes.contains(axis)).map(|(a, &d)| if axes.contains(&a) { 1 } else { d });
    let reduced = reduced.collect();
    Ok(Some((axes, reduced)))
}

/// `ReduceMean` and `ReduceSum`.
pub(super) fn mean(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let operand = call.activation(0)?;
    let Some((axes, dims)) = reduction(cx, call, operand)? else { return Ok(vec![Value::Node(operand)]) };
    let count: usize = axes.iter().map(|&a| cx.dims(operand)[a]).product();
    let mut id = cx.add(call.node, Operator::Mean { axes }, &[operand])?;
    if call.node.op == "ReduceSum" && count != 1 {
        id = scale_by(cx, call, id, "count", count as f32)?;
    }
    Ok(vec![Value::Node(cx.reshape(call.node, id, dims)?)])
}

/// `ReduceMax`, and `ReduceMin` as the negative of a maximum of negatives.
pub(super) fn extremum(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let operand = call.activation(0)?;
    let Some((axes, dims)) = reduction(cx, call, operand)? else { return Ok(vec![Value::Node(operand)]) };
    let negated = call.node.op == "ReduceMin";
    let source = if negated { scale_by(cx, call, operand, "minus", -1.0)? } else { operand };
    let mut id = maximum(cx, call, source, &axes)?;
    if negated {
        id = scale_by(cx, call, id, "minus", -1.0)?;
    }
    Ok(vec![Value::Node(cx.reshape(call.node, id, dims)?)])
}

/// `GlobalMaxPool`, over any number of spatial axes.
pub(super) fn global_max_pool(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    let operand = call.activation(0)?;
    let mut dims = cx.dims(operand).to_vec();
    let axes: Vec<usize> = (2..dims.len()).collect();
    let id = maximum(cx, call, operand, &axes)?;
    dims.iter_mut().skip(2).for_each(|d| *d = 1);
    Ok(vec![Value::Node(cx.reshape(call.node, id, dims)?)])
}

/// The maximum over axes, as one pooling window over an image. What is kept is in row-major order; the shape is the caller's.
fn maximum(cx: &mut Cx, call: &Call<'_>, operand: NodeId, axes: &[usize]) -> Outcome<NodeId> {
    let dims = cx.dims(operand).to_vec();
    if axes.iter().all(|&a| dims[a] == 1) {
        return Ok(operand);
    }
    let permutation: Vec<usize> = (0..dims.len()).filter(|a| !axes.contains(a)).chain(axes.iter().copied()).collect();
    let moved = transpose(cx, call.node, operand, permutation)?;
    // Two axes of an image stay what they are.
    if let (4, 2) = (dims.len(), axes.len()) {
        return full_max_pool(cx, call, moved);
    }
    let window: usize = axes.iter().map(|&a| dims[a]).product();
    let kept = dims.iter().product::<usize>() / window;
    let image = cx.reshape(call.node, moved, vec![1, kept, 1, window])?;
    full_max_pool(cx, call, image)
}
