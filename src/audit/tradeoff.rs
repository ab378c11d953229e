//! What the artifact is worth beside what it leaks: accuracy and energy over the number of time steps.

use super::{
    attack::Subject,
    case::{Case, Effort},
    distil::own_images,
    models::Oracle,
};
use crate::error::{Error, Result};
use snnc_runtime::{Code, Cost, Energy, argmax};
use std::collections::BTreeSet;

/// Accuracy and cost.
#[derive(Clone, Debug)]
pub struct Tradeoff {
    /// Over the number of steps; the last is T.
    pub points: Vec<Point>,
    /// Of the ANN, of 1; none without labels.
    pub ann_accuracy: Option<f64>,
    /// On what all this was measured.
    pub of: String,
    /// At T.
    pub cost: Cost,
}

/// At one number of steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// T.
    pub timesteps: usize,
    /// Of 1; none without labels.
    pub accuracy: Option<f64>,
    /// Images for which the ANN's class is chosen, of 1.
    pub agreement: f64,
    /// Of an image, in picojoules, whole numbers being added.
    pub energy_pj: f64,
    /// That of the ANN in int8 over it.
    pub energy_gain: f64,
}

/// Numbers of time steps that are measured, if the artifact has more.
const STEPS: [usize; 6] = [2, 4, 8, 16, 32, 64];

/// Images: of the reference, or procedural ones where there is none.
fn most(effort: Effort, has_reference: bool) -> usize {
    match (effort, has_reference) {
        (Effort::Quick, _) => 64,
        (Effort::Full, true) => 1000,
        (Effort::Full, false) => 256,
    }
}

/// Runs the artifact on the reference images, or on procedural ones.
///
/// # Errors
/// Only on a bug.
pub fn measure(case: &Case<'_>, effort: Effort) -> Result<Tradeoff> {
    let reference = case.given.material.reference.as_ref();
    let most = most(effort, reference.is_some());
    let (images, labels, of) = match reference {
        Some(reference) => {
            let pictures = reference.pictures.take(most);
            let kind = if reference.labels.is_some() { "labelled reference" } else { "reference" };
            let of = format!("{} {kind} images", pictures.count);
            (pictures.to_model("reference", case.dims(), &case.preprocess)?, reference.labels.clone(), of)
        }
        None => (own_images(case, most, 6), None, format!("{most} procedural images: no measure of accuracy on real ones")),
    };
    let labels = labels.map(|labels| labels.into_iter().take(images.len() / case.canvas.len()).collect::<Vec<_>>());
    let classes_of = |logits: &[f32]| logits.chunks(case.classes).map(argmax).collect::<Vec<_>>();
    let share = |a: &[usize], b: &[usize]| a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len().max(1) as f64;
    let expected = classes_of(&Oracle::new(case, Subject::Ann, 1)?.logits(&images)?);
    // More than T may be attacked, but T is what the artifact is for.
    let is_rate = case.network.spec().code == Code::Rate;
    let wanted = STEPS.into_iter().filter(|_| is_rate).chain(case.given.timesteps.iter().copied());
    let steps: BTreeSet<usize> = wanted.filter(|&t| t < case.timesteps()).chain([case.timesteps()]).collect();
    let steps: Vec<usize> = steps.into_iter().collect();
    let outcomes = case.network.run_checkpoints(&images, &steps, 0).map_err(|e| Error::Internal(e.to_string()))?;
    let points = outcomes.iter().map(|outcome| {
        let (found, cost) = (outcome.predictions(), case.network.cost(outcome));
        let energy = cost.energy_pj(Energy::INT8_45NM);
        Point {
            timesteps: outcome.timesteps,
            accuracy: labels.as_ref().map(|labels| share(&found, labels)),
            agreement: share(&found, &expected),
            energy_pj: energy,
            energy_gain: cost.ann_energy_pj(Energy::INT8_45NM) / energy.max(f64::MIN_POSITIVE),
        }
    });
    let points = points.collect();
    let last = outcomes.last().ok_or_else(|| Error::Internal("the network was run".into()))?;
    let ann_accuracy = labels.as_ref().map(|labels| share(&expected, labels));
    Ok(Tradeoff { points, ann_accuracy, of, cost: case.network.cost(last) })
}
