//! Linear layers: products of rows.

use super::{Isa, NARROW, SERIAL_BELOW, isa::Loop};
use crate::artifact::Tensor;
use rayon::prelude::*;

/// A linear layer with its weights in the width of its operands.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    inputs: usize,
    weight: Weight,
    /// One an output.
    bias: Vec<i32>,
}

/// `[outputs, inputs]`.
#[derive(Clone, Debug)]
enum Weight {
    /// For operands of 16 bits.
    Narrow(Vec<i16>),
    Wide(Vec<i32>),
}

impl Linear {
    /// `weight` is `[outputs, inputs]`; no operand is larger in magnitude than `most`.
    pub(crate) fn new(weight: &Tensor, bias: Option<&Tensor>, most: i32) -> Self {
        let bias = bias.map_or_else(|| vec![0; weight.dims[0]], |bias| bias.data.to_vec());
        let values = weight.data.iter();
        let weight_of = if most <= NARROW { Weight::Narrow(values.map(|w| w as i16).collect()) } else { Weight::Wide(values.collect()) };
        Self { inputs: weight.dims[1], weight: weight_of, bias }
    }

    /// `y = x Wᵀ + b`, `[images, inputs]` to `[images, outputs]`.
    pub(crate) fn run(&self, isa: Isa, x: &[i32], y: &mut [i32]) {
        match &self.weight {
            Weight::Narrow(weight) => {
                let x: Vec<i16> = x.iter().map(|&x| x as i16).collect();
                self.multiply(isa, weight, &x, y);
            }
            Weight::Wide(weight) => self.multiply(isa, weight, x, y),
        }
    }

    fn multiply<T: Copy + Sync + Into<i32>>(&self, isa: Isa, weight: &[T], x: &[T], y: &mut [i32]) {
        let (inputs, outputs, images) = (self.inputs, self.bias.len(), x.len() / self.inputs);
        if images == 0 {
            return;
        }
        // By output first, so that a row of weights is read once for all images.
        let mut columns = vec![0; y.len()];
        let row = |(output, column): (usize, &mut [i32])| {
            isa.run(Row { weight: &weight[output * inputs..][..inputs], x, bias: self.bias[output], column });
        };
        if weight.len() * images < SERIAL_BELOW {
            columns.chunks_mut(images).enumerate().for_each(row);
        } else {
            columns.par_chunks_mut(images).enumerate().for_each(row);
        }
        for (image, y) in y.chunks_mut(outputs).enumerate() {
            y.iter_mut().enumerate().for_each(|(output, y)| *y = columns[output * images + image]);
        }
    }
}

/// One output of all images.
struct Row<'a, T> {
    weight: &'a [T],
    x: &'a [T],
    bias: i32,
    column: &'a mut [i32],
}

impl<T: Copy + Into<i32>> Loop for Row<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (x, y) in self.x.chunks_exact(self.weight.len()).zip(self.column) {
            let mut sum = 0i32;
            for (&w, &x) in self.weight.iter().zip(x) {
                sum = sum.wrapping_add(w.into().wrapping_mul(x.into()));
            }
            *y = sum.wrapping_add(self.bias);
        }
    }
}
