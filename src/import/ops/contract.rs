//! Contractions of an activation with a constant: what matrix products, `Einsum` and interpolations come to.
//!
//! Every axis has a label. A label of the activation (`x`), of the constant (`w`) and of the result is either in all three (a
//! group), in `x` and `w` (summed over), in `x` and the result (a position), or in `w` and the result (an output). So the
//! contraction is a grouped 1x1 convolution over positions, or, where only one position is left, a dense layer.

use super::{copies::transpose, elementwise::scale_by};
use crate::import::{
    constant::Constant,
    cx::{Call, Cx},
    equation::Label,
    problem::{Outcome, batch_lost, malformed},
    strides::{strided, strides},
};
use snnc_ir::{Conv2d, NodeId, Operator, Tensor};

/// A labelled axis and its size.
type Axis = (Label, usize);

fn labels(axes: &[Axis]) -> Vec<Label> {
    axes.iter().map(|a| a.0).collect()
}

fn entries(axes: &[Axis]) -> usize {
    axes.iter().map(|a| a.1).product()
}

fn size_in(axes: &[Axis], label: Label) -> Option<usize> {
    axes.iter().find(|a| a.0 == label).map(|a| a.1)
}

/// Fails if the result does not begin with the batch.
fn check_batch(call: &Call<'_>, batch: Label, result: &[Label]) -> Outcome<()> {
    if result.first() == Some(&batch) {
        return Ok(());
    }
    let what = if result.contains(&batch) { "moves the batch axis" } else { "sums over the batch" };
    Err(batch_lost(format!("operator `{}` {what}", call.node.op)).into())
}

/// A matrix with rows and columns exchanged, times a number.
pub(super) fn transposed(tensor: &Tensor, scale: f32) -> Tensor {
    let (rows, columns) = (tensor.dims[0], tensor.dims[1]);
    let data = (0..columns).flat_map(|c| (0..rows).map(move |r| tensor.data[r * columns + c] * scale)).collect();
    Tensor::new([columns, rows], data)
}

/// The sum over the axes that the result lacks, in the order of the result.
pub(super) fn sum_to(cx: &mut Cx, call: &Call<'_>, x: NodeId, of_x: &[Label], result: &[Label]) -> Outcome<NodeId> {
    check_batch(call, of_x[0], result)?;
    let kept: Vec<Label> = of_x.iter().copied().filter(|l| result.contains(l)).collect();
    let id = sum_over(cx, call, x, |axis| !result.contains(&of_x[axis]))?;
    let permutation: Option<Vec<usize>> = result.iter().map(|l| kept.iter().position(|k| k == l)).collect();
    let permutation = permutation.ok_or_else(|| malformed(format!("the result of operator `{}` has an axis of its own", call.node.op)))?;
    transpose(cx, call.node, id, permutation)
}

/// Sums over the axes that `gone` names, and drops them.
fn sum_over(cx: &mut Cx, call: &Call<'_>, x: NodeId, gone: impl Fn(usize) -> bool) -> Outcome<NodeId> {
    let dims = cx.dims(x).to_vec();
    let axes: Vec<usize> = (1..dims.len()).filter(|&a| gone(a)).collect();
    let count: usize = axes.iter().map(|&a| dims[a]).product();
    let mut id = x;
    if count > 1 {
        id = cx.add(call.node, Operator::Mean { axes }, &[id])?;
        id = scale_by(cx, call, id, "count", count as f32)?;
    }
    let kept = (0..dims.len()).filter(|&a| a == 0 || !gone(a)).map(|a| dims[a]).collect();
    cx.reshape(call.node, id, kept)
}

/// The contraction of `x` with `weight`; labels are those of the axes of `x`, of `weight` and of the result. An axis of size 1
/// broadcasts.
pub(super) fn contract(cx: &mut Cx, call: &Call<'_>, x: NodeId, weight: &Constant, [of_x, of_w, result]: [&[Label]; 3]) -> Outcome<NodeId> {
    let node = call.node;
    let batch = of_x[0];
    check_batch(call, batch, result)?;
    let in_w: Vec<Axis> = of_w.iter().copied().zip(weight.dims.iter().copied()).collect();
    if size_in(&in_w, batch).is_some_and(|size| size != 1) {
        return Err(batch_lost(format!("the constant of operator `{}` differs from image to image", node.op))
            .note(format!("`{}` has the shape {:?}", weight.name, weight.dims))
            .into());
    }
    if in_w.iter().any(|a| a.1 == 0) {
        return Err(malformed(format!("the constant `{}` of operator `{}` is empty", weight.name, node.op)).into());
    }
    // Axes of size 1 that broadcast go, and sums over axes of the activation alone come first.
    let gone = |axis: usize, size: usize| {
        let label = of_x[axis];
        let in_w = in_w.iter().any(|a| a.0 == label);
        !in_w && !result.contains(&label) || in_w && size == 1
    };
    let dims = cx.dims(x).to_vec();
    let x = sum_over(cx, call, x, |axis| gone(axis, dims[axis]))?;
    let in_x: Vec<Axis> = (1..dims.len()).filter(|&axis| !gone(axis, dims[axis])).map(|axis| (of_x[axis], dims[axis])).collect();

    let (mut groups, mut summed, mut outputs, mut own) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for &(label, size) in &in_w {
        match size_in(&in_x, label) {
            // Broadcast over the activation: nothing to sum in the constant.
            Some(n) if size == 1 && n != 1 => own.push((label, size)),
            Some(n) if n != size => {
                return Err(malformed(format!("operands of operator `{}` do not fit", node.op))
                    .note(format!("`{}` has the shape {:?}, with {size} entries where the activation has {n}", weight.name, weight.dims))
                    .into());
            }
            Some(_) if result.contains(&label) => groups.push((label, size)),
            Some(_) => summed.push((label, size)),
            None if result.contains(&label) && label != batch => outputs.push((label, size)),
            None => own.push((label, size)),
        }
    }
    let in_weight = |label: Label| [&groups, &summed].iter().any(|axes| size_in(axes, label).is_some());
    let (places, lost): (Vec<Axis>, Vec<Axis>) = in_x.iter().copied().filter(|a| !in_weight(a.0)).partition(|a| result.contains(&a.0));
    // An axis that the constant only broadcasts over and the result lacks is summed over in the activation alone.
    let lost = labels(&lost);
    let x = sum_over(cx, call, x, |axis| lost.contains(&in_x[axis - 1].0))?;
    let in_x: Vec<Axis> = in_x.into_iter().filter(|a| !lost.contains(&a.0)).collect();

    let [g, k, o, p] = [&groups, &summed, &outputs, &places].map(|axes| entries(axes));
    let order: Vec<Label> = [&groups, &summed, &places].iter().flat_map(|axes| labels(axes)).collect();
    let position = |label: &Label| in_x.iter().position(|a| a.0 == *label).expect("labels of the activation") + 1;
    let permutation = std::iter::once(0).chain(order.iter().map(position)).collect();
    let moved = transpose(cx, node, x, permutation)?;

    let order: Vec<Label> = [&groups, &outputs, &summed, &own].iter().flat_map(|axes| labels(axes)).collect();
    let from: Vec<usize> = order.iter().map(|label| in_w.iter().position(|a| a.0 == *label).expect("labels of the constant")).collect();
    let (steps, w_dims) = (strides(&weight.dims), weight.dims.clone());
    let rearranged = |t: Tensor, dims: Vec<usize>| {
        let (sizes, moves): (Vec<usize>, Vec<isize>) = from.iter().map(|&axis| (w_dims[axis], steps[axis])).unzip();
        let repeated = entries(&own);
        let data = strided(&sizes, &moves, 0);
        let sum = |indices: &[usize]| indices.iter().map(|&i| f64::from(t.data[i])).sum::<f64>() as f32;
        Ok(Tensor::new(dims, data.chunks(repeated).map(sum).collect()))
    };
    let product = if g == 1 && p == 1 {
        // A transposed matrix is the same parameter as that of a `Gemm`.
        let weight = if from == [1, 0] && weight.dims == [k, o] {
            cx.param(weight, "matrix false 1", |t| Ok(transposed(&t, 1.0)))?
        } else {
            cx.param(weight, &format!("dense {from:?} {o} {k}"), |t| rearranged(t, vec![o, k]))?
        };
        let flat = cx.reshape(node, moved, vec![1, k])?;
        cx.add(node, Operator::Linear { weight, bias: None }, &[flat])?
    } else {
        let weight = cx.param(weight, &format!("pointwise {from:?} {g} {o} {k}"), |t| rearranged(t, vec![g * o, k, 1, 1]))?;
        let image = cx.reshape(node, moved, vec![1, g * k, p, 1])?;
        let geometry = Conv2d { stride: [1, 1], dilation: [1, 1], pads: [0; 4], groups: g };
        cx.add(node, Operator::Conv2d { weight, bias: None, geometry }, &[image])?
    };
    let made: Vec<Axis> = [&groups, &outputs, &places].iter().flat_map(|axes| axes.iter().copied()).collect();
    let split = cx.reshape(node, product, std::iter::once(1).chain(made.iter().map(|a| a.1)).collect())?;
    let back: Option<Vec<usize>> = result[1..].iter().map(|l| made.iter().position(|a| a.0 == *l).map(|i| i + 1)).collect();
    let back = back.ok_or_else(|| malformed(format!("the result of operator `{}` has an axis of its own", node.op)))?;
    transpose(cx, node, split, std::iter::once(0).chain(back).collect())
}
