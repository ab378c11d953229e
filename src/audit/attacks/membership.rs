//! Membership inference: was an image trained on?
//!
//! Of the strong attacks in the literature, LiRA (Carlini et al., S&P 2022) needs many networks that were trained like the one under attack, with and
//! without each image. Nobody has these who did not train it, so its likelihood ratio is taken over the two sets instead of over such shadows: it is
//! weaker, and where it finds nothing, LiRA might.

use super::cells::{cells_of_three, timesteps};
use crate::{
    audit::{
        attack::{About, Attack, Cell, Knowledge, Loot},
        case::{Case, Effort, Labelled},
        metrics::roc,
        models::float,
    },
    error::{Error, Result},
};
use snnc_engine::{Network, loss::log_softmax};
use snnc_ir::NodeId;
use snnc_runtime::{Code, argmax};

/// Scores images by what the network answers.
pub struct Membership;

const VARIANT: &str = "scores of answers";
/// Images that go through a network together.
const BATCH: usize = 32;

/// Most images of each set.
fn most(effort: Effort) -> usize {
    match effort {
        Effort::Quick => 256,
        Effort::Full => usize::MAX,
    }
}

impl Attack for Membership {
    fn about(&self) -> About {
        About {
            name: "membership",
            title: "Membership inference",
            objective: "Whether an image was trained on: from the confidence, the entropy and the loss of the answer, from its likelihood ratio (as LiRA, but without shadow \
         networks, so weaker), and from the spikes of every layer (the ANN's: its activations) by a logistic regression. The last two are fitted to one half \
         of the images and score the other.",
            knows: &[Knowledge::Queries, Knowledge::Membership],
        }
    }

    fn missing(&self, case: &Case<'_>) -> Option<String> {
        let material = &case.given.material;
        let is_there = material.members.is_some() && material.nonmembers.is_some();
        (!is_there).then(|| "it needs images that were trained on and images that were not: --members M.npz --nonmembers N.npz".to_owned())
    }

    fn cells(&self, case: &Case<'_>, effort: Effort) -> Vec<Cell> {
        let material = &case.given.material;
        let count = |set: &Option<Labelled>| set.as_ref().map_or(0, |s| s.pictures.count.min(most(effort)));
        let images = (count(&material.members) + count(&material.nonmembers)) as f64;
        let one = |t: Option<usize>| t.map_or(case.float_macs(), |t| case.spiking_macs(t));
        let mut steps = timesteps(case, effort, images * case.spiking_macs(case.timesteps()));
        if effort == Effort::Full && case.network.spec().code == Code::Rate && case.given.timesteps.is_empty() {
            // An answer after few steps may tell otherwise than the last one.
            steps.extend((0..).map(|k| 1 << k).take_while(|&t| t < case.timesteps()));
            steps.sort_unstable();
            steps.dedup();
        }
        cells_of_three(self.name(), VARIANT, &steps, |t| images * one(t))
    }

    fn run(&self, case: &Case<'_>, cell: &Cell, effort: Effort) -> Result<Loot> {
        let material = &case.given.material;
        let (Some(members), Some(others)) = (&material.members, &material.nonmembers) else {
            return Err(Error::Internal("the sets were there".into()));
        };
        let [members, others] = [members, others].map(|set| answers(case, cell, set, most(effort)));
        let (members, others) = (members?, others?);
        let mut metrics = Vec::new();
        for (score, of) in SCORES {
            let scores = |set: &Answers| set.scores(of);
            if let (Some(members), Some(others)) = (scores(&members), scores(&others)) {
                // The first that can be had stands for the attack; it is chosen before anything is seen.
                let prefix = if metrics.is_empty() { "" } else { score };
                metrics.extend(roc::metrics(prefix, &members, &others));
            }
        }
        let [of_members, of_others] = likelihood_ratios(&members, &others);
        metrics.extend(roc::metrics("likelihood_ratio", &of_members, &of_others));
        let [of_members, of_others] = fitted(&members.activity, &others.activity);
        metrics.extend(roc::metrics("activity", &of_members, &of_others));
        Ok(Loot { metrics, ..Loot::default() })
    }
}

/// A score of an answer, higher for members: logits and the class, where it is known.
type Score = fn(&[f32], Option<usize>) -> Option<f64>;

/// The loss (its negative), then what needs no labels.
const SCORES: [(&str, Score); 3] = [
    ("loss", |logits, class| Some(log_softmax(logits, 1.0)[class?])),
    ("confidence", |logits, _| log_softmax(logits, 1.0).into_iter().reduce(f64::max)),
    ("entropy", |logits, _| Some(log_softmax(logits, 1.0).iter().map(|log| log.exp() * log).sum())),
];

/// Images of a class that a half must have of either set for a likelihood of its own.
const OF_CLASS: usize = 16;

/// For each image the log of how much more likely its confidence is among members than among others, both taken as normal, by class where there
/// are enough. Fitted to every other image of both sets, for the images between.
fn likelihood_ratios(members: &Answers, others: &Answers) -> [Vec<f64>; 2] {
    let sets = [members.confidences(), others.confidences()];
    let of_half = |set: &[(usize, f64)], parity: usize, class: Option<usize>| {
        let half = set.iter().skip(parity).step_by(2);
        half.filter(|(c, _)| class.is_none_or(|class| *c == class)).map(|(_, value)| *value).collect::<Vec<f64>>()
    };
    let models = [0, 1].map(|parity| {
        let normals = |class| {
            let values = sets.each_ref().map(|set| of_half(set, parity, class));
            let is_enough = class.is_none() || values.iter().all(|v| v.len() >= OF_CLASS);
            is_enough.then(|| values.map(|v| Normal::of(&v)))
        };
        let of_all = normals(None);
        let of_classes: Vec<_> = (0..members.classes).map(|class| normals(Some(class)).or(of_all)).collect();
        of_classes
    });
    sets.each_ref().map(|set| {
        let score = |(k, &(class, value)): (usize, &(usize, f64))| {
            models[1 - k % 2][class].map_or(0.0, |[members, others]| members.log_density(value) - others.log_density(value))
        };
        set.iter().enumerate().map(score).collect()
    })
}

/// A normal distribution.
#[derive(Clone, Copy)]
struct Normal {
    mean: f64,
    deviation: f64,
}

impl Normal {
    fn of(values: &[f64]) -> Self {
        let n = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        Self { mean, deviation: variance.sqrt().max(1e-3) }
    }

    fn log_density(&self, value: f64) -> f64 {
        -self.deviation.ln() - 0.5 * ((value - self.mean) / self.deviation).powi(2)
    }
}

/// What a network answered to a set.
struct Answers {
    classes: usize,
    logits: Vec<f32>,
    labels: Option<Vec<usize>>,
    /// Of every image, one value for each layer.
    activity: Vec<Vec<f64>>,
}

impl Answers {
    /// For each image its class, or the answer where that is not known, and the log of the odds of it (Carlini et al., S&P 2022, equation 7).
    fn confidences(&self) -> Vec<(usize, f64)> {
        let of = |(k, row): (usize, &[f32])| {
            let class = self.labels.as_ref().map_or_else(|| argmax(row), |labels| labels[k]);
            let own = log_softmax(row, 1.0)[class];
            let others = log_softmax(row, 1.0).iter().enumerate().filter(|(k, _)| *k != class).map(|(_, log)| log.exp()).sum::<f64>();
            (class, own - others.max(1e-12).ln())
        };
        self.logits.chunks(self.classes).enumerate().map(of).collect()
    }

    fn scores(&self, of: Score) -> Option<Vec<f64>> {
        let label = |k: usize| self.labels.as_ref().map(|labels| labels[k]);
        self.logits.chunks(self.classes).enumerate().map(|(k, row)| of(row, label(k))).collect()
    }
}

fn answers(case: &Case<'_>, cell: &Cell, set: &Labelled, most: usize) -> Result<Answers> {
    let pictures = set.pictures.take(most);
    let images = pictures.to_model("images", case.dims(), &case.preprocess)?;
    let labels = set.labels.clone();
    let Some(timesteps) = cell.timesteps else {
        let graph = float(case, cell.subject).ok_or_else(|| Error::Internal("the SNN is no float network".into()))?;
        let is = |id: &NodeId| graph[*id].op.is_rectifier();
        let kept: Vec<NodeId> = graph.topological().into_iter().filter(is).collect();
        let network = Network::float(graph, &kept)?;
        let activities = |(logits, results): (Vec<f32>, Vec<Vec<f32>>)| {
            let count = logits.len() / case.classes;
            let mut activity = vec![Vec::new(); count];
            for values in results {
                let share = (1.0 / (values.len() / count) as f64) as f32;
                for (image, values) in activity.iter_mut().zip(values.chunks(values.len() / count)) {
                    image.push(f64::from(values.iter().sum::<f32>() * share));
                }
            }
            (logits, activity)
        };
        let parts = network.side_by_side(&images, BATCH, &kept).into_iter().map(activities);
        let (logits, activity): (Vec<_>, Vec<_>) = parts.unzip();
        return Ok(Answers { classes: case.classes, logits: logits.concat(), labels, activity: activity.concat() });
    };
    let outcome = case.network.run(&images, timesteps, 0).map_err(|e| Error::Internal(e.to_string()))?;
    let populations = case.network.populations().len();
    let activity = outcome.spikes.chunks(populations.max(1)).map(|row| row.iter().map(|&n| n as f64).collect()).collect();
    Ok(Answers { classes: case.classes, logits: outcome.logits, labels, activity })
}

/// Scores of members and others by a logistic regression on their activity: each half is scored by the one that was fitted to the other.
fn fitted(members: &[Vec<f64>], others: &[Vec<f64>]) -> [Vec<f64>; 2] {
    let half = |set: &[Vec<f64>], parity: usize| set.iter().skip(parity).step_by(2).cloned().collect::<Vec<_>>();
    let models = [0, 1].map(|parity| Logistic::fit(&half(members, parity), &half(others, parity)));
    let score = |set: &[Vec<f64>]| set.iter().enumerate().map(|(k, x)| models[1 - k % 2].score(x)).collect();
    [score(members), score(others)]
}

/// A logistic regression on standardised features.
struct Logistic {
    mean: Vec<f64>,
    deviation: Vec<f64>,
    weight: Vec<f64>,
}

impl Logistic {
    const ROUNDS: usize = 300;
    const RATE: f64 = 0.3;
    const SHRINK: f64 = 0.01;

    fn fit(members: &[Vec<f64>], others: &[Vec<f64>]) -> Self {
        let all: Vec<(&Vec<f64>, f64)> = members.iter().map(|x| (x, 1.0)).chain(others.iter().map(|x| (x, 0.0))).collect();
        let len = all.first().map_or(0, |(x, _)| x.len());
        let n = all.len().max(1) as f64;
        let mean: Vec<f64> = (0..len).map(|f| all.iter().map(|(x, _)| x[f]).sum::<f64>() / n).collect();
        let spread = |f: usize| (all.iter().map(|(x, _)| (x[f] - mean[f]).powi(2)).sum::<f64>() / n).sqrt().max(1e-9);
        let mut model = Self { deviation: (0..len).map(spread).collect(), weight: vec![0.0; len], mean };
        let prior = members.len() as f64 / n;
        let offset = (prior / (1.0 - prior).max(1e-9)).max(1e-9).ln();
        for _ in 0..Self::ROUNDS {
            let mut slope: Vec<f64> = model.weight.iter().map(|w| Self::SHRINK * w).collect();
            for (x, y) in &all {
                let error = 1.0 / (1.0 + (-(model.score(x) + offset)).exp()) - y;
                slope.iter_mut().zip(model.standard(x)).for_each(|(s, z)| *s += error * z / n);
            }
            model.weight.iter_mut().zip(slope).for_each(|(w, s)| *w -= Self::RATE * s);
        }
        model
    }

    fn standard<'a>(&'a self, x: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        x.iter().zip(&self.mean).zip(&self.deviation).map(|((x, m), d)| (x - m) / d)
    }

    fn score(&self, x: &[f64]) -> f64 {
        self.standard(x).zip(&self.weight).map(|(z, w)| z * w).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{audit::metrics::Metric, synthesize::random::Random};

    fn set(count: usize, shift: f64, seed: u64) -> Vec<Vec<f64>> {
        let mut random = Random::new(seed, 0);
        (0..count).map(|_| vec![f64::from(random.normal()) + shift, 5.0 * f64::from(random.normal())]).collect()
    }

    fn auc(metrics: &[Metric]) -> (f64, [f64; 2]) {
        (metrics[0].value, metrics[0].interval_95.unwrap())
    }

    #[test]
    fn a_likelihood_ratio_finds_what_lies_on_both_sides() {
        // Members are surer or less sure than others: no threshold tells them apart, the ratio does.
        let answers = |count: usize, spread: f32, seed: u64| {
            let mut random = Random::new(seed, 0);
            let logits = (0..count).flat_map(|_| [3.0 + spread * random.normal(), 0.0]).collect();
            Answers { classes: 2, logits, labels: Some(vec![0; count]), activity: Vec::new() }
        };
        let area = |a: &Answers, b: &Answers| {
            let [of_members, of_others] = likelihood_ratios(a, b);
            auc(&roc::metrics("", &of_members, &of_others))
        };
        let (members, others) = (answers(400, 3.0, 1), answers(400, 0.5, 2));
        assert!(area(&members, &others).0 > 0.8);
        let (_, [low, high]) = area(&others, &answers(400, 0.5, 3));
        assert!(low < 0.5 && high > 0.45, "no false alarm: {low} {high}");
    }

    #[test]
    fn a_fitted_score_finds_a_shift_and_nothing_where_there_is_none() {
        let [members, others] = fitted(&set(300, 1.0, 1), &set(300, 0.0, 2));
        assert!(auc(&roc::metrics("", &members, &others)).0 > 0.7);
        let [members, others] = fitted(&set(300, 0.0, 3), &set(300, 0.0, 4));
        let (_, [low, high]) = auc(&roc::metrics("", &members, &others));
        assert!(low < 0.5 && high > 0.45, "no false alarm: {low} {high}");
    }
}
