//! Features of images, as deviations from their mean in units of their standard deviation.

use super::Directions;

/// How features are distributed over an attacker's own images.
#[derive(Clone, Debug)]
pub struct Standard {
    mean: Vec<f32>,
    /// 0 where a feature never changes.
    deviation: Vec<f32>,
}

/// Standardised features, `[count][len]`.
pub type Sample = Vec<Vec<f32>>;

/// Below this share of the largest deviation a feature counts as one that never changes.
const DEAD: f32 = 1e-4;

impl Standard {
    /// Of features `[N, len]`.
    #[must_use]
    pub fn of(features: &[f32], len: usize) -> Self {
        let n = (features.len() / len.max(1)).max(1) as f64;
        let (mut sums, mut squares) = (vec![0.0f64; len], vec![0.0f64; len]);
        for row in features.chunks(len) {
            for (k, &v) in row.iter().enumerate() {
                sums[k] += f64::from(v);
                squares[k] += f64::from(v).powi(2);
            }
        }
        let deviation = |k: usize| (squares[k] / n - (sums[k] / n).powi(2)).max(0.0).sqrt() as f32;
        let mut deviation: Vec<f32> = (0..len).map(deviation).collect();
        let most = deviation.iter().copied().fold(0.0, f32::max);
        deviation.iter_mut().filter(|d| **d <= DEAD * most).for_each(|d| *d = 0.0);
        Self { mean: sums.iter().map(|s| (s / n) as f32).collect(), deviation }
    }

    /// Features that change at all.
    #[must_use]
    pub fn alive(&self) -> Vec<usize> {
        (0..self.deviation.len()).filter(|&k| self.deviation[k] > 0.0).collect()
    }

    /// Features `[N, len]`, standardised.
    #[must_use]
    pub fn apply(&self, features: &[f32]) -> Sample {
        let standard = |(k, v): (usize, &f32)| if self.deviation[k] > 0.0 { (v - self.mean[k]) / self.deviation[k] } else { 0.0 };
        features.chunks(self.mean.len().max(1)).map(|row| row.iter().enumerate().map(standard).collect()).collect()
    }

    /// The weights `[directions, features]` and biases of a linear layer that reads features as they are and gives their parts along
    /// directions.
    #[must_use]
    pub fn layer(&self, directions: &Directions) -> (Vec<f32>, Vec<f32>) {
        let weight = |(k, v): (usize, &f32)| if self.deviation[k] > 0.0 { v / self.deviation[k] } else { 0.0 };
        let weights: Vec<f32> = directions.iter().flat_map(|row| row.iter().enumerate().map(weight)).collect();
        let biases = weights.chunks(self.mean.len().max(1)).map(|row| -super::dot(row, &self.mean)).collect();
        (weights, biases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_of_directions_reads_standardised_features() {
        let features = [1.0f32, 5.0, 7.0, 3.0, 5.0, -1.0, 8.0, 5.0, 0.0];
        let standard = Standard::of(&features, 3);
        assert_eq!(standard.alive(), [0, 2]);
        let directions = vec![vec![0.5, 1.0, -2.0], vec![0.0, 0.0, 1.0]];
        let (weights, biases) = standard.layer(&directions);
        for (raw, row) in features.chunks(3).zip(standard.apply(&features)) {
            for (k, direction) in directions.iter().enumerate() {
                let of_layer = super::super::dot(&weights[3 * k..][..3], raw) + biases[k];
                assert!((of_layer - super::super::dot(direction, &row)).abs() < 1e-5);
            }
        }
    }
}
