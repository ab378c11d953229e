//! Linear layers.

use std::marker::PhantomData;

use crate::matmul::{Matrix, multiply};
#[cfg(target_arch = "x86_64")]
use crate::simd::x86::{Avx2, Avx512};
use crate::simd::{LANES, Lanes, Loop, dispatch};
use crate::tasks::{self, Shared};

/// Outputs, or inputs, per task.
const BLOCK: usize = 128;

/// `y = x * weight^T + bias`, then `max(0, y)` when `relu`, for `x` `[batch, inputs]`, `weight` `[outputs, inputs]`,
/// `bias` `[outputs]` and `y` `[batch, outputs]`.
///
/// A row of `y` depends only on its row of `x`: not on the batch, nor on the processor.
///
/// # Panics
/// If a slice does not have the length of its shape.
pub fn linear_forward(x: &[f32], [batch, inputs, outputs]: [usize; 3], weight: &[f32], bias: Option<&[f32]>, relu: bool, y: &mut [f32]) {
    assert_eq!(x.len(), batch * inputs, "x must be [batch, inputs]");
    assert_eq!(weight.len(), outputs * inputs, "weight must be [outputs, inputs]");
    assert!(bias.is_none_or(|bias| bias.len() == outputs), "bias must be [outputs]");
    assert_eq!(y.len(), batch * outputs, "y must be [batch, outputs]");
    let y = Shared::new(y);
    tasks::for_each(outputs.div_ceil(BLOCK), batch * inputs * outputs, |task| {
        let range = task * BLOCK..outputs.min((task + 1) * BLOCK);
        Forward { x, batch, inputs, outputs, weight, bias, relu, y: &y, range }.dispatch();
    });
}

struct Forward<'a> {
    x: &'a [f32],
    batch: usize,
    inputs: usize,
    outputs: usize,
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    relu: bool,
    y: &'a Shared<'a>,
    /// The outputs of this task.
    range: std::ops::Range<usize>,
}

impl Forward<'_> {
    /// Runs the tile that fits the registers of this processor; all give the same bits.
    fn dispatch(self) {
        #[cfg(target_arch = "x86_64")]
        {
            if Avx512::available() {
                return dispatch(Tiled::<Avx512, 4, 4> { call: self, lanes: PhantomData });
            }
            if Avx2::available() {
                return dispatch(Tiled::<Avx2, 2, 2> { call: self, lanes: PhantomData });
            }
        }
        dispatch(Tiled::<[f32; LANES], 1, 1> { call: self, lanes: PhantomData });
    }
}

/// The forward in tiles of `R` rows of `x` and `C` rows of the weight.
struct Tiled<'a, V, const R: usize, const C: usize> {
    call: Forward<'a>,
    lanes: PhantomData<V>,
}

impl<V: Lanes, const R: usize, const C: usize> Loop for Tiled<'_, V, R, C> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut output = self.call.range.start;
        while output < self.call.range.end {
            if self.call.range.end - output >= C {
                self.call.rows::<V, R, C>(output);
                output += C;
            } else {
                self.call.rows::<V, R, 1>(output);
                output += 1;
            }
        }
    }
}

impl Forward<'_> {
    #[inline(always)]
    fn rows<V: Lanes, const R: usize, const C: usize>(&self, output: usize) {
        let mut row = 0;
        while row < self.batch {
            if self.batch - row >= R {
                self.tile::<V, R, C>(row, output);
                row += R;
            } else {
                self.tile::<V, 1, C>(row, output);
                row += 1;
            }
        }
    }

    #[inline(always)]
    fn tile<V: Lanes, const R: usize, const C: usize>(&self, row: usize, output: usize) {
        let len = self.inputs;
        let x: [&[f32]; R] = std::array::from_fn(|r| &self.x[(row + r) * len..][..len]);
        let w: [&[f32]; C] = std::array::from_fn(|c| &self.weight[(output + c) * len..][..len]);
        let sums = dots::<V, R, C>(x, w, len);
        for (r, sums) in sums.iter().enumerate() {
            // SAFETY: a task writes only the columns of its own outputs.
            let y = unsafe { self.y.part((row + r) * self.outputs + output, C) };
            for (c, (y, &sum)) in y.iter_mut().zip(sums).enumerate() {
                let value = self.bias.map_or(sum, |bias| sum + bias[output + c]);
                *y = if self.relu { rectify(value) } else { value };
            }
        }
    }
}

/// `max(0, value)` that keeps NaN.
#[inline(always)]
pub(crate) fn rectify(value: f32) -> f32 {
    if value < 0.0 { 0.0 } else { value }
}

/// All dot products of the rows `x` with the rows `w`, each of `len` values.
#[inline(always)]
fn dots<V: Lanes, const R: usize, const C: usize>(x: [&[f32]; R], w: [&[f32]; C], len: usize) -> [[f32; C]; R] {
    // No closures here: they would be compiled without the vector instructions and called.
    let zero = V::load(&[0.0; LANES]);
    let mut sums = [[zero; C]; R];
    let (mut x_chunks, mut w_chunks) = ([&[][..]; R], [&[][..]; C]);
    let (mut x_rest, mut w_rest) = ([&[][..]; R], [&[][..]; C]);
    let chunks = len / LANES;
    for r in 0..R {
        (x_chunks[r], x_rest[r]) = x[r][..len].as_chunks::<LANES>();
        x_chunks[r] = &x_chunks[r][..chunks];
    }
    for c in 0..C {
        (w_chunks[c], w_rest[c]) = w[c][..len].as_chunks::<LANES>();
        w_chunks[c] = &w_chunks[c][..chunks];
    }
    for chunk in 0..chunks {
        let mut w = [zero; C];
        for c in 0..C {
            w[c] = V::load(&w_chunks[c][chunk]);
        }
        for r in 0..R {
            let x = V::load(&x_chunks[r][chunk]);
            for c in 0..C {
                sums[r][c] = sums[r][c].add_product(x, w[c]);
            }
        }
    }
    let mut results = [[0.0; C]; R];
    for r in 0..R {
        for c in 0..C {
            let mut lanes = sums[r][c].store();
            for (lane, (x, w)) in lanes.iter_mut().zip(x_rest[r].iter().zip(w_rest[c])) {
                *lane += x * w;
            }
            results[r][c] = sum_lanes(lanes);
        }
    }
    results
}

#[inline(always)]
fn sum_lanes(lanes: [f32; LANES]) -> f32 {
    let (mut eight, mut four) = ([0.0; 8], [0.0; 4]);
    for lane in 0..8 {
        eight[lane] = lanes[lane] + lanes[lane + 8];
    }
    for lane in 0..4 {
        four[lane] = eight[lane] + eight[lane + 4];
    }
    (four[0] + four[2]) + (four[1] + four[3])
}

/// The dot product of two rows of equal length.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let [[sum]] = dots::<[f32; LANES], 1, 1>([a], [&b[..a.len()]], a.len());
    sum
}

/// `dx = dy * weight`, for `dy` `[batch, outputs]`, `weight` `[outputs, inputs]` and `dx` `[batch, inputs]`.
///
/// # Panics
/// If a slice does not have the length of its shape.
pub fn linear_input_gradient(dy: &[f32], [batch, inputs, outputs]: [usize; 3], weight: &[f32], dx: &mut [f32]) {
    assert_eq!(dy.len(), batch * outputs, "dy must be [batch, outputs]");
    assert_eq!(weight.len(), outputs * inputs, "weight must be [outputs, inputs]");
    assert_eq!(dx.len(), batch * inputs, "dx must be [batch, inputs]");
    if batch == 0 || inputs == 0 || outputs == 0 {
        return dx.fill(0.0);
    }
    let dx = Shared::new(dx);
    tasks::for_each(inputs.div_ceil(BLOCK), batch * inputs * outputs, |task| {
        let start = task * BLOCK;
        let width = BLOCK.min(inputs - start);
        let left = Matrix { data: dy, row: outputs, col: 1 };
        let right = Matrix { data: &weight[start..], row: inputs, col: 1 };
        // SAFETY: a task writes only its own columns of `dx`.
        unsafe { multiply([batch, width, outputs], &dx, start, inputs, false, left, right) };
    });
}

/// `dw = dy^T * x`, for `x` `[batch, inputs]`, `dy` `[batch, outputs]` and `dw` `[outputs, inputs]`.
///
/// # Panics
/// If a slice does not have the length of its shape.
pub fn linear_weight_gradient(x: &[f32], dy: &[f32], [batch, inputs, outputs]: [usize; 3], dw: &mut [f32]) {
    assert_eq!(x.len(), batch * inputs, "x must be [batch, inputs]");
    assert_eq!(dy.len(), batch * outputs, "dy must be [batch, outputs]");
    assert_eq!(dw.len(), outputs * inputs, "dw must be [outputs, inputs]");
    if batch == 0 || inputs == 0 || outputs == 0 {
        return dw.fill(0.0);
    }
    let dw = Shared::new(dw);
    tasks::for_each(outputs.div_ceil(BLOCK), batch * inputs * outputs, |task| {
        let start = task * BLOCK;
        let height = BLOCK.min(outputs - start);
        let left = Matrix { data: &dy[start..], row: 1, col: outputs };
        let right = Matrix { data: x, row: inputs, col: 1 };
        // SAFETY: a task writes only its own rows of `dw`.
        unsafe { multiply([height, inputs, batch], &dw, start * inputs, inputs, false, left, right) };
    });
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn every_vector_width_gives_the_same_bits() {
        let row = |seed: usize| -> Vec<f32> { (0..75).map(|i| ((i * i + seed) % 31) as f32 / 7.0 - 2.0).collect() };
        let rows = [row(1), row(2), row(3), row(5)];
        let (x, w) = ([&rows[0][..], &rows[1]], [&rows[2][..], &rows[3]]);
        let expected = dots::<[f32; LANES], 2, 2>(x, w, 75);
        if Avx2::available() {
            assert_eq!(dots::<Avx2, 2, 2>(x, w, 75), expected);
        }
        if Avx512::available() {
            assert_eq!(dots::<Avx512, 2, 2>(x, w, 75), expected);
        }
    }
}
