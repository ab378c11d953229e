//! Distillation of a float twin from a spiking network: what an attacker does whom a twin made by hand does not answer like the
//! network.

use super::{
    case::{Case, Effort},
    models::Oracle,
    twins::{Distilled, Lessons},
};
use crate::{
    error::Result,
    synthesize::{prior, random::Random},
    train::{
        augment,
        optimiser::{Descent, Optimiser},
    },
};
use snnc_engine::{
    Buffers, Device, Gradients, Losses, Network, Plan, Wanted,
    loss::Distillation,
    parallel,
    plan::{Kind, NeuronSlots, Op, Twin},
};
use snnc_ir::Provenance;
use snnc_kernels::neuron::{Derivation, Surrogate};
use snnc_runtime::argmax;
use std::sync::Arc;

/// How much is spent.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Images whose answers are asked for.
    pub queries: usize,
    /// Passes over them.
    pub epochs: usize,
}

/// The budget of an effort.
#[must_use]
pub fn budget(effort: Effort) -> Budget {
    match effort {
        Effort::Quick => Budget { queries: 256, epochs: 3 },
        Effort::Full => Budget { queries: 2048, epochs: 8 },
    }
}

/// Images that judge a twin.
pub const HELD_OUT: usize = 128;
/// Images a step, and of them those that go through together.
const BATCH: usize = 16;
const SHARD: usize = 8;
/// Queries made from one procedural image.
const VARIATIONS: usize = 4;

/// The artifact's twin at a number of time steps, trained on such lessons; made once a case.
///
/// # Errors
/// Only on a bug.
pub fn twin(case: &Case<'_>, timesteps: usize, lessons: Lessons, effort: Effort) -> Result<Arc<Distilled>> {
    case.twins.at(timesteps, lessons, || distil(case, timesteps, lessons, effort))
}

/// Procedural images and variations of them: what an attacker without data asks with.
#[must_use]
pub fn own_images(case: &Case<'_>, count: usize, stream: u64) -> Vec<f32> {
    let canvas = &case.canvas;
    let seed = case.given.seed ^ 0x0D15_7111 ^ stream;
    let bases: Vec<f32> =
        (0..count.div_ceil(VARIATIONS)).flat_map(|k| canvas.to_model(&prior::image(canvas, &mut Random::new(seed, k as u64)))).collect();
    let of = bases.len() / canvas.len();
    let chosen: Vec<usize> = (0..count).map(|k| k % of).collect();
    augment::batch(canvas, &bases, &chosen, &mut Random::new(seed, u64::MAX))
}

/// Trains the artifact's ReLU twin on the artifact's answers.
///
/// # Errors
/// Only on a bug.
fn distil(case: &Case<'_>, timesteps: usize, lessons: Lessons, effort: Effort) -> Result<Distilled> {
    let Budget { queries, epochs } = budget(effort);
    let oracle = Oracle::new(case, super::attack::Subject::Snn, timesteps)?;
    let (images, held_out) = (own_images(case, queries, 1), own_images(case, HELD_OUT, 2));
    let (answers, held_out_answers) = (oracle.logits(&images)?, oracle.logits(&held_out)?);
    let plan = case.plan(timesteps)?;
    let mut values = plan.values(&case.spiking);
    rest_at_half(&plan, &mut values);
    let twin = plan.twin(Twin::Relu);
    let classes = case.classes;
    let held_out = case.in_units(&held_out);
    let agreeing = |values: &[Vec<f32>]| {
        let parts = Network::new(&twin, values).side_by_side(&held_out, SHARD, &[]);
        let logits: Vec<f32> = parts.into_iter().flat_map(|(logits, _)| logits).collect();
        logits.chunks(classes).zip(held_out_answers.chunks(classes)).filter(|(a, b)| argmax(a) == argmax(b)).count()
    };
    let before = agreeing(&values);
    let asked = Asked { oracle: &oracle, images: &images, answers: &answers };
    let more = train(case, &twin, &mut values, &asked, lessons, epochs)?;
    let after = agreeing(&values);
    let mut graph = case.spiking.clone();
    for (parameter, values) in plan.parameters.iter().zip(values) {
        let dims = graph.param(parameter.id).tensor.dims.clone();
        graph.set_param(parameter.id, snnc_ir::Tensor::new(dims, values), Provenance::Trained);
    }
    Ok(Distilled { graph, agreeing: [before, after], queries: queries + more })
}

/// Lets potentials start at half the threshold: then a twin's mean current is the current alone.
fn rest_at_half(plan: &Plan, values: &mut [Vec<f32>]) {
    for step in &plan.steps {
        let Op::Neuron(slots) = &step.op else { continue };
        let NeuronSlots { threshold, initial, .. } = slots;
        for (&t, &i) in threshold.index.iter().zip(&initial.index) {
            values[initial.slot][i as usize] = 0.5 * values[threshold.slot][t as usize];
        }
    }
}

/// What was asked, and whom.
struct Asked<'a> {
    oracle: &'a Oracle<'a>,
    /// In the model's own layout and units.
    images: &'a [f32],
    answers: &'a [f32],
}

/// By how much an adversarial image differs from what it was made of, in shares of a pixel's range: one level of 8 bits. A small step is
/// what training to deceive an attacker changes, and what re-learning from answers to such images takes back.
const STEP: f32 = 1.0 / 255.0;

/// Trains a twin on answers, and gives the number of further queries.
fn train(case: &Case<'_>, twin: &Plan, values: &mut [Vec<f32>], asked: &Asked<'_>, lessons: Lessons, epochs: usize) -> Result<usize> {
    let (len, classes) = (case.canvas.len(), case.classes);
    let count = asked.images.len() / len;
    let trained: Vec<bool> = twin.parameters.iter().map(|p| !p.is_fixed && matches!(p.kind, Kind::Weight | Kind::Bias)).collect();
    let wanted = Wanted { parameters: trained.clone(), input: false };
    let descent = Descent { rate: 5e-3, weight_decay: 0.0, clip: 1.0 };
    let mut optimiser = Optimiser::new(descent, epochs * count.div_ceil(BATCH), &twin.parameters, values, &trained);
    let mut queries = 0;
    for epoch in 0..epochs {
        let order = Random::new(case.given.seed ^ epoch as u64 ^ 0x5EED_0DE2, 0).order(count);
        for batch in order.chunks(BATCH) {
            let pick = |from: &[f32], len: usize| batch.iter().flat_map(|&k| from[k * len..][..len].to_vec()).collect::<Vec<f32>>();
            let (mut images, mut answers) = (pick(asked.images, len), pick(asked.answers, classes));
            if lessons == Lessons::Adversarial {
                let half = batch.len() / 2;
                deceive(case, twin, values, &mut images[..half * len], &answers)?;
                answers[..half * classes].copy_from_slice(&asked.oracle.logits(&images[..half * len])?);
                queries += half;
            }
            let sum = gradients(case, twin, values, &wanted, &images, &answers)?;
            optimiser.step(&twin.parameters, values, &sum.parameters);
        }
    }
    Ok(queries)
}

/// Moves images by a step in the direction in which the twin's answers leave those that are known (Goodfellow et al., ICLR 2015).
fn deceive(case: &Case<'_>, twin: &Plan, values: &[Vec<f32>], images: &mut [f32], answers: &[f32]) -> Result<()> {
    let canvas = &case.canvas;
    let wanted = Wanted::input_of(twin);
    let found = gradients(case, twin, values, &wanted, images, &answers[..images.len() / canvas.len() * case.classes])?;
    for (image, slope) in images.chunks_mut(canvas.len()).zip(found.input.chunks(canvas.len())) {
        for (at, (low, high)) in canvas.entries() {
            image[at] = (image[at] + STEP * (high - low) * slope[at].signum()).clamp(low, high);
        }
    }
    Ok(())
}

/// Gradients of the mean distance of the twin's answers from those that are known; those of the input image by image.
fn gradients(case: &Case<'_>, twin: &Plan, values: &[Vec<f32>], wanted: &Wanted, images: &[f32], answers: &[f32]) -> Result<Gradients> {
    let (len, classes) = (case.canvas.len(), case.classes);
    let count = images.len() / len;
    let network = Network::new(twin, values);
    let loss = Distillation { temperature: 2.0, cross_entropy: 0.0 };
    let how = Derivation { surrogate: Surrogate::Triangle { height: 1.0 }, through_reset: false };
    let input = case.in_units(images);
    // A card takes a batch whole.
    let shard = if let Device::Cpu = case.device { SHARD } else { BATCH };
    let shards: Vec<(&[f32], &[f32])> = input.chunks(shard * len).zip(answers.chunks(shard * classes)).collect();
    let parts = parallel::over(shards, |_, (input, teacher)| {
        let of = |logits: &[f32]| {
            let (value, mut gradient) = loss.of(logits, teacher, classes);
            gradient.iter_mut().for_each(|g| *g /= count as f32);
            (value, gradient)
        };
        let losses = Losses { output: &of, inside: &[] };
        case.device.gradients(&network, (input, input.len() / len), wanted, how, &losses, &mut Buffers::default())
    });
    let mut sum = Gradients::zeros(values, wanted);
    for part in parts {
        let part = part?;
        sum.add(&part);
        if wanted.input {
            sum.input.extend(part.input);
        }
    }
    Ok(sum)
}
