//! A network that is ready to run.
//!
//! Loading turns the artifact into a plan: which values never change while the image stays (with direct coding, everything
//! up to the first neurons) and are therefore made once per batch; in which buffer each value lives; what must be
//! counted. A run then allocates buffers for one batch and steps through time; its memory does not grow with the number of
//! steps.

mod activity;
mod broadcast;
mod memory;
mod ops;
mod plan;
mod run;

pub use activity::{Drive, Layer, Population, PopulationKind};
pub use run::{Outcome, argmax};

use crate::{
    artifact::{Artifact, Links, NetworkSpec},
    error::LoadError,
};
use activity::Activity;
use plan::Plan;
use std::fmt;

/// Memory that the buffers of a batch should not exceed.
const BATCH_BYTES: usize = 256 << 20;
/// Most images in a batch: more does not run faster.
const MAX_BATCH: usize = 32;

/// A network that is ready to run.
#[derive(Clone)]
pub struct Network {
    spec: NetworkSpec,
    plan: Plan,
    activity: Activity,
    batch: usize,
}

impl Network {
    /// Reads a `.snn` file.
    ///
    /// # Errors
    /// If the bytes are no artifact of this version; see [`LoadError`].
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        let (artifact, links) = Artifact::read(bytes)?;
        Ok(Self::prepare(artifact, &links))
    }

    /// Prepares an artifact.
    ///
    /// # Errors
    /// If it violates the specification.
    pub fn new(artifact: Artifact) -> Result<Self, LoadError> {
        let links = artifact.link()?;
        Ok(Self::prepare(artifact, &links))
    }

    fn prepare(artifact: Artifact, links: &Links) -> Self {
        let activity = Activity::new(&artifact, links);
        let plan = Plan::new(&artifact, links, &activity);
        let batch = (BATCH_BYTES / plan.image_bytes().max(1)).clamp(1, MAX_BATCH);
        Self { spec: artifact.graph, plan, activity, batch }
    }

    /// The description of the network.
    #[must_use]
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// Number of values of an image.
    #[must_use]
    pub fn image_len(&self) -> usize {
        self.plan.input.len
    }

    /// Number of values of the output for an image.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.plan.output.len
    }

    /// What makes spikes, in the order of [`Outcome::spikes`].
    #[must_use]
    pub fn populations(&self) -> &[Population] {
        &self.activity.populations
    }

    /// What has synapses, in the order of [`Outcome::synaptic_ops`].
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.activity.layers
    }

    /// Number of images that run together: chosen by memory. Results do not depend on it.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Sets the number of images that run together, at least 1. Results do not depend on it.
    #[must_use]
    pub fn with_batch(mut self, batch: usize) -> Self {
        self.batch = batch.max(1);
        self
    }
}

impl fmt::Debug for Network {
    /// Without the parameters, which fill many pages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("spec", &self.spec).field("batch", &self.batch).finish_non_exhaustive()
    }
}
