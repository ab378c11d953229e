//! Calibration samples without data: made from the network itself and from what natural images have in common.
//!
//! | method | start | steps |
//! |---|---|---|
//! | [`Synthesis::Natural`] | 1/f noise and dead leaves, mixed | every second sample: inversion towards the recorded statistics, where the file has batch norms, else some steps towards soft targets, coarse structure first, held near the start |
//! | [`Synthesis::Prior`] | the same | none |
//! | [`Synthesis::Paper`] | uniform noise | inversion towards Dirichlet targets at temperature 20 (PrivateSNN, AAAI 2022) |
//! | [`Synthesis::Noise`] | uniform noise | none: the control |
//!
//! Samples stay in the process. They are themselves a leak: an image inverted from a network shows what it knows.

mod canvas;
pub mod differentiable;
pub mod dirichlet;
pub mod inversion;
mod labelled;
pub mod prior;
pub(crate) mod pyramid;
pub mod random;
pub mod statistics;

pub use canvas::Canvas;
pub use labelled::{Diversity, Labelled};

use crate::{error::Result, observer::Observer, options::Synthesis};
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
    /// Root mean square difference of two samples (each with the next, the last with the first) over that of an entry from its mean over
    /// the samples. Unrelated samples have 1.41; 0 means that all are the same.
    #[must_use]
    pub fn spread(&self) -> f64 {
        let len = self.data.len() / self.count.max(1);
        let rows: Vec<&[f32]> = self.data.chunks(len.max(1)).collect();
        let mut mean = vec![0.0f64; len];
        rows.iter().for_each(|row| mean.iter_mut().zip(*row).for_each(|(m, &v)| *m += f64::from(v) / self.count as f64));
        let variance: f64 = rows.iter().flat_map(|row| row.iter().zip(&mean)).map(|(&v, m)| (f64::from(v) - m).powi(2)).sum();
        let next = rows.iter().zip(rows.iter().cycle().skip(1));
        let apart: f64 = next.flat_map(|(a, b)| a.iter().zip(*b)).map(|(&a, &b)| f64::from(a - b).powi(2)).sum();
        if variance > 0.0 { (apart / variance).sqrt() } else { 0.0 }
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

/// What samples are made from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The float network.
    pub float: &'a Graph,
    /// The same with its batch norms not yet folded, if it has any: what they recorded is then matched.
    pub normed: Option<&'a Graph>,
    /// The image behind its input.
    pub canvas: &'a Canvas,
}

/// How samples are to be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// The method.
    pub method: Synthesis,
    /// Gradient steps; the method's own number if left out.
    pub steps: Option<usize>,
    /// Seconds after which the best samples so far are taken.
    pub budget: Option<f64>,
    /// Of everything random.
    pub seed: u64,
}

/// What a synthesis makes.
#[derive(Clone, Debug)]
pub struct Made {
    /// The samples.
    pub samples: Samples,
    /// Gradient steps that every inverted sample got at least, and that it was to get; none where nothing was inverted.
    pub steps: Option<(usize, usize)>,
}

/// Makes the samples of the given indices.
///
/// Without a budget, sample k depends on the seed and on k alone (where statistics are matched: also on its batch), never on the
/// number of threads. With [`Synthesis::Natural`], samples of even index stay as the prior made them: inverted images excite a
/// network more than photographs do, bare priors less, and thresholds that serve both did better on average than either alone
/// (docs/decisions/001). Classes come in turn, so that every one is shown.
///
/// # Errors
/// Only on a bug.
pub fn synthesize(source: Source<'_>, recipe: &Recipe, indices: &[usize], observer: &mut dyn Observer) -> Result<Made> {
    let canvas = source.canvas;
    let start = std::time::Instant::now();
    let inversion = match recipe.method {
        Synthesis::Natural if source.normed.is_some() => Some(inversion::STATISTICS),
        Synthesis::Natural => Some(inversion::NEAR_START),
        Synthesis::Paper => Some(inversion::PAPER),
        Synthesis::Prior | Synthesis::Noise => None,
    };
    let inversion = inversion.map(|default| inversion::Inversion { steps: recipe.steps.unwrap_or(default.steps), ..default });
    let is_inverted = |k: usize| inversion.is_some() && (recipe.method != Synthesis::Natural || k % 2 == 1);
    let inverted: Vec<usize> = indices.iter().copied().filter(|&k| is_inverted(k)).collect();
    let steps = inversion.map_or(0, |r| r.steps * inverted.len().div_ceil(inversion::BATCH));
    observer.stage("synthesize", Some(steps as u64));
    let first = |&k: &usize| {
        let mut random = Random::new(recipe.seed, k as u64);
        let pixels: Vec<f32> = match recipe.method {
            Synthesis::Natural | Synthesis::Prior => prior::image(canvas, &mut random),
            Synthesis::Paper | Synthesis::Noise => (0..canvas.len()).map(|_| random.uniform()).collect(),
        };
        canvas.to_model(&pixels)
    };
    let mut data: Vec<f32> = indices.iter().flat_map(first).collect();
    let mut done = None;
    if let Some(inversion) = &inversion {
        // Side by side for the batches, then back to their places.
        let places: Vec<usize> = (0..indices.len()).filter(|&place| is_inverted(indices[place])).collect();
        let at = |place: usize| place * canvas.len()..(place + 1) * canvas.len();
        let mut chosen: Vec<f32> = places.iter().flat_map(|&place| data[at(place)].iter().copied()).collect();
        let least = inversion::invert(source, &mut chosen, &inverted, inversion, recipe, observer)?;
        done = (!inverted.is_empty()).then_some((least, inversion.steps));
        for (image, &place) in chosen.chunks(canvas.len()).zip(&places) {
            data[at(place)].copy_from_slice(image);
        }
    }
    observer.stage_done(start.elapsed());
    Ok(Made { samples: Samples { count: indices.len(), data }, steps: done })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_tells_unrelated_samples_from_equal_ones() {
        let mut random = Random::new(1, 0);
        let unrelated = Samples { count: 200, data: (0..200 * 16).map(|_| random.normal()).collect() };
        assert!((unrelated.spread() - 2f64.sqrt()).abs() < 0.05, "{}", unrelated.spread());
        assert_eq!(Samples { count: 5, data: vec![0.5; 80] }.spread(), 0.0);
    }
}
