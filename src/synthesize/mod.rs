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
mod recipe;
mod samples;
pub mod scene;
pub mod statistics;

pub use canvas::Canvas;
pub use labelled::{Diversity, Labelled};
pub use recipe::{Recipe, Source};
pub use samples::{Samples, calibration_indices, held_out_indices};

use crate::{error::Result, observer::Observer, options::Synthesis};
use random::Random;

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
