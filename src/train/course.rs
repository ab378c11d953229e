//! One training: epochs, batches, shards.

use super::{
    End, Epoch, Lessons, Limits, Pool, RUNAWAY, Recipe, SHARD, State, augment,
    engine::Engine,
    loss::Distillation,
    network::{Gradients, Hints, Network, Wanted},
    plan::Plan,
    tensor::TensorNetwork,
};
use crate::{
    error::{Error, Result},
    observer::Observer,
    parallel,
    synthesize::random::Random,
};
use candle_core::{DType, Device, Tensor};
use snnc_ir::NodeId;
use snnc_runtime::argmax;

/// Epochs over which weights are averaged.
const WINDOW: usize = 2;

/// Moves an average towards the values as if it were over the last `window` of them.
fn average(average: &mut [Vec<f32>], values: &[Vec<f32>], window: usize) {
    let share = 1.0 / window.max(1) as f32;
    for (average, values) in average.iter_mut().zip(values) {
        average.iter_mut().zip(values).for_each(|(a, v)| *a += share * (v - *a));
    }
}

/// All that stays the same from epoch to epoch.
pub(super) struct Course<'a> {
    pub(super) plan: &'a Plan,
    pub(super) twins: &'a [Plan],
    pub(super) lessons: &'a Lessons<'a>,
    pub(super) recipe: &'a Recipe,
    pub(super) wanted: &'a Wanted,
    pub(super) engine: &'a Engine,
    pub(super) pool: &'a Pool,
}

impl Course<'_> {
    /// One pass over the samples. Says how the training has ended, if it has.
    pub(super) fn epoch(&self, epoch: usize, state: &mut State, limits: &Limits<'_>, observer: &mut dyn Observer) -> Result<Option<End>> {
        let Self { plan, lessons, recipe, .. } = *self;
        let count = lessons.samples.len() / lessons.canvas.len();
        let batches = count.div_ceil(recipe.batch);
        let mut order: Vec<usize> = (0..count).collect();
        let mut random = Random::new(recipe.seed ^ 0x74E4_1A11, epoch as u64);
        (1..count).rev().for_each(|i| order.swap(i, random.below(i + 1)));
        let mut total = 0.0;
        for (k, chosen) in order.chunks(recipe.batch).enumerate() {
            let number = (epoch * batches + k) as u64;
            let images = augment::batch(lessons.canvas, lessons.samples, chosen, &mut random);
            let gradients = self.gradients(&state.values, &images, number)?;
            total += gradients.loss;
            let length = state.optimiser.step(&plan.parameters, &mut state.values, &gradients.parameters);
            if !length.is_finite() || !gradients.loss.is_finite() {
                return Ok(Some(End::Diverged));
            }
            average(&mut state.average, &state.values, state.optimiser.done.min(WINDOW * batches));
            observer.progress(number + 1);
            if observer.is_interrupted() {
                return Ok(Some(End::Interrupted));
            }
            if limits.is_late() {
                return Ok(Some(End::OutOfTime));
            }
        }
        let judged = Epoch { loss: Some(total / batches as f64), ..self.judge(&state.average)? };
        let result = &mut state.result;
        result.curve.push(judged);
        if !judged.held_out_loss.is_finite() || judged.held_out_loss > RUNAWAY * result.curve[0].held_out_loss.max(1.0) {
            return Ok(Some(End::Diverged));
        }
        if judged.held_out_loss < result.curve[result.best].held_out_loss {
            result.best = result.curve.len() - 1;
            result.values.clone_from(&state.average);
        }
        Ok(None)
    }

    /// The mean loss of a batch and its gradients: those of its shards, added in order.
    fn gradients(&self, values: &[Vec<f32>], images: &[f32], number: u64) -> Result<Gradients> {
        let len = self.lessons.canvas.len();
        let count = images.len() / len;
        let shards: Vec<&[f32]> = images.chunks(SHARD * len).collect();
        let parts = parallel::over(shards, |k, images| self.shard(values, images, count, number * 1000 + k as u64));
        let mut answers = Vec::new();
        let mut sum: Option<Gradients> = None;
        for part in parts {
            let (gradients, part_answers) = part?;
            answers.extend(part_answers);
            match &mut sum {
                Some(sum) => sum.add(&gradients),
                None => sum = Some(gradients),
            }
        }
        let mut sum = sum.ok_or_else(|| Error::Internal("a batch has images".into()))?;
        if let Engine::Card(device) = self.engine {
            let network = TensorNetwork::new(self.plan, device, DType::F32, self.recipe.derivation)?;
            let input = (self.lessons.encode)(images, number * 1000)?;
            sum.add(&network.gradients(values, &input, count, self.wanted, &self.distillation(&answers, count))?);
        }
        Ok(sum)
    }

    /// The gradients of some images of a batch of `count`, and the teacher's answers. On a card, only what runs on the processor: the
    /// twins.
    fn shard(&self, values: &[Vec<f32>], images: &[f32], count: usize, stream: u64) -> Result<(Gradients, Vec<f32>)> {
        let Self { plan, lessons, recipe, wanted, pool, .. } = *self;
        let here = images.len() / lessons.canvas.len();
        let shape: Vec<usize> = std::iter::once(here).chain(lessons.dims[1..].iter().copied()).collect();
        let mut answers = lessons.teacher.run(&Tensor::from_slice(images, shape, &Device::Cpu)?)?;
        let mut take = |node: NodeId| -> Result<Vec<f32>> {
            let tensor = answers.remove(&node).ok_or_else(|| Error::Internal("the teacher keeps its activations".into()))?;
            Ok(tensor.flatten_all()?.to_vec1::<f32>()?)
        };
        let mut hints = Hints { weight: recipe.hints * here as f64 / count as f64, ..Hints::default() };
        if recipe.hints > 0.0 {
            for (step, node, size) in lessons.neurons {
                hints.layers.insert(*step, (take(*node)?, size.clone()));
            }
        }
        let answers = take(lessons.teacher.output())?;
        let mut sum = match self.engine {
            Engine::Cpu => {
                let input = (lessons.encode)(images, stream)?;
                let loss = self.distillation(&answers, count);
                let network = Network::new(plan, values);
                pool.with(|buffers| network.gradients(&input, here, wanted, recipe.derivation, (&loss, &hints), buffers))
            }
            Engine::Card(_) => Gradients::zeros(values, wanted),
        };
        for twin in self.twins {
            let against = self.against_twins(&answers, count);
            let (network, input) = (Network::new(twin, values), (lessons.still)(images));
            let nothing = Hints::default();
            sum.add(&pool.with(|buffers| network.gradients(&input, here, wanted, recipe.derivation, (&against, &nothing), buffers)));
        }
        Ok((sum, answers))
    }

    /// The loss of the spiking network's logits, averaged over the `count` images of a batch.
    fn distillation(&self, answers: &[f32], count: usize) -> impl Fn(&[f32]) -> (f64, Vec<f32>) {
        move |logits| {
            let (loss, mut gradient) = self.recipe.loss.of(logits, answers, self.lessons.classes);
            gradient.iter_mut().for_each(|g| *g /= count as f32);
            (loss / count as f64, gradient)
        }
    }

    /// The loss of a twin's logits: what they are nearer to the teacher's than the margin.
    fn against_twins(&self, answers: &[f32], count: usize) -> impl Fn(&[f32]) -> (f64, Vec<f32>) {
        move |logits| {
            let Some(seal) = &self.recipe.seal else { return (0.0, vec![0.0; logits.len()]) };
            let share = seal.weight / (self.twins.len() * count) as f64;
            let divergence = Distillation { cross_entropy: 0.0, ..self.recipe.loss };
            let classes = self.lessons.classes;
            let mut total = 0.0;
            let mut gradient = Vec::with_capacity(logits.len());
            for (row, answer) in logits.chunks(classes).zip(answers.chunks(classes)) {
                let (distance, slope) = divergence.of(row, answer, classes);
                let is_near = distance < seal.margin;
                total += if is_near { share * (seal.margin - distance) } else { 0.0 };
                gradient.extend(slope.iter().map(|g| if is_near { -(share as f32) * g } else { 0.0 }));
            }
            (total, gradient)
        }
    }

    /// How the network does on held-out samples.
    pub(super) fn judge(&self, values: &[Vec<f32>]) -> Result<Epoch> {
        let Self { plan, lessons, recipe, pool, .. } = *self;
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
}
