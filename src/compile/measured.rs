//! A spiking graph is emitted, and what was emitted runs on the samples that judge.

use super::{draft::Draft, sampled::Sampled};
use crate::{
    artifact::emit::{self, Provenance, emit},
    error::{Error, Result},
    observer::Observer,
    options::Code,
    report::agreement::Agreement,
};
use snnc_ir::{Phase, verify};
use snnc_runtime::{Artifact, Cost, Network, Outcome};
use std::time::Instant;

/// Numbers of time steps at which agreement is reported.
const REPORTED: [usize; 6] = [4, 8, 16, 32, 64, 128];

/// A spiking network, measured.
pub struct Measured {
    /// Its graph.
    pub draft: Draft,
    /// What a deployment would run.
    pub artifact: Artifact,
    /// Whether it chose the float network's class, for each held-out sample, at the last number of steps.
    pub agrees: Vec<bool>,
    /// How often it did, over the number of steps; the last is T.
    pub agreement: Vec<Agreement>,
    /// What it cost, at T.
    pub cost: Cost,
}

impl Measured {
    /// Agreement at T, in percent.
    #[must_use]
    pub fn percent(&self) -> f64 {
        self.agreement.last().map_or(0.0, |a| a.percent)
    }
}

/// Emits a draft and runs it on the held-out samples.
///
/// # Errors
/// Only on a bug.
pub fn measure(sampled: &Sampled<'_>, draft: Draft, observer: &mut dyn Observer) -> Result<Measured> {
    let (options, input, held_out) = (sampled.canonical.options, &sampled.input, &sampled.material.held_out);
    let timesteps = draft.settings.timesteps;
    let verified = verify(&draft.whole).map_err(|v| Error::broken("round", &v))?;
    let encoder = sampled.encoder();
    let about = Provenance {
        source_sha256: &sampled.canonical.imported.source_sha256,
        options,
        recorded: emit::recorded(options),
        timesteps,
        is_fully_trained: draft.graph.phase == Phase::Trained,
        coding: encoder.coding,
        quantiser: &encoder.quantiser,
        layout: input.layout,
        preprocess: &input.preprocess,
    };
    let artifact = emit(verified, &about)?;

    let start = Instant::now();
    observer.stage("measure", None);
    let network = Network::new(artifact.clone()).map_err(|e| Error::Internal(e.to_string()))?;
    let steps = match options.code {
        // A number is its digits, and no fewer.
        Code::Radix => vec![artifact.graph.timesteps],
        Code::Rate => REPORTED.into_iter().filter(|&t| t < timesteps).chain([timesteps]).collect(),
    };
    let outcomes = network.run_checkpoints(&held_out.samples.data, &steps, 0).map_err(|e| Error::Internal(e.to_string()))?;
    let last = outcomes.last().ok_or_else(|| Error::Internal("the network was run".into()))?;
    let expected = held_out.predictions();
    let agrees = |outcome: &Outcome| outcome.predictions().iter().zip(&expected).map(|(a, b)| a == b).collect::<Vec<bool>>();
    let agreement = |outcome: &Outcome| {
        let agrees = agrees(outcome);
        Agreement::new(outcome.timesteps, agrees.iter().filter(|&&a| a).count(), agrees.len())
    };
    let (agrees, agreement, cost) = (agrees(last), outcomes.iter().map(agreement).collect(), network.cost(last));
    observer.stage_done(start.elapsed());
    Ok(Measured { draft, artifact, agrees, agreement, cost })
}
