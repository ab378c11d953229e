//! Thresholds as neurons have them.

use crate::rewrite::affine::per_channel;
use snnc_ir::{Tensor, TensorType};

/// Thresholds of neurons as one a channel, be they a parameter by channel or one for all; the entries as they are, if they vary within channels.
#[must_use]
pub fn by_channel(threshold: &Tensor, of: &TensorType) -> Vec<f32> {
    per_channel(threshold, &of.dims).unwrap_or_else(|| threshold.data.clone())
}
