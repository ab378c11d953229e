//! Principal components: the directions in which features vary most, towards either side.

use super::{Directions, features::Sample};
use nalgebra::{DMatrix, SymmetricEigen};

/// Principal components with the variances along them, largest first.
#[must_use]
pub fn components(sample: &Sample, count: usize) -> Vec<(Vec<f32>, f64)> {
    let len = sample.first().map_or(0, Vec::len);
    let rows = DMatrix::from_fn(sample.len(), len, |r, c| f64::from(sample[r][c]));
    let eigen = SymmetricEigen::new(rows.transpose() * &rows / sample.len().max(1) as f64);
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]).then(a.cmp(&b)));
    order.truncate(count);
    let column = |k: usize| eigen.eigenvectors.column(k).iter().map(|&v| v as f32).collect();
    order.into_iter().map(|k| (column(k), eigen.eigenvalues[k].max(0.0))).collect()
}

/// Half as many components, each in both directions.
#[must_use]
pub fn directions(sample: &Sample, count: usize) -> Directions {
    let both = |(direction, _): (Vec<f32>, f64)| [direction.clone(), direction.iter().map(|v| -v).collect()];
    components(sample, count.div_ceil(2)).into_iter().flat_map(both).collect()
}
