//! Reconstructions: images that a network under attack takes for a class, by descent on the image.

use super::{
    attack::{Stage, Subject},
    case::Case,
    descent::{Aim, GROUP, Natural, Smoothing},
    models::float,
    pictures::Pictures,
};
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
use snnc_engine::{Buffers, Device, parallel};
use std::sync::Mutex;

/// Of so many starts one is a scene.
const SCENES: usize = 2;

/// Groups that a card takes together.
const ON_CARD: usize = 8;

/// Size of the pixel noise over which gradients are smoothed, in shares of a pixel's range.
const DEVIATION: f32 = 0.04;

/// Weight of an output by itself, in standard deviations of it, beside the priors; between 1 and 10 nothing could be told apart.
const PULL: f32 = 3.0;

/// Steps after which reconstructions are kept on the way.
const MILESTONES: [usize; 5] = [10, 25, 50, 100, 250];

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
    Way::Natural(Natural { steps, smoothing: None, aim: Aim::Margin })
}

/// Like photographs, in so many steps, towards an output by itself.
#[must_use]
pub fn nameless(steps: usize) -> Way {
    Way::Natural(Natural { steps, smoothing: None, aim: Aim::Output(PULL) })
}

/// Like photographs, in so many steps of smoothed gradients.
#[must_use]
pub fn smooth(steps: usize, draws: usize) -> Way {
    Way::Natural(Natural { steps, smoothing: Some(Smoothing { draws, deviation: DEVIATION }), aim: Aim::Margin })
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

impl Way {
    fn steps(&self) -> usize {
        match self {
            Self::Natural(natural) => natural.steps,
            Self::Impressions(inversion) => inversion.steps,
        }
    }

    /// Gradients that a step takes.
    fn gradients(&self) -> usize {
        match self {
            Self::Natural(Natural { smoothing: Some(smoothing), .. }) => smoothing.draws,
            _ => 1,
        }
    }

    /// Steps after which reconstructions are kept; the last one is the end.
    fn milestones(&self) -> Vec<usize> {
        let steps = self.steps();
        match self {
            Self::Natural(_) => MILESTONES.into_iter().filter(|&m| m < steps).chain([steps]).collect(),
            Self::Impressions(_) => vec![steps],
        }
    }
}

/// An image that was found, in the model's own layout and units.
#[derive(Clone)]
struct Found {
    /// How far the network is from taking it for its class; of several descents the least counts.
    loss: f64,
    image: Vec<f32>,
}

/// A search for images that a network takes for classes.
pub struct Search<'a> {
    /// What is differentiated.
    pub model: &'a dyn Differentiable,
    /// The class that each reconstruction is to show.
    pub shown: &'a [usize],
    /// Number of the first one's start.
    pub first: usize,
    /// How many classes there are.
    pub classes: usize,
    /// How.
    pub way: Way,
    /// Descents from different starts; of their images, the one of which the network is surest is taken.
    pub restarts: usize,
    /// Evaluations of the network that one gradient takes.
    pub draws: usize,
    /// Evaluations that were spent before the search, for each reconstruction.
    pub before: usize,
}

impl<'a> Search<'a> {
    /// One descent for each of [`Case::shown`].
    #[must_use]
    pub fn new(case: &'a Case<'_>, model: &'a dyn Differentiable, way: Way) -> Self {
        Self { model, shown: &case.shown, first: 0, classes: case.classes, way, restarts: 1, draws: 1, before: 0 }
    }

    /// Searches. The starts depend on the seed and their number alone: they are the same for every network.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn run(&self, case: &Case<'_>) -> Result<Vec<Stage>> {
        let milestones = self.way.milestones();
        let count = self.shown.len();
        let tries: Vec<(usize, usize)> = (0..self.restarts).flat_map(|restart| (0..count).map(move |k| (restart, k))).collect();
        let at_once = if is_card(self.model.device()) { ON_CARD * GROUP } else { GROUP };
        let parts = side_by_side(self.model.device(), tries.chunks(at_once).collect(), |batch| self.descend(case, batch, &milestones));
        let mut best: Vec<Vec<Option<Found>>> = vec![vec![None; count]; milestones.len()];
        for (batch, part) in tries.chunks(at_once).zip(parts) {
            for (best, found) in best.iter_mut().zip(part?) {
                for (&(_, k), found) in batch.iter().zip(found) {
                    if best[k].as_ref().is_none_or(|best| found.loss < best.loss) {
                        best[k] = Some(found);
                    }
                }
            }
        }
        let per_step = self.restarts * self.way.gradients() * self.draws;
        let stage = |(step, best): (usize, Vec<Option<Found>>)| {
            let images: Vec<f32> = best.into_iter().flatten().flat_map(|found| found.image).collect();
            Stage { effort: self.before + step * per_step, pictures: Pictures::of_model(&case.canvas, &images) }
        };
        Ok(milestones.into_iter().zip(best).map(stage).collect())
    }

    /// For each milestone, the images of a batch.
    fn descend(&self, case: &Case<'_>, batch: &[(usize, usize)], milestones: &[usize]) -> Result<Vec<Vec<Found>>> {
        let canvas = &case.canvas;
        let mut images: Vec<f32> =
            batch.iter().flat_map(|&(restart, k)| start(case, &self.way, self.first + restart * self.shown.len() + k)).collect();
        let classes: Vec<usize> = batch.iter().map(|&(_, k)| self.shown[k]).collect();
        let targets: Vec<f32> = classes.iter().flat_map(|&class| target(self.classes, class)).collect();
        let stages = match &self.way {
            Way::Natural(natural) => {
                // Groups have views of their own.
                let seeds: Vec<u64> = batch.chunks(GROUP).map(|group| case.given.seed ^ ((self.first + group[0].1) as u64) << 16).collect();
                let kept = natural.run(self.model, canvas, &classes, &seeds, &mut images, milestones)?;
                kept.iter().map(|images| canvas.to_model(images)).collect()
            }
            Way::Impressions(inversion) => {
                images = canvas.to_model(&images);
                let descent = Descent { model: self.model, canvas, inversion, seed: case.given.seed, allowance: None };
                descent.run(&mut images, &targets, &|| ())?;
                vec![images]
            }
        };
        let judged = |images: Vec<f32>| {
            let losses = if self.restarts > 1 { losses(self.model, &images, &targets, self.classes)? } else { vec![0.0; batch.len()] };
            let found = losses.into_iter().zip(images.chunks(canvas.len()));
            Ok(found.map(|(loss, image)| Found { loss, image: image.to_vec() }).collect())
        };
        stages.into_iter().map(judged).collect()
    }
}

fn is_card(device: &Device) -> bool {
    matches!(device, Device::Card(_))
}

/// Works on all items, on the processor as many at a time as there are threads: a card has threads of its own.
pub fn side_by_side<T: Send, R: Send>(device: &Device, items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    if is_card(device) { items.into_iter().map(work).collect() } else { parallel::over(items, |_, item| work(item)) }
}

/// Inverts the float network of a subject: one image for each of [`Case::shown`].
///
/// # Errors
/// [`Error::Internal`] for the artifact, which is no float network.
pub fn invert_float(case: &Case<'_>, subject: Subject, way: Way) -> Result<Vec<Stage>> {
    let graph = float(case, subject).ok_or_else(|| Error::Internal("the SNN is no float network".into()))?;
    let watched = Watched::nothing(graph)?;
    Search::new(case, &Matching { watched: &watched, weight: 0.0, units: None, device: &case.device }, way).run(case)
}

/// The images that descents start from, as pictures: what is recognised of them no attack has earned.
#[must_use]
pub fn starts(case: &Case<'_>, count: usize) -> Pictures {
    let images: Vec<f32> = (0..count).flat_map(|k| start(case, &natural(0), k)).collect();
    Pictures::of_model(&case.canvas, &case.canvas.to_model(&images))
}

/// An image to start from, channels first, pixels in [0, 1]: natural structure, or noise.
fn start(case: &Case<'_>, way: &Way, number: usize) -> Vec<f32> {
    let mut random = Random::new(case.given.seed ^ 0xA77A_C000, number as u64);
    match way {
        Way::Natural(_) if !case.canvas.may_be_drawn() && random.below(SCENES) == 0 => scene(&case.canvas, &mut random),
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
