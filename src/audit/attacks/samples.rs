//! What samples that a network was calibrated or trained on give away of its training data: whether they lie nearer to images that were trained on
//! than to others of the same kind, and whether any is nearly one of them.
//!
//! Samples are made from the network, so what it remembers may be in them. Distances are in the features of a judge: two pictures of the same thing
//! are near there though their pixels differ.

use crate::{
    audit::{
        attack::{About, Attack, Cell, Knowledge, Loot, Subject},
        case::{Case, Effort},
        metrics::Metric,
        pictures::Pictures,
    },
    error::{Error, Result},
};

/// Compares samples with members.
pub struct Samples;

const VARIANT: &str = "nearest images";

/// Most images of each set.
fn most(effort: Effort) -> usize {
    match effort {
        Effort::Quick => 500,
        Effort::Full => 4000,
    }
}

/// A sample is nearly an image if it is nearer to it than so many of the others are to any.
const NEARLY: f64 = 0.01;

impl Attack for Samples {
    fn about(&self) -> About {
        About {
            name: "samples",
            title: "Samples against members",
            objective: "Whether the samples lie nearer to images that were trained on than to other images of the same kind, and whether any of them is nearly such \
         an image.",
            knows: &[Knowledge::Membership],
        }
    }

    fn is_wanted(&self, case: &Case<'_>, _: Effort) -> bool {
        case.given.material.samples.is_some() && case.asks_for(self.name())
    }

    fn missing(&self, case: &Case<'_>) -> Option<String> {
        let material = &case.given.material;
        let is_there = material.members.is_some() && material.nonmembers.is_some();
        (!is_there).then(|| "it needs images that were trained on and images that were not: --members M.npz --nonmembers N.npz".to_owned())
    }

    fn cells(&self, _: &Case<'_>, _: Effort) -> Vec<Cell> {
        vec![Cell { variant: VARIANT, subject: Subject::Snn, timesteps: None, work: "samples".to_owned(), macs: 0.0 }]
    }

    fn run(&self, case: &Case<'_>, _: &Cell, effort: Effort) -> Result<Loot> {
        let material = &case.given.material;
        let (Some(samples), Some(members), Some(others)) = (&material.samples, &material.members, &material.nonmembers) else {
            return Err(Error::Internal("the sets were there".into()));
        };
        // As many of either: else the larger set would be the nearer one.
        let count = members.pictures.count.min(others.pictures.count).min(most(effort));
        let look = |pictures: &Pictures, count: usize| -> Result<Vec<Vec<f32>>> {
            let seen = case.features().look("images", &pictures.take(count))?;
            let len = seen.features.len() / pictures.count.min(count).max(1);
            Ok(seen.features.chunks(len.max(1)).map(<[f32]>::to_vec).collect())
        };
        let made = look(&samples.pictures, most(effort))?;
        let [members, others] = [look(&members.pictures, count)?, look(&others.pictures, count)?];
        Ok(Loot { metrics: compared(&made, &members, &others), ..Loot::default() })
    }
}

fn nearest(x: &[f32], set: &[Vec<f32>]) -> f64 {
    let apart = |y: &Vec<f32>| x.iter().zip(y).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
    set.iter().map(apart).fold(f64::INFINITY, f64::min)
}

fn compared(samples: &[Vec<f32>], members: &[Vec<f32>], others: &[Vec<f32>]) -> Vec<Metric> {
    let distances: Vec<(f64, f64)> = samples.iter().map(|x| (nearest(x, members), nearest(x, others))).collect();
    let nearer = distances.iter().filter(|(member, other)| member < other).count();
    let mut between: Vec<f64> = others.iter().map(|x| nearest(x, members)).collect();
    between.sort_by(f64::total_cmp);
    let limit = between.get((NEARLY * between.len() as f64) as usize).copied().unwrap_or(0.0);
    let nearly = distances.iter().filter(|(member, _)| *member < limit).count();
    vec![
        Metric::share("nearer_to_members", nearer, samples.len(), Some(0.5)),
        Metric::share("nearly_members", nearly, samples.len(), Some(NEARLY)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesize::random::Random;

    fn set(count: usize, seed: u64) -> Vec<Vec<f32>> {
        let mut random = Random::new(seed, 0);
        (0..count).map(|_| (0..8).map(|_| random.normal()).collect()).collect()
    }

    #[test]
    fn copies_of_members_are_found_and_strangers_are_not() {
        let (members, others) = (set(200, 1), set(200, 2));
        let mut random = Random::new(3, 0);
        let copies: Vec<Vec<f32>> = members.iter().take(50).map(|x| x.iter().map(|v| v + 0.05 * random.normal()).collect()).collect();
        let found = compared(&copies, &members, &others);
        assert!(found[0].value > 0.95 && found[1].value > 0.9, "{found:?}");
        let none = compared(&set(100, 4), &members, &others);
        let [low, high] = none[0].interval_95.unwrap();
        assert!(low < 0.5 && high > 0.5 && none[1].value < 0.05, "{none:?}");
    }
}
