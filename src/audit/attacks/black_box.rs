//! Query-only inversion: the adversary sees answers to images and nothing else.
//!
//! Procedural images are asked about first; for each class the ones with the surest answers are improved by an evolution strategy on the
//! coefficients of a pyramid (NES with mirrored draws; Salimans et al., arXiv 1703.03864), whose coarse layers hold what few queries
//! can find.

use super::cells::{cells_of_three, timesteps};
use crate::{
    audit::{
        attack::{About, Attack, Cell, Knowledge, Loot, Stage},
        case::{Case, Effort},
        distil::own_images,
        models::Oracle,
        pictures::Pictures,
        surest::surest,
    },
    error::Result,
    synthesize::{pyramid::Pyramid, random::Random},
};
use snnc_engine::loss::log_softmax;

/// Asks.
pub struct BlackBox;

const VARIANT: &str = "evolution strategy";

/// Queries: those about procedural images, rounds of the strategy for each reconstruction, and mirrored pairs a round.
#[derive(Clone, Copy)]
struct Queries {
    pool: usize,
    rounds: usize,
    pairs: usize,
}

fn queries(effort: Effort) -> Queries {
    match effort {
        Effort::Quick => Queries { pool: 256, rounds: 4, pairs: 4 },
        Effort::Full => Queries { pool: 2048, rounds: 20, pairs: 6 },
    }
}

/// Size of a draw, and of a step, of the coarsest coefficients, as a share of the pixels' range.
const DRAW: f32 = 0.08;
const STEP: f32 = 0.12;

impl Attack for BlackBox {
    fn about(&self) -> About {
        About {
            name: "black-box",
            title: "Black box: queries alone",
            objective: "Images of each class from answers to queries: the surest of many procedural images, improved by an evolution strategy.",
            knows: &[Knowledge::Queries],
        }
    }

    fn cells(&self, case: &Case<'_>, effort: Effort) -> Vec<Cell> {
        let Queries { pool, rounds, pairs } = queries(effort);
        let asked = (pool + case.shown.len() * rounds * (2 * pairs + 1)) as f64;
        let one = |t: Option<usize>| t.map_or(case.float_macs(), |t| case.spiking_macs(t));
        cells_of_three(self.name(), VARIANT, &timesteps(case, effort, asked * case.spiking_macs(case.timesteps())), |t| asked * one(t))
    }

    fn run(&self, case: &Case<'_>, cell: &Cell, effort: Effort) -> Result<Loot> {
        let oracle = Oracle::new(case, cell.subject, cell.timesteps.unwrap_or(1))?;
        let Queries { pool, rounds, pairs } = queries(effort);
        let asked = own_images(case, pool, 4);
        let answers = oracle.logits(&asked)?;
        let mut images = surest(case, &asked, &answers);
        // What is asked about once serves all reconstructions.
        let before = pool.div_ceil(case.shown.len());
        let mut stages = vec![Stage { effort: before, pictures: Pictures::of_model(&case.canvas, &images) }];
        let mut sure = sureness(&oracle, &images, &case.shown, case.classes)?;
        for round in 0..rounds {
            evolve(case, &oracle, &mut images, &mut sure, round, pairs)?;
            let done = round + 1;
            if done.is_power_of_two() || done == rounds {
                let effort = before + done * (2 * pairs + 1);
                stages.push(Stage { effort, pictures: Pictures::of_model(&case.canvas, &images) });
            }
        }
        Ok(Loot { stages, ..Loot::default() })
    }
}

/// A round: improves all images side by side, and how sure the network is of them.
fn evolve(case: &Case<'_>, oracle: &Oracle<'_>, images: &mut [f32], sure: &mut [f64], round: usize, pairs: usize) -> Result<()> {
    let canvas = &case.canvas;
    let (len, classes, pixels) = (canvas.len(), case.classes, canvas.height * canvas.width);
    let pyramid = Pyramid::new(canvas.height, canvas.width, true);
    let sizes: Vec<f32> = pyramid.steps();
    let width = sizes.len();
    // What coefficients of every plane add to an image.
    let moved = |image: &[f32], change: &[f32]| {
        let mut image = image.to_vec();
        for (colour, own) in change.chunks(width).enumerate() {
            let mut plane = vec![0.0f32; pixels];
            pyramid.expand(own, &mut plane);
            let (low, high) = canvas.range[colour];
            for (pixel, value) in plane.iter().enumerate() {
                let at = canvas.entry(colour, pixel);
                image[at] = (image[at] + value * (high - low)).clamp(low, high);
            }
        }
        image
    };
    let mut asked = Vec::with_capacity(images.len() * 2 * pairs);
    let mut draws: Vec<Vec<f32>> = Vec::new();
    for (k, image) in images.chunks(len).enumerate() {
        for pair in 0..pairs {
            let mut random = Random::new(case.given.seed ^ 0xE70_1000, ((round * case.shown.len() + k) * pairs + pair) as u64);
            let draw: Vec<f32> = (0..canvas.channels).flat_map(|_| sizes.iter()).map(|size| DRAW * size * random.normal()).collect();
            asked.extend(moved(image, &draw));
            asked.extend(moved(image, &draw.iter().map(|d| -d).collect::<Vec<_>>()));
            draws.push(draw);
        }
    }
    let shown: Vec<usize> = case.shown.iter().flat_map(|&class| std::iter::repeat_n(class, 2 * pairs)).collect();
    let found = sureness(oracle, &asked, &shown, classes)?;
    let mut tried = Vec::with_capacity(images.len());
    for (k, image) in images.chunks(len).enumerate() {
        let mut slope = vec![0.0f32; canvas.channels * width];
        for pair in 0..pairs {
            let gain = (found[(k * pairs + pair) * 2] - found[(k * pairs + pair) * 2 + 1]) as f32;
            slope.iter_mut().zip(&draws[k * pairs + pair]).for_each(|(s, d)| *s += gain * d);
        }
        let size = (slope.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / slope.len() as f64).sqrt().max(1e-30) as f32;
        let mean_size = (sizes.iter().map(|s| s * s).sum::<f32>() / width as f32).sqrt();
        slope.iter_mut().for_each(|s| *s *= STEP * mean_size / size);
        tried.extend(moved(image, &slope));
    }
    // The step, or the best of the draws, or what there was.
    let after = sureness(oracle, &tried, &case.shown, classes)?;
    for k in 0..case.shown.len() {
        let of_draws = (0..2 * pairs).map(|j| (found[k * 2 * pairs + j], &asked[(k * 2 * pairs + j) * len..][..len]));
        let candidates = std::iter::once((after[k], &tried[k * len..][..len])).chain(of_draws);
        let best = candidates.fold(None, |best: Option<(f64, &[f32])>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        });
        if let Some((value, image)) = best.filter(|(value, _)| *value > sure[k]) {
            sure[k] = value;
            images[k * len..][..len].copy_from_slice(image);
        }
    }
    Ok(())
}

/// How sure the network is, of each image, of the class that it is to show: the logarithm of its probability.
fn sureness(oracle: &Oracle<'_>, images: &[f32], shown: &[usize], classes: usize) -> Result<Vec<f64>> {
    let logits = oracle.logits(images)?;
    Ok(logits.chunks(classes).zip(shown).map(|(row, &class)| log_softmax(row, 1.0)[class]).collect())
}
