//! Thresholds from what batch norms recorded, without a sample.

use super::method::{Layer, Method};

/// `mean + k · deviation` before the rectifier: for one batch norm, `β + k·|γ|`.
pub(super) struct BatchNorm {
    pub(super) k: f32,
}

impl Method for BatchNorm {
    fn ranges(&self, layer: &Layer<'_>) -> Vec<Option<f32>> {
        match layer.recorded {
            Some(recorded) => recorded.mean.iter().zip(&recorded.deviation).map(|(m, d)| Some(m + self.k * d)).collect(),
            // Behind a sum with something that no batch norm saw, or where the file has none there.
            None => super::least_squares::LeastSquares.ranges(layer),
        }
    }
}
