//! Operators that move, copy or drop entries. None may touch the batch.

use super::arguments::{
    axis, cuts, flattened, gather_indices, permutation, reshaped, shape_of, sizes, slice_ranges, split_sizes, squeezed, unsqueezed,
};
use crate::import::{
    BatchKind,
    constant::{Data, Made},
    cx::{Call, Cx, Value, check_entries},
    problem::{Outcome, batch_lost, malformed, no_counterpart, unsupported_use},
};
use snnc_ir::{NodeId, Operator, types::Dims};
use tract_onnx::pb::tensor_proto::DataType;

/// More pieces than this of one `Gather` are no permutation of channels.
const MAX_PIECES: usize = 4096;

/// `Identity`.
pub(super) fn identity(_: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    Ok(vec![Value::Node(call.activation(0)?)])
}

/// `Dropout`, which does nothing in inference.
pub(super) fn dropout(_: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.node.ignore(&["ratio", "seed"]);
    call.check_counts(3, 2)?;
    let training = call.optional_constant(2)?.is_some_and(|c| c.data.to_bool().contains(&true));
    if training {
        return Err(unsupported_use("operator `Dropout` in training mode").help("call `model.eval()` before the export").into());
    }
    // The mask, where anything reads it, is then a tensor of unknown shape: its readers have no rule for it.
    Ok(vec![Value::Node(call.activation(0)?)])
}

/// `Cast` among floats.
pub(super) fn cast(_: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.node.ignore(&["saturate"]);
    call.check_counts(1, 1)?;
    let ty = i32::try_from(call.node.int("to", 0)?).ok().and_then(|t| DataType::try_from(t).ok()).unwrap_or(DataType::Undefined);
    match ty {
        DataType::Float | DataType::Double | DataType::Float16 | DataType::Bfloat16 => Ok(vec![Value::Node(call.activation(0)?)]),
        other => Err(no_counterpart(format!(
            "operator `Cast` of an activation to {} has no spiking counterpart",
            other.as_str_name().to_lowercase()
        ))
        .note("rounding activations is not linear in the spikes")
        .help("export the float model")
        .into()),
    }
}

/// `CastLike` among floats.
pub(super) fn cast_like(_: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.node.ignore(&["saturate"]);
    call.check_counts(2, 1)?;
    match call.input(1) {
        Some(Value::Const(c)) if !matches!(c.data, Data::Float(_)) => {
            Err(no_counterpart("operator `CastLike` of an activation to integers has no spiking counterpart")
                .help("export the float model")
                .into())
        }
        _ => Ok(vec![Value::Node(call.activation(0)?)]),
    }
}

/// `Shape` of an activation: a constant, in which the batch has the size that it has in the file, or 1.
pub(super) fn shape(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let made = shape_of(call, &cx.file_dims(call.activation(0)?))?;
    Ok(vec![constant(call, made)])
}

/// `Size` of an activation.
pub(super) fn size(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let entries: usize = cx.file_dims(call.activation(0)?).iter().product();
    Ok(vec![constant(call, Made::New(Vec::new(), Data::Int(vec![entries as i64])))])
}

fn constant(call: &Call<'_>, made: Made) -> Value {
    Value::Const(made.named(call.node.outputs.first().unwrap_or(&call.node.name)))
}

/// Reshapes to a shape of the file, whose first axis must still be the batch.
fn to_file_shape(cx: &mut Cx, call: &Call<'_>, operand: NodeId, mut dims: Vec<usize>) -> Outcome<Vec<Value>> {
    // At the very end, one score may be a number for each image, and a batch of 1 may lose its axis.
    if call.at_output && cx.batch == BatchKind::Fixed(1) && dims.len() <= 1 {
        dims.insert(0, 1);
    }
    let least = if call.at_output { 1 } else { 2 };
    if dims.len() < least || dims[0] != cx.batch_size() {
        return Err(batch_lost(format!("operator `{}` does not keep the batch", call.node.op))
            .note(format!("from {} to {}", Dims(&cx.file_dims(operand)), Dims(&dims)))
            .into());
    }
    dims[0] = 1;
    Ok(vec![Value::Node(cx.reshape(call.node, operand, dims)?)])
}

/// `Reshape`.
pub(super) fn reshape(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.constant(1)?;
    let operand = call.activation(0)?;
    let dims = reshaped(call, &cx.file_dims(operand))?;
    to_file_shape(cx, call, operand, dims)
}

/// `Flatten`.
pub(super) fn flatten(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let operand = call.activation(0)?;
    let dims = flattened(call, &cx.file_dims(operand))?;
    let at_front = axis(call, call.node.int("axis", 1)?, cx.dims(operand).len() + 1)? == 0;
    if at_front && cx.batch == BatchKind::Dynamic {
        return Err(batch_lost("operator `Flatten` joins the batch to the features").help("flatten from axis 1").into());
    }
    to_file_shape(cx, call, operand, dims)
}

/// `Squeeze`. Without axes it means all of size 1; a dynamic batch is none of them.
pub(super) fn squeeze(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let operand = call.activation(0)?;
    let dims = cx.file_dims(operand);
    let gone = match squeezed(call, &dims)? {
        Some(axes) => axes,
        None => (usize::from(cx.batch == BatchKind::Dynamic)..dims.len()).filter(|&a| dims[a] == 1).collect(),
    };
    let row = call.at_output && cx.batch == BatchKind::Fixed(1) && dims.len() <= gone.len() + 1;
    if gone.contains(&0) && !row {
        return Err(batch_lost("operator `Squeeze` removes the batch axis")
            .note(format!("it removes the axes {gone:?} of {}", Dims(&dims)))
            .help("name the axes to squeeze, without 0")
            .into());
    }
    let kept = dims.iter().enumerate().filter(|(a, _)| !gone.contains(a)).map(|(_, &d)| d).collect();
    to_file_shape(cx, call, operand, kept)
}

/// `Unsqueeze`.
pub(super) fn unsqueeze(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let operand = call.activation(0)?;
    let (dims, new) = unsqueezed(call, &cx.file_dims(operand))?;
    if new.contains(&0) {
        return Err(batch_lost("operator `Unsqueeze` adds an axis before the batch").into());
    }
    to_file_shape(cx, call, operand, dims)
}

/// `Expand` where it changes nothing.
pub(super) fn expand(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(2, 1)?;
    let operand = call.activation(0)?;
    let wanted = call.constant(1)?;
    let wanted = sizes(call, "a size", &wanted.data.to_int(), 0)?;
    if !snnc_ir::types::broadcasts(&wanted, &cx.file_dims(operand)) {
        return Err(unsupported_use("operator `Expand` of an activation")
            .note(format!("from {} to {}", Dims(&cx.file_dims(operand)), Dims(&wanted)))
            .help("only constants are broadcast")
            .into());
    }
    Ok(vec![Value::Node(operand)])
}

/// `Transpose`, with the batch first.
pub(super) fn transpose(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let operand = call.activation(0)?;
    let rank = cx.dims(operand).len();
    let permutation = permutation(call, rank)?;
    if permutation[0] != 0 {
        return Err(batch_lost("operator `Transpose` moves the batch axis").note(format!("its permutation is {permutation:?}")).into());
    }
    if permutation.is_sorted() {
        return Ok(vec![Value::Node(operand)]);
    }
    Ok(vec![Value::Node(cx.add(call.node, Operator::Transpose { permutation }, &[operand])?)])
}

/// `Concat` of activations.
pub(super) fn concat(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(usize::MAX, 1)?;
    let mut operands = Vec::new();
    for (index, input) in call.inputs.iter().enumerate() {
        if let Some(Value::Const(c)) = input {
            return Err(unsupported_use("operator `Concat` of activations and a constant")
                .note(format!("`{}` is a constant", c.name))
                .help("leave out class tokens and constant channels, or add them as a bias")
                .into());
        }
        operands.push(call.activation(index)?);
    }
    let Some(&first) = operands.first() else { return Err(malformed("operator `Concat` has no operands").into()) };
    let axis = axis(call, call.node.int("axis", 1)?, cx.dims(first).len())?;
    if axis == 0 {
        return Err(batch_lost("operator `Concat` joins along the batch").into());
    }
    if operands.len() == 1 {
        return Ok(vec![Value::Node(first)]);
    }
    Ok(vec![Value::Node(cx.add(call.node, Operator::Concat { axis }, &operands)?)])
}

fn cut(cx: &mut Cx, call: &Call<'_>, operand: NodeId, ranges: Vec<(usize, isize, usize)>) -> Outcome<NodeId> {
    let whole = ranges.iter().zip(cx.dims(operand)).all(|(r, &d)| *r == (0, 1, d));
    if whole { Ok(operand) } else { cx.add(call.node, Operator::Slice { ranges }, &[operand]) }
}

/// `Slice`.
pub(super) fn slice(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let operand = call.activation(0)?;
    let dims = cx.file_dims(operand);
    let mut ranges = slice_ranges(call, &dims)?;
    // A dynamic batch is kept whole only by an end that no batch reaches.
    let cuts_batch = |&(axis, start, end, step): &(usize, i64, i64, i64)| {
        axis == 0 && cx.batch == BatchKind::Dynamic && (start != 0 || step != 1 || end < i64::from(i32::MAX))
    };
    if ranges[0] != (0, 1, cx.batch_size()) || cuts(call, dims.len())?.iter().any(cuts_batch) {
        return Err(batch_lost("operator `Slice` cuts the batch").into());
    }
    ranges[0] = (0, 1, 1);
    Ok(vec![Value::Node(cut(cx, call, operand, ranges)?)])
}

/// `Split`: slices.
pub(super) fn split(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(2, usize::MAX)?;
    let operand = call.activation(0)?;
    let dims = cx.dims(operand).to_vec();
    let (axis, sizes) = split_sizes(call, &dims)?;
    if axis == 0 {
        return Err(batch_lost("operator `Split` cuts the batch").into());
    }
    let mut parts = Vec::new();
    let mut start = 0;
    for size in sizes {
        let mut ranges: Vec<(usize, isize, usize)> = dims.iter().map(|&d| (0, 1, d)).collect();
        ranges[axis] = (start, 1, size);
        parts.push(Value::Node(cut(cx, call, operand, ranges)?));
        start += size;
    }
    Ok(parts)
}

/// `Gather` of channels or positions by constants: slices of evenly spaced runs, joined.
pub(super) fn gather(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let indices = match call.input(0) {
        Some(Value::Const(_)) => {
            return Err(no_counterpart("operator `Gather` by activations has no spiking counterpart")
                .note("a table looked up by the input (an embedding) is not linear in the spikes")
                .help("convert the part behind the embedding")
                .into());
        }
        _ => call.constant(1)?.clone(),
    };
    let operand = call.activation(0)?;
    let dims = cx.dims(operand).to_vec();
    let axis = axis(call, call.node.int("axis", 0)?, dims.len())?;
    if axis == 0 {
        return Err(batch_lost("operator `Gather` picks among the images of the batch").into());
    }
    let picked = gather_indices(call, &indices, dims[axis])?;
    let mut parts = Vec::new();
    let mut rest = &picked[..];
    while let [first, tail @ ..] = rest {
        // The longest run with one step.
        let step = tail.first().map_or(1, |&second| second as isize - *first as isize);
        let mut len = 1;
        while step != 0 && len < rest.len() && rest[len] as isize == *first as isize + step * len as isize {
            len += 1;
        }
        let mut ranges: Vec<(usize, isize, usize)> = dims.iter().map(|&d| (0, 1, d)).collect();
        ranges[axis] = (*first, if len > 1 { step } else { 1 }, len);
        parts.push(cut(cx, call, operand, ranges)?);
        if parts.len() > MAX_PIECES {
            return Err(unsupported_use(format!("operator `Gather` of more than {MAX_PIECES} scattered entries")).into());
        }
        rest = &rest[len..];
    }
    let id = match parts[..] {
        [] => return Err(malformed("operator `Gather` takes nothing").into()),
        [one] => one,
        _ => cx.add(call.node, Operator::Concat { axis }, &parts)?,
    };
    let shape = dims[..axis].iter().chain(&indices.dims).chain(&dims[axis + 1..]).copied().collect();
    Ok(vec![Value::Node(cx.reshape(call.node, id, shape)?)])
}

/// `Pad` with a constant; negative pads crop.
pub(super) fn pad(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(4, 1)?;
    let node = call.node;
    let mode = node.string("mode", "constant")?;
    if mode != "constant" {
        return Err(unsupported_use(format!("operator `Pad` with mode `{mode}`"))
            .note("only a constant border is converted")
            .help("pad with zeros, or let the convolution pad")
            .into());
    }
    let operand = call.activation(0)?;
    let rank = cx.dims(operand).len();
    let Some(pads) = call.attribute_or_input("pads", 1)? else { return Err(malformed("operator `Pad` has no pads").into()) };
    let value = node.optional_float("value")?.or(call.optional_float(2)?).unwrap_or(0.0);
    // Minus infinity may be a max pool's: a pass knows.
    if value.is_nan() || value == f32::INFINITY {
        return Err(unsupported_use(format!("operator `Pad` with {value}")).help("pad with a number, or let the pooling pad").into());
    }
    let axes = match call.optional_ints(3)? {
        Some(values) => values.iter().map(|&a| axis(call, a, rank)).collect::<Outcome<Vec<_>>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(malformed(format!("operator `Pad` has {} pads for {} axes", pads.len(), axes.len())).into());
    }
    let (mut grow, mut crop) = (vec![(0, 0); rank], vec![(0, 0); rank]);
    for (index, &axis) in axes.iter().enumerate() {
        let (before, after) = (pads[index], pads[index + axes.len()]);
        let positive = sizes(call, "`pads`", &[before.max(0), after.max(0)], 0)?;
        let negative = sizes(call, "`pads`", &[before.min(0).saturating_neg(), after.min(0).saturating_neg()], 0)?;
        (grow[axis], crop[axis]) = ((positive[0], positive[1]), (negative[0], negative[1]));
    }
    if grow[0] != (0, 0) || crop[0] != (0, 0) {
        return Err(batch_lost("operator `Pad` adds images to the batch, or drops some").into());
    }
    let mut id = operand;
    if grow.iter().any(|&p| p != (0, 0)) {
        let dims: Vec<usize> = cx.dims(id).iter().zip(&grow).map(|(d, p)| d + p.0 + p.1).collect();
        check_entries(node, &dims)?;
        id = cx.add(node, Operator::Pad { pads: grow, value }, &[id])?;
    }
    let mut ranges = Vec::new();
    for (&dim, (before, after)) in cx.dims(id).iter().zip(crop) {
        let len = dim.checked_sub(before + after).filter(|&len| len > 0);
        ranges.push((before, 1, len.ok_or_else(|| malformed("operator `Pad` crops everything"))?));
    }
    Ok(vec![Value::Node(cut(cx, call, id, ranges)?)])
}
