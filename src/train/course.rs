//! One training: epochs, batches, shards.

use super::{
    augment,
    curve::{End, Epoch},
    lessons::{Lessons, SHARD},
    recipe::Recipe,
    rounding::rounded,
    state::State,
};
use crate::{
    error::{Error, Result},
    observer::Observer,
    synthesize::random::Random,
};
use snnc_engine::{Device, Gradients, Inside, Losses, Network, Plan, Pool, TensorNetwork, Wanted, loss::Hint, parallel};
use snnc_ir::NodeId;
use std::time::Instant;

/// A held-out loss so many times that before training (and at least this large) is one that does not come back.
const RUNAWAY: f64 = 20.0;

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
    pub(super) lessons: &'a Lessons<'a>,
    pub(super) recipe: &'a Recipe,
    pub(super) wanted: &'a Wanted,
    pub(super) device: &'a Device,
    /// When its time is up.
    pub(super) deadline: Option<Instant>,
    /// Images that a card takes at once. Found out when the training starts, so that all its batches are cut alike.
    pub(super) part: usize,
    pub(super) pool: &'a Pool,
}

impl Course<'_> {
    /// One pass over the samples. Says how the training has ended, if it has.
    pub(super) fn epoch(&self, epoch: usize, state: &mut State, observer: &mut dyn Observer) -> Result<Option<End>> {
        let Self { plan, lessons, recipe, .. } = *self;
        let count = lessons.samples.len() / lessons.canvas.len();
        let batches = count.div_ceil(recipe.batch);
        let mut random = Random::new(recipe.seed ^ 0x74E4_1A11, epoch as u64);
        let order = random.order(count);
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
            if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(Some(End::OutOfTime));
            }
        }
        let judged = Epoch { loss: Some(total / batches as f64), ..self.judge(&state.average) };
        let result = &mut state.result;
        result.curve.push(judged);
        if !judged.held_out_loss.is_finite() || judged.held_out_loss > RUNAWAY * result.curve[0].held_out_loss.max(1.0) {
            return Ok(Some(End::Diverged));
        }
        // The network before training is no rival here: whether the best of the trained ones may take its place is asked at the end.
        if result.best == 0 || judged.held_out_loss < result.curve[result.best].held_out_loss {
            result.best = result.curve.len() - 1;
            result.values.clone_from(&state.average);
        }
        Ok(None)
    }

    /// The mean loss of a batch and its gradients: those of its shards, or on a card of as many images as it takes, added in order.
    fn gradients(&self, values: &[Vec<f32>], images: &[f32], number: u64) -> Result<Gradients> {
        let len = self.lessons.canvas.len();
        let count = images.len() / len;
        let shards: Vec<&[f32]> = images.chunks(SHARD * len).collect();
        let values = &rounded(self.plan, values, self.lessons.largest)[..];
        let network = Network::new(self.plan, values);
        let parts = parallel::over(shards, |k, images| self.shard(&network, values, images, count, number * 1000 + k as u64));
        let mut answers = Vec::new();
        let mut sum: Option<Gradients> = None;
        for part in parts {
            let (gradients, part_answers) = part;
            answers.extend(part_answers);
            match &mut sum {
                Some(sum) => sum.add(&gradients),
                None => sum = Some(gradients),
            }
        }
        let mut sum = sum.ok_or_else(|| Error::Internal("a batch has images".into()))?;
        if let Device::Card(device) = self.device {
            let network = TensorNetwork::on_card(self.plan, device, self.recipe.derivation)?;
            let part = count.div_ceil(count.div_ceil(self.part));
            let parts = images.chunks(part * len).zip(answers.chunks(part * self.lessons.classes));
            for (k, (images, answers)) in parts.enumerate() {
                let input = (self.lessons.encode)(images, number * 1000 + k as u64);
                let loss = self.distillation(answers, count);
                sum.add(&network.gradients(values, &input, images.len() / len, self.wanted, &Losses { output: &loss, inside: &[] })?);
            }
        }
        Ok(sum)
    }

    /// The gradients of some images of a batch of `count`, and the teacher's answers. On a card the answers alone: gradients are zeros.
    fn shard(&self, network: &Network<'_>, values: &[Vec<f32>], images: &[f32], count: usize, stream: u64) -> (Gradients, Vec<f32>) {
        let Self { lessons, recipe, wanted, pool, .. } = *self;
        let here = images.len() / lessons.canvas.len();
        let is_hinted = recipe.hints > 0.0;
        let nodes: Vec<NodeId> = lessons.neurons.iter().map(|(_, node, _)| *node).filter(|_| is_hinted).collect();
        let (answers, activations) = pool.with(|buffers| lessons.teacher.results(images, here, &nodes, buffers));
        let weight = recipe.hints * here as f64 / count as f64;
        let hints: Vec<(usize, Hint)> = lessons
            .neurons
            .iter()
            .zip(activations)
            .map(|((step, _, size), target)| (*step, Hint { weight, layers: nodes.len(), target, size: size.clone() }))
            .collect();
        let inside: Vec<(usize, &dyn Inside)> = hints.iter().map(|(step, hint)| (*step, hint as &dyn Inside)).collect();
        let gradients = match self.device {
            Device::Cpu => {
                let input = (lessons.encode)(images, stream);
                let losses = Losses { output: &self.distillation(&answers, count), inside: &inside };
                pool.with(|buffers| network.gradients(&input, here, wanted, recipe.derivation, &losses, buffers))
            }
            Device::Card(_) => Gradients::zeros(values, wanted),
        };
        (gradients, answers)
    }

    /// The loss of the spiking network's logits, averaged over the `count` images of a batch.
    fn distillation(&self, answers: &[f32], count: usize) -> impl Fn(&[f32]) -> (f64, Vec<f32>) {
        move |logits| {
            let (loss, mut gradient) = self.recipe.loss.of(logits, answers, self.lessons.classes);
            gradient.iter_mut().for_each(|g| *g /= count as f32);
            (loss / count as f64, gradient)
        }
    }

    /// How the network does on held-out samples.
    pub(super) fn judge(&self, values: &[Vec<f32>]) -> Epoch {
        let Self { plan, lessons, recipe, pool, .. } = *self;
        let values = &rounded(plan, values, lessons.largest)[..];
        let input = |images: &[f32], k: usize| (lessons.encode)(images, u64::MAX - k as u64);
        let (logits, agreeing) = lessons.held_out_answers(&Network::new(plan, values), pool, input);
        let (loss, _) = recipe.loss.of(&logits, lessons.held_out_logits, lessons.classes);
        Epoch { loss: None, held_out_loss: loss / agreeing.1.max(1) as f64, agreeing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        options::{Layout, Preprocess},
        synthesize::Canvas,
        train::optimiser::Descent,
    };
    use snnc_engine::{loss::Distillation, plan::Tail};
    use snnc_kernels::neuron::{Derivation, Surrogate};

    const FLOAT: &str = r#"
graph @g imported {
  %0 = input : f32[1x1x4x4] "x"
  %1 = conv2d %0, @w1, @b1 {pads=1} : f32[1x3x4x4] "/conv"
  %2 = relu %1 : f32[1x3x4x4] "/relu"
  %3 = reshape %2 : f32[1x48] "/flatten"
  %4 = linear %3, @w2 : f32[1x3] "/fc"
  output %4 "y"
  @b1 : f32[3] = noise(1, 0.3) source
  @w1 : f32[3x1x3x3] = noise(2, 1) source
  @w2 : f32[3x48] = noise(3, 1) source
}
"#;

    fn spiking() -> snnc_ir::Graph {
        let text = FLOAT.replace("imported", "calibrated").replace("source", "derived");
        let text =
            text.replace("relu %1 : f32", "if_neuron %1, @t, @v {reset=soft} : spike").replace("reshape %2 : f32", "reshape %2 : spike");
        let parameters = "  @t : f32[1] = splat(0.8) derived\n  @v : f32[1] = splat(0.4) derived\n  @w1";
        snnc_ir::text::parse(&text.replacen("  @w1", parameters, 1)).expect("the graph is well formed")
    }

    /// A card's batch, whole and in parts, and the processor's shards: candle on the processor stands for the card.
    #[test]
    fn a_batch_has_the_same_gradients_however_it_is_cut() {
        let graph = snnc_ir::text::parse(FLOAT).expect("the graph is well formed");
        let teacher = Network::float(&graph, &[]).expect("the graph runs");
        let input = &graph[graph.input().expect("there is one")].ty;
        let canvas = Canvas::new(input, Layout::Nchw, &Preprocess::default());
        let spiking = spiking();
        let plan = Plan::spiking(&spiking, 5, true, Tail::OnMean).expect("the graph can be planned");
        let values = plan.values(&spiking);
        let count = 11;
        let images = snnc_ir::text::noise(count * 16, 9, 1.0);
        let encode = |images: &[f32], _: u64| images.to_vec();
        let still = |images: &[f32]| images.to_vec();
        let lessons = Lessons {
            teacher: &teacher,
            neurons: &[],
            canvas: &canvas,
            samples: &[],
            held_out: &[],
            held_out_logits: &[],
            classes: 3,
            largest: &vec![127.0; values.len()],
            encode: &encode,
            still: &still,
        };
        let recipe = Recipe {
            epochs: 1,
            batch: count,
            descent: Descent { rate: 1e-3, weight_decay: 0.0, clip: 1.0 },
            loss: Distillation { temperature: 2.0, cross_entropy: 0.1 },
            derivation: Derivation { surrogate: Surrogate::Triangle { height: 0.5 }, through_reset: false },
            frozen: Vec::new(),
            hints: 0.0,
            seed: 0,
        };
        let wanted = Wanted { parameters: vec![true; values.len()], input: false };
        let pool = Pool::default();
        let gradients = |device: &Device, part: usize| {
            let (lessons, recipe, wanted, pool) = (&lessons, &recipe, &wanted, &pool);
            let course = Course { plan: &plan, lessons, recipe, wanted, device, deadline: None, part, pool };
            course.gradients(&values, &images, 0).expect("the network runs")
        };
        let expected = gradients(&Device::Cpu, 1);
        assert!(expected.loss > 0.0);
        for part in [1, 4, count, usize::MAX] {
            let found = gradients(&Device::stand_in(), part);
            assert!((found.loss - expected.loss).abs() < 1e-5 * expected.loss, "{part}: {} {}", found.loss, expected.loss);
            for (found, expected) in found.parameters.iter().zip(&expected.parameters) {
                let size = expected.iter().fold(0.0f32, |size, v| size.max(v.abs()));
                assert!(size > 0.0 && found.len() == expected.len());
                assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4 * size), "{part}: {found:?} {expected:?}");
            }
        }
    }
}
