//! Operators that move, copy or drop entries. None may touch the batch.

use super::copies::{self, cut, pick, repeat, stretch, whole};
use crate::import::{
    arguments::{
        axis, cuts, flattened, gather_indices, permutation, refuse_training, reshaped, shape_of, sizes, slice_ranges, split_sizes,
        squeezed, unsqueezed,
    },
    batch::BatchKind,
    constant::{Data, Made},
    cx::{Call, Cx, Value},
    problem::{Outcome, batch_lost, malformed, no_counterpart},
    strides::common_shape,
};
use snnc_ir::{NodeId, types::Dims};
use tract_onnx::pb::tensor_proto::DataType;

/// `Identity`.
pub(super) fn identity(_: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    Ok(vec![Value::Node(call.activation(0)?)])
}

/// `Dropout`, which does nothing in inference.
pub(super) fn dropout(_: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.node.ignore(&["ratio", "seed"]);
    call.check_counts(3, 2)?;
    refuse_training(call)?;
    // The mask, where anything reads it, is then a tensor of unknown shape: its readers have no rule for it.
    Ok(vec![Value::Node(call.activation(0)?)])
}

/// `Cast` among floats.
pub(super) fn cast(_: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.node.ignore(&["saturate", "round_mode"]);
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

/// `CastLike` among floats, of an activation or like one.
pub(super) fn cast_like(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.node.ignore(&["saturate", "round_mode"]);
    call.check_counts(2, 1)?;
    match (call.input(0), call.input(1)) {
        (_, Some(Value::Const(c))) if !matches!(c.data, Data::Float(_)) => {
            Err(no_counterpart("operator `CastLike` of an activation to integers has no spiking counterpart")
                .help("export the float model")
                .into())
        }
        (_, Some(Value::Const(c))) if c.is_quarter() => {
            Err(no_counterpart("operator `CastLike` of an activation to floats of 8 bits has no spiking counterpart")
                .note("rounding activations is not linear in the spikes")
                .help("export the float model")
                .into())
        }
        // Activations are floats.
        (Some(Value::Const(c)), _) => {
            cx.book(c.data.len())?;
            let same = matches!(c.data, Data::Float(_));
            let made = if same { Made::Same(c.clone()) } else { Made::New(c.dims.clone(), Data::Float(c.data.to_float())) };
            Ok(vec![constant(call, made)])
        }
        _ => Ok(vec![Value::Node(call.activation(0)?)]),
    }
}

/// `Shape` of an activation: a constant, in which the batch has the size that it has in the file, or 1.
pub(super) fn shape(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let made = shape_of(call, &call.in_file(cx, 0)?.1)?;
    Ok(vec![constant(call, made)])
}

/// `Size` of an activation.
pub(super) fn size(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let entries: usize = call.in_file(cx, 0)?.1.iter().product();
    Ok(vec![constant(call, Made::New(Vec::new(), Data::Int(vec![entries as i64])))])
}

fn constant(call: &Call<'_>, made: Made) -> Value {
    Value::Const(made.named(call.node.outputs.first().unwrap_or(&call.node.name)))
}

/// Reshapes to a shape of the file, whose first axis must still be the batch, or have it as a factor. A batch that is 1 for
/// good may go. `open` says that the size of an axis other than the first follows from the number of entries: then the batch
/// is not a factor of the first.
fn to_file_shape(cx: &mut Cx, call: &Call<'_>, operand: NodeId, mut dims: Vec<usize>, open: bool) -> Outcome<Vec<Value>> {
    let batch = cx.batch_size();
    // At the very end, one score may be a number for each image.
    if dims.first() == Some(&batch) && (dims.len() >= 2 || call.at_output) {
        dims[0] = 1;
        return Ok(vec![Value::Node(cx.reshape(call.node, operand, dims)?)]);
    }
    let only_one = cx.batch == BatchKind::Fixed(1);
    if only_one || (dims.len() >= 2 && dims[0].is_multiple_of(batch) && !open) {
        if let Some(first) = dims.first_mut() {
            *first /= batch;
        }
        dims.insert(0, 1);
        return Ok(vec![Value::Bare(cx.reshape(call.node, operand, dims)?)]);
    }
    Err(batch_lost(format!("operator `{}` does not keep the batch", call.node.op))
        .note(format!("from {} to {}", Dims(&cx.file_dims(operand)), Dims(&dims)))
        .into())
}

/// `Reshape`.
pub(super) fn reshape(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.constant(1)?;
    let (operand, dims) = call.in_file(cx, 0)?;
    let dims = reshaped(call, &dims)?;
    let open = call.optional_ints(1)?.is_some_and(|wanted| wanted.iter().skip(1).any(|&size| size == -1));
    to_file_shape(cx, call, operand, dims, open)
}

/// `Flatten`.
pub(super) fn flatten(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (operand, from) = call.in_file(cx, 0)?;
    let dims = flattened(call, &from)?;
    let at_front = axis(call, call.node.int("axis", 1)?, from.len() + 1)? == 0;
    if at_front && cx.batch == BatchKind::Dynamic {
        return Err(batch_lost("operator `Flatten` joins the batch to the features").help("flatten from axis 1").into());
    }
    to_file_shape(cx, call, operand, dims, false)
}

/// `Squeeze`. Without axes it means all of size 1; a dynamic batch is none of them.
pub(super) fn squeeze(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (operand, dims) = call.in_file(cx, 0)?;
    let gone = match squeezed(call, &dims)? {
        Some(axes) => axes,
        None => (usize::from(cx.batch == BatchKind::Dynamic)..dims.len()).filter(|&a| dims[a] == 1).collect(),
    };
    if gone.contains(&0) && cx.batch != BatchKind::Fixed(1) {
        return Err(batch_lost("operator `Squeeze` removes the batch axis")
            .note(format!("it removes the axes {gone:?} of {}", Dims(&dims)))
            .help("name the axes to squeeze, without 0")
            .into());
    }
    let kept: Vec<usize> = dims.iter().enumerate().filter(|(a, _)| !gone.contains(a)).map(|(_, &d)| d).collect();
    if gone.contains(&0) && matches!(call.input(0), Some(Value::Node(_))) {
        // What comes first now is not the batch, even where it is 1.
        let dims = std::iter::once(1).chain(kept).collect();
        return Ok(vec![Value::Bare(cx.reshape(call.node, operand, dims)?)]);
    }
    to_file_shape(cx, call, operand, kept, false)
}

/// `Unsqueeze`.
pub(super) fn unsqueeze(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (operand, dims) = call.in_file(cx, 0)?;
    let (dims, new) = unsqueezed(call, &dims)?;
    if new.contains(&0) && cx.batch != BatchKind::Fixed(1) {
        return Err(batch_lost("operator `Unsqueeze` adds an axis before the batch").into());
    }
    to_file_shape(cx, call, operand, dims, false)
}

/// `Expand`: copies along axes of size 1.
pub(super) fn expand(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(2, 1)?;
    let operand = call.activation(0)?;
    let wanted = call.constant(1)?;
    let wanted = sizes(call, "a size", &wanted.data.to_int(), 0)?;
    let dims = cx.file_dims(operand);
    let mut common = common_shape(call, &dims, &wanted)?;
    if common.len() != dims.len() || common[0] != dims[0] {
        return Err(batch_lost("operator `Expand` copies images").note(format!("from {} to {}", Dims(&dims), Dims(&wanted))).into());
    }
    common[0] = 1;
    Ok(vec![Value::Node(stretch(cx, call.node, operand, &common)?)])
}

/// `Tile`: copies along axes, one after the other.
pub(super) fn tile(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(2, 1)?;
    let operand = call.activation(0)?;
    let repeats = sizes(call, "a count", &call.constant(1)?.data.to_int(), 1)?;
    if repeats.len() != cx.dims(operand).len() {
        return Err(malformed("operator `Tile` wants one number per axis").into());
    }
    if repeats[0] != 1 {
        return Err(batch_lost("operator `Tile` copies images").into());
    }
    let mut id = operand;
    for (axis, times) in repeats.into_iter().enumerate().skip(1) {
        id = repeat(cx, call.node, id, axis, times)?;
    }
    Ok(vec![Value::Node(id)])
}

/// `Transpose`, with the batch first.
pub(super) fn transpose(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let operand = call.activation(0)?;
    let rank = cx.dims(operand).len();
    let permutation = permutation(call, rank)?;
    if permutation[0] != 0 {
        return Err(batch_lost("operator `Transpose` moves the batch axis").note(format!("its permutation is {permutation:?}")).into());
    }
    Ok(vec![Value::Node(copies::transpose(cx, call.node, operand, permutation)?)])
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
    Ok(vec![Value::Node(cut(cx, call.node, operand, ranges)?)])
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
        let mut ranges = whole(&dims);
        ranges[axis] = (start, 1, size);
        parts.push(Value::Node(cut(cx, call.node, operand, ranges)?));
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
        // The one image of a batch that is 1 for good.
        if cx.batch == BatchKind::Fixed(1) && gather_indices(call, &indices, 1)?.len() == 1 && indices.dims.len() < 2 {
            return Ok(vec![if indices.dims.is_empty() { Value::Bare(operand) } else { Value::Node(operand) }]);
        }
        return Err(batch_lost("operator `Gather` picks among the images of the batch").into());
    }
    let picked = gather_indices(call, &indices, dims[axis])?;
    let id = pick(cx, call.node, operand, axis, &picked)?;
    let shape = dims[..axis].iter().chain(&indices.dims).chain(&dims[axis + 1..]).copied().collect();
    Ok(vec![Value::Node(cx.reshape(call.node, id, shape)?)])
}
