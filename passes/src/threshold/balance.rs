//! Local threshold balancing (Bu et al., "Inference-Scale Complexity in ANN-SNN Conversion", CVPR 2025): from 0, θ climbs the
//! gradient of the squared clipping error, `θ ← θ + 2·mean((a - θ)·1[a > θ])`, batch after batch, and stops after a fixed
//! number of batches, before the last outliers are reached.

use super::method::{Layer, Method};

/// Passes over the images, each image being one batch.
const PASSES: usize = 4;

/// θ after [`PASSES`] passes over the images.
pub(super) struct Balance;

impl Method for Balance {
    fn ranges(&self, layer: &Layer<'_>) -> Vec<Option<f32>> {
        let (channels, plane) = (layer.target.channels, layer.target.plane);
        let of_channel = |channel: usize| {
            let mut theta = 0.0f64;
            for _ in 0..PASSES {
                for image in layer.target.data.chunks(channels * plane) {
                    let values = &image[channel * plane..][..plane];
                    let excess: f64 = values.iter().map(|&a| (f64::from(a) - theta).max(0.0)).sum();
                    theta += 2.0 * excess / plane as f64;
                }
            }
            Some(theta as f32)
        };
        (0..channels).map(of_channel).collect()
    }
}
