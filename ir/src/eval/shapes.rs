//! Operators that move entries or reduce axes.

use super::View;

/// A tensor seen as `[outer, len, inner]` around one axis.
pub(super) struct Around {
    pub(super) outer: usize,
    pub(super) len: usize,
    pub(super) inner: usize,
}

pub(super) fn around(dims: &[usize], axis: usize) -> Around {
    Around { outer: dims[..axis].iter().product(), len: dims[axis], inner: dims[axis + 1..].iter().product() }
}

/// All positions of a tensor of shape `dims`, in row-major order.
pub(super) fn positions(dims: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    (0..dims.iter().product()).map(|mut flat: usize| {
        let mut position = vec![0; dims.len()];
        for axis in (0..dims.len()).rev() {
            position[axis] = flat % dims[axis];
            flat /= dims[axis];
        }
        position
    })
}

/// The row-major index of `position` in a tensor of shape `dims`.
pub(super) fn flat(dims: &[usize], position: &[usize]) -> usize {
    dims.iter().zip(position).fold(0, |flat, (dim, p)| flat * dim + p)
}

pub(super) fn sum(x: View<'_>, axes: &[usize], result: &[usize]) -> Vec<f64> {
    let mut sums = vec![0.0; result.iter().product()];
    for (mut position, v) in positions(x.dims).zip(x.data) {
        axes.iter().for_each(|&axis| position[axis] = 0);
        sums[flat(result, &position)] += v;
    }
    sums
}

pub(super) fn mean(x: View<'_>, axes: &[usize], result: &[usize]) -> Vec<f64> {
    let count: usize = axes.iter().map(|&axis| x.dims[axis]).product();
    sum(x, axes, result).iter().map(|sum| sum / count as f64).collect()
}

pub(super) fn concat(operands: &[View<'_>], axis: usize) -> Vec<f64> {
    let outer = around(operands[0].dims, axis).outer;
    let mut y = Vec::new();
    for o in 0..outer {
        for x in operands {
            let Around { len, inner, .. } = around(x.dims, axis);
            y.extend_from_slice(&x.data[o * len * inner..][..len * inner]);
        }
    }
    y
}

pub(super) fn pad(x: View<'_>, pads: &[(usize, usize)], value: f32, result: &[usize]) -> Vec<f64> {
    let mut y = vec![f64::from(value); result.iter().product()];
    for (mut position, v) in positions(x.dims).zip(x.data) {
        position.iter_mut().zip(pads).for_each(|(p, (before, _))| *p += before);
        y[flat(result, &position)] = *v;
    }
    y
}

pub(super) fn slice(x: View<'_>, ranges: &[(usize, isize, usize)], result: &[usize]) -> Vec<f64> {
    let source = |position: Vec<usize>| {
        let taken = position.iter().zip(ranges).map(|(&p, &(start, step, _))| start.wrapping_add_signed(step * p as isize));
        x.data[flat(x.dims, &taken.collect::<Vec<_>>())]
    };
    positions(result).map(source).collect()
}

pub(super) fn transpose(x: View<'_>, permutation: &[usize], result: &[usize]) -> Vec<f64> {
    let source = |position: Vec<usize>| {
        let mut before = vec![0; position.len()];
        permutation.iter().zip(position).for_each(|(&axis, p)| before[axis] = p);
        x.data[flat(x.dims, &before)]
    };
    positions(result).map(source).collect()
}
