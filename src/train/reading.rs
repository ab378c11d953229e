//! How well the source network can still be read from trained weights.
//!
//! An attacker who holds the artifact puts a static activation in the place of the neurons ([`Twin`]) and has a float network again, for
//! which every attack on float networks works. Whether training has changed anything about that is measured here: the twins
//! of the network before training, after it, and of a control, the network before training with noise added to its weights that is as long
//! as what training has changed. A defence that does no better than noise is none.

use super::{lessons::Lessons, stir};
use crate::{
    artifact::{Side, remains::left},
    synthesize::random::Random,
};
use snnc_engine::{
    Network, Plan, Pool,
    plan::{Kind, Twin},
};

/// What became of a layer's weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// The parameter's name in the graph.
    pub name: String,
    /// Length of the change over the length of the weights before.
    pub relative: f64,
    /// Cosine between the weights before and after.
    pub cosine: f64,
    /// Input and output channels that are still multiples of what they were, of how many that tell anything.
    pub left: (usize, usize),
}

/// What twins of a network answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// For each of [`Twin::ATTACKS`], the number of held-out samples for which it chooses the float network's class.
    pub agreeing: Vec<usize>,
    /// Number of held-out samples.
    pub of: usize,
}

/// Reads a network with these values of its parameters.
#[must_use]
pub fn read(plan: &Plan, values: &[Vec<f32>], lessons: &Lessons<'_>) -> Reading {
    let pool = Pool::default();
    let mut reading = Reading { agreeing: Vec::new(), of: 0 };
    for twin in Twin::ATTACKS {
        let plan = plan.twin(twin);
        let input = |images: &[f32], _| (lessons.still)(images);
        let (_, (agreeing, of)) = lessons.held_out_answers(&Network::new(&plan, values), &pool, input);
        reading.agreeing.push(agreeing);
        reading.of = of;
    }
    reading
}

/// The values before training with noise in the weights, in every layer as long as what training has changed.
#[must_use]
pub fn noisy(plan: &Plan, before: &[Vec<f32>], after: &[Vec<f32>], seed: u64) -> Vec<Vec<f32>> {
    let noisy = |(k, (before, after)): (usize, (&Vec<f32>, &Vec<f32>))| {
        if plan.parameters[k].kind != Kind::Weight {
            return before.clone();
        }
        let mut random = Random::new(seed ^ 0x4E01_5E00, k as u64);
        let noise: Vec<f32> = before.iter().map(|_| random.normal()).collect();
        let change: Vec<f32> = after.iter().zip(before).map(|(a, b)| a - b).collect();
        let size = length(&change) / length(&noise).max(f64::MIN_POSITIVE);
        before.iter().zip(noise).map(|(b, n)| b + size as f32 * n).collect()
    };
    before.iter().zip(after).enumerate().map(noisy).collect()
}

/// What training has changed, by layer.
#[must_use]
pub fn drift(plan: &Plan, names: &[String], before: &[Vec<f32>], after: &[Vec<f32>]) -> Vec<Drift> {
    let weights = plan.parameters.iter().enumerate().filter(|(_, p)| p.kind == Kind::Weight && !p.is_fixed);
    let one = |k: usize| {
        let (before, after) = (&before[k], &after[k]);
        let change: Vec<f32> = after.iter().zip(before).map(|(a, b)| a - b).collect();
        let product: f64 = after.iter().zip(before).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        let size = length(before).max(f64::MIN_POSITIVE);
        let sides = stir::shape(plan, k, before.len())
            .map(|shape| [Side::Input, Side::Output].map(|side| left(&shape, side, before, after)))
            .unwrap_or_default();
        Drift {
            name: names[k].clone(),
            relative: length(&change) / size,
            cosine: product / (size * length(after)).max(f64::MIN_POSITIVE),
            left: sides.into_iter().fold((0, 0), |(left, of), side| (left + side.0, of + side.1)),
        }
    };
    weights.map(|(k, _)| one(k)).collect()
}

fn length(values: &[f32]) -> f64 {
    values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt()
}
