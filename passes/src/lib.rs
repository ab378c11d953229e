//! The passes of `snnc`: one rewrite of the graph, one file.
//!
//! A pass is a value of a type that implements [`Pass`] and stands in [`all`]. The [`manager`] does everything around
//! it: phase check, timing, verification. What a pass needs from a running network it asks through the
//! [`Calibration`] trait, which the compiler above implements: this crate depends on the IR and on nothing else.
//!
//! | stage | passes, in order |
//! |---|---|
//! | canonicalise | [`CANONICALISE`] |
//! | rectify | [`RECTIFY`] |
//! | spike | [`SPIKE`] |
//! | calibrate | [`CALIBRATE`] |
//! | deploy | [`DEPLOY`] |
//! | train | [`TRAIN`] |
//!
//! A stage ends by moving the graph to the next phase ([`manager::run_stage`]).

mod calibration;
mod correct_bias;
mod count_max_pool;
mod extract_head;
mod fold_affine;
mod fold_batch_norm;
mod fold_constants;
mod fold_floor;
mod fold_pad;
mod fold_pool_pad;
mod insert_neurons;
mod lower_activations;
mod lower_clip;
mod lower_pad;
pub mod manager;
mod remove_no_ops;
mod rewrite;
mod set_thresholds;
mod sink_transposes;
mod spike_units;
mod split_score;
mod swap_max_pool;
pub mod threshold;
mod train_weights;

pub use calibration::{Activations, Calibration, Ranges, Traces, ranges_up_to};
pub use fold_floor::unbounded_floors;
pub use train_weights::Training;

use snnc_ir::{Diagnostic, Graph, Phase, Reset, infer::TypeError};
use std::ops::RangeInclusive;

/// Whether a pass changed the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It did.
    Yes,
    /// It found nothing to do.
    No,
}

impl From<bool> for Changed {
    fn from(changed: bool) -> Self {
        if changed { Self::Yes } else { Self::No }
    }
}

/// Why a pass gave up.
#[derive(Clone, Debug, PartialEq)]
pub enum PassError {
    /// The user's network asks for something that cannot be done.
    User(Diagnostic),
    /// The pass made something that does not fit: a bug.
    Bug(String),
}

impl From<TypeError> for PassError {
    fn from(error: TypeError) -> Self {
        Self::Bug(error.to_string())
    }
}

impl From<Diagnostic> for PassError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::User(diagnostic)
    }
}

/// What the user set and passes obey.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Time steps that the network is compiled for.
    pub timesteps: usize,
    /// What a spike does: [`Reset::Signed`] where the target can take a spike back, else [`Reset::Soft`].
    pub reset: Reset,
    /// How thresholds are chosen.
    pub threshold: threshold::Rule,
    /// By channel or by layer; the rule's own way if left out.
    pub scope: Option<threshold::Scope>,
    /// Start potential as a fraction of the threshold: 0.5 rounds, 0 truncates.
    pub initial: f32,
    /// λ: what is left of a potential after a step; none for neurons without leak.
    pub leak: Option<f32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { timesteps: 32, reset: Reset::Signed, threshold: threshold::Rule::LeastSquares, scope: None, initial: 0.5, leak: None }
    }
}

/// What a pass may use beside the graph.
pub struct PassCx<'a> {
    /// The user's wishes.
    pub settings: &'a Settings,
    /// A running network with samples, where there is one.
    pub calibration: Option<&'a mut dyn Calibration>,
    /// What values samples took in the float network, where there were samples.
    pub ranges: Option<&'a Ranges>,
    /// A training, where there is to be one.
    pub training: Option<&'a mut dyn Training>,
}

impl<'a> PassCx<'a> {
    /// Settings alone: enough for passes that need no running network.
    #[must_use]
    pub fn new(settings: &'a Settings) -> Self {
        Self { settings, calibration: None, ranges: None, training: None }
    }

    /// The same, and what values samples took, if there were some.
    #[must_use]
    pub fn with_ranges(self, ranges: Option<&'a Ranges>) -> Self {
        Self { ranges, ..self }
    }
}

/// One rewrite.
pub trait Pass: Sync {
    /// `fold-batch-norm`: on the command line, in dumps, as test folder and (with underscores) as file name.
    fn name(&self) -> &'static str;
    /// The phases in which the pass makes sense.
    fn accepts(&self) -> RangeInclusive<Phase>;
    /// Whether the network would be wrong or refused without it, as opposed to slower or less accurate.
    fn is_required(&self) -> bool;
    /// Rewrites the graph.
    ///
    /// # Errors
    /// [`PassError::User`] for what the user's network cannot have, [`PassError::Bug`] for what must not happen.
    fn run(&self, graph: &mut Graph, cx: &mut PassCx<'_>) -> Result<Changed, PassError>;
}

/// From `Imported` to `Canonical`.
pub const CANONICALISE: &[&dyn Pass] = &[
    &extract_head::ExtractHead,
    &fold_pool_pad::FoldPoolPad,
    &lower_pad::LowerPad,
    &lower_activations::LowerActivations,
    &fold_floor::FoldFloor,
    &fold_batch_norm::FoldBatchNorm,
    &remove_no_ops::RemoveNoOps,
    &sink_transposes::SinkTransposes,
    &fold_affine::FoldAffine,
    &split_score::SplitScore,
    &fold_pad::FoldPad,
    &swap_max_pool::SwapMaxPool,
    &fold_constants::FoldConstants,
    // The shifts that it leaves.
    &fold_affine::FoldAffine,
];

/// Within `Canonical`: needs to know what values samples take.
pub const RECTIFY: &[&dyn Pass] = &[&lower_clip::LowerClip, &fold_affine::FoldAffine, &remove_no_ops::RemoveNoOps];

/// From `Canonical` to `Spiking`.
pub const SPIKE: &[&dyn Pass] = &[&insert_neurons::InsertNeurons, &count_max_pool::CountMaxPool];

/// Within `Spiking`: needs a running network.
pub const CALIBRATE: &[&dyn Pass] = &[&set_thresholds::SetThresholds, &correct_bias::CorrectBias, &fold_affine::FoldAffine];

/// From `Spiking` to `Calibrated`.
pub const DEPLOY: &[&dyn Pass] = &[&spike_units::SpikeUnits, &remove_no_ops::RemoveNoOps];

/// Within `Calibrated`; the graph may then be `Sealed`, if no parameter is left that was computed from the source network's.
pub const TRAIN: &[&dyn Pass] = &[&train_weights::TrainWeights];

/// Every pass once, in the order of the stages.
#[must_use]
pub fn all() -> Vec<&'static dyn Pass> {
    let mut list: Vec<&'static dyn Pass> = Vec::new();
    for pass in CANONICALISE.iter().chain(RECTIFY).chain(SPIKE).chain(CALIBRATE).chain(DEPLOY).chain(TRAIN) {
        if list.iter().all(|known| known.name() != pass.name()) {
            list.push(*pass);
        }
    }
    list
}

/// The pass of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Pass> {
    all().into_iter().find(|pass| pass.name() == name)
}
