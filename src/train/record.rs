//! What is said of a training: whether there was one, and what it was and did.

use super::{
    curve::{End, Epoch},
    reading::{Drift, Reading},
};

/// What came of the wish to train.
#[derive(Clone, Debug)]
pub enum TrainingRecord {
    /// There was none.
    NotAsked,
    /// It would have taken longer than it may.
    TooLong {
        /// Estimated seconds.
        estimate: f64,
        /// Seconds it may take.
        allowed: f64,
    },
    /// The network was trained.
    Ran(Box<Ran>),
}

/// What a training was and did.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Samples it had.
    pub samples: usize,
    /// Seconds it was estimated to take.
    pub estimate: f64,
    /// Its epochs.
    pub curve: Vec<Epoch>,
    /// The epoch that was kept; 0 for the network before training.
    pub best: usize,
    /// Where it ran.
    pub device: &'static str,
    /// How it ended.
    pub end: End,
    /// Whether nothing that was computed from the source network is left as it was: no parameter, and no channel of a weight, up to a factor.
    pub is_fully_trained: bool,
    /// What became of every layer's weights.
    pub drift: Vec<Drift>,
    /// The twins before training, after it, and of the control with noise.
    pub readings: [Reading; 3],
}

impl Ran {
    /// Channels of weights that are still multiples of the source network's, of how many.
    #[must_use]
    pub fn left(&self) -> (usize, usize) {
        self.drift.iter().fold((0, 0), |(left, of), drift| (left + drift.left.0, of + drift.left.1))
    }
}
