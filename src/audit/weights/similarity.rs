//! Cosines of the rows of one matrix with those of another.

use crate::synthesize::random::Random;
use snnc_kernels::linear_forward;

/// Multiplications that an exact product may take; above, rows are sketched.
const EXACT: usize = 10_000_000_000;
/// Least entries of a sketch: cosines then have an error of about 1/√1024 = 0.03.
const LEAST_SKETCH: usize = 1024;
/// Rows multiplied at a time, so that they stay in the second-level cache.
const ROWS: usize = 32;

/// Cosines `[rows, rows]` of rows of `a` (down) and of `b` (across), both `[rows, row]` with rows of unit norm.
///
/// Where the product would take too long, the rows are first added up into fewer entries by a random map with random signs (a
/// count sketch: Charikar, Chen and Farach-Colton, Theor. Comput. Sci. 312, 2004), which keeps inner products up to noise.
pub(crate) fn cosines(a: &[f32], b: &[f32], rows: usize) -> Vec<f32> {
    let row = a.len() / rows;
    let sketched = (EXACT / (rows * rows)).max(LEAST_SKETCH);
    if row > sketched { product(&sketch(a, row, sketched), &sketch(b, row, sketched), rows) } else { product(a, b, rows) }
}

fn product(a: &[f32], b: &[f32], rows: usize) -> Vec<f32> {
    let row = a.len() / rows;
    let mut cosines = vec![0.0; rows * rows];
    for (a, cosines) in a.chunks(ROWS * row).zip(cosines.chunks_mut(ROWS * rows)) {
        linear_forward(a, [a.len() / row, row, rows], b, None, false, cosines);
    }
    cosines
}

/// Rows of `width` entries from rows of `row`.
fn sketch(values: &[f32], row: usize, width: usize) -> Vec<f32> {
    // One map for both matrices, always the same: it must not depend on what is compared.
    let mut random = Random::new(0, 0);
    let map: Vec<(usize, f32)> = (0..row).map(|_| (random.below(width), if random.bits() & 1 == 0 { 1.0 } else { -1.0 })).collect();
    let mut sketched = vec![0.0; values.len() / row * width];
    for (values, sketched) in values.chunks_exact(row).zip(sketched.chunks_exact_mut(width)) {
        for (&value, &(to, sign)) in values.iter().zip(&map) {
            sketched[to] += sign * value;
        }
    }
    sketched
}

/// Cosine of two tensors as they stand: 0 where one of them is 0.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a), f64::from(b));
        aa += a * a;
        bb += b * b;
        ab += a * b;
    }
    if aa > 0.0 && bb > 0.0 { ab / (aa * bb).sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(stream: u64, rows: usize, row: usize) -> Vec<f32> {
        let mut random = Random::new(5, stream);
        let mut values: Vec<f32> = (0..rows * row).map(|_| random.normal()).collect();
        for row in values.chunks_exact_mut(row) {
            let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt();
            row.iter_mut().for_each(|v| *v /= norm);
        }
        values
    }

    #[test]
    fn a_sketch_keeps_cosines() {
        let (a, b) = (units(1, 40, 9000), units(2, 40, 9000));
        let mixed: Vec<f32> = a.iter().zip(&b).map(|(a, b)| 0.6 * a + 0.8 * b).collect();
        let (exact, sketched) = (product(&a, &mixed, 40), product(&sketch(&a, 9000, 2048), &sketch(&mixed, 9000, 2048), 40));
        let worst = exact.iter().zip(&sketched).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!((exact[0] - 0.6).abs() < 0.05 && worst < 0.13, "{worst}");
        assert!((cosine(&a[..9000], &mixed[..9000]) - f64::from(exact[0])).abs() < 0.02);
        assert_eq!(cosine(&[0.0; 4], &[1.0; 4]), 0.0);
    }
}
