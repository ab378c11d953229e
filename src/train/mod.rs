//! Temporal training: the weights of the converted network are trained through time, without data.
//!
//! The float network teaches: the spiking network learns to give the same soft answers on synthetic samples, varied anew at every
//! step, by surrogate-gradient descent through all time steps. Two things come of it: accuracy at few time steps, and weights
//! that are no longer the source network's.
//!
//! | file | content |
//! |---|---|
//! | [`plan`] | the network as a list of steps, each run as rarely as it can be |
//! | [`network`] | forward and backward through time on the CPU |
//! | [`tensor`] | the same on candle tensors: on a graphics card, and as the reference in 64 bits |
//! | [`loss`] | distillation |
//! | [`augment`] | variations of samples |
//! | [`optimiser`] | AdamW in relative steps |
//!
//! Batches are cut into shards of a fixed number of images whose gradients are added in order, so the result does not depend on
//! the number of threads.

pub mod augment;
pub mod loss;
pub mod network;
pub mod optimiser;
pub mod plan;
pub mod tensor;

use crate::{
    error::{Error, Result},
    observer::Observer,
    parallel,
    simulate::FloatNetwork,
    synthesize::{Canvas, random::Random},
};
use candle_core::{Device, Tensor};
use loss::Distillation;
use network::{Buffers, Gradients, Hints, Network, Wanted};
use optimiser::{Descent, Optimiser};
use plan::{Kind, Plan};
use snnc_kernels::neuron::Derivation;
use snnc_ir::NodeId;
use snnc_runtime::argmax;
use std::sync::Mutex;

/// Images that go through the network together: enough for the kernels to run at speed, few enough for memory.
const SHARD: usize = 8;

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Passes over the samples.
    pub epochs: usize,
    /// Images a step.
    pub batch: usize,
    /// How the descent goes.
    pub descent: Descent,
    /// What the descent descends.
    pub loss: Distillation,
    /// How spikes are differentiated.
    pub derivation: Derivation,
    /// Parameters that stay as they are.
    pub frozen: Vec<Kind>,
    /// Weight of the error of the layers beside the distillation.
    pub hints: f64,
    /// Of everything random.
    pub seed: u64,
}

/// What is trained on.
pub struct Lessons<'a> {
    /// The float network; it keeps the activations that the neurons stand for.
    pub teacher: &'a FloatNetwork,
    /// The neurons' steps with the nodes of the float network that they stand for, and what a firing rate of 1 stands for.
    pub neurons: &'a [(usize, NodeId, Vec<f32>)],
    /// The shape of its input.
    pub dims: &'a [usize],
    /// The image behind it.
    pub canvas: &'a Canvas,
    /// Samples to train on, `[N, ..]`.
    pub samples: &'a [f32],
    /// Samples that judge, `[N, ..]`.
    pub held_out: &'a [f32],
    /// The float network's logits for those, `[N, classes]`.
    pub held_out_logits: &'a [f32],
    /// Number of classes.
    pub classes: usize,
    /// Turns images into the spiking network's input; the number tells batches apart.
    pub encode: &'a (dyn Fn(&[f32], u64) -> Result<Vec<f32>> + Sync),
}

/// One pass over the samples, as it went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Mean loss of its batches; none for the network before training.
    pub loss: Option<f64>,
    /// Loss on held-out samples after it.
    pub held_out_loss: f64,
    /// Held-out samples for which the spiking network chooses the float network's class, of how many.
    pub agreeing: (usize, usize),
}

/// A trained network.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The parameters of the best epoch.
    pub values: Vec<Vec<f32>>,
    /// Before training, and after every epoch.
    pub curve: Vec<Epoch>,
    /// The best place on the curve; 0 is the network before training.
    pub best: usize,
    /// Whether training was given up because numbers went out of bounds.
    pub diverged: bool,
}

/// Trains a planned network from these values of its parameters.
///
/// # Errors
/// Only on a bug.
pub fn train(plan: &Plan, start: Vec<Vec<f32>>, lessons: &Lessons<'_>, recipe: &Recipe, observer: &mut dyn Observer) -> Result<Trained> {
    let trained: Vec<bool> = plan.parameters.iter().map(|p| !p.is_fixed && !recipe.frozen.contains(&p.kind)).collect();
    let wanted = Wanted { parameters: trained.clone(), input: false };
    let len = lessons.canvas.len();
    let count = lessons.samples.len() / len;
    let batches = count.div_ceil(recipe.batch);
    let mut optimiser = Optimiser::new(recipe.descent, recipe.epochs * batches, &plan.parameters, &start, &trained);
    let pool = Pool::default();
    let mut values = start;
    let first = judge(plan, &values, lessons, recipe, &pool)?;
    let mut result = Trained { values: values.clone(), curve: vec![first], best: 0, diverged: false };
    observer.stage("train", Some((recipe.epochs * batches) as u64));
    let began = std::time::Instant::now();
    for epoch in 0..recipe.epochs {
        let mut order: Vec<usize> = (0..count).collect();
        let mut random = Random::new(recipe.seed ^ 0x74E4_1A11, epoch as u64);
        (1..count).rev().for_each(|i| order.swap(i, random.below(i + 1)));
        let mut total = 0.0;
        for (k, chosen) in order.chunks(recipe.batch).enumerate() {
            let number = (epoch * batches + k) as u64;
            let images = augment::batch(lessons.canvas, lessons.samples, chosen, &mut random);
            let gradients = batch_gradients(plan, &values, &images, number, lessons, recipe, &wanted, &pool)?;
            total += gradients.loss;
            let length = optimiser.step(&plan.parameters, &mut values, &gradients.parameters);
            if !length.is_finite() || !gradients.loss.is_finite() {
                result.diverged = true;
                break;
            }
            observer.progress(number + 1);
        }
        if result.diverged {
            break;
        }
        let judged = Epoch { loss: Some(total / batches as f64), ..judge(plan, &values, lessons, recipe, &pool)? };
        result.curve.push(judged);
        if judged.held_out_loss < result.curve[result.best].held_out_loss {
            result.best = result.curve.len() - 1;
            result.values.clone_from(&values);
        }
        if std::env::var_os("SNNC_TRACE").is_some() {
            eprintln!("epoch {epoch}: {judged:?}");
        }
    }
    observer.stage_done(began.elapsed());
    Ok(result)
}

/// Buffers of threads that rest.
#[derive(Default)]
struct Pool(Mutex<Vec<Buffers>>);

impl Pool {
    fn with<R>(&self, body: impl FnOnce(&mut Buffers) -> R) -> R {
        let mut buffers = self.0.lock().ok().and_then(|mut list| list.pop()).unwrap_or_default();
        let result = body(&mut buffers);
        if let Ok(mut list) = self.0.lock() {
            list.push(buffers);
        }
        result
    }
}

/// The mean loss of a batch and its gradients: those of its shards, added in order.
#[expect(clippy::too_many_arguments, reason = "the state of the training")]
fn batch_gradients(
    plan: &Plan,
    values: &[Vec<f32>],
    images: &[f32],
    number: u64,
    lessons: &Lessons<'_>,
    recipe: &Recipe,
    wanted: &Wanted,
    pool: &Pool,
) -> Result<Gradients> {
    let len = lessons.canvas.len();
    let count = images.len() / len;
    let network = Network::new(plan, values);
    let shards: Vec<&[f32]> = images.chunks(SHARD * len).collect();
    let parts = parallel::over(shards, |k, images| -> Result<Gradients> {
        let images_here = images.len() / len;
        let shape: Vec<usize> = std::iter::once(images_here).chain(lessons.dims[1..].iter().copied()).collect();
        let mut answers = lessons.teacher.run(&Tensor::from_slice(images, shape, &Device::Cpu)?)?;
        let mut take = |node: NodeId| -> Result<Vec<f32>> {
            let tensor = answers.remove(&node).ok_or_else(|| Error::Internal("the teacher keeps its activations".into()))?;
            Ok(tensor.flatten_all()?.to_vec1::<f32>()?)
        };
        let mut hints = Hints { weight: recipe.hints * images_here as f64 / count as f64, ..Hints::default() };
        if recipe.hints > 0.0 {
            for (step, node, size) in lessons.neurons {
                hints.layers.insert(*step, (take(*node)?, size.clone()));
            }
        }
        let answers = take(lessons.teacher.output())?;
        let input = (lessons.encode)(images, number * 1000 + k as u64)?;
        let loss = |logits: &[f32]| {
            let (loss, mut gradient) = recipe.loss.of(logits, &answers, lessons.classes);
            gradient.iter_mut().for_each(|g| *g /= count as f32);
            (loss / count as f64, gradient)
        };
        Ok(pool.with(|buffers| network.gradients(&input, images_here, wanted, recipe.derivation, (&loss, &hints), buffers)))
    });
    let mut parts = parts.into_iter();
    let mut sum = parts.next().unwrap_or_else(|| Ok(Gradients::default()))?;
    for part in parts {
        let part = part?;
        sum.loss += part.loss;
        for (sum, part) in sum.parameters.iter_mut().zip(&part.parameters) {
            sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
        }
    }
    Ok(sum)
}

/// How the network does on held-out samples.
fn judge(plan: &Plan, values: &[Vec<f32>], lessons: &Lessons<'_>, recipe: &Recipe, pool: &Pool) -> Result<Epoch> {
    let network = Network::new(plan, values);
    let len = lessons.canvas.len();
    let shards: Vec<&[f32]> = lessons.held_out.chunks(SHARD * len).collect();
    let parts = parallel::over(shards, |k, images| -> Result<Vec<f32>> {
        let input = (lessons.encode)(images, u64::MAX - k as u64)?;
        Ok(pool.with(|buffers| network.logits(&input, images.len() / len, buffers)))
    });
    let logits = parts.into_iter().collect::<Result<Vec<_>>>()?.concat();
    let (loss, _) = recipe.loss.of(&logits, lessons.held_out_logits, lessons.classes);
    let of = lessons.held_out.len() / len;
    let pairs = logits.chunks(lessons.classes).zip(lessons.held_out_logits.chunks(lessons.classes));
    let agreeing = pairs.filter(|(a, b)| argmax(a) == argmax(b)).count();
    Ok(Epoch { loss: None, held_out_loss: loss / of.max(1) as f64, agreeing: (agreeing, of) })
}
