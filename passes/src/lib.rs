//! The passes of `snnc`: one rewrite of the graph, one file.
//!
//! A pass is a value of a type that implements [`Pass`] and stands in [`all`]. The [`manager`] does everything around
//! it: phase check, timing, verification. What a pass needs from a running network it asks through the
//! [`Calibration`] trait, which the compiler above implements: this crate depends on the IR and on nothing else.
//!
//! | stage | passes, in order |
//! |---|---|
//! | canonicalise | [`CANONICALISE`] |
//! | bound | [`BOUND`] |
//! | rectify | [`RECTIFY`] |
//! | spike | [`SPIKE`] |
//! | calibrate | [`CALIBRATE`] |
//! | deploy | [`DEPLOY`] |
//! | train | [`TRAIN`] |
//! | round | [`ROUND`] |
//!
//! A stage ends by moving the graph to the next phase ([`manager::run_stage`]).

mod calibration;
mod correct_bias;
mod extract_head;
mod fold_affine;
mod fold_batch_norm;
mod fold_constants;
mod fold_floor;
mod fold_pad;
mod fold_pool_pad;
mod fold_quantisers;
mod insert_neurons;
mod lift_dequantisers;
mod lower_activations;
mod lower_clip;
mod lower_means;
mod lower_pad;
pub mod manager;
mod pass;
mod pool_spikes;
mod rectify_currents;
mod remove_no_ops;
mod rewrite;
mod set_thresholds;
mod sink_constants;
mod sink_transposes;
mod spike_units;
mod split_score;
mod split_sums;
mod start_from_bias;
mod swap_max_pool;
mod thetas;
pub mod threshold;
mod to_integers;
mod train_weights;
mod training;
mod values;

pub use calibration::Calibration;
pub use fold_floor::unbounded_floors;
pub use pass::{About, Bits, Changed, Pass, PassCx, PassError, Settings};
pub use rectify_currents::currents;
pub use thetas::by_channel as thresholds_by_channel;
pub use training::Training;
pub use values::{Activations, Ranges, Traces, ranges_up_to};

/// From `Imported` to `Canonical`.
pub const CANONICALISE: &[&dyn Pass] = &[
    &extract_head::ExtractHead,
    &fold_pool_pad::FoldPoolPad,
    &lift_dequantisers::LiftDequantisers,
    &lower_pad::LowerPad,
    &lower_activations::LowerActivations,
    &fold_floor::FoldFloor,
    &fold_quantisers::FoldQuantisers,
    &fold_batch_norm::FoldBatchNorm,
    &remove_no_ops::RemoveNoOps,
    &sink_transposes::SinkTransposes,
    &fold_affine::FoldAffine,
    &split_score::SplitScore,
    &fold_pad::FoldPad,
    &swap_max_pool::SwapMaxPool,
    // Steps that have moved before a max pool, up to a rectifier.
    &fold_quantisers::FoldQuantisers,
    &fold_constants::FoldConstants,
    // The shifts that it leaves.
    &fold_affine::FoldAffine,
];

/// Within `Canonical`: bounds that count become rectifiers.
pub const BOUND: &[&dyn Pass] = &[&lower_clip::LowerClip, &split_sums::SplitSums];

/// Within `Canonical`: needs to know what values samples take.
pub const RECTIFY: &[&dyn Pass] = &[&rectify_currents::RectifyCurrents, &fold_affine::FoldAffine, &remove_no_ops::RemoveNoOps];

/// From `Canonical` to `Spiking`.
pub const SPIKE: &[&dyn Pass] = &[&insert_neurons::InsertNeurons, &pool_spikes::PoolSpikes];

/// Within `Spiking`: needs a running network.
pub const CALIBRATE: &[&dyn Pass] = &[&set_thresholds::SetThresholds, &correct_bias::CorrectBias, &fold_affine::FoldAffine];

/// From `Spiking` to `Calibrated`.
pub const DEPLOY: &[&dyn Pass] = &[&lower_means::LowerMeans, &spike_units::SpikeUnits, &remove_no_ops::RemoveNoOps];

/// Within `Calibrated`; the graph may then be `Trained`, if no parameter is left that was computed from the source network's.
pub const TRAIN: &[&dyn Pass] = &[&train_weights::TrainWeights];

/// From `Calibrated` or `Trained` to `Whole`.
pub const ROUND: &[&dyn Pass] = &[
    &sink_constants::SinkConstants,
    &fold_affine::FoldAffine,
    &to_integers::ToIntegers,
    &start_from_bias::StartFromBias,
    &remove_no_ops::RemoveNoOps,
];

/// Every pass once, in the order of the stages.
#[must_use]
pub fn all() -> Vec<&'static dyn Pass> {
    let mut list: Vec<&'static dyn Pass> = Vec::new();
    for pass in CANONICALISE.iter().chain(BOUND).chain(RECTIFY).chain(SPIKE).chain(CALIBRATE).chain(DEPLOY).chain(TRAIN).chain(ROUND) {
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
