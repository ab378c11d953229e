//! Where entries lie in row-major tensors, and how shapes broadcast.

use super::{
    cx::Call,
    problem::{Outcome, malformed},
};

/// In row-major order, the flat index into a source whose axes have `strides`, from `start`, for a result of shape `dims`.
/// The caller has checked that all of them lie inside.
pub(super) fn strided(dims: &[usize], strides: &[isize], start: isize) -> Vec<usize> {
    let mut indices = vec![start];
    for (&dim, &stride) in dims.iter().zip(strides) {
        indices = indices.iter().flat_map(|&base| (0..dim as isize).map(move |i| base + i * stride)).collect();
    }
    indices.into_iter().map(|i| i as usize).collect()
}

/// Row-major strides.
pub(super) fn strides(dims: &[usize]) -> Vec<isize> {
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis].max(1) as isize;
    }
    strides
}

/// For every entry of `to`, the index of the entry of `from` that broadcasts onto it.
pub(super) fn broadcast(from: &[usize], to: &[usize]) -> Vec<usize> {
    let own = strides(from);
    let offset = to.len() - from.len();
    let stretched: Vec<isize> =
        (0..to.len()).map(|axis| if axis < offset || from[axis - offset] == 1 { 0 } else { own[axis - offset] }).collect();
    strided(to, &stretched, 0)
}

/// Shape of the result of an operator that broadcasts both ways.
pub(super) fn common_shape(call: &Call<'_>, a: &[usize], b: &[usize]) -> Outcome<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |i| dims[i]);
    let mut dims = Vec::with_capacity(rank);
    for axis in 0..rank {
        dims.push(match (size(a, axis), size(b, axis)) {
            (x, y) if x == y => x,
            (1, y) => y,
            (x, 1) => x,
            _ => {
                return Err(malformed(format!("operands of operator `{}` do not broadcast", call.node.op))
                    .note(format!("{a:?} and {b:?}"))
                    .into());
            }
        });
    }
    Ok(dims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strided_walks_any_layout() {
        assert_eq!(strided(&[3, 2], &[1, 3], 0), [0, 3, 1, 4, 2, 5]);
        assert_eq!(strided(&[3], &[-2], 4), [4, 2, 0]);
        assert_eq!(strided(&[], &[], 0), [0]);
        assert_eq!(broadcast(&[2, 1], &[2, 2, 3]), [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1]);
    }
}
