//! The driver: one model from ONNX file to artifact and report.
//!
//! | stage | phase after it |
//! |---|---|
//! | import | `Imported` |
//! | canonicalise | `Canonical` |
//! | synthesize (or read) samples | |
//! | spike | `Spiking` |
//! | calibrate | `Calibrated` |
//! | measure, emit | |

use crate::{
    calibrate::Laboratory,
    data::{Images, Plan, layout},
    emit::{Provenance, emit, recorded},
    error::{Error, Result},
    import::{ImportOptions, Imported, import},
    observer::Observer,
    options::{Calibration, Coding, InitialPotential, Layout, Options, Synthesis, Threshold, Timesteps},
    report::{self, Agreement, Layer, PassRecord, Report},
    simulate::{FloatNetwork, Signal},
    synthesize::{Canvas, Samples, calibration_indices, held_out_indices, synthesize},
};
use candle_core::{Device, Tensor};
use snnc_ir::{Diagnostic, Graph, Operator, Origin, Phase, Provenance as Source, types::Dims, verify};
use snnc_passes::{CALIBRATE, CANONICALISE, Calibration as _, DEPLOY, Pass, PassCx, PassError, SPIKE, Settings, manager, threshold};
use snnc_runtime::{Network, argmax, artifact, poisson::Draws};
use std::path::{Path, PathBuf};

/// Samples beside those for calibration, on which agreement is measured.
const HELD_OUT: usize = 64;

/// Numbers of time steps that `--timesteps auto` tries, in order.
const CANDIDATES: [usize; 6] = [4, 8, 16, 32, 64, 128];

/// Share of a bias correction that synthetic samples are trusted with: their means are near those of real images, not equal.
/// Half did better on average than none or all of it (docs/decisions/001-calibration.md).
const SYNTHETIC_TRUST: f64 = 0.5;

/// Agreement in percent at which `--timesteps auto` is content.
pub const ENOUGH_AGREEMENT: f64 = 98.0;

/// What a compilation makes. Nothing of it is on disk yet.
#[derive(Debug)]
pub struct Compiled {
    /// The spiking network.
    pub artifact: artifact::Artifact,
    /// The report.
    pub report: serde_json::Value,
    /// The graph that the artifact was emitted from.
    pub graph: Graph,
    /// Every file that was read, for a build system.
    pub dependencies: Vec<PathBuf>,
}

/// Imports a model and brings it into the canonical phase: the float network that everything is compared with.
///
/// # Errors
/// If the model cannot be read or converted.
pub fn canonical(model: &Path, output: Option<&str>, observer: &mut dyn Observer) -> Result<(Imported, Graph)> {
    let start = std::time::Instant::now();
    observer.stage("import", None);
    let imported = import(model, &ImportOptions { output: output.map(str::to_owned) })?;
    imported.warnings.iter().for_each(|w| observer.warning(w));
    observer.stage_done(start.elapsed());
    let mut graph = imported.graph.clone();
    let settings = Settings::default();
    let mut cx = PassCx { settings: &settings, calibration: None };
    run_stage("canonicalise", CANONICALISE, Phase::Canonical, &mut graph, &mut cx, &mut Vec::new(), observer)
        .map_err(|e| in_file(e, model))?;
    Ok((imported, graph))
}

/// Compiles one model.
///
/// # Errors
/// If the model cannot be read or converted, or a file of samples does not fit it.
pub fn compile(model: &Path, options: &Options, observer: &mut dyn Observer) -> Result<Compiled> {
    let (imported, float) = canonical(model, options.output.as_deref(), observer)?;
    let mut dependencies = imported.dependencies.clone();
    let input = float.input().ok_or_else(|| Error::Internal("a verified graph has an input".into()))?;
    let input_type = float[input].ty.clone();

    let data = match &options.calibration {
        Calibration::File(path) => {
            let images = Images::read(path)?.take(options.samples);
            let plan = Plan::new(&images, &input_type.dims, options.layout, &options.preprocess)?;
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
    check_layout(layout, &input_type.dims)?;
    let canvas = Canvas::new(&input_type, layout, &options.preprocess);
    check_channels(options, &canvas)?;

    let fixed = matches!(options.threshold, Threshold::Fixed(_));
    let method = match options.calibration {
        // Fixed thresholds need no samples, and with data at hand the held-out ones need no inversion.
        Calibration::Synthetic(method) if !fixed => method,
        _ => Synthesis::Prior,
    };
    let calibration_count = if fixed || data.is_some() { 0 } else { options.samples };
    let normed = with_batch_norms(&imported.graph)?;
    let held_out = synthesize(&float, normed.as_ref(), &canvas, method, &held_out_indices(HELD_OUT), options.seed, observer)?;
    let samples = match &data {
        Some((images, plan)) => Samples { count: images.count, data: plan.convert(images, 0..images.count) },
        None => synthesize(&float, normed.as_ref(), &canvas, method, &calibration_indices(calibration_count), options.seed, observer)?,
    };
    let expected = float_predictions(&float, &held_out)?;

    let job = Job {
        model,
        options,
        imported: &imported,
        float: &float,
        canvas: &canvas,
        layout,
        samples: &samples,
        held_out: &held_out,
        expected: &expected,
    };
    let candidates = match options.timesteps {
        Timesteps::Fixed(n) => vec![n],
        Timesteps::Auto => CANDIDATES.to_vec(),
    };
    let mut best: Option<(artifact::Artifact, Report, Graph)> = None;
    let mut tried = Vec::new();
    for timesteps in candidates {
        let result = job.convert(timesteps, observer)?;
        let agreement = result.1.agreement_at_compiled();
        tried.push(Agreement { timesteps, percent: agreement });
        // More steps only where they help: on a plateau the earlier, cheaper network stays.
        let better = best.as_ref().is_none_or(|b| agreement > b.1.agreement_at_compiled());
        if better {
            best = Some(result);
        }
        if agreement >= ENOUGH_AGREEMENT {
            break;
        }
    }
    let (artifact, mut report, graph) = best.ok_or_else(|| Error::Internal("no number of time steps was tried".into()))?;
    if options.timesteps == Timesteps::Auto {
        report.timesteps_tried = Some(tried);
    }
    Ok(Compiled { artifact, report: report.to_json(), graph, dependencies })
}

/// One model with its samples, to be converted for one or more numbers of time steps.
struct Job<'a> {
    model: &'a Path,
    options: &'a Options,
    imported: &'a Imported,
    float: &'a Graph,
    canvas: &'a Canvas,
    layout: Layout,
    samples: &'a Samples,
    held_out: &'a Samples,
    expected: &'a [usize],
}

impl Job<'_> {
    fn convert(&self, timesteps: usize, observer: &mut dyn Observer) -> Result<(artifact::Artifact, Report, Graph)> {
        let options = self.options;
        let mut graph = self.float.clone();
        let mut passes = Vec::new();
        let amplitude = amplitude(self.canvas);
        if options.coding == Coding::Poisson {
            decode_input(&mut graph, &amplitude, self.layout)?;
        }
        let settings = Settings {
            timesteps,
            threshold: rule(options.threshold),
            initial: initial(options.initial),
            bias_correction: match options.calibration {
                Calibration::File(_) => 1.0,
                Calibration::Synthetic(_) => SYNTHETIC_TRUST,
            },
        };
        let bugs = |e| in_file(e, self.model);
        run_stage(
            "spike",
            SPIKE,
            Phase::Spiking,
            &mut graph,
            &mut PassCx { settings: &settings, calibration: None },
            &mut passes,
            observer,
        )
        .map_err(bugs)?;

        let count = Laboratory::affordable(&graph, timesteps, self.samples.count);
        let samples = self.samples.take(count);
        let mut laboratory = if count == 0 {
            None
        } else {
            let encode = |images: &Tensor| self.encode(images, timesteps, &amplitude);
            Some(Laboratory::new(self.float, &samples, timesteps, encode)?)
        };
        let mut cx = PassCx { settings: &settings, calibration: laboratory.as_mut().map(|l| l as &mut dyn snnc_passes::Calibration) };
        run_stage("calibrate", CALIBRATE, Phase::Spiking, &mut graph, &mut cx, &mut passes, observer).map_err(bugs)?;
        let layers = measure(&graph, laboratory.as_mut())?;
        drop(laboratory);
        let mut cx = PassCx { settings: &settings, calibration: None };
        run_stage("deploy", DEPLOY, Phase::Calibrated, &mut graph, &mut cx, &mut passes, observer).map_err(bugs)?;

        let coding = match options.coding {
            Coding::Direct => artifact::Coding::Direct,
            Coding::Poisson => artifact::Coding::Poisson { amplitude: amplitude.clone() },
        };
        let verified = verify(&graph).map_err(|v| Error::broken("deploy", &v))?;
        let about = Provenance {
            source_sha256: &self.imported.source_sha256,
            options,
            recorded: recorded(options),
            timesteps,
            coding,
            layout: self.layout,
        };
        let artifact = emit(verified, &about)?;
        let report = self.report(&artifact, timesteps, passes, layers, count, observer)?;
        Ok((artifact, report, graph))
    }

    /// The spiking network's input for model-ready images.
    fn encode(&self, images: &Tensor, timesteps: usize, amplitude: &[f32]) -> Result<Signal> {
        if self.options.coding == Coding::Direct {
            return Ok(Signal::Static(images.clone()));
        }
        let values = images.flatten_all()?.to_vec1::<f32>()?;
        let channel = self.canvas.channel_of_entry();
        let len = channel.len();
        let mut spikes = Vec::with_capacity(values.len() * timesteps);
        for step in 0..timesteps {
            for (k, image) in values.chunks(len).enumerate() {
                let draws = Draws::new(self.options.seed, k as u64, step as u64);
                let scale = |i: usize| amplitude[if amplitude.len() == 1 { 0 } else { channel[i] }];
                spikes.extend(image.iter().enumerate().map(|(i, &x)| draws.spike(i as u64, x, scale(i))));
            }
        }
        let shape: Vec<usize> = std::iter::once(timesteps * images.dim(0)?).chain(images.dims()[1..].iter().copied()).collect();
        Ok(Signal::Temporal(Tensor::from_vec(spikes, shape, &Device::Cpu)?))
    }

    fn report(
        &self,
        artifact: &artifact::Artifact,
        timesteps: usize,
        passes: Vec<PassRecord>,
        layers: Vec<Layer>,
        used: usize,
        observer: &mut dyn Observer,
    ) -> Result<Report> {
        let start = std::time::Instant::now();
        observer.stage("measure", None);
        let network = Network::new(artifact.clone()).map_err(|e| Error::Internal(e.to_string()))?;
        let mut steps: Vec<usize> = [4, 8, 16, 32, 64, 128].into_iter().filter(|&t| t < timesteps).collect();
        steps.push(timesteps);
        let outcomes = network.run_checkpoints(&self.held_out.data, &steps, 0).map_err(|e| Error::Internal(e.to_string()))?;
        let agreement = outcomes
            .iter()
            .map(|outcome| {
                let same = outcome.predictions().iter().zip(self.expected).filter(|(a, b)| a == b).count();
                Agreement { timesteps: outcome.timesteps, percent: 100.0 * same as f64 / self.expected.len().max(1) as f64 }
            })
            .collect();
        let last = outcomes.last().ok_or_else(|| Error::Internal("the network was run".into()))?;
        observer.stage_done(start.elapsed());
        Ok(Report {
            source_sha256: self.imported.source_sha256.clone(),
            opset: self.imported.opset,
            producer: self.imported.producer.clone(),
            options: recorded(self.options),
            seed: self.options.seed,
            timesteps,
            timesteps_tried: None,
            passes,
            calibration_samples: used,
            layers: report::with_rates(layers, &network, last),
            held_out: self.expected.len(),
            agreement,
            cost: network.cost(last),
        })
    }
}

/// Errors of every layer while the scales behind the neurons still say what a spike stands for.
fn measure(graph: &Graph, laboratory: Option<&mut Laboratory>) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    let mut laboratory = laboratory;
    for node in graph.topological() {
        let Operator::Neuron { threshold, .. } = graph[node].op else { continue };
        let theta = &graph.param(threshold).tensor.data;
        let error = match laboratory.as_deref_mut() {
            None => None,
            Some(laboratory) => {
                let target = laboratory.target(node).map_err(Error::Internal)?;
                let rates = laboratory.mean(graph, node).map_err(Error::Internal)?;
                Some(report::relative_error(&target, &rates, theta))
            }
        };
        layers.push(Layer::new(graph[node].origin.to_string(), graph[node].ty.len(), theta, error));
    }
    Ok(layers)
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
    let start = std::time::Instant::now();
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
            let file = model.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            Error::Diagnostics(vec![Diagnostic { place: snnc_ir::diagnostic::Place { file, ..diagnostic.place }, ..diagnostic }])
        }
        PassError::Bug(message) => Error::Internal(message),
    }
}

fn check_layout(layout: Layout, dims: &[usize]) -> Result<()> {
    if layout.fits(dims) {
        return Ok(());
    }
    let fitting: Vec<String> = [Layout::Nchw, Layout::Nhwc, Layout::Flat]
        .into_iter()
        .filter(|other| other.fits(dims))
        .map(|other| format!("`--layout {}`", layout::name(other)))
        .collect();
    let help = if fitting.is_empty() {
        "images have two to four axes with the batch".to_owned()
    } else {
        format!("there is {}", fitting.join(" and "))
    };
    Err(Error::Usage(format!("the model's input [{}] does not fit the layout `{}`; {help}", Dims(dims), layout::name(layout))))
}

fn check_channels(options: &Options, canvas: &Canvas) -> Result<()> {
    for (name, values) in [("--mean", &options.preprocess.mean), ("--std", &options.preprocess.std)] {
        if values.len() != 1 && values.len() != canvas.channels {
            return Err(Error::Usage(format!(
                "`{name}` has {} values, and the model's input has {} channel{}",
                values.len(),
                canvas.channels,
                if canvas.channels == 1 { "" } else { "s" }
            )));
        }
    }
    Ok(())
}

fn rule(threshold: Threshold) -> threshold::Rule {
    match threshold {
        Threshold::Auto => threshold::Rule::LeastSquares,
        Threshold::Max => threshold::Rule::Max,
        Threshold::Percentile(p) => threshold::Rule::Percentile(p),
        Threshold::Fixed(v) => threshold::Rule::Fixed(v),
    }
}

fn initial(initial: InitialPotential) -> f32 {
    match initial {
        InitialPotential::Half => 0.5,
        InitialPotential::Zero => 0.0,
    }
}

/// The value of each channel that fires at every step under Poisson coding.
fn amplitude(canvas: &Canvas) -> Vec<f32> {
    let per_channel: Vec<f32> = canvas.range.iter().map(|(low, high)| low.abs().max(high.abs()).max(f32::MIN_POSITIVE)).collect();
    match canvas.layout {
        // Features of a flat vector have no channel to a reader: one amplitude for all.
        Layout::Flat => vec![per_channel.iter().copied().fold(0.0, f32::max)],
        Layout::Nchw | Layout::Nhwc => per_channel,
    }
}

/// With Poisson coding the input is spikes; a scale behind it gives them the size of what they stand for.
fn decode_input(graph: &mut Graph, amplitude: &[f32], layout: Layout) -> Result<()> {
    let input = graph.input().ok_or_else(|| Error::Internal("a verified graph has an input".into()))?;
    let dims = graph[input].ty.dims.clone();
    let mut shape = vec![1; dims.len()];
    if amplitude.len() > 1 {
        let axis = if layout == Layout::Nhwc { dims.len() - 1 } else { 1 };
        shape[axis] = amplitude.len();
    }
    let factor = graph.add_param("input.amplitude", snnc_ir::Tensor::new(shape, amplitude.to_vec()), Source::Fixed);
    graph.insert_after(input, Operator::Scale { factor }, Origin::default()).map_err(|e| Error::Internal(e.to_string()))?;
    Ok(())
}

/// The network as imported, its head aside, if it has batch norms: what they recorded says what the training images were like.
fn with_batch_norms(imported: &Graph) -> Result<Option<Graph>> {
    if !imported.node_ids().into_iter().any(|n| matches!(imported[n].op, Operator::BatchNorm { .. })) {
        return Ok(None);
    }
    let mut graph = imported.clone();
    let settings = Settings::default();
    let mut cx = PassCx { settings: &settings, calibration: None };
    let pass = snnc_passes::find("extract-head").ok_or_else(|| Error::Internal("pass `extract-head` is in the list".into()))?;
    match manager::run(pass, &mut graph, &mut cx, &mut |_, _, _, _| ()) {
        Ok(_) => Ok(Some(graph)),
        Err(PassError::User(diagnostic)) => Err(diagnostic.into()),
        Err(PassError::Bug(message)) => Err(Error::Internal(message)),
    }
}

/// Class of every sample in the float network.
fn float_predictions(float: &Graph, samples: &Samples) -> Result<Vec<usize>> {
    let network = FloatNetwork::new(float)?;
    let input = float.input().ok_or_else(|| Error::Internal("a verified graph has an input".into()))?;
    let images = samples.tensor(&float[input].ty.dims)?;
    let mut classes = Vec::with_capacity(samples.count);
    for first in (0..samples.count).step_by(32) {
        let chunk = images.narrow(0, first, 32.min(samples.count - first))?;
        classes.extend(network.outputs(&chunk)?.to_vec2::<f32>()?.iter().map(|row| argmax(row)));
    }
    Ok(classes)
}
