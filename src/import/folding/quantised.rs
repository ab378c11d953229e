//! Weights that are stored as small integers: `QuantizeLinear` and `DequantizeLinear` of constants.

use super::operands::{Operands, entries, operand};
use crate::import::{
    arguments,
    constant::{Constant, Data, Made},
    cx::{Call, Cx},
    problem::{Outcome, malformed},
    strides::{broadcast, strides},
};

/// For every entry of `source`, the entry of a scale that belongs to it.
fn places(call: &Call<'_>, source: &Constant, scale: &Constant) -> Outcome<Vec<usize>> {
    let node = call.node;
    let block = node.int("block_size", 0)?;
    let axis = node.int("axis", 1)?;
    if scale.data.len() == 1 && scale.dims.len() <= 1 && block == 0 {
        return Ok(vec![0; source.data.len()]);
    }
    let misfit = || {
        malformed(format!("the scale of operator `{}` does not fit its operand", node.op))
            .note(format!("`{}` has the shape {:?}, `{}` {:?}", scale.name, scale.dims, source.name, source.dims))
    };
    let axis = arguments::axis(call, axis, source.dims.len())?;
    if block == 0 {
        if scale.dims != [source.dims[axis]] {
            return Err(misfit().into());
        }
        let mut along = vec![1; source.dims.len()];
        along[axis] = source.dims[axis];
        return Ok(broadcast(&along, &source.dims));
    }
    let block = arguments::sizes(call, "`block_size`", &[block], 1)?[0];
    let mut blocks = source.dims.clone();
    blocks[axis] = blocks[axis].div_ceil(block);
    if scale.dims != blocks {
        return Err(misfit().into());
    }
    let (own, theirs) = (strides(&source.dims), strides(&blocks));
    let place = |index: usize| {
        let along = index / own[axis] as usize % source.dims[axis].max(1);
        // Axes in front of the blocks have fewer entries each.
        let outer = index / (own[axis] as usize * source.dims[axis].max(1));
        let inner = index % own[axis] as usize;
        outer * theirs[axis] as usize * blocks[axis].max(1) + along / block * theirs[axis] as usize + inner
    };
    Ok((0..source.data.len()).map(place).collect())
}

/// The zero points, as many as there are scales.
fn zero_points(call: &Call<'_>, operands: Operands<'_>, scale: &Constant) -> Outcome<Option<Vec<f32>>> {
    match operands.get(2).and_then(Option::as_ref) {
        None => Ok(None),
        Some(zero) if zero.data.len() == scale.data.len() => Ok(Some(zero.data.to_float())),
        Some(zero) => Err(malformed(format!("the zero point of operator `{}` does not fit its scale", call.node.op))
            .note(format!("`{}` has the shape {:?}, `{}` {:?}", zero.name, zero.dims, scale.name, scale.dims))
            .into()),
    }
}

/// `DequantizeLinear`: `(x - zero point) · scale`.
pub(super) fn dequantize(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    call.node.ignore(&["output_dtype"]);
    let (source, scale) = (operand(call, operands, 0)?, operand(call, operands, 1)?);
    entries(cx, call, &source.dims)?;
    let places = places(call, source, scale)?;
    let (scales, zeros) = (scale.data.to_float(), zero_points(call, operands, scale)?);
    let zero = |at: usize| zeros.as_ref().map_or(0.0, |z| z[at]);
    let data = source.data.to_float().into_iter().zip(places).map(|(x, at)| (x - zero(at)) * scales[at]).collect();
    Ok(vec![Made::New(source.dims.clone(), Data::Float(data))])
}

/// `QuantizeLinear`: `x / scale + zero point`, rounded half to even, and kept in the range of the element type.
pub(super) fn quantize(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    // `saturate` is about 8-bit floats; a division in less than 32 bits is not imitated.
    call.node.ignore(&["saturate", "precision"]);
    let (source, scale) = (operand(call, operands, 0)?, operand(call, operands, 1)?);
    let (element, [low, high]) = arguments::quantised_to(call, operands.get(2).and_then(Option::as_deref))?;
    entries(cx, call, &source.dims)?;
    let places = places(call, source, scale)?;
    let (scales, zeros) = (scale.data.to_float(), zero_points(call, operands, scale)?);
    let zero = |at: usize| zeros.as_ref().map_or(0, |z| z[at] as i64);
    let quantised = |(x, at): (f32, usize)| ((x / scales[at]).round_ties_even() as i64).saturating_add(zero(at)).clamp(low, high);
    let data = source.data.to_float().into_iter().zip(places).map(quantised).collect();
    Ok(vec![Made::Typed(source.dims.clone(), data, element)])
}
