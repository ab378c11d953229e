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
//! | [`reading`] | how well the source network can still be read from the weights |
//! | `stir` | channels that training has left as they were are moved |
//! | [`optimiser`] | AdamW in relative steps |
//! | [`engine`] | where it runs |
//! | `cuda` | neurons on a graphics card, in builds for cards |
//! | `course` | one training: epochs, batches, shards |
//! | `checkpoint` | the state of a training on disk |
//! | [`record`] | what a report says of it |
//!
//! Batches are cut into shards of a fixed number of images whose gradients are added in order, so the result does not depend on
//! the number of threads.

pub mod augment;
mod checkpoint;
mod course;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod engine;
pub mod loss;
pub mod network;
pub mod optimiser;
pub mod plan;
pub mod reading;
pub mod record;
mod stir;
pub mod tensor;

use crate::{
    error::{Error, Result},
    observer::{Observer, Progress},
    parallel,
    simulate::FloatNetwork,
    synthesize::Canvas,
};

pub use checkpoint::Checkpoint;
use course::Course;
use engine::Engine;
use loss::Distillation;
use network::{Buffers, Network, Wanted};
use optimiser::{Descent, Optimiser};
use plan::{Kind, Plan, Twin};
use snnc_ir::NodeId;
use snnc_kernels::neuron::Derivation;
use snnc_runtime::argmax;

use std::{sync::Mutex, time::Instant};

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
    /// Training against twins of the network, where the source network should not be read from its weights.
    pub seal: Option<Seal>,
    /// Of everything random.
    pub seed: u64,
}

/// A loss that twins of the network should not have: `weight · max(0, margin - divergence)`, the divergence being that of the twin's
/// answer from the float network's, as in the distillation.
#[derive(Clone, Debug, PartialEq)]
pub struct Seal {
    /// Of the loss, shared out over the twins.
    pub weight: f64,
    /// Divergence that is far enough.
    pub margin: f64,
    /// The twins.
    pub twins: Vec<Twin>,
}

/// Turns images into the spiking network's input; the number tells batches apart.
pub type Encode<'a> = dyn Fn(&[f32], u64) -> Result<Vec<f32>> + Sync + 'a;

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
    /// Makes the spiking network's input.
    pub encode: &'a Encode<'a>,
    /// Turns images into the mean over time of that input.
    pub still: &'a (dyn Fn(&[f32]) -> Vec<f32> + Sync),
}

impl Lessons<'_> {
    /// A network's logits for the held-out samples, and for how many of how many it chooses the float network's class. `input` makes its
    /// input of the images of a shard, given with its number.
    fn held_out_answers(
        &self,
        network: &Network<'_>,
        pool: &Pool,
        input: impl Fn(&[f32], usize) -> Result<Vec<f32>> + Sync,
    ) -> Result<(Vec<f32>, (usize, usize))> {
        let len = self.canvas.len();
        let shards: Vec<&[f32]> = self.held_out.chunks(SHARD * len).collect();
        let parts = parallel::over(shards, |k, images| -> Result<Vec<f32>> {
            let input = input(images, k)?;
            Ok(pool.with(|buffers| network.logits(&input, images.len() / len, buffers)))
        });
        let logits = parts.into_iter().collect::<Result<Vec<_>>>()?.concat();
        let pairs = logits.chunks(self.classes).zip(self.held_out_logits.chunks(self.classes));
        let agreeing = pairs.filter(|(a, b)| argmax(a) == argmax(b)).count();
        Ok((logits, (agreeing, self.held_out.len() / len)))
    }
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

/// How much larger than before training the loss on held-out samples may be, where as many of them are answered like the float network
/// answers: so much is chance, and trained weights are worth having for themselves.
const SLACK: f64 = 1.25;

impl Epoch {
    fn is_no_worse_than(&self, start: &Self) -> bool {
        let (loss, before) = (self.held_out_loss, start.held_out_loss);
        loss <= before || self.agreeing.0 >= start.agreeing.0 && loss <= SLACK * before
    }
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All epochs were made.
    Finished,
    /// Held-out samples had not been answered better for many epochs.
    Settled,
    /// Its time was up.
    OutOfTime,
    /// The user wanted it to stop.
    Interrupted,
    /// Numbers went out of bounds: the network before training is what remains.
    Diverged,
}

impl End {
    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Settled => "settled",
            Self::OutOfTime => "out of time",
            Self::Interrupted => "interrupted",
            Self::Diverged => "diverged",
        }
    }
}

/// A trained network.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The parameters at the best place on the curve.
    pub values: Vec<Vec<f32>>,
    /// Before training, and after every epoch.
    pub curve: Vec<Epoch>,
    /// The best place on the curve, by the loss on held-out samples; 0 is the network before training, where no epoch came up to it.
    pub best: usize,
    /// How it ended.
    pub end: End,
}

/// How a training is run: nothing of this shapes its result, but for what a deadline cuts off.
pub struct Limits<'a> {
    /// Where it runs.
    pub engine: &'a Engine,
    /// When its time is up.
    pub deadline: Option<Instant>,
    /// Where its state is kept after every epoch, and taken up again from.
    pub checkpoint: Option<&'a Checkpoint>,
}

impl Limits<'_> {
    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// A held-out loss so many times that before training (and at least this large) is one that does not come back.
const RUNAWAY: f64 = 20.0;

/// Trains a planned network from these values of its parameters.
///
/// # Errors
/// If a checkpoint cannot be read or written, or a card fails or is asked for what only the processor does; else only on a bug.
pub fn train(
    plan: &Plan,
    start: Vec<Vec<f32>>,
    lessons: &Lessons<'_>,
    recipe: &Recipe,
    limits: &Limits<'_>,
    observer: &mut dyn Observer,
) -> Result<Trained> {
    if recipe.hints > 0.0 && matches!(limits.engine, Engine::Card(_)) {
        return Err(Error::Usage("`--hints` is for training on the processor: add `--device cpu`".into()));
    }
    let trained: Vec<bool> = recipe.trained(plan);
    let wanted = Wanted { parameters: trained.clone(), input: false };
    let count = lessons.samples.len() / lessons.canvas.len();
    let batches = count.div_ceil(recipe.batch);
    let steps = recipe.epochs * batches;
    let pool = Pool::default();
    let twins: Vec<Plan> = recipe.seal.iter().flat_map(|seal| seal.twins.iter().map(|&twin| plan.twin(twin))).collect();
    let part = limits.engine.images_at_once(plan)?;
    let course = Course { plan, twins: &twins, lessons, recipe, wanted: &wanted, engine: limits.engine, part, pool: &pool };
    let mut state = State {
        values: start.clone(),
        average: start.clone(),
        optimiser: Optimiser::new(recipe.descent, steps, &plan.parameters, &start, &trained),
        result: Trained { values: start.clone(), curve: vec![course.judge(&start)?], best: 0, end: End::Finished },
    };
    if let Some(checkpoint) = limits.checkpoint {
        checkpoint.load(&mut state)?;
    }
    observer.stage("train", Some(steps as u64));
    let began = Instant::now();
    let first_epoch = state.result.curve.len() - 1;
    for epoch in first_epoch..recipe.epochs {
        let end = course.epoch(epoch, &mut state, limits, observer)?;
        if let Some(end) = end {
            state.result.end = end;
            break;
        }
        let made = (state.result.curve.len() - 1 - first_epoch) * count;
        let last = state.result.curve[state.result.curve.len() - 1];
        observer.trained(&Progress {
            epoch: epoch + 1,
            epochs: recipe.epochs,
            loss: last.loss.unwrap_or(0.0),
            agreeing: last.agreeing,
            samples_per_second: made as f64 / began.elapsed().as_secs_f64().max(1e-9),
        });
        if let Some(checkpoint) = limits.checkpoint {
            checkpoint.save(&state)?;
        }
        let since = state.result.curve.len() - 1 - state.result.best;
        // The last epochs of a cosine gain the most, so patience is long.
        if since >= (2 * recipe.epochs / 3).max(10) {
            state.result.end = End::Settled;
            break;
        }
    }
    observer.stage_done(began.elapsed());
    let mut result = state.result;
    if result.end == End::Diverged || !result.curve[result.best].is_no_worse_than(&result.curve[0]) {
        result.best = 0;
        result.values.clone_from(&start);
    }
    if result.best > 0 {
        stir::stir(plan, &trained, &start, &mut result.values, recipe.seed);
    }
    Ok(result)
}

impl Recipe {
    /// For each parameter of a plan, whether it is trained.
    #[must_use]
    pub fn trained(&self, plan: &Plan) -> Vec<bool> {
        plan.parameters.iter().map(|p| !p.is_fixed && !self.frozen.contains(&p.kind)).collect()
    }
}

/// All that changes from epoch to epoch.
struct State {
    values: Vec<Vec<f32>>,
    /// Their running average, which is what is judged and kept: it does better on what was not trained on.
    average: Vec<Vec<f32>>,
    optimiser: Optimiser,
    result: Trained,
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
