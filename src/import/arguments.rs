//! What attributes and constant operands say, checked and in one form for all operator sets. Serves activations and
//! constants alike; sizes are those of the file.

use super::{
    constant::{Constant, Data, Made},
    cx::Call,
    problem::{Outcome, malformed, unsupported_use},
};
use tract_onnx::pb::tensor_proto::DataType;

/// Strides, kernels and pads beyond this are nonsense, and would overflow.
const MAX_SIZE: i64 = 1 << 24;

/// The integers that `QuantizeLinear` makes: their type, which the zero point or an attribute says, and its range.
pub(super) fn quantised_to(call: &Call<'_>, zero_point: Option<&Constant>) -> Outcome<(DataType, [i64; 2])> {
    let stated = call.node.int("output_dtype", 0)?;
    let stated = i32::try_from(stated).ok().filter(|&t| t != 0).map(|t| DataType::try_from(t).unwrap_or(DataType::Undefined));
    let element = zero_point.map(Constant::element).or(stated).unwrap_or(DataType::Uint8);
    let range = match element {
        DataType::Int8 => [-128, 127],
        DataType::Uint8 => [0, 255],
        DataType::Int16 => [-32768, 32767],
        DataType::Uint16 => [0, 65535],
        DataType::Int4 => [-8, 7],
        DataType::Uint4 => [0, 15],
        DataType::Int32 => [i32::MIN.into(), i32::MAX.into()],
        other => {
            return Err(unsupported_use(format!("operator `QuantizeLinear` to {}", other.as_str_name().to_lowercase()))
                .help("quantise to integers, or export the float model")
                .into());
        }
    };
    Ok((element, range))
}

/// Checks that all values lie in `least ..= MAX_SIZE`; `what` names them.
pub(super) fn sizes(call: &Call<'_>, what: &str, values: &[i64], least: i64) -> Outcome<Vec<usize>> {
    let convert = |&v: &i64| {
        usize::try_from(v).ok().filter(|_| (least..=MAX_SIZE).contains(&v)).ok_or_else(|| {
            malformed(format!("operator `{}` has {what} of {v}", call.node.op))
                .note(format!("it must lie between {least} and {MAX_SIZE}"))
                .into()
        })
    };
    values.iter().map(convert).collect()
}

/// Counts a negative axis from the end.
pub(super) fn axis(call: &Call<'_>, axis: i64, rank: usize) -> Outcome<usize> {
    let from_front = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    from_front
        .and_then(|a| usize::try_from(a).ok())
        .filter(|&a| a < rank)
        .ok_or_else(|| malformed(format!("operator `{}` names axis {axis} of a tensor of {rank} dimensions", call.node.op)).into())
}

fn axes(call: &Call<'_>, values: &[i64], rank: usize) -> Outcome<Vec<usize>> {
    let mut axes = values.iter().map(|&a| axis(call, a, rank)).collect::<Outcome<Vec<_>>>()?;
    axes.sort_unstable();
    if axes.windows(2).any(|w| w[0] == w[1]) {
        return Err(malformed(format!("operator `{}` names an axis twice", call.node.op)).into());
    }
    Ok(axes)
}

/// The axes of a reduction; `None` where nothing is reduced.
pub(super) fn reduced_axes(call: &Call<'_>, rank: usize) -> Outcome<Option<Vec<usize>>> {
    call.check_counts(2, 1)?;
    let nothing = call.node.int("noop_with_empty_axes", 0)? != 0;
    match call.attribute_or_input("axes", 1)? {
        Some(values) if !values.is_empty() => axes(call, values, rank).map(Some),
        _ if nothing => Ok(None),
        _ => Ok(Some((0..rank).collect())),
    }
}

/// What `Shape` makes of a tensor of shape `dims`.
pub(super) fn shape_of(call: &Call<'_>, dims: &[usize]) -> Outcome<Made> {
    let rank = dims.len() as i64;
    let position = |v: i64| (if v < 0 { v.saturating_add(rank) } else { v }).clamp(0, rank) as usize;
    let (start, end) = (position(call.node.int("start", 0)?), position(call.node.int("end", rank)?));
    let part: Vec<i64> = dims.get(start..end).unwrap_or_default().iter().map(|&d| d as i64).collect();
    Ok(Made::New(vec![part.len()], Data::Int(part)))
}

/// The shape that `Reshape` gives to a tensor of shape `dims`.
pub(super) fn reshaped(call: &Call<'_>, dims: &[usize]) -> Outcome<Vec<usize>> {
    call.check_counts(2, 1)?;
    let keep_zeros = call.node.int("allowzero", 0)? != 0;
    let wanted = match call.optional_ints(1)? {
        Some(values) => values,
        None => return Err(malformed("operator `Reshape` has no shape").into()),
    };
    let mut result = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (axis, &size) in wanted.iter().enumerate() {
        result.push(match size {
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            0 if !keep_zeros => match dims.get(axis) {
                Some(&d) => d,
                None => return Err(malformed("operator `Reshape` copies an axis that is not there").into()),
            },
            _ => sizes(call, "a size", &[size], 0)?[0],
        });
    }
    let total: usize = dims.iter().product();
    let known = result.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).unwrap_or(0);
    let misfit = || malformed("operator `Reshape` changes the number of entries").note(format!("from {dims:?} to {wanted:?}"));
    if let Some(axis) = open {
        if known == 0 || !total.is_multiple_of(known) {
            return Err(misfit().into());
        }
        result[axis] = total / known;
    } else if known != total {
        return Err(misfit().into());
    }
    Ok(result)
}

/// The shape that `Flatten` gives to a tensor of shape `dims`.
pub(super) fn flattened(call: &Call<'_>, dims: &[usize]) -> Outcome<Vec<usize>> {
    call.check_counts(1, 1)?;
    let rank = dims.len();
    let split = call.node.int("axis", 1)?;
    // The end of the shape is a place to split at too.
    let split = if split == rank as i64 { rank } else { axis(call, split, rank)? };
    Ok(vec![dims[..split].iter().product(), dims[split..].iter().product()])
}

/// The axes that `Squeeze` removes; `None` where it is to remove every axis of size 1.
pub(super) fn squeezed(call: &Call<'_>, dims: &[usize]) -> Outcome<Option<Vec<usize>>> {
    call.check_counts(2, 1)?;
    let Some(values) = call.attribute_or_input("axes", 1)? else { return Ok(None) };
    let axes = axes(call, values, dims.len())?;
    match axes.iter().find(|&&a| dims[a] != 1) {
        Some(&a) => Err(malformed(format!("operator `Squeeze` removes axis {a}, whose size is {}", dims[a])).into()),
        None => Ok(Some(axes)),
    }
}

/// The shape that `Unsqueeze` gives, and which axes of it are new.
pub(super) fn unsqueezed(call: &Call<'_>, dims: &[usize]) -> Outcome<(Vec<usize>, Vec<usize>)> {
    call.check_counts(2, 1)?;
    let Some(values) = call.attribute_or_input("axes", 1)? else {
        return Err(malformed("operator `Unsqueeze` has no axes").into());
    };
    let new = axes(call, values, dims.len() + values.len())?;
    let mut result = dims.to_vec();
    for &axis in &new {
        result.insert(axis, 1);
    }
    Ok((result, new))
}

/// The permutation of `Transpose`.
pub(super) fn permutation(call: &Call<'_>, rank: usize) -> Outcome<Vec<usize>> {
    call.check_counts(1, 1)?;
    let Some(values) = call.node.ints("perm")? else { return Ok((0..rank).rev().collect()) };
    let permutation = values.iter().map(|&a| axis(call, a, rank)).collect::<Outcome<Vec<_>>>()?;
    if axes(call, values, rank)?.len() != rank {
        return Err(malformed("operator `Transpose` does not name every axis").into());
    }
    Ok(permutation)
}

/// One axis of a slice as the file writes it: axis, start, end, step.
pub(super) type Cut = (usize, i64, i64, i64);

/// The cuts of `Slice` from attributes (before operator set 10) or inputs.
pub(super) fn cuts(call: &Call<'_>, rank: usize) -> Outcome<Vec<Cut>> {
    call.check_counts(5, 1)?;
    let (starts, ends) = (call.attribute_or_input("starts", 1)?, call.attribute_or_input("ends", 2)?);
    let (Some(starts), Some(ends)) = (starts, ends) else {
        return Err(malformed("operator `Slice` has no start or no end").into());
    };
    let named = match call.attribute_or_input("axes", 3)? {
        Some(values) => values.iter().map(|&a| axis(call, a, rank)).collect::<Outcome<Vec<_>>>()?,
        None => (0..starts.len()).collect(),
    };
    let ones = vec![1; starts.len()];
    let steps = call.optional_ints(4)?.unwrap_or(&ones);
    let lens = [starts.len(), ends.len(), named.len(), steps.len()];
    if lens.iter().any(|&n| n != lens[0] || n > rank) || steps.contains(&0) {
        return Err(malformed("starts, ends, axes and steps of operator `Slice` do not fit together").into());
    }
    Ok((0..starts.len()).map(|i| (named[i], starts[i], ends[i], steps[i])).collect())
}

/// What `Slice` takes of each axis: `(start, step, len)`.
pub(super) fn slice_ranges(call: &Call<'_>, dims: &[usize]) -> Outcome<Vec<(usize, isize, usize)>> {
    let mut ranges: Vec<(usize, isize, usize)> = dims.iter().map(|&d| (0, 1, d)).collect();
    for (axis, start, end, step) in cuts(call, dims.len())? {
        ranges[axis] = taken(dims[axis], start, end, step);
    }
    Ok(ranges)
}

/// What a slice takes of an axis, as Python has it.
fn taken(size: usize, start: i64, end: i64, step: i64) -> (usize, isize, usize) {
    let size = size as i64;
    let position = |v: i64| if v < 0 { v.saturating_add(size) } else { v };
    let (start, end) = if step > 0 {
        (position(start).clamp(0, size), position(end).clamp(0, size))
    } else {
        (position(start).clamp(-1, size - 1), position(end).clamp(-1, size - 1))
    };
    let (start, end, step) = (i128::from(start), i128::from(end), i128::from(step));
    let len = ((end - start) + step - step.signum()) / step;
    match usize::try_from(len) {
        Ok(len) if (end - start).signum() == step.signum() => (start as usize, if len > 1 { step as isize } else { 1 }, len),
        _ => (0, 1, 0),
    }
}

/// Axis and sizes of the parts of `Split`.
pub(super) fn split_sizes(call: &Call<'_>, dims: &[usize]) -> Outcome<(usize, Vec<usize>)> {
    let axis = axis(call, call.node.int("axis", 0)?, dims.len())?;
    let (size, parts) = (dims[axis], call.node.outputs.len());
    let misfit = || malformed(format!("parts of operator `Split` do not add up to {size}"));
    if let Some(values) = call.attribute_or_input("split", 1)? {
        let values = sizes(call, "a part", values, 0)?;
        if values.iter().sum::<usize>() != size || values.len() != parts {
            return Err(misfit().into());
        }
        return Ok((axis, values));
    }
    if call.node.optional_int("num_outputs")?.is_some_and(|n| n != parts as i64) || parts == 0 {
        return Err(misfit().into());
    }
    // All parts are alike; since operator set 18 the last may be smaller.
    let each = size.div_ceil(parts);
    let last = size.checked_sub(each * (parts - 1)).ok_or_else(misfit)?;
    if last != each && call.node.opset < 18 {
        return Err(misfit().into());
    }
    let mut values = vec![each; parts];
    values[parts - 1] = last;
    Ok((axis, values))
}

/// The entries that `Gather` takes of an axis of that size.
pub(super) fn gather_indices(call: &Call<'_>, indices: &Constant, size: usize) -> Outcome<Vec<usize>> {
    call.check_counts(2, 1)?;
    let Data::Int(values) = &indices.data else {
        return Err(malformed("indices of operator `Gather` are not integers").into());
    };
    values
        .iter()
        .map(|&v| {
            let position = if v < 0 { v.saturating_add(size as i64) } else { v };
            usize::try_from(position)
                .ok()
                .filter(|&p| p < size)
                .ok_or_else(|| malformed(format!("operator `Gather` takes entry {v} of an axis of size {size}")).into())
        })
        .collect()
}

/// Checks that `Dropout` draws no random numbers.
pub(super) fn refuse_training(call: &Call<'_>) -> Outcome<()> {
    if call.optional_constant(2)?.is_some_and(|c| c.data.to_bool().contains(&true)) {
        return Err(unsupported_use("operator `Dropout` in training mode").help("call `model.eval()` before the export").into());
    }
    Ok(())
}

/// Which half of a matrix `Trilu` keeps.
pub(super) struct Triangle {
    upper: bool,
    diagonal: i64,
}

impl Triangle {
    pub fn of(call: &Call<'_>) -> Outcome<Self> {
        let diagonal = call.optional_constant(1)?.map_or(Ok(0), |k| match k.data.to_int()[..] {
            [k] => Ok(k),
            _ => Err(malformed("operator `Trilu` wants one diagonal")),
        })?;
        Ok(Self { upper: call.node.int("upper", 1)? != 0, diagonal })
    }
}

/// Whether each entry of a matrix is kept, row by row.
pub(super) fn triangle(shape: &Triangle, rows: usize, columns: usize) -> Vec<bool> {
    let kept = |row: usize, column: usize| {
        let distance = column as i128 - row as i128;
        if shape.upper { distance >= i128::from(shape.diagonal) } else { distance <= i128::from(shape.diagonal) }
    };
    (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))).map(|(row, column)| kept(row, column)).collect()
}

#[cfg(test)]
mod tests {
    use super::taken;

    #[test]
    fn slices_are_those_of_python() {
        assert_eq!(taken(8, 3, i64::MIN, -2), (3, -2, 2));
        assert_eq!(taken(8, -1, i64::MIN + 1, -1), (7, -1, 8));
        assert_eq!(taken(8, 1, i64::MAX, 3), (1, 3, 3));
        assert_eq!(taken(8, -3, -1, 1), (5, 1, 2));
        assert_eq!(taken(8, 2, 2, 1), (0, 1, 0));
        assert_eq!(taken(8, 2, 5, -1), (0, 1, 0));
        for size in 0..6 {
            for (start, end) in (-8..8).flat_map(|s| (-8..8).map(move |e| (s, e))) {
                for step in [-3i64, -2, -1, 1, 2, 3] {
                    let (first, by, len) = taken(size, start, end, step);
                    let last = first as i64 + by as i64 * (len as i64 - 1);
                    assert!(len == 0 || (first < size && (0..size as i64).contains(&last)), "{size} {start}:{end}:{step}");
                }
            }
        }
    }
}
