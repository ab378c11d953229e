//! Inversion: images that a network answers as asked, by gradient descent on the pixels.

use super::{
    canvas::Canvas,
    differentiable::{Differentiable, Matching},
    dirichlet::{concentrations, confident, dirichlet},
    prior,
    pyramid::{Adam, Pyramid},
    random::Random,
    recipe::{Recipe, Source},
    statistics::Watched,
};
use crate::{error::Result, observer::Observer};
use snnc_engine::{Buffers, Device, loss::log_softmax, parallel};
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
    /// Whether images change by the coefficients of a pyramid of coarse and fine layers and are looked at shifted and mirrored, instead of pixel by pixel.
    pub is_natural: bool,
    /// Weight of the distance between the batch's statistics and those that the file's batch norms recorded; used where the
    /// file has batch norms (DeepInversion; Yin et al., CVPR 2020).
    pub statistics: f64,
    /// Number of steps after which images are smoothed, where they change pixel by pixel: the prior of the PrivateSNN paper's class
    /// impressions.
    pub blur: Option<usize>,
}

/// Some steps towards the confidence that a classifier shows on real images, held near the start and kept natural.
pub const NEAR_START: Inversion =
    Inversion { steps: 60, rate: 0.012, temperature: 1.0, anchor: 4.0, dirichlet: false, is_natural: true, statistics: 0.0, blur: None };

/// Towards the statistics that the file's batch norms recorded, and a confident answer.
pub const STATISTICS: Inversion =
    Inversion { steps: 100, rate: 0.02, temperature: 1.0, anchor: 0.0, dirichlet: false, is_natural: false, statistics: 1.0, blur: None };

/// The paper's code: 2,499 steps of Adam at 1e-3 in a domain of width 2, temperature 20; here clamped to the valid range.
pub const PAPER: Inversion = Inversion {
    steps: 2499,
    rate: 0.0005,
    temperature: 20.0,
    anchor: 0.0,
    dirichlet: true,
    is_natural: false,
    statistics: 0.0,
    blur: None,
};

/// Views of natural inversion are shifted by at most this part of the image's side.
const REACH: usize = 10;

/// Inverts images in place and returns the number of steps that each got at least: all of them, unless the recipe's budget ran
/// out. `indices` are the sample indices, which choose class and target. Every batch ends as the best it has been.
///
/// # Errors
/// Only on a bug.
pub fn invert(
    source: Source<'_>,
    images: &mut [f32],
    indices: &[usize],
    inversion: &Inversion,
    recipe: &Recipe,
    observer: &mut dyn Observer,
) -> Result<usize> {
    let Source { float, normed, canvas } = source;
    let output = float.output().expect("a verified graph has an output").node;
    let classes = float[output].ty.len();
    let watched = match normed.filter(|_| inversion.statistics > 0.0 && !images.is_empty()) {
        Some(normed) => Watched::norms(float, normed, &images[..canvas.len()])?,
        None => Watched::nothing(float)?,
    };
    let concentrations = if inversion.dirichlet { concentrations(float, classes) } else { None };
    let batches: Vec<(&mut [f32], &[usize])> = images.chunks_mut(BATCH * canvas.len()).zip(indices.chunks(BATCH)).collect();
    // Batches run side by side on the threads there are; each gets its share of the time.
    let rounds = batches.len().div_ceil(rayon::current_num_threads()).max(1);
    let allowance = recipe.budget.map(|seconds| Duration::from_secs_f64(seconds / rounds as f64));
    let model = Matching { watched: &watched, weight: inversion.statistics, units: None, device: &Device::Cpu };
    let descent = Descent { model: &model, canvas, inversion, seed: recipe.seed, allowance };
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
        descent.run(images, &targets, &step_done)
    });
    results.into_iter().try_fold(inversion.steps, |least, steps| Ok(least.min(steps?)))
}

/// What the descents of all batches share.
pub struct Descent<'a> {
    /// What is inverted.
    pub model: &'a dyn Differentiable,
    /// The image.
    pub canvas: &'a Canvas,
    /// How.
    pub inversion: &'a Inversion,
    /// Of everything random.
    pub seed: u64,
    /// Time for a batch.
    pub allowance: Option<Duration>,
}

impl Descent<'_> {
    /// Changes a batch of images in place and returns the number of steps. `targets` `[N, classes]` are the answers to be had.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn run(&self, images: &mut [f32], targets: &[f32], step_done: &(dyn Fn() + Sync)) -> Result<usize> {
        let Self { model, canvas, inversion, seed, allowance } = *self;
        const BETA: [f32; 2] = [0.9, 0.999];
        let began = Instant::now();
        let channel = canvas.channel_of_entry();
        let count = images.len() / canvas.len();
        let start = images.to_vec();
        let pyramid = Pyramid::new(canvas.height, canvas.width, inversion.is_natural);
        let reach = if inversion.is_natural { canvas.height.min(canvas.width) / REACH } else { 0 };
        let (len, planes) = (canvas.len(), count * canvas.channels);
        let mut adam = Adam::new(&pyramid, planes, pyramid.steps(), BETA);
        let (mut plane_slope, mut plane_pixels) = (vec![0.0f32; canvas.height * canvas.width], vec![0.0f32; canvas.height * canvas.width]);
        let mut best: Option<(f64, Vec<f32>)> = None;
        let mut buffers = Buffers::default();
        let mut done = 0;
        for step in 1..=inversion.steps {
            if allowance.is_some_and(|allowance| began.elapsed() >= allowance) {
                break;
            }
            let loss = |logits: &[f32]| cross_entropy(logits, targets, count, inversion.temperature);
            let view = View::new(canvas, reach, &mut Random::new(seed ^ 0x1E77_E200, step as u64));
            let seen = view.of(images);
            let gradient = model.gradient(&seen, (count, step), &loss, &mut buffers)?;
            if best.as_ref().is_none_or(|(least, _)| gradient.loss < *least) {
                best = Some((gradient.loss, images.to_vec()));
            }
            let mut slope = view.back(&gradient.images);
            for (i, g) in slope.iter_mut().enumerate() {
                let (low, high) = canvas.range[channel[i % len]];
                let width = (high - low).max(1e-12);
                // In shares of the range, so that a recipe means the same for every preprocessing.
                *g = *g * width + 2.0 * inversion.anchor as f32 * (images[i] - start[i]) / width / len as f32;
            }
            images.copy_from_slice(&start);
            for plane in 0..planes {
                let (image, colour) = (plane / canvas.channels, plane % canvas.channels);
                let place = |pixel: usize| image * len + canvas.entry(colour, pixel);
                for (pixel, value) in plane_slope.iter_mut().enumerate() {
                    *value = slope[place(pixel)];
                }
                plane_pixels.fill(0.0);
                adam.step(plane, step, inversion.rate, &plane_slope, &mut plane_pixels);
                let (low, high) = canvas.range[colour];
                for (pixel, value) in plane_pixels.iter().enumerate() {
                    let at = place(pixel);
                    images[at] = (start[at] + value * (high - low)).clamp(low, high);
                }
            }
            if inversion.blur.is_some_and(|every| step % every == 0) {
                self.smooth(images, &start, &mut adam.coefficients);
            }
            done = step;
            step_done();
        }
        if let Some((_, best)) = best {
            images.copy_from_slice(&best);
        }
        Ok(done)
    }

    /// Smooths images, whose coefficients are their pixels' distances from the start.
    fn smooth(&self, images: &mut [f32], start: &[f32], coefficients: &mut [f32]) {
        let canvas = self.canvas;
        let (len, pixels) = (canvas.len(), canvas.height * canvas.width);
        let mut plane = vec![0.0f32; pixels];
        for (k, own) in coefficients.chunks_mut(pixels).enumerate() {
            let (image, colour) = (k / canvas.channels, k % canvas.channels);
            let place = |pixel: usize| image * len + canvas.entry(colour, pixel);
            (0..pixels).for_each(|pixel| plane[pixel] = images[place(pixel)]);
            prior::soften(&mut plane, canvas, 1.0);
            let (low, high) = canvas.range[colour];
            for (pixel, c) in own.iter_mut().enumerate() {
                images[place(pixel)] = plane[pixel];
                *c = (plane[pixel] - start[place(pixel)]) / (high - low).max(1e-12);
            }
        }
    }
}

/// The cross-entropy of soft targets and the softmax of the logits at a temperature, summed over `count` images, and its gradient
/// with respect to the logits. Summed, not averaged: an image's gradient must not depend on its batch.
pub fn cross_entropy(logits: &[f32], targets: &[f32], count: usize, temperature: f64) -> (f64, Vec<f32>) {
    let classes = logits.len() / count.max(1);
    let mut loss = 0.0;
    let mut gradient = Vec::with_capacity(logits.len());
    for (row, target) in logits.chunks(classes).zip(targets.chunks(classes)) {
        let answer = log_softmax(row, temperature);
        let total: f64 = target.iter().map(|&t| f64::from(t)).sum();
        for (log, &t) in answer.iter().zip(target) {
            loss -= f64::from(t) * log;
            gradient.push(((total * log.exp() - f64::from(t)) / temperature) as f32);
        }
    }
    (loss, gradient)
}

/// Images as they are looked at in one step: shifted, around the edge, and mirrored or not. What shows a class only in one place is
/// noise.
struct View {
    /// For each entry of an image, the one that stands there.
    entries: Vec<usize>,
}

impl View {
    fn new(canvas: &Canvas, reach: usize, random: &mut Random) -> Self {
        let (h, w) = (canvas.height, canvas.width);
        // Between -reach and reach, modulo the side.
        let mut offset = |side: usize| side + random.below(2 * reach + 1) - reach;
        let (down, right) = (offset(h), offset(w));
        let mirrored = reach > 0 && random.uniform() < 0.5;
        let mut entries = vec![0; canvas.len()];
        for channel in 0..canvas.channels {
            for y in 0..h {
                for x in 0..w {
                    let column = if mirrored { w - 1 - x } else { x };
                    entries[canvas.entry(channel, y * w + x)] = canvas.entry(channel, (y + down) % h * w + (column + right) % w);
                }
            }
        }
        Self { entries }
    }

    fn of(&self, images: &[f32]) -> Vec<f32> {
        images.chunks(self.entries.len()).flat_map(|image| self.entries.iter().map(move |&k| image[k])).collect()
    }

    /// The gradient of the images from that of the view.
    fn back(&self, gradient: &[f32]) -> Vec<f32> {
        let mut back = vec![0.0; gradient.len()];
        for (back, gradient) in back.chunks_mut(self.entries.len()).zip(gradient.chunks(self.entries.len())) {
            self.entries.iter().zip(gradient).for_each(|(&k, g)| back[k] = *g);
        }
        back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_of_the_cross_entropy_is_that_of_differences() {
        let (logits, targets) = ([0.3f32, -1.0, 2.0, 0.0, 0.5, -0.5], [0.2f32, 0.1, 0.7, 0.6, 0.3, 0.1]);
        let (_, gradient) = cross_entropy(&logits, &targets, 2, 2.0);
        for i in 0..logits.len() {
            let at = |h: f32| {
                let mut moved = logits;
                moved[i] += h;
                cross_entropy(&moved, &targets, 2, 2.0).0
            };
            let difference = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((difference - f64::from(gradient[i])).abs() < 1e-4, "{i}: {difference} {}", gradient[i]);
        }
    }
}
