//! How far numbers may be off.

use serde::{Deserialize, Serialize};

/// What a golden file allows its numbers to be off, up or down; nothing where it says nothing. People write it by hand, and blessing keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tolerances {
    /// Images by which [`correct`](crate::Golden::correct) may be off.
    #[serde(skip_serializing_if = "is_none")]
    pub correct: usize,
    /// Images by which the number of those that agree with the ANN may be off.
    #[serde(skip_serializing_if = "is_none")]
    pub agreeing: usize,
    /// Images that may have another class.
    #[serde(skip_serializing_if = "is_none")]
    pub classes: usize,
    /// Time steps of the latency.
    #[serde(skip_serializing_if = "is_none")]
    pub latency: usize,
    /// Share of its spikes by which a layer may be off: 0.01 is one in a hundred.
    #[serde(skip_serializing_if = "is_exact")]
    pub spikes: f64,
    /// Share of its synaptic operations by which a layer may be off.
    #[serde(skip_serializing_if = "is_exact")]
    pub synaptic_ops: f64,
    /// Share of the energy.
    #[serde(skip_serializing_if = "is_exact")]
    pub energy: f64,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

fn is_exact(share: &f64) -> bool {
    *share == 0.0
}

impl Tolerances {
    /// Whether everything must be exact.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        *self == Self::default()
    }

    /// What is no tolerance, as a sentence.
    pub(crate) fn problem(&self) -> Option<String> {
        let shares = [("spikes", self.spikes), ("synaptic_ops", self.synaptic_ops), ("energy", self.energy)];
        let (name, share) = shares.into_iter().find(|(_, share)| !(0.0..=1.0).contains(share))?;
        Some(format!("`tolerances.{name}` is {share}: want a share from 0 to 1, 0.01 for one in a hundred"))
    }
}

/// Whether a count is off by no more than a share of what it should be.
pub(crate) fn is_within(expected: u64, found: u64, share: f64) -> bool {
    expected == found || expected.abs_diff(found) as f64 <= share * expected as f64
}
