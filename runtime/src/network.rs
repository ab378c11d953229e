//! A network that is ready to run.
//!
//! Loading turns the artifact into a plan: which values never change while the image stays (with direct coding, everything
//! up to the first neurons) and are therefore made once per batch; in which buffer each value lives; what must be
//! counted. A run then takes buffers for one batch, which are kept for the next run. In the rate code it steps through time; its memory
//! does not grow with the number of steps. In the radix code it goes through the network once: the operators between neurons are affine,
//! so that they may be applied to what a window says instead of to each of its digits, and a neuron's spikes are the binary digits of
//! its count.

mod activity;
mod broadcast;
mod memory;
mod neuron;
mod ops;
mod plan;
mod run;
mod schedule;
mod trace;

pub use activity::{Drive, Layer, Population, PopulationKind};
pub use run::{Outcome, argmax};
pub use schedule::{Schedule, Window};
pub use trace::Trace;

use crate::{
    artifact::{Artifact, Code, Links, NetworkSpec},
    error::LoadError,
    kernels::Isa,
};
use activity::Activity;
use plan::Plan;
use run::Spare;
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
    /// The operands of each node: 0 is the input, `i + 1` the result of node `i`.
    operands: Vec<Vec<usize>>,
    /// Most time steps of a run.
    max_timesteps: usize,
    batch: usize,
    isa: Isa,
    spare: Spare,
}

impl Network {
    /// Reads a `.snn` file.
    ///
    /// # Errors
    /// If the bytes are no artifact of this version, or `SNNC_ISA` names no instructions of this processor; see [`LoadError`].
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        let (artifact, links) = Artifact::read(bytes)?;
        Self::prepare(artifact, links)
    }

    /// Prepares an artifact.
    ///
    /// # Errors
    /// If it violates the specification, or as [`Network::load`] for `SNNC_ISA`.
    pub fn new(artifact: Artifact) -> Result<Self, LoadError> {
        let links = artifact.link()?;
        Self::prepare(artifact, links)
    }

    fn prepare(artifact: Artifact, links: Links) -> Result<Self, LoadError> {
        let isa = Isa::choose()?;
        let activity = Activity::new(&artifact, &links);
        let plan = Plan::new(&artifact, &links, &activity);
        let batch = (BATCH_BYTES / plan.image_bytes().max(1)).clamp(1, MAX_BATCH);
        let max_timesteps = links.bounds.timesteps;
        Ok(Self { spec: artifact.graph, plan, activity, operands: links.operands, max_timesteps, batch, isa, spare: Spare::default() })
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

    /// Most time steps of a run: in the rate code those for which potentials fit in 32 bits; in the radix code its own number, the only one.
    #[must_use]
    pub fn max_timesteps(&self) -> usize {
        match self.spec.code {
            Code::Rate => self.max_timesteps,
            Code::Radix => self.spec.timesteps,
        }
    }

    /// The instructions that are used: those that the environment variable `SNNC_ISA` names, else the widest that the processor has.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Sets the instructions that are used; those of [`Isa::Portable`] where the processor lacks them. Results do not depend on it.
    #[must_use]
    pub fn with_isa(mut self, isa: Isa) -> Self {
        self.isa = if isa.is_available() { isa } else { Isa::Portable };
        self
    }
}

impl fmt::Debug for Network {
    /// Without the parameters, which fill many pages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("spec", &self.spec).field("batch", &self.batch).finish_non_exhaustive()
    }
}
