//! The operators over one batch, neurons apart. Every function takes whole buffers: `[images, entries]`, one image after the other.

use super::{
    broadcast::Broadcast,
    neuron::{Neuron, RadixNeuron},
};
use crate::{
    artifact::OpSpec,
    kernels::{Conv, Isa, Linear},
};

/// An operator, ready to run.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Conv { conv: Conv, may_skip: bool },
    Linear(Linear),
    Scale(Broadcast),
    Shift(Broadcast),
    Add,
    SumPool(Pool),
    Sum(Sum),
    Concat(Concat),
    Gather(Vec<u32>),
    Neuron { neuron: Neuron, state: usize },
    CountMax { pool: Pool, state: usize },
    RadixNeuron { neuron: RadixNeuron, state: usize },
    DigitMax { pool: Pool, state: usize },
}

impl Op {
    /// Whether the operator can overwrite its first operand.
    pub(super) fn is_elementwise(&self) -> bool {
        matches!(self, Self::Scale(_) | Self::Shift(_) | Self::Add | Self::Neuron { .. } | Self::RadixNeuron { .. })
    }
}

/// Marks a place of a [`gather`] that holds zero.
const ZERO: u32 = u32::MAX;

/// `y[i] = x[index[i]]` for every image.
pub(super) fn gather<T: Copy + Default>(index: &[u32], x: &[T], y: &mut [T]) {
    let images = y.len() / index.len();
    let len = x.len() / images.max(1);
    for (x, y) in x.chunks(len).zip(y.chunks_mut(index.len())) {
        for (y, &place) in y.iter_mut().zip(index) {
            *y = if place == ZERO { T::default() } else { x[place as usize] };
        }
    }
}

/// The places that an operator takes its entries from; `None` where they stay.
pub(super) fn gather_index(op: &OpSpec, operand: &[usize], result: &[usize]) -> Option<Vec<u32>> {
    let mut strides = vec![1i64; operand.len()];
    for axis in (1..operand.len()).rev() {
        strides[axis - 1] = strides[axis] * operand[axis] as i64;
    }
    // Per axis of the result: the contribution of each of its places, none where it is padding.
    let axes: Vec<Vec<Option<i64>>> = match op {
        OpSpec::Pad { pads } => (0..operand.len())
            .map(|axis| {
                let (before, after) = pads[axis];
                let inner = (0..operand[axis]).map(|i| Some(i as i64 * strides[axis]));
                std::iter::repeat_n(None, before).chain(inner).chain(std::iter::repeat_n(None, after)).collect()
            })
            .collect(),
        OpSpec::Slice { ranges } => (0..operand.len())
            .map(|axis| {
                let (start, step, len) = ranges[axis];
                let places = std::iter::successors(Some(start as i64), move |place| place.checked_add(step));
                places.take(len).map(|place| Some(place * strides[axis])).collect()
            })
            .collect(),
        OpSpec::Transpose { permutation } => {
            permutation.iter().map(|&axis| (0..operand[axis]).map(|i| Some(i as i64 * strides[axis])).collect()).collect()
        }
        _ => return None,
    };
    debug_assert!(axes.iter().map(Vec::len).eq(result.iter().copied()), "the shape was inferred from the same numbers");
    let mut places = vec![Some(0i64)];
    for axis in &axes {
        places = places.iter().flat_map(|&base| axis.iter().map(move |&step| Some(base? + step?))).collect();
    }
    Some(places.into_iter().map(|place| place.map_or(ZERO, |place| place as u32)).collect())
}

/// Joins operands along an axis.
#[derive(Clone, Debug)]
pub(super) struct Concat {
    /// Entries before the axis, for one image.
    outer: usize,
    /// Entries of each operand that stand together.
    parts: Vec<usize>,
}

impl Concat {
    pub(super) fn new(axis: usize, operands: &[&[usize]]) -> Self {
        let outer = operands[0][..axis].iter().product();
        Self { outer, parts: operands.iter().map(|dims| dims[axis..].iter().product()).collect() }
    }

    /// Entries of the result for one image.
    pub(super) fn len(&self) -> usize {
        self.outer * self.parts.iter().sum::<usize>()
    }

    pub(super) fn run<T: Copy>(&self, operands: &[&[T]], y: &mut [T]) {
        let whole: usize = self.parts.iter().sum();
        for (line, y) in y.chunks_mut(whole).enumerate() {
            let mut rest = y;
            for (x, &part) in operands.iter().zip(&self.parts) {
                let (head, tail) = rest.split_at_mut(part);
                head.copy_from_slice(&x[line * part..][..part]);
                rest = tail;
            }
        }
    }
}

/// Sum over axes.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    /// Per entry of the operand, the entry of the result that it counts for.
    index: Vec<u32>,
    len: usize,
}

impl Sum {
    pub(super) fn new(axes: &[usize], operand: &[usize]) -> Self {
        let mut strides = vec![0u32; operand.len()];
        let mut len = 1;
        for axis in (0..operand.len()).rev() {
            if !axes.contains(&axis) {
                strides[axis] = len as u32;
                len *= operand[axis];
            }
        }
        let mut index = vec![0u32];
        for (axis, &dim) in operand.iter().enumerate() {
            index =
                index.iter().flat_map(|&base| (0..dim as u32).map(move |i| (base, i))).map(|(base, i)| base + i * strides[axis]).collect();
        }
        Self { index, len }
    }

    /// Entries of the result for one image.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn run<T: Copy + Default + std::ops::AddAssign>(&self, x: &[T], y: &mut [T]) {
        y.fill(T::default());
        for (x, y) in x.chunks(self.index.len()).zip(y.chunks_mut(self.len)) {
            x.iter().zip(&self.index).for_each(|(&x, &place)| y[place as usize] += x);
        }
    }
}

/// Windows over the last two axes.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    kernel: [usize; 2],
    stride: [usize; 2],
    pads: [usize; 4],
    /// Of the operand.
    size: [usize; 2],
    /// Of the result.
    result: [usize; 2],
    channels: usize,
}

impl Pool {
    pub(super) fn new(operand: &[usize], result: &[usize], kernel: [usize; 2], stride: [usize; 2], pads: [usize; 4]) -> Self {
        Self { kernel, stride, pads, size: [operand[2], operand[3]], result: [result[2], result[3]], channels: operand[1] }
    }

    /// Entries of the operand for one image.
    pub(super) fn operand_len(&self) -> usize {
        self.channels * self.size[0] * self.size[1]
    }

    /// Entries of the result for one image.
    pub(super) fn len(&self) -> usize {
        self.channels * self.result[0] * self.result[1]
    }

    /// Rows or columns of the operand that a window meets: one at least.
    fn window(&self, axis: usize, index: usize) -> std::ops::Range<usize> {
        let start = index * self.stride[axis];
        start.saturating_sub(self.pads[axis])..(start + self.kernel[axis]).saturating_sub(self.pads[axis]).min(self.size[axis])
    }

    /// Brings the entries of every window together, which starts with the first: first rows, then columns.
    fn fold<T: Copy>(&self, x: &[T], y: &mut [T], join: impl Fn(T, T) -> T) {
        let columns = self.size[1];
        let Some(&any) = x.first() else { return };
        let mut line = vec![any; columns];
        let lines = y.chunks_mut(self.result[1]).enumerate();
        for (index, y) in lines {
            let (plane, row) = (index / self.result[0], index % self.result[0]);
            let x = &x[plane * self.size[0] * columns..][..self.size[0] * columns];
            let rows = self.window(0, row);
            line.copy_from_slice(&x[rows.start * columns..][..columns]);
            for row in rows.skip(1) {
                line.iter_mut().zip(&x[row * columns..]).for_each(|(line, &x)| *line = join(*line, x));
            }
            for (column, y) in y.iter_mut().enumerate() {
                let window = self.window(1, column);
                *y = line[window.start + 1..window.end].iter().fold(line[window.start], |sum, &x| join(sum, x));
            }
        }
    }

    pub(super) fn sum<T: Copy + std::ops::Add<Output = T>>(&self, x: &[T], y: &mut [T]) {
        self.fold(x, y, |a, b| a + b);
    }

    pub(super) fn max(&self, x: &[i32], y: &mut [i32]) {
        self.fold(x, y, i32::max);
    }
}

/// `y = conv(x)`; images without a single spike only get the bias.
pub(super) fn conv(conv: &Conv, isa: Isa, may_skip: bool, images: usize, x: &[i32], y: &mut [i32]) {
    if !may_skip {
        return conv.run(isa, x, y);
    }
    let (image, result) = (x.len() / images.max(1), y.len() / images.max(1));
    let is_silent = |index: usize| x[index * image..][..image].iter().all(|&v| v == 0);
    let mut start = 0;
    while start < images {
        let silent = is_silent(start);
        let end = (start + 1..images).find(|&index| is_silent(index) != silent).unwrap_or(images);
        let y = &mut y[start * result..end * result];
        if silent {
            conv.silent(y)
        } else {
            conv.run(isa, &x[start * image..end * image], y)
        }
        start = end;
    }
}
