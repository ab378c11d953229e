//! Which coefficient holds which weight.
//!
//! With `C` classes, `B = ⌊N/C⌋` features share a ciphertext. Weight `w[k][bB+j]` is the coefficient `kB + B-1-j` of block b, the count `q[bB+j]` the coefficient `j` of what
//! the block is multiplied with. Then the coefficient `kB + B-1` of the product is `Σ_j w[k][bB+j]·q[bB+j]`: exponents meet there for equal `j` of
//! equal `k` alone, and what wraps around modulo `x^N + 1` ends below `B-1`. The sum over blocks is the layer's, in one ciphertext.
//!
//! The bias is the weight of one more feature, whose count is the number of time steps.

use crate::scheme::DEGREE;

/// How a layer lies in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packing {
    classes: usize,
    /// Features, that of the bias included.
    columns: usize,
}

impl Packing {
    /// For 1 to as many classes as coefficients classes, and features that the one of the bias comes on top of.
    pub(crate) fn new(classes: usize, features: usize) -> Self {
        Self { classes, columns: features + 1 }
    }

    /// Features of a block, of which the last one may have fewer.
    fn width(self) -> usize {
        width(self.classes)
    }

    pub(crate) fn blocks(self) -> usize {
        self.columns.div_ceil(self.width())
    }

    /// The features of a block.
    fn columns(self, block: usize) -> std::ops::Range<usize> {
        let first = block * self.width();
        first..(first + self.width()).min(self.columns)
    }

    /// The coefficients of a block of the layer; `weight` says one by class and feature.
    pub(crate) fn weights(self, block: usize, weight: impl Fn(usize, usize) -> i64) -> Vec<i64> {
        let width = self.width();
        let mut coefficients = vec![0; self.classes * width];
        for class in 0..self.classes {
            for (place, column) in self.columns(block).enumerate() {
                coefficients[class * width + width - 1 - place] = weight(class, column);
            }
        }
        coefficients
    }

    /// The counts that a block is multiplied with: those of its features, in order.
    pub(crate) fn counts(self, block: usize, counts: &[i64]) -> &[i64] {
        &counts[self.columns(block)]
    }
}

fn width(classes: usize) -> usize {
    DEGREE / classes
}

/// The coefficient of each class's sum.
pub(crate) fn sums(classes: usize) -> impl Iterator<Item = usize> {
    (0..classes).map(move |class| (class + 1) * width(classes) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Products modulo `x^N + 1`, by the definition.
    fn product(a: &[i64], b: &[i64]) -> Vec<i64> {
        let mut product = vec![0; DEGREE];
        for (i, &x) in a.iter().enumerate().filter(|(_, x)| **x != 0) {
            for (j, &y) in b.iter().enumerate() {
                let at = i + j;
                if at < DEGREE { product[at] += x * y } else { product[at - DEGREE] -= x * y }
            }
        }
        product
    }

    #[test]
    fn sums_stand_where_they_are_looked_for() {
        for (classes, features) in [(1, 1), (1, 5000), (2, 4096), (10, 64), (10, 408), (10, 409), (1000, 9), (4096, 2)] {
            let packing = Packing::new(classes, features);
            let weight = |class: usize, column: usize| ((class * 31 + column * 17) % 255) as i64 - 127;
            let counts: Vec<i64> = (0..=features).map(|column| (column * 7 % 513) as i64 - 256).collect();
            let mut total = vec![0; DEGREE];
            for block in 0..packing.blocks() {
                let made = product(packing.counts(block, &counts), &packing.weights(block, weight));
                total.iter_mut().zip(made).for_each(|(total, made)| *total += made);
            }
            let sums: Vec<i64> = sums(classes).map(|at| total[at]).collect();
            let expected: Vec<i64> = (0..classes).map(|class| counts.iter().enumerate().map(|(c, q)| weight(class, c) * q).sum()).collect();
            assert_eq!(sums, expected, "{classes} classes, {features} features");
        }
    }
}
