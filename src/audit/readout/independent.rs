//! Independent components (FastICA with the logarithm of the hyperbolic cosine; Hyvärinen, IEEE Trans. Neural Networks 10, 1999): directions along
//! which features are least like a normal distribution, as what stands for one thing is.

use super::{Directions, dot, features::Sample, principal::components, unit};
use crate::synthesize::random::Random;
use nalgebra::{DMatrix, SymmetricEigen};

/// Most components, and rounds.
const MOST: usize = 40;
const ROUNDS: usize = 100;

/// Half as many components, each in both directions.
#[must_use]
pub fn directions(sample: &Sample, count: usize, seed: u64) -> Directions {
    let basis: Vec<(Vec<f32>, f64)> =
        components(sample, count.div_ceil(2).min(MOST)).into_iter().filter(|(_, variance)| *variance > 1e-9).collect();
    let m = basis.len();
    // Whitened: along the principal components, each by its deviation.
    let white = |x: &Vec<f32>| basis.iter().map(|(b, variance)| f64::from(dot(x, b)) / variance.sqrt()).collect::<Vec<f64>>();
    let rows: Vec<Vec<f64>> = sample.iter().map(white).collect();
    let n = rows.len().max(1) as f64;
    let z = DMatrix::from_fn(rows.len(), m, |r, c| rows[r][c]);
    let mut random = Random::new(seed ^ 0x1C_A000, 0);
    let mut w = decorrelated(DMatrix::from_fn(m, m, |_, _| f64::from(random.normal())));
    for _ in 0..ROUNDS {
        let projected = &z * w.transpose();
        let g = projected.map(f64::tanh);
        let slope = g.map(|v| 1.0 - v * v).row_mean();
        let mut next = g.transpose() * &z / n;
        for r in 0..m {
            for c in 0..m {
                next[(r, c)] -= slope[r] * w[(r, c)];
            }
        }
        w = decorrelated(next);
    }
    let direction = |r: usize| {
        let mut direction = vec![0.0f32; sample.first().map_or(0, Vec::len)];
        for (c, (b, variance)) in basis.iter().enumerate() {
            let part = (w[(r, c)] / variance.sqrt()) as f32;
            direction.iter_mut().zip(b).for_each(|(d, b)| *d += part * b);
        }
        unit(direction)
    };
    (0..m).map(direction).flat_map(|direction| [direction.clone(), direction.iter().map(|v| -v).collect()]).collect()
}

/// `(W Wᵀ)^-½ W`.
fn decorrelated(w: DMatrix<f64>) -> DMatrix<f64> {
    let eigen = SymmetricEigen::new(&w * w.transpose());
    let inverse = eigen.eigenvalues.map(|v| 1.0 / v.max(1e-12).sqrt());
    &eigen.eigenvectors * DMatrix::from_diagonal(&inverse) * eigen.eigenvectors.transpose() * w
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_found_in_mixtures() {
        // Two sources with long tails, mixed at an angle.
        let mut random = Random::new(5, 0);
        let mut source = || random.normal().powi(3);
        let sample: Sample = (0..4000).map(|_| (source(), source())).map(|(a, b)| vec![0.8 * a + 0.6 * b, -0.3 * a + 0.9 * b]).collect();
        let found = directions(&sample, 4, 1);
        // The unmixing rows are orthogonal to the other source's column.
        for column in [[0.8f32, -0.3], [0.6, 0.9]] {
            let least = found.iter().map(|d| dot(d, &column).abs()).fold(f32::INFINITY, f32::min);
            assert!(least < 0.05, "{found:?}");
        }
    }
}
