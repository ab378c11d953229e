//! Calibration samples without data: made from the network itself and from what natural images have in common.
//!
//! | method | start | steps |
//! |---|---|---|
//! | [`Synthesis::Natural`] | 1/f noise and dead leaves, mixed | every second sample: inversion towards the recorded statistics, where the file has batch norms, else a few steps towards soft targets, held near the start |
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

    /// The first `count` samples.
    #[must_use]
    pub fn take(&self, count: usize) -> Self {
        let (len, count) = (self.data.len() / self.count.max(1), count.min(self.count));
        Self { count, data: self.data[..count * len].to_vec() }
    }
}

/// Indices of the samples for calibration.
#[must_use]
pub fn calibration_indices(count: usize) -> Vec<usize> {
    (0..count).collect()
}

/// Indices of held-out samples: far from those for calibration, and all odd, since an inverted image shows its class and a
/// bare prior does not.
#[must_use]
pub fn held_out_indices(count: usize) -> Vec<usize> {
    (0..count).map(|k| (1 << 32) + 2 * k + 1).collect()
}

/// Makes the samples of the given indices for a float network. `normed` is the same network with its batch norms not yet
/// folded, if it has any: what they recorded is then matched.
///
/// Sample k depends on the seed and on k alone (where statistics are matched: also on its batch), never on the number of
/// threads. With
/// [`Synthesis::Natural`], samples of even index stay as the prior made them: inverted images excite a network more than
/// photographs do, bare priors less, and thresholds that serve both did better on average than either alone (docs/decisions/001).
///
/// # Errors
/// Only on a bug.
pub fn synthesize(
    network: &Graph,
    normed: Option<&Graph>,
    canvas: &Canvas,
    method: Synthesis,
    indices: &[usize],
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<Samples> {
    let start = std::time::Instant::now();
    let (graph, recipe) = match (method, normed) {
        (Synthesis::Natural, Some(normed)) => (normed, Some(&inversion::STATISTICS)),
        (Synthesis::Natural, None) => (network, Some(&inversion::NEAR_START)),
        (Synthesis::Paper, _) => (network, Some(&inversion::PAPER)),
        (Synthesis::Prior | Synthesis::Noise, _) => (network, None),
    };
    let is_inverted = |k: usize| recipe.is_some() && (method != Synthesis::Natural || k % 2 == 1);
    let inverted: Vec<usize> = indices.iter().copied().filter(|&k| is_inverted(k)).collect();
    let steps = recipe.map_or(0, |r| r.steps * inverted.len().div_ceil(inversion::BATCH));
    observer.stage("synthesize", Some(steps as u64));
    let first = |&k: &usize| {
        let mut random = Random::new(seed, k as u64);
        let pixels: Vec<f32> = match method {
            Synthesis::Natural | Synthesis::Prior => prior::image(canvas, &mut random),
            Synthesis::Paper | Synthesis::Noise => (0..canvas.len()).map(|_| random.uniform()).collect(),
        };
        canvas.to_model(&pixels)
    };
    let mut data: Vec<f32> = indices.iter().flat_map(first).collect();
    if let Some(recipe) = recipe {
        // Side by side for the batches, then back to their places.
        let places: Vec<usize> = (0..indices.len()).filter(|&place| is_inverted(indices[place])).collect();
        let at = |place: usize| place * canvas.len()..(place + 1) * canvas.len();
        let mut chosen: Vec<f32> = places.iter().flat_map(|&place| data[at(place)].iter().copied()).collect();
        inversion::invert(graph, canvas, &mut chosen, &inverted, recipe, seed, observer)?;
        for (image, &place) in chosen.chunks(canvas.len()).zip(&places) {
            data[at(place)].copy_from_slice(image);
        }
    }
    observer.stage_done(start.elapsed());
    Ok(Samples { count: indices.len(), data })
}
