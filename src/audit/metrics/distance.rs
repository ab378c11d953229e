//! Distances between what was reconstructed and real images, in the features of a network.

use super::{
    Metric, Unit,
    interval::{bootstrap, bootstrap_around},
};
use nalgebra::{DMatrix, DVector, SymmetricEigen};

/// Features of a set of pictures, `[count, len]`.
#[derive(Clone, Copy, Debug)]
pub struct Features<'a> {
    /// Row-major.
    pub values: &'a [f32],
    /// Features of one picture.
    pub len: usize,
}

/// Most features for which a Fréchet distance is drawn again and again for its interval, and at all: eigenvalues take the cube.
const DRAWN: usize = 128;
const MOST: usize = 1024;

impl<'a> Features<'a> {
    /// Number of pictures.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len() / self.len.max(1)
    }

    fn row(&self, k: usize) -> &'a [f32] {
        &self.values[k * self.len..][..self.len]
    }
}

/// Everything that references allow to be said of reconstructions.
#[must_use]
pub fn to_references(made: Features<'_>, real: Features<'_>, seed: u64) -> Vec<Metric> {
    if made.count() < 2 || real.count() < 2 {
        return Vec::new();
    }
    let n = made.count();
    let with = |name: &str, value: f64, interval_95, unit| Metric { interval_95, ..Metric::plain(name, value, n, unit) };
    let mut metrics = Vec::new();
    if made.len <= MOST {
        let real_moments = Moments::of(real, &(0..real.count()).collect::<Vec<_>>());
        let distance = |chosen: &[usize]| frechet(&Moments::of(made, chosen), &real_moments);
        let value = distance(&(0..n).collect::<Vec<_>>());
        let interval = if made.len <= DRAWN { bootstrap_around(value, n, seed, distance) } else { None };
        let interval = interval.map(|[low, high]| [low.max(0.0), high]);
        metrics.push(with("frechet", value, interval, Unit::Distance));
    }
    let kernel = Kernel::new(made, real);
    let all: Vec<usize> = (0..n).collect();
    let value = kernel.distance(&all);
    metrics.push(with("kid", value, bootstrap_around(value, n, seed, |chosen| kernel.distance(chosen)), Unit::Distance));

    let nearest: Vec<f64> =
        (0..n).map(|k| (0..real.count()).map(|j| apart(made.row(k), real.row(j))).fold(f64::INFINITY, f64::min)).collect();
    let among: Vec<f64> = (0..real.count())
        .map(|k| (0..real.count()).filter(|&j| j != k).map(|j| apart(real.row(k), real.row(j))).fold(f64::INFINITY, f64::min))
        .collect();
    let usual = median(among).max(f64::MIN_POSITIVE);
    let ratio = |chosen: &[usize]| median(chosen.iter().map(|&k| nearest[k]).collect()) / usual;
    metrics.push(with("nearest_reference", ratio(&all), bootstrap(n, seed, ratio), Unit::Ratio));
    metrics.push(with("diversity", mean_apart(made) / mean_apart(real).max(f64::MIN_POSITIVE), None, Unit::Ratio));
    metrics
}

fn apart(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
}

fn mean_apart(features: Features<'_>) -> f64 {
    let n = features.count();
    let sum: f64 = (0..n).flat_map(|a| (0..a).map(move |b| (a, b))).map(|(a, b)| apart(features.row(a), features.row(b))).sum();
    sum / ((n * (n - 1)) as f64 / 2.0).max(1.0)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

struct Moments {
    mean: DVector<f64>,
    covariance: DMatrix<f64>,
}

impl Moments {
    fn of(features: Features<'_>, chosen: &[usize]) -> Self {
        let count = chosen.len();
        let mut rows = DMatrix::from_fn(count, features.len, |r, c| f64::from(features.row(chosen[r])[c]));
        let mean: DVector<f64> = rows.row_mean().transpose();
        rows.row_iter_mut().for_each(|mut row| row -= mean.transpose());
        Self { covariance: rows.transpose() * &rows / (count as f64 - 1.0).max(1.0), mean }
    }
}

/// `|μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½)`: the Fréchet distance of two normal distributions (Heusel et al., NeurIPS 2017). With fewer
/// pictures than features it is too large, by the same for every network that is attacked.
fn frechet(a: &Moments, b: &Moments) -> f64 {
    // The root of the product has the eigenvalues of the root of the symmetric A^½ B A^½.
    let root = SymmetricEigen::new(a.covariance.clone());
    let values = root.eigenvalues.map(|v| v.max(0.0).sqrt());
    let half = &root.eigenvectors * DMatrix::from_diagonal(&values) * root.eigenvectors.transpose();
    let product = &half * &b.covariance * &half;
    let product = (&product + product.transpose()) / 2.0;
    let common: f64 = product.symmetric_eigenvalues().iter().map(|v| v.max(0.0).sqrt()).sum();
    let distance = (&a.mean - &b.mean).norm_squared() + a.covariance.trace() + b.covariance.trace() - 2.0 * common;
    distance.max(0.0)
}

/// The squared maximum mean discrepancy with the kernel `(x·y/d + 1)³`, without bias (Bińkowski et al., ICLR 2018).
struct Kernel {
    made: Vec<Vec<f64>>,
    across: Vec<f64>,
    among_real: f64,
}

impl Kernel {
    fn new(made: Features<'_>, real: Features<'_>) -> Self {
        let of = |a: &[f32], b: &[f32]| {
            let product: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            (product / a.len().max(1) as f64 + 1.0).powi(3)
        };
        let (n, m) = (made.count(), real.count());
        let rows = |k: usize| (0..n).map(|j| of(made.row(k), made.row(j))).collect();
        let pairs = (0..m).flat_map(|a| (0..a).map(move |b| (a, b)));
        let among: f64 = pairs.map(|(a, b)| of(real.row(a), real.row(b))).sum();
        Self {
            made: (0..n).map(rows).collect(),
            across: (0..n).map(|k| (0..m).map(|j| of(made.row(k), real.row(j))).sum::<f64>() / m as f64).collect(),
            among_real: among / (m * (m - 1) / 2).max(1) as f64,
        }
    }

    fn distance(&self, chosen: &[usize]) -> f64 {
        let (mut sum, mut pairs) = (0.0, 0usize);
        for (k, &a) in chosen.iter().enumerate() {
            // What was drawn twice is no pair.
            for &b in chosen[..k].iter().filter(|&&b| b != a) {
                sum += self.made[a][b];
                pairs += 1;
            }
        }
        let across: f64 = chosen.iter().map(|&k| self.across[k]).sum::<f64>() / chosen.len() as f64;
        sum / pairs.max(1) as f64 + self.among_real - 2.0 * across
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesize::random::Random;

    fn normal(count: usize, len: usize, shift: f32, size: f32, seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed, 0);
        (0..count * len).map(|_| shift + size * random.normal()).collect()
    }

    fn value(metrics: &[Metric], name: &str) -> f64 {
        metrics.iter().find(|m| m.name == name).unwrap().value
    }

    #[test]
    fn frechet_of_known_normals() {
        // |3 - 0|² a dimension, and (2 - 1)² a dimension.
        let (a, b) = (normal(8000, 4, 3.0, 2.0, 1), normal(8000, 4, 0.0, 1.0, 2));
        let moments = |values: &[f32]| Moments::of(Features { values, len: 4 }, &(0..8000).collect::<Vec<_>>());
        let distance = frechet(&moments(&a), &moments(&b));
        assert!((distance - 40.0).abs() < 1.0, "{distance}");
        assert!(frechet(&moments(&a), &moments(&a)) < 1e-6);
    }

    #[test]
    fn the_same_kind_is_near_and_another_is_far() {
        let (real, same, other) = (normal(300, 8, 0.0, 1.0, 1), normal(60, 8, 0.0, 1.0, 2), normal(60, 8, 2.0, 0.2, 3));
        let of = |values| to_references(Features { values, len: 8 }, Features { values: &real, len: 8 }, 0);
        let (same, other) = (of(&same), of(&other));
        let kid = same.iter().find(|m| m.name == "kid").unwrap();
        let [low, high] = kid.interval_95.unwrap();
        assert!(kid.value.abs() < 0.3 && low < 0.15 && high > -0.15, "unbiased: {kid:?}");
        // Of few pictures with many features, draws that repeat some are all further away.
        let (few, all) = (normal(30, 64, 0.5, 1.0, 4), normal(300, 64, 0.0, 1.0, 5));
        for metric in to_references(Features { values: &few, len: 64 }, Features { values: &all, len: 64 }, 0) {
            assert!(metric.interval_95.is_none_or(|[low, high]| low <= metric.value && metric.value <= high), "{metric:?}");
        }
        assert!(value(&other, "kid") > 5.0 && value(&other, "frechet") > 4.0 * value(&same, "frechet"));
        assert!((value(&same, "nearest_reference") - 1.0).abs() < 0.15, "{same:?}");
        assert!((value(&same, "diversity") - 1.0).abs() < 0.1 && value(&other, "diversity") < 0.3);
    }
}
