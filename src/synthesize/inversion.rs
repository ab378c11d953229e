//! Inversion: images that a network answers as asked, by gradient descent on the pixels.

use super::{
    Recipe,
    canvas::Canvas,
    dirichlet::{concentrations, confident, dirichlet},
    random::Random,
};
use crate::{
    error::Result,
    observer::Observer,
    parallel,
    simulate::{FloatNetwork, action::log_softmax, kernel::with_slice},
};
use candle_core::{Device, Tensor, Var};
use snnc_ir::{Graph, NodeId, Operator};
use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// Images that are optimised together. Their gradients are independent, unless statistics are matched, which are those of the
/// batch.
pub const BATCH: usize = 16;

/// What to descend to, and how.
#[derive(Clone, Copy, Debug)]
pub struct Inversion {
    /// Gradient steps.
    pub steps: usize,
    /// Adam's learning rate, as a share of the channel's range.
    pub rate: f32,
    /// Temperature of the softmax.
    pub temperature: f64,
    /// Weight of the mean squared distance from the start, in shares of the range.
    pub anchor: f64,
    /// Dirichlet targets from class similarity instead of confident ones.
    pub dirichlet: bool,
    /// Weight of the distance between the batch's statistics and those that the file's batch norms recorded; used where the
    /// file has batch norms (DeepInversion; Yin et al., CVPR 2020).
    pub statistics: f64,
}

/// A few steps towards the confidence that a classifier shows on real images, held near the start.
pub const NEAR_START: Inversion = Inversion { steps: 30, rate: 0.012, temperature: 1.0, anchor: 4.0, dirichlet: false, statistics: 0.0 };

/// Towards the statistics that the file's batch norms recorded, and a confident answer.
pub const STATISTICS: Inversion = Inversion { steps: 100, rate: 0.02, temperature: 1.0, anchor: 0.0, dirichlet: false, statistics: 1.0 };

/// The paper's code: 2,499 steps of Adam at 1e-3 in a domain of width 2, temperature 20; here clamped to the valid range.
pub const PAPER: Inversion = Inversion { steps: 2499, rate: 0.0005, temperature: 20.0, anchor: 0.0, dirichlet: true, statistics: 0.0 };

/// Inverts images in place and returns the number of steps that each got at least: all of them, unless the recipe's budget ran
/// out. `indices` are the sample indices, which choose class and target. Every batch ends as the best it has been.
///
/// # Errors
/// Only on a bug.
pub fn invert(
    graph: &Graph,
    canvas: &Canvas,
    images: &mut [f32],
    indices: &[usize],
    inversion: &Inversion,
    recipe: &Recipe,
    observer: &mut dyn Observer,
) -> Result<usize> {
    let network = Inverted::new(graph, inversion)?;
    let input = graph.input().expect("a verified graph has an input");
    let dims = graph[input].ty.dims.clone();
    let output = graph.output().expect("a verified graph has an output").node;
    let classes = graph[output].ty.len();
    let concentrations = if inversion.dirichlet { concentrations(graph, classes) } else { None };
    let batches: Vec<(&mut [f32], &[usize])> = images.chunks_mut(BATCH * canvas.len()).zip(indices.chunks(BATCH)).collect();
    // Batches run side by side on the threads there are; each gets its share of the time.
    let rounds = batches.len().div_ceil(rayon::current_num_threads()).max(1);
    let allowance = recipe.budget.map(|seconds| Duration::from_secs_f64(seconds / rounds as f64));
    // Whoever finishes a step reports it; the observer hears one at a time.
    let listener = Mutex::new((0, observer));
    let step_done = || {
        if let Ok(mut listener) = listener.lock() {
            listener.0 += 1;
            let done = listener.0;
            listener.1.progress(done);
        }
    };
    let results = parallel::over(batches, |_, (images, indices)| -> Result<usize> {
        let targets: Vec<f32> = indices
            .iter()
            .flat_map(|&index| {
                let mut random = Random::new(recipe.seed ^ 0x7A26_3751, index as u64);
                // Classes in turn, so that every class is shown as often as every other; halved, since every second is inverted.
                let class = index / 2 % classes;
                match &concentrations {
                    Some(rows) => dirichlet(&rows[class], &mut random),
                    None => confident(class, classes, &mut random),
                }
            })
            .collect();
        let targets = Tensor::from_vec(targets, (indices.len(), classes), &Device::Cpu)?;
        descend(&network, canvas, &dims, images, &targets, inversion, allowance, &step_done)
    });
    results.into_iter().try_fold(inversion.steps, |least, steps| Ok(least.min(steps?)))
}

/// A network with what its batch norms recorded.
struct Inverted {
    network: FloatNetwork,
    output: NodeId,
    recorded: Vec<Recorded>,
}

/// One batch norm: the node before it, and mean and variance of that node's channels over the training data.
struct Recorded {
    node: NodeId,
    mean: Tensor,
    variance: Tensor,
}

impl Inverted {
    fn new(graph: &Graph, inversion: &Inversion) -> Result<Self> {
        let mut recorded = Vec::new();
        for norm in graph.topological() {
            let Operator::BatchNorm { mean, variance, .. } = graph[norm].op else { continue };
            if inversion.statistics == 0.0 {
                break;
            }
            let values = |id| -> Result<Tensor> {
                let data = &graph.param(id).tensor.data;
                Ok(Tensor::from_slice(data, data.len(), &Device::Cpu)?)
            };
            // A channel that never varied says nothing about how far off a batch is.
            let variance = values(variance)?.maximum(1e-6)?;
            recorded.push(Recorded { node: graph.operand(norm).expect("a normalisation has one operand"), mean: values(mean)?, variance });
        }
        let kept: Vec<NodeId> = recorded.iter().map(|r| r.node).collect();
        let output = graph.output().expect("a verified graph has an output").node;
        Ok(Self { network: FloatNetwork::keeping(graph, &kept)?, output, recorded })
    }

    /// Logits, and how far the statistics of this batch are from the recorded ones: the mean over channels of the squared
    /// distances of mean (in standard deviations) and of variance (in variances), summed over the batch norms.
    fn run(&self, x: &Tensor) -> Result<(Tensor, Option<Tensor>)> {
        let results = self.network.run(x)?;
        let mut distance: Option<Tensor> = None;
        for recorded in &self.recorded {
            let channels = results[&recorded.node].transpose(0, 1)?.flatten_from(1)?;
            let mean = channels.mean_keepdim(1)?;
            let variance = channels.broadcast_sub(&mean)?.sqr()?.mean(1)?;
            let shift = ((mean.squeeze(1)? - &recorded.mean)?.sqr()? / &recorded.variance)?.mean_all()?;
            let spread = ((variance / &recorded.variance)? - 1.0)?.sqr()?.mean_all()?;
            let here = (shift + spread)?;
            distance = Some(match distance {
                Some(sum) => (sum + here)?,
                None => here,
            });
        }
        Ok((results[&self.output].flatten_from(1)?, distance))
    }
}

fn descend(
    network: &Inverted,
    canvas: &Canvas,
    dims: &[usize],
    images: &mut [f32],
    targets: &Tensor,
    inversion: &Inversion,
    allowance: Option<Duration>,
    step_done: &(dyn Fn() + Sync),
) -> Result<usize> {
    const BETA: [f32; 2] = [0.9, 0.999];
    let began = Instant::now();
    let channel = canvas.channel_of_entry();
    let shape: Vec<usize> = std::iter::once(images.len() / canvas.len()).chain(dims[1..].iter().copied()).collect();
    let start = images.to_vec();
    let (mut first, mut second) = (vec![0.0f32; images.len()], vec![0.0f32; images.len()]);
    let mut best: Option<(f64, Vec<f32>)> = None;
    let mut done = 0;
    for step in 1..=inversion.steps {
        if allowance.is_some_and(|allowance| began.elapsed() >= allowance) {
            break;
        }
        let x = Var::from_tensor(&Tensor::from_slice(images, shape.clone(), &Device::Cpu)?)?;
        let (logits, distance) = network.run(&x)?;
        // Summed, not averaged: each image's gradient must not depend on its batch.
        let mut loss = (targets * log_softmax(&(logits / inversion.temperature)?)?)?.sum_all()?.neg()?;
        if let Some(distance) = distance {
            loss = (loss + (distance * (inversion.statistics * shape[0] as f64))?)?;
        }
        let value = f64::from(loss.to_scalar::<f32>()?);
        if best.as_ref().is_none_or(|(least, _)| value < *least) {
            best = Some((value, images.to_vec()));
        }
        let gradients = loss.backward()?;
        let Some(gradient) = gradients.get(&x) else { return Ok(inversion.steps) };
        let (power1, power2) = (1.0 - BETA[0].powi(step as i32), 1.0 - BETA[1].powi(step as i32));
        with_slice(&gradient.contiguous()?, |gradient| {
            for (i, pixel) in images.iter_mut().enumerate() {
                let (low, high) = canvas.range[channel[i % channel.len()]];
                let width = (high - low).max(1e-12);
                // In shares of the range, so that a recipe means the same for every preprocessing.
                let pull = 2.0 * inversion.anchor as f32 * (*pixel - start[i]) / width / canvas.len() as f32;
                let g = gradient[i] * width + pull;
                first[i] = BETA[0] * first[i] + (1.0 - BETA[0]) * g;
                second[i] = BETA[1] * second[i] + (1.0 - BETA[1]) * g * g;
                let update = first[i] / power1 / ((second[i] / power2).sqrt() + 1e-12);
                *pixel = (*pixel - inversion.rate * width * update).clamp(low, high);
            }
        })?;
        done = step;
        step_done();
    }
    if let Some((_, best)) = best {
        images.copy_from_slice(&best);
    }
    Ok(done)
}
