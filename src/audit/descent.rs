//! The descent of the attacks that reconstruct: images of a class that look like photographs.
//!
//! An image is a start with natural statistics and what a pyramid of coarse and fine grids adds to it. Each step looks at it from another side,
//! shifted and, if it is a photograph, mirrored. It goes towards a larger margin of the class over all others together, which never
//! saturates, and away from what no picture has: much variation from pixel to pixel, and values beyond the range of a pixel. Every part
//! of it is known from the literature on inversion (Mahendran and Vedaldi, CVPR 2015; Yosinski et al., 2015; Yin et al., CVPR 2020).
//! Without them, most reconstructions look like the class to the network itself and to nobody else:
//! `docs/decisions/015-reconstructions.md`.

use crate::{
    error::Result,
    synthesize::{
        Canvas,
        differentiable::Differentiable,
        pyramid::{Adam, Pyramid},
        random::Random,
    },
};
use snnc_engine::{Buffers, Loss};

/// How far and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Natural {
    /// Gradient steps.
    pub steps: usize,
    /// Whether gradients are smoothed.
    pub smoothing: Option<Smoothing>,
    /// Where to.
    pub aim: Aim,
}

/// What is descended beside the priors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// The margin of a class over all others together.
    Margin,
    /// One output by itself, times this. For outputs that do not exclude each other: a margin over many leaves little of any.
    Output(f32),
}

/// The gradient of a step is the mean over draws of pixel noise: that of the network's answer to a blurred neighbourhood. It sees past
/// what is sensitive on a small scale alone, as spikes are, or networks that were trained to be (Smilkov et al., arXiv 1706.03825).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Smoothing {
    /// Draws a step.
    pub draws: usize,
    /// Standard deviation, in shares of a pixel's range.
    pub deviation: f32,
}

/// Images that are looked at alike.
pub const GROUP: usize = 8;
/// Most pixels that a view is shifted by, for every 32 of the image's shorter side; what may be drawn has thin lines and fills its frame.
const REACH: usize = 4;
const REACH_OF_DRAWINGS: usize = 2;
/// Adam's learning rate, in shares of a pixel's range.
const RATE: f32 = 0.02;
/// Shares of it for grids of 4, 8, 16 and more cells a side; each finer one has as much less.
const SHARES: [f32; 4] = [1.0, 1.0, 0.7, 0.4];
/// Share of the steps after which the rate falls, to [`LAST_RATE`] of what it was.
const FALL: f32 = 0.6;
const LAST_RATE: f32 = 0.1;
const BETA: [f32; 2] = [0.9, 0.99];
/// Weights of the mean squared difference of neighbours, for every pixel of the image's longer side, since the same edges are rarer among
/// more pixels: of photographs, and of what may be drawn, whose strokes have edges.
const VARIATION: f32 = 100.0;
const VARIATION_OF_DRAWINGS: f32 = 7.0;
/// Weight of the mean squared excess.
const EXCESS: f32 = 10.0;

impl Natural {
    /// Changes images in place, towards a larger margin of a class each: `N` images, channels first, pixels in [0, 1]. Gives what they were
    /// after some numbers of steps, in order. The images of a group are looked at alike, and each group has its seed.
    ///
    /// # Errors
    /// If a card fails.
    pub fn run(
        &self,
        model: &dyn Differentiable,
        canvas: &Canvas,
        classes: &[usize],
        seeds: &[u64],
        images: &mut [f32],
        milestones: &[usize],
    ) -> Result<Vec<Vec<f32>>> {
        let (height, width, len) = (canvas.height, canvas.width, canvas.len());
        let plane = height * width;
        let pyramid = Pyramid::new(height, width, true);
        let start = images.to_vec();
        let mut adam = Adam::new(&pyramid, classes.len() * canvas.channels, shares(&pyramid), BETA);
        let mut buffers = Buffers::default();
        let mut kept = Vec::new();
        let group = GROUP * len;
        for step in 1..=self.steps {
            let views: Vec<View> = seeds.iter().map(|seed| View::new(canvas, &mut Random::new(seed ^ 0x51DE_0000, step as u64))).collect();
            let loss = |logits: &[f32]| self.aim.loss(logits, classes);
            let seen: Vec<f32> = images.chunks(group).zip(&views).flat_map(|(images, view)| view.of(images)).collect();
            let found = self.gradient(model, canvas, (&seen, classes.len()), (step, seeds), &loss, &mut buffers)?;
            let mut slope = vec![0.0f32; images.len()];
            let parts = found.chunks(group).zip(slope.chunks_mut(group)).zip(&views);
            parts.for_each(|((found, slope), view)| view.add_back(found, slope));
            for (image, slope) in images.chunks(len).zip(slope.chunks_mut(len)) {
                add_priors(canvas, image, slope);
            }
            let rate = RATE * self.share_of_rate(step);
            images.copy_from_slice(&start);
            for (index, (pixels, slope)) in images.chunks_mut(plane).zip(slope.chunks(plane)).enumerate() {
                adam.step(index, step, rate, slope, pixels);
            }
            if milestones.contains(&step) {
                kept.push(images.iter().map(|pixel| pixel.clamp(0.0, 1.0)).collect());
            }
        }
        images.iter_mut().for_each(|pixel| *pixel = pixel.clamp(0.0, 1.0));
        Ok(kept)
    }

    /// The gradient of a loss with respect to the pixels of what is seen, smoothed or not.
    fn gradient(
        &self,
        model: &dyn Differentiable,
        canvas: &Canvas,
        (seen, count): (&[f32], usize),
        (step, seeds): (usize, &[u64]),
        loss: Loss<'_>,
        buffers: &mut Buffers,
    ) -> Result<Vec<f32>> {
        let Some(Smoothing { draws, deviation }) = self.smoothing else {
            return Ok(from_model(canvas, &model.gradient(&canvas.to_model(seen), (count, step), loss, buffers)?.images));
        };
        let mut sum = vec![0.0f32; seen.len()];
        for draw in 0..draws {
            let number = step * draws + draw;
            let noisy: Vec<f32> = seen
                .chunks(GROUP * canvas.len())
                .zip(seeds)
                .flat_map(|(seen, seed)| {
                    let mut random = Random::new(seed ^ 0x4015_E000, number as u64);
                    seen.iter().map(move |pixel| pixel + deviation * random.normal())
                })
                .collect();
            let found = model.gradient(&canvas.to_model(&noisy), (count, number), loss, buffers)?;
            sum.iter_mut().zip(from_model(canvas, &found.images)).for_each(|(s, g)| *s += g / draws as f32);
        }
        Ok(sum)
    }

    /// What is left of the rate at a step: all of it at first, then less and less.
    fn share_of_rate(&self, step: usize) -> f32 {
        let done = step as f32 / self.steps.max(1) as f32;
        if done <= FALL { 1.0 } else { LAST_RATE.powf((done - FALL) / (1.0 - FALL)) }
    }
}

/// For each coefficient of a plane its share of the rate.
fn shares(pyramid: &Pyramid) -> Vec<f32> {
    let mut shares = Vec::with_capacity(pyramid.len());
    // From fine to coarse; the last is the coarsest.
    let levels: Vec<usize> = pyramid.cells().collect();
    for (level, &cells) in levels.iter().enumerate() {
        let above = levels.len() - 1 - level;
        let finer = above.saturating_sub(SHARES.len() - 1) as i32;
        let share = SHARES[above.min(SHARES.len() - 1)] * (SHARES[3] / SHARES[2]).powi(finer);
        shares.extend(std::iter::repeat_n(share, cells));
    }
    shares
}

impl Aim {
    fn loss(self, logits: &[f32], classes: &[usize]) -> (f64, Vec<f32>) {
        let Self::Output(gain) = self else { return margin(logits, classes) };
        let count = logits.len() / classes.len().max(1);
        let mut gradient = vec![0.0; logits.len()];
        let mut loss = 0.0;
        for (k, &class) in classes.iter().enumerate() {
            loss -= f64::from(gain * logits[k * count + class]);
            gradient[k * count + class] = -gain;
        }
        (loss, gradient)
    }
}

/// The log of the sum of the other classes' exponentials, less the logit of the class, over all images, and its gradient.
fn margin(logits: &[f32], classes: &[usize]) -> (f64, Vec<f32>) {
    let count = logits.len() / classes.len().max(1);
    let mut loss = 0.0;
    let mut gradient = Vec::with_capacity(logits.len());
    for (row, &class) in logits.chunks(count).zip(classes) {
        let others = || row.iter().enumerate().filter(|(k, _)| *k != class).map(|(_, &z)| f64::from(z));
        let largest = others().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = others().map(|z| (z - largest).exp()).sum();
        loss += largest + sum.ln() - f64::from(row[class]);
        gradient
            .extend(row.iter().enumerate().map(|(k, &z)| if k == class { -1.0 } else { ((f64::from(z) - largest).exp() / sum) as f32 }));
    }
    (loss, gradient)
}

/// Weight of the mean squared difference of neighbours.
fn variation(canvas: &Canvas) -> f32 {
    let of_pixel = if canvas.may_be_drawn() { VARIATION_OF_DRAWINGS } else { VARIATION };
    of_pixel * canvas.height.max(canvas.width) as f32
}

/// Adds the gradient of the priors of an image, channels first.
fn add_priors(canvas: &Canvas, image: &[f32], slope: &mut [f32]) {
    let (height, width) = (canvas.height, canvas.width);
    let share = 1.0 / image.len() as f32;
    let variation = variation(canvas);
    for (pixels, slope) in image.chunks(height * width).zip(slope.chunks_mut(height * width)) {
        for y in 0..height {
            for x in 0..width {
                let at = y * width + x;
                for next in [(x + 1 < width).then_some(at + 1), (y + 1 < height).then_some(at + width)].into_iter().flatten() {
                    let pull = 2.0 * variation * share * (pixels[next] - pixels[at]);
                    slope[next] += pull;
                    slope[at] -= pull;
                }
                slope[at] += 2.0 * EXCESS * share * (pixels[at] - pixels[at].clamp(0.0, 1.0));
            }
        }
    }
}

/// Gradients with respect to the model's numbers as those of pixels, channels first.
fn from_model(canvas: &Canvas, gradient: &[f32]) -> Vec<f32> {
    let plane = canvas.height * canvas.width;
    let mut pixels = Vec::with_capacity(gradient.len());
    for image in gradient.chunks(canvas.len()) {
        for (channel, (low, high)) in canvas.range.iter().enumerate() {
            pixels.extend((0..plane).map(|pixel| image[canvas.entry(channel, pixel)] * (high - low)));
        }
    }
    pixels
}

/// An image as it is looked at: shifted, what is beyond its edge mirrored in, and, of a photograph, from the other side or not.
struct View {
    /// For each pixel the one that stands there.
    pixels: Vec<usize>,
}

impl View {
    fn new(canvas: &Canvas, random: &mut Random) -> Self {
        let (height, width) = (canvas.height as isize, canvas.width as isize);
        let side = canvas.height.min(canvas.width);
        let is_drawn = canvas.may_be_drawn();
        let reach = if is_drawn { (side * REACH_OF_DRAWINGS).div_ceil(32) } else { side * REACH / 32 };
        let mut offset = || random.below(2 * reach + 1) as isize - reach as isize;
        let (down, right) = (offset(), offset());
        // A sign is another in a mirror.
        let is_mirrored = !is_drawn && reach > 0 && random.uniform() < 0.5;
        // Less than the side beyond the edge.
        let reflected = |at: isize, side: isize| {
            if at < 0 {
                -at
            } else if at >= side {
                2 * side - 2 - at
            } else {
                at
            }
            .clamp(0, side - 1)
        };
        let mut pixels = Vec::with_capacity(canvas.height * canvas.width);
        for y in 0..height {
            for x in 0..width {
                let x = if is_mirrored { width - 1 - x } else { x };
                pixels.push((reflected(y + down, height) * width + reflected(x + right, width)) as usize);
            }
        }
        Self { pixels }
    }

    fn of(&self, images: &[f32]) -> Vec<f32> {
        images.chunks(self.pixels.len()).flat_map(|plane| self.pixels.iter().map(move |&k| plane[k])).collect()
    }

    /// Adds the gradient of the images, given that of the view.
    fn add_back(&self, gradient: &[f32], slope: &mut [f32]) {
        for (slope, gradient) in slope.chunks_mut(self.pixels.len()).zip(gradient.chunks(self.pixels.len())) {
            self.pixels.iter().zip(gradient).for_each(|(&k, g)| slope[k] += g);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Layout, Preprocess};
    use snnc_ir::TensorType;

    fn canvas() -> Canvas {
        Canvas::new(&TensorType::f32([1, 2, 6, 5]), Layout::Nchw, &Preprocess { scale: 255.0, mean: vec![0.5], std: vec![0.25] })
    }

    #[test]
    fn the_gradient_of_the_margin_is_that_of_differences() {
        let (logits, classes) = ([0.3f32, -1.0, 2.0, 0.0, 30.5, -0.5], [2, 0]);
        let (_, gradient) = margin(&logits, &classes);
        for i in 0..logits.len() {
            let at = |h: f32| {
                let mut moved = logits;
                moved[i] += h;
                margin(&moved, &classes).0
            };
            let difference = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((difference - f64::from(gradient[i])).abs() < 1e-4, "{i}: {difference} {}", gradient[i]);
        }
    }

    #[test]
    fn the_gradient_of_the_priors_is_that_of_differences() {
        let canvas = canvas();
        let image: Vec<f32> = (0..canvas.len()).map(|k| ((k * 7) % 13) as f32 / 8.0 - 0.3).collect();
        let loss = |image: &[f32]| {
            let mut sum = 0.0f64;
            for pixels in image.chunks(30) {
                for at in 0..30 {
                    let square = |d: f32| f64::from(d).powi(2);
                    sum += if at % 5 < 4 { f64::from(variation(&canvas)) * square(pixels[at + 1] - pixels[at]) } else { 0.0 };
                    sum += if at < 25 { f64::from(variation(&canvas)) * square(pixels[at + 5] - pixels[at]) } else { 0.0 };
                    sum += f64::from(EXCESS) * square(pixels[at] - pixels[at].clamp(0.0, 1.0));
                }
            }
            sum / image.len() as f64
        };
        let mut gradient = vec![0.0; image.len()];
        add_priors(&canvas, &image, &mut gradient);
        for i in 0..image.len() {
            let at = |h: f32| {
                let mut moved = image.clone();
                moved[i] += h;
                loss(&moved)
            };
            let difference = (at(1e-3) - at(-1e-3)) / 2e-3;
            let error = (difference - f64::from(gradient[i])).abs();
            assert!(error < 1e-2 * (1.0 + difference.abs()), "{i}: {difference} {}", gradient[i]);
        }
    }

    #[test]
    fn a_view_gives_back_what_it_took() {
        for dims in [[1, 2, 16, 20], [1, 1, 9, 12], [1, 3, 1, 40], [1, 1, 1, 40]] {
            let canvas = Canvas::new(&TensorType::f32(dims), Layout::Nchw, &Preprocess::default());
            for draw in 0..20 {
                let view = View::new(&canvas, &mut Random::new(1, draw));
                let images: Vec<f32> = (0..2 * canvas.len()).map(|k| k as f32).collect();
                let seen = view.of(&images);
                assert_eq!(seen.len(), images.len());
                let ones = vec![1.0; seen.len()];
                let mut taken = vec![0.0; images.len()];
                view.add_back(&ones, &mut taken);
                let dot: f64 = taken.iter().zip(&images).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                let sum: f64 = seen.iter().map(|&v| f64::from(v)).sum();
                assert!((dot - sum).abs() < 1e-6 * sum, "the one is the transpose of the other");
            }
        }
    }

    #[test]
    fn only_photographs_are_mirrored() {
        let mirrored = |dims: [usize; 4]| {
            let canvas = Canvas::new(&TensorType::f32(dims), Layout::Nchw, &Preprocess::default());
            // In the middle nothing of the edge is seen.
            let middle = canvas.height / 2 * canvas.width + canvas.width / 2;
            (0..40)
                .filter(|&draw| {
                    let pixels = View::new(&canvas, &mut Random::new(1, draw)).pixels;
                    pixels[middle] > pixels[middle + 1]
                })
                .count()
        };
        assert!((10..30).contains(&mirrored([1, 3, 32, 32])));
        assert_eq!(mirrored([1, 1, 28, 28]), 0, "a sign is another in a mirror");
        assert_eq!(mirrored([1, 3, 1, 40]), 0, "and so is a series of time");
    }
}
