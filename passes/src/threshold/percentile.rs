//! A percentile of the positive activations: robust against outliers, blind to what they cost.

use super::method::{Layer, Method};

/// The value under which `percent` of a channel's positive activations lie.
pub(super) struct Percentile {
    pub(super) percent: f32,
}

impl Method for Percentile {
    fn ranges(&self, layer: &Layer<'_>) -> Vec<Option<f32>> {
        let of_channel = |channel: usize| {
            let mut sorted: Vec<f32> = layer.target.channel(channel).filter(|&v| v > 0.0).collect();
            sorted.sort_unstable_by(f32::total_cmp);
            let rank = (f64::from(self.percent) / 100.0 * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.max(1) - 1).copied()
        };
        (0..layer.target.channels).map(of_channel).collect()
    }
}
