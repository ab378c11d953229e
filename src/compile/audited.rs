//! What was emitted is attacked, if it is to be.

use super::{canonical::Canonical, emitted::Emitted};
use crate::{
    audit::{
        self, Audit, Conduct,
        case::{Case, Given, Material},
        pictures::Pictures,
    },
    error::{Error, Result},
    observer::Observer,
    options::{Calibration, Device, Effort},
    report::{html::Sheet, leakage},
    synthesize::Labelled,
};
use snnc_ir::Graph;
use snnc_runtime::Artifact;
use std::path::PathBuf;

/// What a compilation makes. Nothing of it is on disk yet.
#[derive(Debug)]
pub struct Compiled {
    /// The spiking network.
    pub artifact: Artifact,
    /// The report.
    pub report: serde_json::Value,
    /// The graph that the artifact was emitted from, in whole numbers.
    pub graph: Graph,
    /// What it was calibrated on. Samples made from a network show what it knows: they are a leak.
    pub samples: Labelled,
    /// Every file that was read, for a build system.
    pub dependencies: Vec<PathBuf>,
    /// The audit and its reconstructions, if there was to be one.
    pub audit: Option<Audited>,
}

/// The audit of a compilation.
#[derive(Debug)]
pub struct Audited {
    /// What it found.
    pub audit: Audit,
    /// Its reconstructions: a leak themselves.
    pub sheets: Vec<Sheet>,
}

/// Attacks the artifact, if that was asked for, and adds to the report what came of it. That is all there is to a compilation.
///
/// # Errors
/// Only on a bug.
pub fn audit(mut emitted: Emitted<'_>, observer: &mut dyn Observer) -> Result<Compiled> {
    let options = emitted.sampled.canonical.options;
    let audited = options.audit.map(|effort| attack(&emitted, effort, observer)).transpose()?;
    let audit = audited.map(|(section, audited)| {
        emitted.report["leakage"] = section;
        audited
    });
    let Emitted { sampled, artifact, graph, report } = emitted;
    let mut dependencies = sampled.canonical.imported.dependencies;
    if let Calibration::File(path) = &options.calibration {
        dependencies.push(path.clone());
    }
    Ok(Compiled { artifact, report, graph, samples: sampled.material.calibration, dependencies, audit })
}

/// The section of the report, and the audit.
fn attack(emitted: &Emitted<'_>, effort: Effort, observer: &mut dyn Observer) -> Result<(serde_json::Value, Audited)> {
    let Emitted { sampled, artifact, .. } = emitted;
    let Canonical { model, options, imported, float } = &sampled.canonical;
    let bytes = artifact.to_bytes().map_err(|e| Error::Internal(format!("the artifact cannot be written: {e}")))?;
    let calibration = Pictures::of_model(&sampled.input.canvas, &sampled.material.calibration.samples.data);
    let given = Given {
        artifact,
        bytes: &bytes,
        imported,
        float,
        normed: sampled.normed.as_ref(),
        judges: Vec::new(),
        features: None,
        material: Material { calibration, ..Material::default() },
        words: audit::words(&[*model], &imported.metadata),
        timesteps: Vec::new(),
        only: Vec::new(),
        as_locked: false,
        device: Device::Cpu,
        seed: options.seed,
    };
    let case = Case::new(given, effort)?;
    let audit = audit::audit(&case, &Conduct { effort, budget: None, store: None }, observer)?;
    let section = leakage::section(&case, &audit, None, &leakage::command("", effort, options.seed));
    let sheets = leakage::sheets(&case, &audit)?;
    Ok((section, Audited { audit, sheets }))
}
