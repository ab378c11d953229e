//! Threshold balancing by the maximum (PrivateSNN, AAAI 2022): nothing is ever clipped, and one outlier decides.

use super::method::{Layer, Method, Scope};

/// The largest float activation.
pub(super) struct Max;

impl Method for Max {
    fn usual_scope(&self) -> Scope {
        Scope::Layer
    }

    fn ranges(&self, layer: &Layer<'_>) -> Vec<Option<f32>> {
        (0..layer.target.channels).map(|c| layer.target.channel(c).reduce(f32::max)).collect()
    }
}
