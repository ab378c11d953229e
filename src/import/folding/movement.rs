//! Operators that move, copy or drop entries of constants, and those that look at shapes.

use super::operands::{Operands, entries, operand};
use crate::import::{
    arguments::{self, axis},
    constant::{Constant, Data, Made},
    cx::{Call, Cx},
    problem::{Outcome, malformed},
    strides::{broadcast, common_shape, strided, strides},
};

/// `Shape`, with the part from `start` to `end` since operator set 15.
pub(super) fn shape(_: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    Ok(vec![arguments::shape_of(call, &operand(call, operands, 0)?.dims)?])
}

/// `Size`.
pub(super) fn size(_: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    Ok(vec![Made::New(Vec::new(), Data::Int(vec![operand(call, operands, 0)?.data.len() as i64]))])
}

/// `Reshape`.
pub(super) fn reshape(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let source = operand(call, operands, 0)?;
    let dims = arguments::reshaped(call, &source.dims)?;
    renamed(cx, call, operands, dims)
}

/// `Flatten`.
pub(super) fn flatten(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let source = operand(call, operands, 0)?;
    let dims = arguments::flattened(call, &source.dims)?;
    renamed(cx, call, operands, dims)
}

/// `Squeeze`.
pub(super) fn squeeze(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let source = operand(call, operands, 0)?;
    let gone = match arguments::squeezed(call, &source.dims)? {
        Some(axes) => axes,
        None => (0..source.dims.len()).filter(|&axis| source.dims[axis] == 1).collect(),
    };
    let dims = source.dims.iter().enumerate().filter(|(axis, _)| !gone.contains(axis)).map(|(_, &d)| d).collect();
    renamed(cx, call, operands, dims)
}

/// `Unsqueeze`.
pub(super) fn unsqueeze(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let (dims, _) = arguments::unsqueezed(call, &operand(call, operands, 0)?.dims)?;
    renamed(cx, call, operands, dims)
}

/// The same entries in another shape.
fn renamed(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>, dims: Vec<usize>) -> Outcome<Vec<Made>> {
    let source = operand(call, operands, 0)?;
    cx.book(source.data.len())?;
    Ok(vec![Made::New(dims, source.data.clone())])
}

/// `Transpose`.
pub(super) fn transpose(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let source = operand(call, operands, 0)?;
    let permutation = arguments::permutation(call, source.dims.len())?;
    let own = strides(&source.dims);
    let dims: Vec<usize> = permutation.iter().map(|&axis| source.dims[axis]).collect();
    entries(cx, call, &dims)?;
    let moved: Vec<isize> = permutation.iter().map(|&axis| own[axis]).collect();
    Ok(vec![Made::New(dims.clone(), source.data.pick(&strided(&dims, &moved, 0)))])
}

/// `Slice`.
pub(super) fn slice(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let source = operand(call, operands, 0)?;
    let ranges = arguments::slice_ranges(call, &source.dims)?;
    Ok(vec![cut(cx, call, source, &ranges)?])
}

/// `Split`.
pub(super) fn split(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let source = operand(call, operands, 0)?;
    let (axis, sizes) = arguments::split_sizes(call, &source.dims)?;
    let mut start = 0;
    let mut parts = Vec::new();
    for size in sizes {
        let mut ranges: Vec<(usize, isize, usize)> = source.dims.iter().map(|&d| (0, 1, d)).collect();
        ranges[axis] = (start, 1, size);
        start += size;
        parts.push(cut(cx, call, source, &ranges)?);
    }
    Ok(parts)
}

fn cut(cx: &mut Cx, call: &Call<'_>, source: &Constant, ranges: &[(usize, isize, usize)]) -> Outcome<Made> {
    let own = strides(&source.dims);
    let dims: Vec<usize> = ranges.iter().map(|r| r.2).collect();
    entries(cx, call, &dims)?;
    let start = ranges.iter().zip(&own).map(|(r, s)| r.0 as isize * s).sum();
    let steps: Vec<isize> = ranges.iter().zip(&own).map(|(r, s)| if r.2 > 1 { r.1 * s } else { 0 }).collect();
    Ok(Made::New(dims.clone(), source.data.pick(&strided(&dims, &steps, start))))
}

/// `Concat`.
pub(super) fn concat(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let first = operand(call, operands, 0)?;
    let axis = axis(call, call.node.int("axis", 0)?, first.dims.len())?;
    let mut dims = first.dims.clone();
    dims[axis] = 0;
    let mut parts = Vec::new();
    for index in 0..operands.len() {
        let part = operand(call, operands, index)?;
        let fits = part.dims.len() == dims.len() && part.dims.iter().zip(&first.dims).enumerate().all(|(i, (a, b))| i == axis || a == b);
        if !fits || std::mem::discriminant(&part.data) != std::mem::discriminant(&first.data) {
            return Err(malformed("operands of operator `Concat` do not fit together")
                .note(format!("{:?} and {:?}", first.dims, part.dims))
                .into());
        }
        dims[axis] += part.dims[axis];
        parts.push(part);
    }
    entries(cx, call, &dims)?;
    // Runs of `inner` entries per step along the axis, `outer` times.
    let (outer, inner): (usize, usize) = (dims[..axis].iter().product(), dims[axis + 1..].iter().product());
    fn join<T: Copy>(outer: usize, runs: &[(&[T], usize)]) -> Vec<T> {
        (0..outer).flat_map(|o| runs.iter().flat_map(move |(values, run)| values[o * run..(o + 1) * run].iter().copied())).collect()
    }
    macro_rules! joined {
        ($kind:path) => {{
            let runs: Vec<_> = parts
                .iter()
                .filter_map(|p| if let $kind(v) = &p.data { Some((v.as_slice(), p.dims[axis] * inner)) } else { None })
                .collect();
            $kind(join(outer, &runs))
        }};
    }
    let data = match &first.data {
        Data::Float(_) => joined!(Data::Float),
        Data::Int(_) => joined!(Data::Int),
        Data::Bool(_) => joined!(Data::Bool),
    };
    Ok(vec![Made::New(dims, data)])
}

/// `Gather` along one axis.
pub(super) fn gather(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let (source, indices) = (operand(call, operands, 0)?, operand(call, operands, 1)?);
    let axis = axis(call, call.node.int("axis", 0)?, source.dims.len())?;
    let picked = arguments::gather_indices(call, indices, source.dims[axis])?;
    let dims: Vec<usize> = source.dims[..axis].iter().chain(&indices.dims).chain(&source.dims[axis + 1..]).copied().collect();
    entries(cx, call, &dims)?;
    let (outer, inner): (usize, usize) = (source.dims[..axis].iter().product(), source.dims[axis + 1..].iter().product());
    let size = source.dims[axis];
    let flat: Vec<usize> =
        (0..outer).flat_map(|o| picked.iter().flat_map(move |&p| (0..inner).map(move |i| (o * size + p) * inner + i))).collect();
    Ok(vec![Made::New(dims, source.data.pick(&flat))])
}

/// `Expand`.
pub(super) fn expand(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let source = operand(call, operands, 0)?;
    let wanted = arguments::sizes(call, "a size", &operand(call, operands, 1)?.data.to_int(), 0)?;
    let dims = common_shape(call, &source.dims, &wanted)?;
    entries(cx, call, &dims)?;
    Ok(vec![Made::New(dims.clone(), source.data.pick(&broadcast(&source.dims, &dims)))])
}

/// `Tile`.
pub(super) fn tile(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let source = operand(call, operands, 0)?;
    let repeats = arguments::sizes(call, "a size", &operand(call, operands, 1)?.data.to_int(), 0)?;
    if repeats.len() != source.dims.len() {
        return Err(malformed("operator `Tile` wants one number per axis").into());
    }
    // Each axis becomes two: the repeats, which do not move, and the axis itself.
    let own = strides(&source.dims);
    let dims: Vec<usize> = source.dims.iter().zip(&repeats).map(|(d, r)| d.saturating_mul(*r)).collect();
    entries(cx, call, &dims)?;
    let split: Vec<usize> = source.dims.iter().zip(&repeats).flat_map(|(&d, &r)| [r, d]).collect();
    let moves: Vec<isize> = own.iter().flat_map(|&s| [0, s]).collect();
    Ok(vec![Made::New(dims, source.data.pick(&strided(&split, &moves, 0)))])
}
