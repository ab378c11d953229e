//! Calibration samples without data: made from the network itself and from what natural images have in common.
//!
//! | method | start | steps |
//! |---|---|---|
//! | [`Synthesis::Natural`] | 1/f noise and dead leaves, mixed | a few of inversion towards soft targets, held near the start |
//! | [`Synthesis::Prior`] | the same | none |
//! | [`Synthesis::Paper`] | uniform noise | inversion towards Dirichlet targets at temperature 20 (PrivateSNN, AAAI 2022) |
//! | [`Synthesis::Noise`] | uniform noise | none: the control |
//!
//! Samples stay in the process. They are themselves a leak: an image inverted from a network shows what it knows.

mod canvas;
pub mod dirichlet;
mod inversion;
mod prior;
pub mod random;

pub use canvas::Canvas;

use crate::{error::Result, observer::Observer, options::Synthesis};
use candle_core::{Device, Tensor};
use random::Random;
use snnc_ir::Graph;

/// Calibration samples in the model's own layout.
#[derive(Clone, Debug)]
pub struct Samples {
    /// N.
    pub count: usize,
    /// `[N, ..]`, the input's shape behind the batch.
    pub data: Vec<f32>,
}

impl Samples {
    /// As a tensor `[N, ..]`.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn tensor(&self, dims: &[usize]) -> Result<Tensor> {
        let shape: Vec<usize> = std::iter::once(self.count).chain(dims[1..].iter().copied()).collect();
        Ok(Tensor::from_slice(&self.data, shape, &Device::Cpu)?)
    }

    /// The first `count` samples and the rest.
    #[must_use]
    pub fn split(&self, count: usize) -> (Self, Self) {
        let len = self.data.len() / self.count.max(1);
        let (first, rest) = self.data.split_at(count.min(self.count) * len);
        (Self { count: count.min(self.count), data: first.to_vec() }, Self { count: self.count - count.min(self.count), data: rest.to_vec() })
    }
}

/// Makes `count` samples for a float network.
///
/// Sample k depends on the seed and on k alone, not on `count` or on the number of threads.
///
/// # Errors
/// Only on a bug.
pub fn synthesize(network: &Graph, canvas: &Canvas, method: Synthesis, count: usize, seed: u64, observer: &mut dyn Observer) -> Result<Samples> {
    let start = std::time::Instant::now();
    let steps = match method {
        Synthesis::Natural => inversion::NEAR_START.steps,
        Synthesis::Paper => inversion::PAPER.steps,
        Synthesis::Prior | Synthesis::Noise => 0,
    };
    observer.stage("synthesize", Some((steps * count.div_ceil(inversion::BATCH)) as u64));
    let pixels: Vec<f32> = (0..count)
        .flat_map(|k| {
            let mut random = Random::new(seed, k as u64);
            match method {
                Synthesis::Natural | Synthesis::Prior => prior::image(canvas, &mut random),
                Synthesis::Paper | Synthesis::Noise => (0..canvas.len()).map(|_| random.uniform()).collect(),
            }
        })
        .collect();
    let data = canvas.to_model(&pixels);
    let samples = Samples { count, data };
    let samples = match method {
        Synthesis::Natural => inversion::invert(network, canvas, &samples, &inversion::NEAR_START, seed, observer)?,
        Synthesis::Paper => inversion::invert(network, canvas, &samples, &inversion::PAPER, seed, observer)?,
        Synthesis::Prior | Synthesis::Noise => samples,
    };
    observer.stage_done(start.elapsed());
    Ok(samples)
}
