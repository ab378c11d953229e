//! Where a training is, and what may cut it off.

use super::{curve::Trained, optimiser::Optimiser};

/// All that changes from epoch to epoch.
pub(super) struct State {
    pub(super) values: Vec<Vec<f32>>,
    /// Their running average, which is what is judged and kept: it does better on what was not trained on.
    pub(super) average: Vec<Vec<f32>>,
    pub(super) optimiser: Optimiser,
    pub(super) result: Trained,
}
