//! Reconstructions: images that a network under attack takes for a class, by descent on the image.

use super::{attack::Subject, case::Case, descent::Natural, models::float, pictures::Pictures};
use crate::{
    error::{Error, Result},
    synthesize::{
        differentiable::{Differentiable, Matching},
        inversion::{Descent, Inversion, cross_entropy},
        prior,
        random::Random,
        scene::scene,
        statistics::Watched,
    },
};
use snnc_engine::{Buffers, parallel};
use std::sync::Mutex;

/// Of so many starts one is a scene.
const SCENES: usize = 2;

/// Images that are optimised together.
const BATCH: usize = 8;

/// How images are reconstructed.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// So that they look like photographs: the strongest prior here that knows nothing of the data.
    Natural(Natural),
    /// As the PrivateSNN paper's class impressions: pixel by pixel from noise, smoothed every four steps.
    Impressions(Inversion),
}

/// Like photographs, in so many steps.
#[must_use]
pub fn natural(steps: usize) -> Way {
    Way::Natural(Natural { steps })
}

/// The paper's class impressions, in so many steps.
#[must_use]
pub fn impressions(steps: usize) -> Way {
    Way::Impressions(Inversion {
        steps,
        rate: 0.02,
        temperature: 1.0,
        anchor: 0.0,
        dirichlet: false,
        is_natural: false,
        statistics: 0.0,
        blur: Some(4),
    })
}

/// The share of the answer that a reconstruction should have for its class.
const SURE: f32 = 0.999;

/// Reconstructs one image for each of [`Case::shown`]. The starts depend on the seed and the place alone: they are the same for every
/// network. Of several restarts, the image of which the network is surest is taken.
///
/// # Errors
/// Only on a bug.
pub fn reconstruct(case: &Case<'_>, model: &dyn Differentiable, way: &Way, restarts: usize) -> Result<Pictures> {
    let len = case.canvas.len();
    let tries: Vec<(usize, usize)> = (0..restarts).flat_map(|restart| (0..case.shown.len()).map(move |k| (restart, k))).collect();
    let batches: Vec<&[(usize, usize)]> = tries.chunks(BATCH).collect();
    let parts = parallel::over(batches, |_, batch| -> Result<Vec<(f64, Vec<f32>)>> {
        let mut images: Vec<f32> = batch.iter().flat_map(|&(restart, k)| start(case, way, restart, k)).collect();
        let classes: Vec<usize> = batch.iter().map(|&(_, k)| case.shown[k]).collect();
        let targets: Vec<f32> = classes.iter().flat_map(|&class| target(case.classes, class)).collect();
        match way {
            Way::Natural(natural) => {
                // Batches have views of their own.
                let seed = case.given.seed ^ (batch[0].1 as u64) << 16;
                natural.run(model, &case.canvas, &classes, seed, &mut images)?;
                images = case.canvas.to_model(&images);
            }
            Way::Impressions(inversion) => {
                images = case.canvas.to_model(&images);
                let descent = Descent { model, canvas: &case.canvas, inversion, seed: case.given.seed, allowance: None };
                descent.run(&mut images, &targets, &|| ())?;
            }
        }
        let losses = if restarts > 1 { losses(model, &images, &targets, case.classes)? } else { vec![0.0; batch.len()] };
        Ok(losses.into_iter().zip(images.chunks(len).map(<[f32]>::to_vec)).collect())
    });
    let mut best: Vec<Option<(f64, Vec<f32>)>> = vec![None; case.shown.len()];
    for (batch, part) in tries.chunks(BATCH).zip(parts) {
        for (&(_, k), found) in batch.iter().zip(part?) {
            if best[k].as_ref().is_none_or(|(least, _)| found.0 < *least) {
                best[k] = Some(found);
            }
        }
    }
    let images: Vec<f32> = best.into_iter().flatten().flat_map(|(_, image)| image).collect();
    Ok(Pictures::of_model(&case.canvas, &images))
}

/// Inverts the float network of a subject: one image for each of [`Case::shown`].
///
/// # Errors
/// [`Error::Internal`] for the artifact, which is no float network.
pub fn invert_float(case: &Case<'_>, subject: Subject, way: &Way) -> Result<Pictures> {
    let graph = float(case, subject).ok_or_else(|| Error::Internal("the SNN is no float network".into()))?;
    let watched = Watched::nothing(graph)?;
    reconstruct(case, &Matching { watched: &watched, weight: 0.0, units: None }, way, 1)
}

/// An image to start from, channels first, pixels in [0, 1]: natural structure, or noise.
fn start(case: &Case<'_>, way: &Way, restart: usize, k: usize) -> Vec<f32> {
    let mut random = Random::new(case.given.seed ^ 0xA77A_C000, (restart * case.shown.len() + k) as u64);
    match way {
        // What has one channel is as often a drawing.
        Way::Natural(_) if case.canvas.channels > 1 && random.below(SCENES) == 0 => scene(&case.canvas, &mut random),
        Way::Natural(_) => prior::image(&case.canvas, &mut random),
        Way::Impressions(_) => (0..case.canvas.len()).map(|_| random.uniform()).collect(),
    }
}

fn target(classes: usize, class: usize) -> impl Iterator<Item = f32> {
    let rest = (1.0 - SURE) / (classes - 1).max(1) as f32;
    (0..classes).map(move |k| if k == class { SURE } else { rest })
}

/// The loss of every image.
fn losses(model: &dyn Differentiable, images: &[f32], targets: &[f32], classes: usize) -> Result<Vec<f64>> {
    let answers = Mutex::new(Vec::new());
    let keep = |logits: &[f32]| {
        if let Ok(mut answers) = answers.lock() {
            answers.extend_from_slice(logits);
        }
        (0.0, vec![0.0; logits.len()])
    };
    model.gradient(images, (targets.len() / classes, 0), &keep, &mut Buffers::default())?;
    let answers = answers.into_inner().unwrap_or_default();
    Ok(answers.chunks(classes).zip(targets.chunks(classes)).map(|(row, target)| cross_entropy(row, target, 1, 1.0).0).collect())
}
