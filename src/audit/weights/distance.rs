//! How far a weight is from another once the scalings between them are undone.

use super::equilibrate::{factors, freedom};
use crate::artifact::Shape;

/// Most rounds of alternating least squares.
const ROUNDS: usize = 30;
/// A round that changes no factor by more than this share is the last.
const CHANGE: f64 = 1e-9;
/// Least factor, relative to the one that makes norms equal: for weights that have nothing in common the best factor is near
/// 0 or negative, and the distance would be infinite.
const LEAST: f64 = 1e-3;

/// `‖W′ - D_o W D_i‖ / ‖D_o W D_i‖` for the positive diagonal `D_o`, `D_i` that make `‖W′ - D_o W D_i‖` least.
///
/// `changed` is W′ in equilibrated form; it is first scaled to where the equilibrated form of W would be W, so that distances are
/// in the units of W, whatever a conversion did. Alternating least squares then leads from the identity to the best factors.
/// They absorb a part of any change, that of as many entries as there are factors: it is added back, `√(entries / entries left
/// free)`. For weights without relation the distance is large, about 1000 at most.
pub(crate) fn relative_distance(changed: &[f32], weight: &[f32], shape: &Shape) -> f64 {
    let (of_rows, of_columns) = factors(weight, shape);
    let mut changed = changed.to_vec();
    for (r, row) in changed.chunks_exact_mut(shape.row()).enumerate() {
        for (kernel, column) in row.chunks_exact_mut(shape.taps).zip(&of_columns[shape.first_input(r)..]) {
            kernel.iter_mut().for_each(|v| *v = (f64::from(*v) / (of_rows[r] * column)) as f32);
        }
    }
    let changed = &changed;
    let (mut rows, mut columns) = (vec![1.0; shape.rows], vec![1.0; shape.inputs()]);
    for _ in 0..ROUNDS {
        let mut sums = vec![Sums::default(); shape.rows];
        each(changed, weight, shape, |r, c, a, b| sums[r].add(a, columns[c] * b));
        let by_rows = replace(&mut rows, &sums);
        let mut sums = vec![Sums::default(); shape.inputs()];
        each(changed, weight, shape, |r, c, a, b| sums[c].add(a, rows[r] * b));
        let by_columns = replace(&mut columns, &sums);
        if by_rows.max(by_columns) <= CHANGE {
            break;
        }
    }
    let (mut left, mut size) = (0.0, 0.0);
    each(changed, weight, shape, |r, c, a, b| {
        let fitted = rows[r] * columns[c] * b;
        left += (a - fitted).powi(2);
        size += fitted.powi(2);
    });
    let entries = changed.iter().filter(|&&v| v != 0.0).count() as f64;
    let absorbed = (entries / freedom(changed, shape).max(1) as f64).max(1.0);
    if size > 0.0 { (left / size * absorbed).sqrt() } else { 0.0 }
}

/// Calls `visit` with row, input channel and both entries, for every entry.
fn each(changed: &[f32], weight: &[f32], shape: &Shape, mut visit: impl FnMut(usize, usize, f64, f64)) {
    for (r, (changed, weight)) in changed.chunks_exact(shape.row()).zip(weight.chunks_exact(shape.row())).enumerate() {
        let first = shape.first_input(r);
        for (c, (changed, weight)) in changed.chunks_exact(shape.taps).zip(weight.chunks_exact(shape.taps)).enumerate() {
            for (&a, &b) in changed.iter().zip(weight) {
                visit(r, first + c, f64::from(a), f64::from(b));
            }
        }
    }
}

/// Sums of products over the entries that share a factor.
#[derive(Clone, Copy, Default)]
struct Sums {
    aa: f64,
    ab: f64,
    bb: f64,
}

impl Sums {
    fn add(&mut self, a: f64, b: f64) {
        self.aa += a * a;
        self.ab += a * b;
        self.bb += b * b;
    }

    /// The factor of `b` that brings it nearest to `a`; 1 where there is nothing to scale.
    fn factor(&self) -> f64 {
        if self.bb > 0.0 && self.aa > 0.0 { (self.ab / self.bb).max(LEAST * (self.aa / self.bb).sqrt()) } else { 1.0 }
    }
}

/// Puts in the factors of the sums; how much the factor that changed most did, as a share.
fn replace(factors: &mut [f64], sums: &[Sums]) -> f64 {
    let mut change = 0.0f64;
    for (factor, sums) in factors.iter_mut().zip(sums) {
        let next = sums.factor();
        change = change.max((next / *factor - 1.0).abs());
        *factor = next;
    }
    change
}

#[cfg(test)]
mod tests {
    use super::{super::equilibrate::equilibrate, *};
    use crate::synthesize::random::Random;

    #[test]
    fn the_size_of_a_change_is_found_under_scalings() {
        for dims in [vec![16, 1, 3, 3], vec![32, 16, 3, 3], vec![64, 128]] {
            let n: usize = dims.iter().product();
            let shape = Shape::new(&dims, 1, n).expect("sound");
            let mut random = Random::new(1, n as u64);
            let theta: Vec<f32> = (0..shape.rows + shape.columns).map(|_| random.normal().exp()).collect();
            let weight: Vec<f32> = (0..n).map(|_| random.normal()).collect();
            for size in [0.0, 0.01, 0.1, 0.5] {
                let mut change = |e: usize| {
                    let scale = theta[e / shape.row()] * theta[shape.rows + e % shape.row() / shape.taps];
                    scale * (weight[e] + size * random.normal())
                };
                let changed: Vec<f32> = (0..n).map(&mut change).collect();
                let found = relative_distance(&equilibrate(&changed, &shape), &weight, &shape);
                let wrong = (found - f64::from(size)).abs();
                assert!(if size == 0.0 { wrong < 1e-6 } else { wrong < 0.12 * f64::from(size) }, "{dims:?} {size} {found}");
            }
        }
    }

    #[test]
    fn unrelated_weights_are_far_but_not_infinitely() {
        let shape = Shape::new(&[8, 8], 1, 64).expect("sound");
        let mut random = Random::new(2, 2);
        let mut draw = || (0..64).map(|_| random.normal()).collect::<Vec<f32>>();
        let (a, b) = (draw(), draw());
        let opposite: Vec<f32> = a.iter().map(|v| -v).collect();
        let distance = |b: &[f32]| relative_distance(&equilibrate(&a, &shape), b, &shape);
        assert!((1.0..2000.0).contains(&distance(&b)) && distance(&a) < 1e-6);
        assert!((900.0..2000.0).contains(&distance(&opposite)));
        assert_eq!(distance(&[0.0; 64]), 0.0);
    }
}
