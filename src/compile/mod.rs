//! The driver: one model from ONNX file to artifact and report.
//!
//! | stage | phase after it |
//! |---|---|
//! | import | `Imported` |
//! | canonicalise | `Canonical` |
//! | compare | |
//! | synthesize (or read) samples | |
//! | rectify | |
//! | spike | `Spiking` |
//! | calibrate | `Calibrated` |
//! | measure, emit | |

mod faithful;
mod input;
mod job;
mod material;
mod pixels;
mod ranges;
mod training;

pub use job::ENOUGH_AGREEMENT;
pub use material::{Diversity, Labelled};
pub use pixels::preprocessing;

use crate::{
    audit::{
        self, Audit, Conduct,
        case::{Case, Given},
        pictures::Pictures,
    },
    data::{Images, Plan, layout},
    error::{Error, Result},
    import::{ImportOptions, Imported, import},
    observer::Observer,
    options::{Calibration, Device, Effort, Layout, Options, Rule, Threshold, Timesteps, Train},
    report::{Agreement, PassRecord, html::Sheet, leakage},
    synthesize::{Canvas, Source},
    train::engine::Engine,
};
use job::{Converted, Finished, Job};
use snnc_ir::{Diagnostic, Graph, Operator, Phase};
use snnc_passes::{CANONICALISE, Pass, PassCx, PassError, RECTIFY, Settings, manager};
use snnc_runtime::artifact;
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
pub use training::{Ran, TrainingRecord};

/// Numbers of time steps that `--timesteps auto` tries, in order.
const CANDIDATES: [usize; 6] = [4, 8, 16, 32, 64, 128];

/// What a compilation makes. Nothing of it is on disk yet.
#[derive(Debug)]
pub struct Compiled {
    /// The spiking network.
    pub artifact: artifact::Artifact,
    /// The report.
    pub report: serde_json::Value,
    /// The graph that the artifact was emitted from.
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

/// Imports a model and brings it into the canonical phase: the float network that everything is compared with.
///
/// # Errors
/// If the model cannot be read or converted.
pub fn canonical(model: &Path, output: Option<&str>, observer: &mut dyn Observer) -> Result<(Imported, Graph)> {
    let start = Instant::now();
    observer.stage("import", None);
    let imported = import(model, &ImportOptions { output: output.map(str::to_owned) })?;
    imported.warnings.iter().for_each(|w| observer.warning(w));
    observer.stage_done(start.elapsed());
    let mut graph = imported.graph.clone();
    let settings = Settings::default();
    let mut cx = PassCx::new(&settings);
    run_stage("canonicalise", CANONICALISE, Phase::Canonical, &mut graph, &mut cx, &mut Vec::new(), observer)
        .map_err(|e| in_file(e, model))?;
    Ok((imported, graph))
}

/// Compiles one model.
///
/// # Errors
/// If the model cannot be read or converted, or a file of samples does not fit it.
pub fn compile(model: &Path, options: &Options, observer: &mut dyn Observer) -> Result<Compiled> {
    if let (Device::Cuda(_), true) = (options.training.device, options.training.train != Train::None) {
        // Better now than after the samples are made.
        Engine::open(options.training.device)?;
    }
    let (imported, float) = canonical(model, options.output.as_deref(), observer)?;
    let mut dependencies = imported.dependencies.clone();
    let input = float.input().ok_or_else(|| Error::Internal("a verified graph has an input".into()))?;
    let input_type = float[input].ty.clone();
    let preprocess = preprocessing(&imported, &options.pixels, "--")?;

    let data = match &options.calibration {
        Calibration::File(path) => {
            let images = Images::read(path)?;
            let plan = Plan::new(&images, &input_type.dims, options.layout, &preprocess)?;
            dependencies.push(path.clone());
            Some((images, plan))
        }
        Calibration::Synthetic(_) => None,
    };
    let layout = options
        .layout
        .or_else(|| data.as_ref().and_then(|(_, plan)| plan.layout()))
        .or_else(|| layout::of_shape(&input_type.dims))
        .unwrap_or(if input_type.dims.len() == 4 { Layout::Nchw } else { Layout::Flat });
    input::check_layout(layout, &input_type.dims)?;
    let canvas = Canvas::new(&input_type, layout, &preprocess);
    input::check_channels(&preprocess, &canvas)?;
    if options.pixels.scale.is_none() && !imported.input_is_integer {
        pixels::scaled_inside(&imported.graph, &preprocess).iter().for_each(|warning| observer.warning(warning));
    }
    let start = Instant::now();
    observer.stage("compare", None);
    faithful::check(model, &imported, &float, &canvas, options.seed)?;
    observer.stage_done(start.elapsed());
    let normed = with_batch_norms(&imported.graph)?;
    if matches!(options.threshold, Threshold::Rule(Rule::BatchNorm(_))) && normed.is_none() {
        return Err(Error::Usage("--threshold batch-norm: the model has no batch norms; they were folded, or it never had any".into()));
    }
    let deadline = options.budget.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds));
    let source = Source { float: &float, normed: normed.as_ref(), canvas: &canvas };
    let material = material::gather(source, options, data, observer)?;
    let rectified = rectify(&float, &material, model, observer)?;
    let job =
        Job { model, options, imported: &imported, source, rectified: &rectified, layout, preprocess: &preprocess, material: &material };
    let candidates = match options.timesteps {
        Timesteps::Fixed(n) => vec![n],
        Timesteps::Auto => CANDIDATES.to_vec(),
    };
    let mut best: Option<(f64, Converted)> = None;
    let mut tried: Vec<Agreement> = Vec::new();
    for timesteps in candidates {
        let converted = job.convert(timesteps, observer)?;
        let agreement = converted.agreement(&material).last().copied();
        let percent = agreement.map_or(0.0, |a| a.percent);
        tried.extend(agreement);
        // More steps only where they help: on a plateau the earlier, cheaper network stays.
        if best.as_ref().is_none_or(|(most, _)| percent > *most) {
            best = Some((percent, converted));
        }
        if percent >= ENOUGH_AGREEMENT {
            break;
        }
    }
    let (_, converted) = best.ok_or_else(|| Error::Internal("no number of time steps was tried".into()))?;
    let converted = job.train(converted, deadline, observer)?;
    let Finished { artifact, mut report, graph } = job.finish(converted)?;
    if options.timesteps == Timesteps::Auto {
        report.timesteps_tried = Some(tried);
    }
    let mut report = report.to_json();
    let audit = match options.audit {
        None => None,
        Some(effort) => {
            let (section, audited) = attack(&artifact, &imported, source, options, &material, (model, effort), observer)?;
            report["leakage"] = section;
            Some(audited)
        }
    };
    Ok(Compiled { artifact, report, graph, samples: material.calibration, dependencies, audit })
}

/// The float network with rectifiers alone: what neurons take the place of.
fn rectify(float: &Graph, material: &material::Material, model: &Path, observer: &mut dyn Observer) -> Result<Graph> {
    let mut graph = float.clone();
    let ranges = ranges::of_clips(float, material)?;
    let settings = Settings::default();
    let mut cx = PassCx { ranges: Some(&ranges), ..PassCx::new(&settings) };
    run_stage("rectify", RECTIFY, Phase::Canonical, &mut graph, &mut cx, &mut Vec::new(), observer).map_err(|e| in_file(e, model))?;
    Ok(graph)
}

/// Attacks what was compiled.
fn attack(
    artifact: &artifact::Artifact,
    imported: &Imported,
    source: Source<'_>,
    options: &Options,
    material: &material::Material,
    (model, effort): (&Path, Effort),
    observer: &mut dyn Observer,
) -> Result<(serde_json::Value, Audited)> {
    let bytes = artifact.to_bytes().map_err(|e| Error::Internal(format!("the artifact cannot be written: {e}")))?;
    let given = Given {
        artifact,
        bytes: &bytes,
        imported,
        float: source.float,
        normed: source.normed,
        judge: None,
        features: None,
        material: audit::case::Material {
            calibration: Pictures::of_model(source.canvas, &material.calibration.samples.data),
            ..Default::default()
        },
        words: audit::words(&[model], &imported.metadata),
        timesteps: Vec::new(),
        seed: options.seed,
    };
    let case = Case::new(given, effort)?;
    let audit = audit::audit(&case, &Conduct { effort, budget: None, store: None }, observer)?;
    let command = leakage::command("", effort, options.seed);
    let section = leakage::section(&case, &audit, None, &command);
    let sheets = leakage::sheets(&case, &audit)?;
    Ok((section, Audited { audit, sheets }))
}

fn run_stage(
    name: &'static str,
    passes: &[&'static dyn Pass],
    phase: Phase,
    graph: &mut Graph,
    cx: &mut PassCx<'_>,
    record: &mut Vec<PassRecord>,
    observer: &mut dyn Observer,
) -> std::result::Result<(), PassError> {
    let start = Instant::now();
    observer.stage(name, None);
    manager::run_stage(passes, phase, graph, cx, &mut |pass, changed, elapsed, graph| {
        let changed = changed == snnc_passes::Changed::Yes;
        record.push(PassRecord { name: pass, changed });
        observer.pass_done(pass, changed, elapsed, graph);
    })?;
    observer.stage_done(start.elapsed());
    Ok(())
}

fn in_file(error: PassError, model: &Path) -> Error {
    match error {
        PassError::User(diagnostic) => {
            let file = model.display().to_string();
            Error::Diagnostics(vec![Diagnostic { place: snnc_ir::diagnostic::Place { file, ..diagnostic.place }, ..diagnostic }])
        }
        PassError::Bug(message) => Error::Internal(message),
    }
}

/// The network as imported, if it has batch norms, with the classes of the canonical one and what stands in the way of running it put
/// in order: what they recorded says what the training images were like.
///
/// # Errors
/// Only on a bug.
pub fn with_batch_norms(imported: &Graph) -> Result<Option<Graph>> {
    if !imported.node_ids().into_iter().any(|n| matches!(imported[n].op, Operator::BatchNorm { .. })) {
        return Ok(None);
    }
    let mut graph = imported.clone();
    let settings = Settings::default();
    let mut cx = PassCx::new(&settings);
    let before = CANONICALISE.iter().take_while(|pass| pass.name() != "fold-batch-norm");
    for pass in before.chain(CANONICALISE.iter().filter(|pass| pass.name() == "split-score")) {
        match manager::run(*pass, &mut graph, &mut cx, &mut |_, _, _, _| ()) {
            Ok(_) => {}
            Err(PassError::User(diagnostic)) => return Err(diagnostic.into()),
            Err(PassError::Bug(message)) => return Err(Error::Internal(message)),
        }
    }
    Ok(Some(graph))
}
