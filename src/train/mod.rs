//! Training without data: of the rate code through time, of the radix code on the counts that its digits say.
//!
//! The float network teaches: the spiking network learns to give the same soft answers on synthetic samples, varied anew at every
//! step, by surrogate-gradient descent through all time steps, or straight through the rounding of counts. It sees its weights as they
//! will be rounded. Two things come of it: accuracy at few time steps, and weights
//! that are no longer the source network's.
//!
//! | file | content |
//! |---|---|
//! | [`augment`] | variations of samples |
//! | [`reading`] | how well the source network can still be read from the weights |
//! | `stir` | what is done about channels that training has left as they were |
//! | [`rounding`] | weights as they will be rounded |
//! | [`optimiser`] | AdamW in relative steps |
//! | [`device`] | where it runs |
//! | `recipe`, `lessons` | how to train, and on what |
//! | `curve` | how it went, and how it ended |
//! | `state` | where it is |
//! | `course` | one training: epochs, batches, shards |
//! | `checkpoint` | the state of a training on disk |
//! | [`record`] | what a report says of it |
//!
//! The networks themselves run in the engine ([`snnc_engine`]).
//!
//! Batches are cut into shards of a fixed number of images whose gradients are added in order, so the result does not depend on
//! the number of threads.

pub mod augment;
mod checkpoint;
mod course;
mod curve;
pub mod device;
mod lessons;
pub mod optimiser;
pub mod reading;
mod recipe;
pub mod record;
pub mod rounding;
mod state;
mod stir;

pub use checkpoint::Checkpoint;
pub use curve::{End, Epoch, Trained};
pub use lessons::{Encode, Lessons};
pub use recipe::Recipe;

use crate::{
    error::{Error, Result},
    observer::{Observer, Progress},
};
use course::Course;
use optimiser::Optimiser;
use snnc_engine::{Device, Plan, Pool, Wanted};
use state::State;
use std::time::Instant;

/// How a training is run: nothing of this shapes its result, but for what a deadline cuts off.
pub struct Limits<'a> {
    /// Where it runs.
    pub device: &'a Device,
    /// When its time is up.
    pub deadline: Option<Instant>,
    /// Where its state is kept after every epoch, and taken up again from.
    pub checkpoint: Option<&'a Checkpoint>,
}

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
    if recipe.hints > 0.0 && matches!(limits.device, Device::Card(_)) {
        return Err(Error::Usage("`--hints` is for training on the processor: add `--device cpu`".into()));
    }
    let trained: Vec<bool> = recipe.trained(plan);
    let wanted = Wanted { parameters: trained.clone(), input: false };
    let count = lessons.samples.len() / lessons.canvas.len();
    let batches = count.div_ceil(recipe.batch);
    let steps = recipe.epochs * batches;
    let pool = Pool::default();
    let part = limits.device.images_at_once(plan)?;
    let course = Course { plan, lessons, recipe, wanted: &wanted, device: limits.device, deadline: limits.deadline, part, pool: &pool };
    let mut state = State {
        values: start.clone(),
        average: start.clone(),
        optimiser: Optimiser::new(recipe.descent, steps, &plan.parameters, &start, &trained),
        result: Trained { values: start.clone(), curve: vec![course.judge(&start)], best: 0, end: End::Finished },
    };
    if let Some(checkpoint) = limits.checkpoint {
        checkpoint.load(&mut state)?;
    }
    observer.stage("train", Some(steps as u64));
    let began = Instant::now();
    let first_epoch = state.result.curve.len() - 1;
    for epoch in first_epoch..recipe.epochs {
        let end = course.epoch(epoch, &mut state, observer)?;
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
