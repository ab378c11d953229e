//! What is written of the spiking network, and what is said of it.

use super::{measured::Measured, sampled::Sampled, trained::Trained};
use crate::{
    artifact::emit::recorded,
    options::{Calibration, Code, Spikes},
    report::{Judges, Report, layer},
};
use snnc_ir::{Graph, Operator};
use snnc_runtime::Artifact;

/// All that a compilation gives out but an audit.
pub struct Emitted<'a> {
    /// What it was made from.
    pub sampled: Sampled<'a>,
    /// The artifact.
    pub artifact: Artifact,
    /// The graph that it was emitted from, in whole numbers.
    pub graph: Graph,
    /// The report.
    pub report: serde_json::Value,
}

/// Takes the artifact that was measured, and reports.
#[must_use]
pub fn emit(trained: Trained<'_>) -> Emitted<'_> {
    let Trained { sampled, network, search, training } = trained;
    let Measured { draft, artifact, agreement, cost, .. } = network;
    let (options, imported, material) = (sampled.canonical.options, &sampled.canonical.imported, &sampled.material);
    let is_radix = options.code == Code::Radix;
    // The artifact's nodes stand in this order, and may have no other names than their numbers.
    let nodes = draft.whole.topological().into_iter().map(|id| &draft.whole[id]);
    let names = nodes.filter(|node| !matches!(node.op, Operator::Input)).map(|node| node.origin.to_string());
    let weights = layer::weights(&artifact, names);
    let report = Report {
        source_sha256: imported.source_sha256.clone(),
        opset: imported.opset,
        producer: imported.producer.clone(),
        options: recorded(options),
        seed: options.seed,
        code: options.code,
        timesteps: artifact.graph.timesteps,
        input_digits: is_radix.then_some(artifact.graph.input.quantiser.digits as usize),
        timesteps_tried: search.timesteps,
        threshold: draft.settings.threshold.to_string(),
        threshold_tried: search.rules,
        is_signed: !is_radix && options.spikes == Spikes::Signed,
        passes: draft.passes,
        calibration_samples: draft.samples,
        diversity: (draft.samples > 0).then(|| material.calibration.diversity()),
        synthesis_steps: material.steps,
        layers: layer::with_rates(draft.layers, &artifact, &cost),
        weights,
        judges: match (&options.calibration, material.judged_by_data) {
            (_, true) => Judges::Data,
            (Calibration::Synthetic(_), false) => Judges::Synthetic,
            (Calibration::File(_), false) => Judges::Priors,
        },
        has_batch_norms: sampled.normed.is_some(),
        training,
        agreement,
        cost,
    };
    let report = report.to_json();
    Emitted { sampled, artifact, graph: draft.whole, report }
}
