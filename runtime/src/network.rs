//! A network that is ready to run.
//!
//! Loading turns the artifact into a plan ([`plan`]): which nodes become one step, how each value is kept in memory and where. What never changes
//! while the image stays (in the rate code with direct coding, everything up to the first neurons) is made once per batch. Then, in the
//! rate code, each step is done for several time steps before the next, since nothing flows back: weights are read once for all of them. In the
//! radix code the network is gone through once: the operators between neurons are affine, so that they may be applied to what a window says
//! instead of to each of its digits, and a neuron's spikes are the binary digits of its count.

mod activity;
mod arena;
mod batch;
mod buffers;
mod chain;
mod events;
mod exec;
mod fans;
mod feed;
mod moves;
mod neuron;
mod outcome;
mod params;
mod place;
mod plan;
mod profile;
mod run;
mod schedule;
mod session;
mod step;
mod tally;
mod tile;
mod trace;
mod watch;
mod whole;
mod window;

pub use activity::{Drive, Layer, Population, PopulationKind};
#[cfg(feature = "locked")]
pub(crate) use outcome::logit;
pub use outcome::{Outcome, argmax};
pub use profile::{Domain, PlannedStep};
pub use schedule::{Schedule, Window};
pub use session::Session;
pub use trace::Trace;

use crate::{
    artifact::{Artifact, Code, Links, NetworkSpec},
    error::LoadError,
    kernels::Isa,
};
use activity::Activity;
use alloc::{sync::Arc, vec::Vec};
use buffers::Spare;
use core::fmt;
use plan::Plan;

/// Memory that the values of a batch should not exceed: they are to stay in a cache.
const BATCH_BYTES: usize = 1 << 20;
/// Most images in a batch: more does not run faster.
const MAX_BATCH: usize = 32;
/// Most time steps of a pass.
const MAX_PASS: usize = 32;

/// A network that is ready to run.
#[derive(Clone)]
pub struct Network {
    spec: NetworkSpec,
    plan: Arc<Plan>,
    activity: Arc<Activity>,
    /// The operands of each node: 0 is the input, `i + 1` the result of node `i`.
    operands: Vec<Vec<usize>>,
    /// Entries of each value for an image.
    lens: Vec<usize>,
    /// Most time steps of a run.
    max_timesteps: usize,
    batch: usize,
    /// The locked read-out.
    #[cfg(feature = "locked")]
    pub(crate) lock: Option<Arc<snnc_lock::LockedLayer>>,
    /// Time steps that go through a step together.
    pass: usize,
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
        Ok(Self::prepare(artifact, links, Isa::choose()?))
    }

    /// Opens a `.snn` file: it is mapped into memory for the time of loading where the platform has that, so that besides what the network keeps
    /// hardly any memory is used. Nobody may change the file meanwhile.
    ///
    /// # Errors
    /// If the file cannot be read, or as [`Network::load`].
    #[cfg(feature = "std")]
    pub fn open(path: impl AsRef<std::path::Path>) -> Result<Self, LoadError> {
        let isa = Isa::choose()?;
        #[cfg(feature = "mmap")]
        let (artifact, links) = Artifact::open(path.as_ref())?;
        #[cfg(not(feature = "mmap"))]
        let (artifact, links) = Artifact::read(&std::fs::read(path)?)?;
        Ok(Self::prepare(artifact, links, isa))
    }

    /// Prepares an artifact.
    ///
    /// # Errors
    /// If it violates the specification, or as [`Network::load`] for `SNNC_ISA`.
    pub fn new(artifact: Artifact) -> Result<Self, LoadError> {
        Self::with_isa(artifact, Isa::choose()?)
    }

    /// As [`Network::new`], for certain instructions; for those of [`Isa::Portable`] where the processor lacks them. Results do not depend on it.
    ///
    /// # Errors
    /// If the artifact violates the specification.
    pub fn with_isa(artifact: Artifact, isa: Isa) -> Result<Self, LoadError> {
        let links = artifact.link()?;
        Ok(Self::prepare(artifact, links, if isa.is_available() { isa } else { Isa::Portable }))
    }

    fn prepare(artifact: Artifact, links: Links, isa: Isa) -> Self {
        let orders = place::orders(&artifact, &links);
        let activity = Activity::new(&artifact, &links, &orders);
        let plan = Plan::new(&artifact, &links, &orders, &activity, isa);
        let max_timesteps = links.bounds.timesteps;
        let spec = artifact.graph;
        let steps = if spec.code == Code::Radix { 1 } else { spec.timesteps.min(MAX_PASS) };
        // Potentials are needed step by step of the plan, values by the next one.
        let fits = |images: usize, steps: usize| plan.arrange(images, steps).bytes - images * plan.state_bytes() <= BATCH_BYTES;
        let pass = (1..=steps).rev().find(|&steps| fits(1, steps)).unwrap_or(1);
        let batch = (1..=MAX_BATCH).rev().find(|&images| fits(images, pass)).unwrap_or(1);
        let shapes = core::iter::once(&spec.input.shape).chain(spec.nodes.iter().map(|node| &node.shape));
        let lens = shapes.map(|shape| shape.iter().product()).collect();
        Self {
            plan: Arc::new(plan),
            activity: Arc::new(activity),
            operands: links.operands,
            lens,
            max_timesteps,
            batch,
            #[cfg(feature = "locked")]
            lock: links.lock.map(Arc::new),
            pass,
            isa,
            spare: Spare::default(),
            spec,
        }
    }

    /// The description of the network.
    #[must_use]
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// Number of values of an image.
    #[must_use]
    pub fn image_len(&self) -> usize {
        self.lens[0]
    }

    /// Number of values of the output for an image; where the read-out is locked, of those that the holder of the key reads.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.spec.output.lock.as_ref().map_or(self.plan.output_index.len(), |lock| lock.classes)
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

    /// Number of images to hand to a run at a time: a few batches for every thread of the pool that the caller is in.
    #[must_use]
    pub fn images_at_once(&self) -> usize {
        self.batch * run::threads() * 4
    }

    /// Sets the number of images that run together, at least 1. Results do not depend on it.
    #[must_use]
    pub fn with_batch(mut self, batch: usize) -> Self {
        self.batch = batch.max(1);
        self
    }

    /// Most time steps of a run: in the rate code those for which potentials fit in 32 bits, and that a locked read-out is for; in the radix code
    /// its own number, the only one.
    #[must_use]
    pub fn max_timesteps(&self) -> usize {
        match self.spec.code {
            Code::Rate => self.max_timesteps.min(self.locked_steps()),
            Code::Radix => self.spec.timesteps,
        }
    }

    /// Most time steps that the read-out is locked for, if it is.
    fn locked_steps(&self) -> usize {
        #[cfg(feature = "locked")]
        if let Some(lock) = &self.lock {
            return lock.steps() as usize;
        }
        usize::MAX
    }

    /// The instructions that are used: those that the environment variable `SNNC_ISA` names, else the widest that the processor has.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }
}

impl fmt::Debug for Network {
    /// Without the parameters, which fill many pages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("spec", &self.spec).field("batch", &self.batch).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        artifact::Coding,
        common::{random_images, random_network, wide_network},
    };

    /// Here, where instructions that the processor lacks are emulated; those that it has are also compared in `tests/network.rs`.
    #[test]
    fn networks_are_the_same_with_emulated_instructions() {
        let wide = [Coding::Digits, Coding::Direct, Coding::Poisson].map(wide_network);
        for (index, artifact) in (0..100).map(random_network).chain(wide).enumerate() {
            let images = random_images(&artifact, 3, index as u64);
            let steps = if artifact.graph.code == Code::Rate { 4 } else { artifact.graph.timesteps };
            let trace = |isa: Isa| Network::with_isa(artifact.clone(), isa).unwrap().trace(&images, steps, 0).unwrap();
            let portable = trace(Isa::Portable);
            for isa in Isa::available() {
                assert_eq!(trace(isa), portable, "network {index}, {isa:?}");
            }
        }
        #[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
        assert!(crate::kernels::emulated().is_none_or(|products| products > 10_000), "tiles are used");
    }
}
