//! Twins that were distilled from the artifact, kept for all attacks of an audit.

use crate::error::Result;
use snnc_ir::Graph;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A twin that was trained to answer like the artifact.
pub struct Distilled {
    /// The artifact's graph with the twin's weights; its rate twin is the network that was trained.
    pub graph: Graph,
    /// Held-out procedural images for which it chooses the artifact's class, of how many: before the training, and after it.
    pub agreeing: [usize; 2],
    /// Images whose answers the artifact was asked for.
    pub queries: usize,
}

/// What a twin is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lessons {
    /// Procedural images.
    Procedural,
    /// Half of them changed so that the twin answers otherwise than the artifact.
    Adversarial,
}

/// The twins of an audit by T and by what they were trained on: several attacks start from the same one.
#[derive(Default)]
pub struct Twins(Mutex<BTreeMap<(usize, Lessons), Arc<Distilled>>>);

impl Twins {
    /// The twin at a number of time steps, which `distil` makes where there is none yet.
    ///
    /// # Errors
    /// Those of `distil`.
    pub fn at(&self, timesteps: usize, lessons: Lessons, distil: impl FnOnce() -> Result<Distilled>) -> Result<Arc<Distilled>> {
        let mut twins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(twin) = twins.get(&(timesteps, lessons)) {
            return Ok(Arc::clone(twin));
        }
        let twin = Arc::new(distil()?);
        twins.insert((timesteps, lessons), Arc::clone(&twin));
        Ok(twin)
    }
}
