//! Operators that take entries as they are: where each goes.

use crate::artifact::OpSpec;
use alloc::{vec, vec::Vec};

/// The entry of a sum over axes, which stay as 1, that an entry of the operand counts for, both counted in the order of their shapes.
pub(super) fn summed(axes: &[usize], operand: &[usize], mut entry: usize) -> usize {
    let (mut place, mut stride) = (0, 1);
    for axis in (0..operand.len()).rev() {
        if !axes.contains(&axis) {
            place += entry % operand[axis] * stride;
            stride *= operand[axis];
        }
        entry /= operand[axis];
    }
    place
}

/// For a `concat`, `pad`, `slice` or `transpose`: pairs of an entry of the operand and the entry of the result that it becomes, both counted in
/// the order of their shapes. `before` is where the operand of a `concat` starts on its axis.
pub(super) fn entries(op: &OpSpec, operand: &[usize], result: &[usize], before: usize) -> impl Iterator<Item = (usize, usize)> {
    let rank = operand.len();
    let strides = |dims: &[usize]| {
        let mut strides = vec![1; rank];
        for axis in (1..rank).rev() {
            strides[axis - 1] = strides[axis] * dims[axis];
        }
        strides
    };
    let (from, to) = (strides(operand), strides(result));
    // Per axis of the operand: what each of its indices adds to both places.
    let axis = |axis: usize| -> Vec<(usize, usize)> {
        match op {
            OpSpec::Pad { pads } => (0..operand[axis]).map(|i| (i * from[axis], (i + pads[axis].0) * to[axis])).collect(),
            OpSpec::Slice { ranges } => {
                let (start, step, len) = ranges[axis];
                let at = |i: usize| (start as i64 + i as i64 * step) as usize;
                (0..len).map(|i| (at(i) * from[axis], i * to[axis])).collect()
            }
            OpSpec::Concat { axis: joined } => {
                let shift = if *joined == axis { before } else { 0 };
                (0..operand[axis]).map(|i| (i * from[axis], (i + shift) * to[axis])).collect()
            }
            OpSpec::Transpose { permutation } => {
                let place = permutation.iter().position(|&source| source == axis).unwrap_or(axis);
                (0..operand[axis]).map(|i| (i * from[axis], i * to[place])).collect()
            }
            _ => (0..operand[axis]).map(|i| (i * from[axis], i * to[axis])).collect(),
        }
    };
    let mut entries = vec![(0, 0)];
    for axis in (0..rank).map(axis) {
        entries = entries.iter().flat_map(|&(a, b)| axis.iter().map(move |&(x, y)| (a + x, b + y))).collect();
    }
    entries.into_iter()
}
