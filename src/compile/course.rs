//! The training that the pass `train-weights` asks for: what it is given, what is kept of it.

use super::{decision::estimate, material, recipe::recipe, sampled::Sampled};
use crate::{
    error::{Error, Result},
    observer::Observer,
    train::{
        self, Checkpoint, Lessons, Limits, Trained, device, reading,
        record::{Ran, TrainingRecord},
    },
};
use snnc_engine::{Network, Plan, plan::Op};
use snnc_ir::{Diagnostic, Graph, NodeId, ParamId};
use snnc_passes::Settings;

/// A training of one conversion.
pub struct Course<'a> {
    sampled: &'a Sampled<'a>,
    settings: &'a Settings,
    plan: Plan,
    observer: &'a mut dyn Observer,
    ran: Option<Result<Ran>>,
}

impl<'a> Course<'a> {
    /// A training of the network with that plan.
    pub fn new(sampled: &'a Sampled<'a>, settings: &'a Settings, plan: Plan, observer: &'a mut dyn Observer) -> Self {
        Self { sampled, settings, plan, observer, ran: None }
    }

    /// What came of it.
    ///
    /// # Errors
    /// What went wrong in it.
    pub fn finish(self) -> Result<TrainingRecord> {
        self.ran.unwrap_or_else(|| Err(Error::Internal("the pass did not train".into()))).map(|ran| TrainingRecord::Ran(Box::new(ran)))
    }

    fn run(&mut self, graph: &Graph) -> Result<(Ran, Vec<(ParamId, snnc_ir::Tensor)>)> {
        let (sampled, plan) = (self.sampled, &self.plan);
        let (options, source) = (sampled.canonical.options, sampled.source());
        let recipe = recipe(options);
        let device = device::open(options.training.device)?;
        let samples = material::lessons(source, options, &sampled.material, self.observer)?;
        let neurons = neurons(plan, graph);
        let kept: Vec<NodeId> = if recipe.hints > 0.0 { neurons.iter().map(|(_, node, _)| *node).collect() } else { Vec::new() };
        let teacher = Network::float(source.float, &kept)?;
        let (held_out, timesteps) = (&sampled.material.held_out, plan.timesteps);
        let encoder = sampled.encoder();
        // A stream of random spikes for every call.
        let seed = |stream: u64| options.seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let encode = |images: &[f32], stream: u64| encoder.input(images, timesteps, seed(stream));
        let still = |images: &[f32]| encoder.mean(images);
        let largest = largest(plan, self.settings);
        let lessons = Lessons {
            teacher: &teacher,
            neurons: &neurons,
            canvas: source.canvas,
            samples: &samples.data,
            held_out: &held_out.samples.data,
            held_out_logits: &held_out.logits,
            classes: held_out.classes,
            largest: &largest,
            encode: &encode,
            still: &still,
        };
        let before = plan.values(graph);
        let checkpoint = options.training.checkpoint.as_deref().map(|folder| {
            let what = format!(
                "{} {} {timesteps} {:?}",
                env!("CARGO_PKG_VERSION"),
                sampled.canonical.imported.source_sha256,
                options.without_manner()
            );
            Checkpoint::new(folder, what, options.training.resume, options.training.kept.clone())
        });
        let limits = Limits { device: &device, deadline: sampled.deadline, checkpoint: checkpoint.as_ref() };
        let Trained { values, curve, best, end } = train::train(plan, before.clone(), &lessons, &recipe, &limits, self.observer)?;
        tell(best, end, curve.len() - 1, self.observer);
        let noisy = reading::noisy(plan, &before, &values, options.seed);
        let read = |values: &[Vec<f32>]| reading::read(plan, values, &lessons);
        let names: Vec<String> = plan.parameters.iter().map(|p| graph.param(p.id).name.clone()).collect();
        let ran = Ran {
            samples: samples.count,
            estimate: estimate(plan, options, sampled.material.calibration.samples.count),
            curve,
            best,
            device: device.name(),
            end,
            is_fully_trained: false,
            drift: reading::drift(plan, &names, &before, &values),
            readings: [read(&before), read(&values), read(&noisy)],
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

/// For each parameter the largest whole number that its weights may become.
fn largest(plan: &Plan, settings: &Settings) -> Vec<f32> {
    let mut largest = vec![settings.bits.largest() as f32; plan.parameters.len()];
    for step in &plan.steps {
        if let (Op::Convolution { weight, .. } | Op::Linear { weight, .. }, Some(node)) = (&step.op, step.node) {
            largest[*weight] = settings.bits(node).largest() as f32;
        }
    }
    largest
}

/// The steps of neurons with the rectifiers whose nodes passed to them, and what a firing rate of 1 stands for.
fn neurons(plan: &Plan, graph: &Graph) -> Vec<(usize, NodeId, Vec<f32>)> {
    let mut neurons = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        let threshold = match &step.op {
            Op::Neuron(slots) => &slots.threshold,
            Op::Radix(slots) => &slots.threshold,
            _ => continue,
        };
        if let Some(node) = step.node {
            let theta = &graph.param(plan.parameters[threshold.slot].id).tensor.data;
            neurons.push((at, node, threshold.of(theta)));
        }
    }
    neurons
}
