//! The training that the pass `train-weights` asks for: whether there is to be one, what it is given, what is kept of it.

use super::{input, job::Job, material};
use crate::{
    error::{Error, Result},
    observer::Observer,
    options::{Coding, Options, Part, Rule, Surrogate, Threshold, Train},
    simulate::{FloatNetwork, Signal},
    train::{
        self, Checkpoint, Epoch, Lessons, Limits, Recipe, Seal, Trained,
        engine::Engine,
        loss::Distillation,
        optimiser::Descent,
        plan::{Kind, Op, Plan, Twin},
        reading::{self, Drift, Reading},
    },
};
use candle_core::{Device, Tensor};
use snnc_ir::{Diagnostic, Graph, NodeId, ParamId};
use snnc_kernels::neuron::{self, Derivation};
use std::time::Instant;

/// Multiply-accumulates a second on two cores, by which the time of a training is estimated. It is a constant, not measured, so that the
/// same command trains, or does not, on every machine.
const NOMINAL_SPEED: f64 = 4e10;

/// Seconds that a training may be estimated to take where no budget is given.
pub const DEFAULT_BUDGET: f64 = 600.0;

/// What came of the wish to train.
#[derive(Clone, Debug)]
pub enum TrainingRecord {
    /// There was none.
    NotAsked,
    /// It would have taken longer than it may.
    TooLong {
        /// Estimated seconds.
        estimate: f64,
        /// Seconds it may take.
        allowed: f64,
    },
    /// The network was trained.
    Ran(Box<Ran>),
}

/// What a training was and did.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Samples it had.
    pub samples: usize,
    /// Seconds it was estimated to take.
    pub estimate: f64,
    /// Its epochs.
    pub curve: Vec<Epoch>,
    /// The epoch that was kept; 0 for the network before training.
    pub best: usize,
    /// Where it ran.
    pub device: &'static str,
    /// How it ended.
    pub end: train::End,
    /// Whether nothing that was computed from the source network is left as it was: no parameter, and no channel of a weight, up to a factor.
    pub is_sealed: bool,
    /// What became of every layer's weights.
    pub drift: Vec<Drift>,
    /// The twins before training, after it, and of the control with noise.
    pub readings: [Reading; 3],
}

impl Ran {
    /// Channels of weights that are still multiples of the source network's, of how many.
    #[must_use]
    pub fn left(&self) -> (usize, usize) {
        self.drift.iter().fold((0, 0), |(left, of), drift| (left + drift.left.0, of + drift.left.1))
    }
}

/// Whether there is to be no training, and why. `None`: there is to be one.
pub fn decide(plan: &Plan, options: &Options, observer: &mut dyn Observer) -> Option<TrainingRecord> {
    let training = &options.training;
    let has_neurons = plan.steps.iter().any(|step| matches!(step.op, Op::Neuron(_)));
    let is_fixed = matches!(options.threshold, Threshold::Rule(Rule::Fixed(_)));
    match training.train {
        Train::None => return Some(TrainingRecord::NotAsked),
        // Fixed thresholds are for those who want nothing to be chosen for them.
        Train::Auto if is_fixed || !has_neurons => return Some(TrainingRecord::NotAsked),
        Train::Temporal => return None,
        Train::Auto => {}
    }
    let estimate = estimate(plan, options);
    let allowed = options.budget.unwrap_or(DEFAULT_BUDGET);
    if estimate <= allowed {
        return None;
    }
    observer.warning(
        &Diagnostic::warning("W0203", "the network is not trained: that would take longer than it may")
            .note(format!("it is estimated to take {estimate:.0} seconds on two cores; {allowed:.0} are allowed"))
            .help(format!("train anyway with `--train temporal`, or allow it with `--budget {:.0}`", (estimate * 1.1).ceil()))
            .help("`--train none` says that you do not want it and silences this warning"),
    );
    Some(TrainingRecord::TooLong { estimate, allowed })
}

/// Seconds that a training is estimated to take: forward, and two products as large backward, for every sample of every epoch.
fn estimate(plan: &Plan, options: &Options) -> f64 {
    let samples = options.samples + options.training.samples;
    3.0 * plan.macs() * (samples * options.training.epochs) as f64 / NOMINAL_SPEED
}

/// The recipe of the options.
fn recipe(options: &Options) -> Recipe {
    let training = &options.training;
    Recipe {
        epochs: training.epochs,
        batch: training.batch,
        descent: Descent { rate: training.rate, weight_decay: training.weight_decay, clip: training.clip },
        loss: Distillation { temperature: training.temperature, cross_entropy: training.cross_entropy },
        derivation: Derivation {
            surrogate: match training.surrogate {
                Surrogate::Triangle(height) => neuron::Surrogate::Triangle { height },
                Surrogate::Atan(slope) => neuron::Surrogate::Atan { slope },
                Surrogate::Sigmoid(slope) => neuron::Surrogate::Sigmoid { slope },
            },
            through_reset: training.through_reset,
        },
        frozen: training
            .frozen
            .iter()
            .map(|part| match part {
                Part::Weights => Kind::Weight,
                Part::Biases => Kind::Bias,
                Part::Thresholds => Kind::Threshold,
                Part::Initial => Kind::Initial,
                Part::Leak => Kind::Leak,
            })
            .collect(),
        hints: training.hints,
        seal: training.seal.map(|weight| Seal { weight: f64::from(weight), margin: SEAL_MARGIN, twins: SEALED_AGAINST.to_vec() }),
        seed: options.seed,
    }
}

/// The twins that are trained against.
const SEALED_AGAINST: [Twin; 3] = [Twin::Relu, Twin::Clipped, Twin::Quantised];
/// Divergence of a twin from the float network that is far enough: more than that of a guess among a hundred classes.
const SEAL_MARGIN: f64 = 6.0;

/// A training of one conversion.
pub struct Course<'a> {
    job: &'a Job<'a>,
    plan: Plan,
    deadline: Option<Instant>,
    observer: &'a mut dyn Observer,
    ran: Option<Result<Ran>>,
}

impl<'a> Course<'a> {
    /// A training of the network with that plan.
    pub fn new(job: &'a Job<'a>, plan: Plan, deadline: Option<Instant>, observer: &'a mut dyn Observer) -> Self {
        Self { job, plan, deadline, observer, ran: None }
    }

    /// What came of it.
    ///
    /// # Errors
    /// What went wrong in it.
    pub fn finish(self) -> Result<TrainingRecord> {
        self.ran.unwrap_or_else(|| Err(Error::Internal("the pass did not train".into()))).map(|ran| TrainingRecord::Ran(Box::new(ran)))
    }

    fn run(&mut self, graph: &Graph) -> Result<(Ran, Vec<(ParamId, snnc_ir::Tensor)>)> {
        let (job, plan) = (self.job, &self.plan);
        let options = job.options;
        let recipe = recipe(options);
        let engine = Engine::open(options.training.device)?;
        let samples = material::lessons(job.source, options, job.material, self.observer)?;
        let neurons = neurons(plan, graph);
        let kept: Vec<NodeId> = if recipe.hints > 0.0 { neurons.iter().map(|(_, node, _)| *node).collect() } else { Vec::new() };
        let teacher = FloatNetwork::keeping(job.source.float, &kept)?;
        let input = graph.input().ok_or_else(|| Error::Internal("a verified graph has an input".into()))?;
        let dims = graph[input].ty.dims.clone();
        let (held_out, timesteps) = (&job.material.held_out, plan.timesteps);
        let encode = |images: &[f32], stream: u64| encode(job, &dims, images, timesteps, stream);
        let still = |images: &[f32]| still(job, images);
        let lessons = Lessons {
            teacher: &teacher,
            neurons: &neurons,
            dims: &dims,
            canvas: job.source.canvas,
            samples: &samples.data,
            held_out: &held_out.samples.data,
            held_out_logits: &held_out.logits,
            classes: held_out.classes,
            encode: &encode,
            still: &still,
        };
        let before = plan.values(graph);
        let checkpoint = options.training.checkpoint.as_deref().map(|folder| {
            let what = format!("{} {} {timesteps} {:?}", env!("CARGO_PKG_VERSION"), job.imported.source_sha256, options.without_manner());
            Checkpoint::new(folder, what, options.training.resume)
        });
        let limits = Limits { engine: &engine, deadline: self.deadline, checkpoint: checkpoint.as_ref() };
        let Trained { values, curve, best, end } = train::train(plan, before.clone(), &lessons, &recipe, &limits, self.observer)?;
        tell(best, end, curve.len() - 1, self.observer);
        let noisy = reading::noisy(plan, &before, &values, options.seed);
        let read = |values: &[Vec<f32>]| reading::read(plan, values, &lessons);
        let names: Vec<String> = plan.parameters.iter().map(|p| graph.param(p.id).name.clone()).collect();
        let ran = Ran {
            samples: samples.count,
            estimate: estimate(plan, options),
            curve,
            best,
            device: engine.name(),
            end,
            is_sealed: false,
            drift: reading::drift(plan, &names, &before, &values),
            readings: [read(&before)?, read(&values)?, read(&noisy)?],
        };
        let trained = recipe.trained(plan);
        let moved = plan.parameters.iter().zip(values).zip(trained).filter(|(_, is)| *is && best > 0);
        let tensor = |id: ParamId, values| snnc_ir::Tensor::new(graph.param(id).tensor.dims.clone(), values);
        Ok((ran, moved.map(|((p, values), _)| (p.id, tensor(p.id, values))).collect()))
    }
}

/// Warnings about a training that came to nothing.
fn tell(best: usize, end: train::End, epochs: usize, observer: &mut dyn Observer) {
    if end == train::End::Diverged {
        observer.warning(
            &Diagnostic::warning("W0204", "the training diverged; the network is the calibrated one")
                .help("try a smaller `--learning-rate`, or `--surrogate triangle` with a smaller height"),
        );
    } else if epochs == 0 {
        observer.warning(
            &Diagnostic::warning("W0205", "the training was stopped before its first epoch was over; the network is the calibrated one")
                .help("give it more time, or fewer `--train-samples`"),
        );
    } else if best == 0 {
        observer.warning(
            &Diagnostic::warning("W0205", "training found nothing as good; the network is the calibrated one")
                .note("what it found answers held-out samples worse than the network before training, so its weights were not taken")
                .help("try more `--train-samples` or `--epochs`, or another `--learning-rate`"),
        );
    }
}

impl snnc_passes::Training for Course<'_> {
    fn train(&mut self, graph: &Graph) -> std::result::Result<Vec<(ParamId, snnc_ir::Tensor)>, String> {
        match self.run(graph) {
            Ok((ran, values)) => {
                self.ran = Some(Ok(ran));
                Ok(values)
            }
            Err(error) => {
                let text = error.to_string();
                self.ran = Some(Err(error));
                Err(text)
            }
        }
    }
}

/// The steps of neurons with the rectifiers whose nodes passed to them, and what a firing rate of 1 stands for.
fn neurons(plan: &Plan, graph: &Graph) -> Vec<(usize, NodeId, Vec<f32>)> {
    let mut neurons = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        if let (Op::Neuron(slots), Some(node)) = (&step.op, step.node) {
            let (slot, index) = &slots.threshold;
            let theta = &graph.param(plan.parameters[*slot].id).tensor.data;
            neurons.push((at, node, index.iter().map(|&i| theta[i]).collect()));
        }
    }
    neurons
}

/// The spiking network's input for images; `stream` tells the random spikes of different calls apart.
fn encode(job: &Job<'_>, dims: &[usize], images: &[f32], timesteps: usize, stream: u64) -> Result<Vec<f32>> {
    if job.options.coding == Coding::Direct {
        return Ok(images.to_vec());
    }
    let canvas = job.source.canvas;
    let shape: Vec<usize> = std::iter::once(images.len() / canvas.len()).chain(dims[1..].iter().copied()).collect();
    let options = Options { seed: job.options.seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15), ..job.options.clone() };
    let images = Tensor::from_slice(images, shape, &Device::Cpu)?;
    match input::encode(&images, timesteps, &input::amplitude(canvas), canvas, &options)? {
        Signal::Static(tensor) | Signal::Temporal(tensor) => Ok(tensor.flatten_all()?.to_vec1::<f32>()?),
    }
}

/// The mean over time of the spiking network's input.
fn still(job: &Job<'_>, images: &[f32]) -> Vec<f32> {
    if job.options.coding == Coding::Direct {
        return images.to_vec();
    }
    let (amplitude, channel) = (input::amplitude(job.source.canvas), job.source.canvas.channel_of_entry());
    let of = |i: usize| amplitude[if amplitude.len() == 1 { 0 } else { channel[i % channel.len()] }];
    images.iter().enumerate().map(|(i, x)| x / of(i)).collect()
}
