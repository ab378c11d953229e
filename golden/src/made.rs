//! What an artifact does with images, as a golden file has it.

use crate::{
    counts::Counts,
    error::Result,
    file::{Data, EnergyOf, File, Golden, Time, VERSION},
    measure::{Watch, measure},
    paths,
    subject::{Subject, sha256_of},
    tolerances::Tolerances,
};
use std::path::Path;

/// Runs all images. Leakage, the float network and tolerances are left out; the energy is computed with the constants of `energy`.
pub(crate) fn made(subject: &Subject, golden: &Path, data: &Path, energy: EnergyOf, watch: &mut Watch<'_>) -> Result<Golden> {
    let network = &subject.network;
    let sums = measure(network, data, watch)?;
    let cost = network.cost_of(&sums.totals);
    Ok(Golden {
        golden_version: VERSION,
        snnc: env!("CARGO_PKG_VERSION").to_owned(),
        artifact: File { sha256: subject.sha256.clone() },
        data: Data { file: paths::name(golden, data)?, sha256: sha256_of(data)?, images: sums.predictions.len() },
        tolerances: Tolerances::default(),
        time: Time::of(network),
        correct: sums.right,
        energy: energy.of(&cost),
        spikes: Counts::new(network.populations().iter().map(|population| &population.name), &sums.totals.spikes),
        synaptic_ops: Counts::new(network.layers().iter().map(|layer| &layer.name), &sums.totals.synaptic_ops),
        leakage: None,
        ann: None,
        classes: sums.predictions,
    })
}
