//! What is left where nobody but the key holder can read the answers: attackers without the read-out invert directions of the features before it.
//!
//! The first kind has no label, and finds no class by name: what counts is in how many of its images a judge is sure of *some* class, beside
//! how often that is so of the start images. The second has a few labelled images, or labels from the key holder, and fits a read-out of its own.

use super::cells::{descent_macs, steps, timesteps_of_twins};
use crate::{
    audit::{
        attack::{About, Attack, Cell, Knowledge, Loot, Subject},
        case::{Case, Effort},
        distil::own_images,
        metrics::Metric,
        models::{Oracle, Planned},
        readout::{
            Directions, body::Body, clusters, confident, dictionary, dot, features::Sample, features::Standard, independent, principal,
            probe, sensitive, single,
        },
        reconstruct::{Search, Way, nameless, natural},
    },
    error::{Error, Result},
    synthesize::{
        differentiable::{Differentiable, Matching},
        random::Random,
        statistics::Watched,
    },
};
use snnc_engine::loss::log_softmax;
use snnc_kernels::neuron::{Derivation, Surrogate};
use snnc_runtime::argmax;

/// Inverts features.
pub struct Locked;

/// Where directions come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Single,
    Clusters,
    Principal,
    Independent,
    Dictionary,
    Confident,
    Sensitive,
    /// Of all of the above, for each class the one that the judge would choose: no attacker without labels has that judge.
    Judge,
    /// A read-out fitted to so many labelled images a class.
    Shots(usize),
    /// A read-out fitted to the key holder's labels for the attacker's own images.
    Holder,
}

const VARIANTS: [(&str, From); 12] = [
    ("single features", From::Single),
    ("clusters", From::Clusters),
    ("principal components", From::Principal),
    ("independent components", From::Independent),
    ("sparse dictionary", From::Dictionary),
    ("confident images", From::Confident),
    ("sensitive directions", From::Sensitive),
    ("chosen by the judge", From::Judge),
    ("1 labelled image a class", From::Shots(1)),
    ("5 labelled images a class", From::Shots(5)),
    ("20 labelled images a class", From::Shots(20)),
    ("labels from the key holder", From::Holder),
];

/// Variants of a quick audit: of those without labels one that gets as much as any, and a few labelled images.
const QUICK: [From; 2] = [From::Clusters, From::Shots(5)];

/// Most features, clusters, components and atoms.
const MOST_FEATURES: usize = 512;
const CLUSTERS: usize = 30;
const COMPONENTS: usize = 60;
const ATOMS: usize = 96;
/// Most directions that the judge chooses among, and the steps that each gets before.
const CANDIDATES: usize = 240;
const TRIAL: usize = 25;
/// Standard deviation of logits as networks have it.
const DEVIATION: f32 = 5.0;
/// Size of the noise by which an image changes little, in units of the model's range.
const LITTLE: f32 = 0.02;

/// Own images whose features are known.
fn own(effort: Effort) -> usize {
    match effort {
        Effort::Quick => 512,
        Effort::Full => 2048,
    }
}

impl Attack for Locked {
    fn about(&self) -> About {
        About {
            name: "locked",
            title: "Without the read-out",
            objective: "What the network shows if its last layer is locked: images that excite directions of the features before it, found without labels (single \
         features, clusters, components, sparse atoms), or by a read-out that is fitted to a few labelled images or to labels from the key holder.",
            knows: &[Knowledge::File, Knowledge::Weights, Knowledge::Thresholds],
        }
    }

    fn is_wanted(&self, case: &Case<'_>, _: Effort) -> bool {
        case.given.as_locked && case.asks_for(self.name())
    }

    fn missing(&self, case: &Case<'_>) -> Option<String> {
        let fits = Body::new(case, Subject::Ann, None).is_some() && Body::new(case, Subject::Snn, Some(case.timesteps())).is_some();
        (!fits).then(|| "the last layer is not a linear one".to_owned())
    }

    fn cells(&self, case: &Case<'_>, effort: Effort) -> Vec<Cell> {
        let steps = steps(effort);
        let mut cells = Vec::new();
        for (variant, from) in VARIANTS {
            let is_made = effort == Effort::Full || QUICK.contains(&from);
            if !is_made || (matches!(from, From::Shots(n) if shots(case, n).is_none())) {
                continue;
            }
            let cell = |subject: Subject, timesteps: Option<usize>, one: f64| {
                let trials = if from == From::Judge { (CANDIDATES * TRIAL) as f64 * 2.0 * one } else { 0.0 };
                let macs = descent_macs(case, one, steps, 1) + trials + own(effort) as f64 * one;
                Cell { variant, subject, timesteps, work: format!("locked/{variant}/{}/{timesteps:?}", subject.name()), macs }
            };
            cells.push(cell(Subject::Ann, None, case.float_macs()));
            cells.extend(timesteps_of_twins(case).into_iter().map(|t| cell(Subject::Snn, Some(t), case.spiking_macs(1))));
        }
        cells
    }

    fn run(&self, case: &Case<'_>, cell: &Cell, effort: Effort) -> Result<Loot> {
        let body = Body::new(case, cell.subject, cell.timesteps).ok_or_else(|| Error::Internal("the network was looked at".into()))?;
        let attacker = Attacker::new(case, body, effort)?;
        let from = VARIANTS.iter().find(|(name, _)| *name == cell.variant).map_or(From::Single, |(_, from)| *from);
        match from {
            From::Judge => attacker.guided(),
            From::Shots(n) => {
                let [few, rest] = shots(case, n).ok_or_else(|| Error::Internal("there were labelled images".into()))?;
                let directions = probe::fitted(&attacker.sample(&few.images)?, &few.labels, case.classes);
                let right = probe::right(&directions, &attacker.sample(&rest.images)?, &rest.labels);
                let accuracy = Metric::share("probe_accuracy", right, rest.labels.len(), Some(1.0 / case.classes as f64));
                let loot = attacker.inverted(&attacker.as_sure(directions), &case.shown, natural(steps(effort)), n * case.classes)?;
                Ok(Loot { metrics: vec![accuracy], ..loot })
            }
            From::Holder => {
                let answers = Oracle::new(case, cell.subject, cell.timesteps.unwrap_or(1))?.logits(&attacker.own)?;
                let labels: Vec<usize> = answers.chunks(case.classes).map(argmax).collect();
                let directions = probe::fitted(&attacker.features, &labels, case.classes);
                attacker.inverted(&attacker.as_sure(directions), &case.shown, natural(steps(effort)), labels.len())
            }
            _ => {
                let directions = attacker.directions(from)?;
                let shown = spread(directions.len(), case.shown.len(), case.given.seed);
                let loot = attacker.inverted(&directions, &shown, nameless(steps(effort)), 0)?;
                Ok(Loot { is_nameless: true, ..loot })
            }
        }
    }
}

/// Somebody who has a network without its read-out, and images of their own.
struct Attacker<'a> {
    case: &'a Case<'a>,
    body: Body<'a>,
    /// In the model's own layout and units.
    own: Vec<f32>,
    standard: Standard,
    features: Sample,
}

impl<'a> Attacker<'a> {
    fn new(case: &'a Case<'a>, body: Body<'a>, effort: Effort) -> Result<Self> {
        let own = own_images(case, own(effort), 8);
        let raw = body.features(&own)?;
        let standard = Standard::of(&raw, body.len());
        let features = standard.apply(&raw);
        Ok(Self { case, body, own, standard, features })
    }

    fn sample(&self, images: &[f32]) -> Result<Sample> {
        Ok(self.standard.apply(&self.body.features(images)?))
    }

    fn directions(&self, from: From) -> Result<Directions> {
        let (sample, seed) = (&self.features, self.case.given.seed);
        Ok(match from {
            From::Single => {
                let alive = self.standard.alive();
                let chosen: Vec<usize> = spread(alive.len(), alive.len().min(MOST_FEATURES), seed).into_iter().map(|k| alive[k]).collect();
                single::directions(&chosen, self.body.len())
            }
            From::Clusters => clusters::directions(sample, CLUSTERS, seed),
            From::Principal => principal::directions(sample, COMPONENTS),
            From::Independent => independent::directions(sample, COMPONENTS, seed),
            From::Dictionary => dictionary::directions(sample, ATOMS, seed),
            From::Confident => confident::directions(sample, CLUSTERS),
            _ => {
                let mut random = Random::new(seed ^ 0x5E45_0000, 0);
                let mut noisy = self.own.clone();
                let canvas = &self.case.canvas;
                for image in noisy.chunks_mut(canvas.len()) {
                    canvas.entries().for_each(|(at, (low, high))| image[at] += LITTLE * (high - low) * random.normal());
                }
                sensitive::directions(sample, &self.sample(&noisy)?, COMPONENTS)
            }
        })
    }

    /// A fitted read-out whose answers to the attacker's own images are as wide apart as a network's are: one that was fitted to few images is unsure, and
    /// an unsure one pulls less than the priors.
    fn as_sure(&self, directions: Directions) -> Directions {
        let answers = || self.features.iter().flat_map(|x| directions.iter().map(|d| dot(d, x)));
        let count = (self.features.len() * directions.len()).max(1) as f32;
        let deviation = (answers().map(|v| v * v).sum::<f32>() / count).sqrt();
        let factor = if deviation > 0.0 { DEVIATION / deviation } else { 1.0 };
        directions.iter().map(|d| d.iter().map(|v| factor * v).collect()).collect()
    }

    /// Images that excite one of the directions each.
    fn inverted(&self, directions: &Directions, shown: &[usize], way: Way, before: usize) -> Result<Loot> {
        let graph = self.body.reading(&self.standard, directions)?;
        let before = (self.features.len() + before).div_ceil(shown.len().max(1));
        let search = |model: &dyn Differentiable| {
            let search = Search { shown, classes: directions.len(), before, ..Search::new(self.case, model, way) };
            search.run(self.case)
        };
        let stages = if self.body.is_spiking() {
            let (plan, values) = self.body.plan(&graph)?;
            let derivation = Derivation { surrogate: Surrogate::Triangle { height: 1.0 }, through_reset: false };
            search(&Planned::new(self.case, &plan, &values, derivation, None))?
        } else {
            search(&Matching { watched: &Watched::nothing(&graph)?, weight: 0.0, units: None, device: &self.case.device })?
        };
        Ok(Loot { stages, ..Loot::default() })
    }

    /// For each class the direction whose short inversion the first judge takes for it the most, inverted in full.
    fn guided(&self) -> Result<Loot> {
        let case = self.case;
        let mut candidates = Directions::new();
        for from in [From::Clusters, From::Confident, From::Principal, From::Independent, From::Dictionary, From::Sensitive, From::Single] {
            candidates.extend(self.directions(from)?);
        }
        let chosen: Vec<Vec<f32>> = spread(candidates.len(), CANDIDATES.min(candidates.len()), case.given.seed)
            .into_iter()
            .map(|k| candidates[k].clone())
            .collect();
        let all: Vec<usize> = (0..chosen.len()).collect();
        let trial = self.inverted(&chosen, &all, nameless(TRIAL), 0)?;
        let Some(last) = trial.stages.last() else { return Ok(trial) };
        let seen = case.judges[0].look("reconstructions", &last.pictures)?;
        let sure: Vec<Vec<f64>> = seen.logits.chunks(case.classes).map(|row| log_softmax(row, 1.0)).collect();
        let best = |class: usize| all.iter().copied().max_by(|&a, &b| sure[a][class].total_cmp(&sure[b][class])).unwrap_or(0);
        let of_class: Vec<usize> = (0..case.classes).map(best).collect();
        let shown: Vec<usize> = case.shown.iter().map(|&class| of_class[class]).collect();
        self.inverted(&chosen, &shown, nameless(steps(Effort::Full)), chosen.len() * TRIAL)
    }
}

/// So many of `count` things, in random order; again from the first where there are fewer.
fn spread(count: usize, wanted: usize, seed: u64) -> Vec<usize> {
    Random::new(seed ^ 0x0D12_EC70, 0).order(count).into_iter().cycle().take(wanted).collect()
}

/// Labelled images, in the model's own layout and units.
struct Shots {
    images: Vec<f32>,
    labels: Vec<usize>,
}

/// So many labelled images of each class, and others to judge by; none if a class has not as many and one more.
fn shots(case: &Case<'_>, each: usize) -> Option<[Shots; 2]> {
    let reference = case.given.material.reference.as_ref()?;
    let labels = reference.labels.as_ref()?;
    let mut taken = vec![0; case.classes];
    let (mut few, mut rest): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    for (k, &label) in labels.iter().enumerate() {
        if taken[label] < each {
            taken[label] += 1;
            few.push(k);
        } else {
            rest.push(k);
        }
    }
    if taken.iter().any(|&n| n < each) || rest.is_empty() {
        return None;
    }
    rest.truncate(JUDGED);
    let images = reference.pictures.to_model("reference", case.dims(), &case.preprocess).ok()?;
    let len = case.canvas.len();
    Some([few, rest].map(|chosen| Shots {
        images: chosen.iter().flat_map(|&k| images[k * len..][..len].to_vec()).collect(),
        labels: chosen.iter().map(|&k| labels[k]).collect(),
    }))
}

/// Images by which the accuracy of a fitted read-out is judged.
const JUDGED: usize = 1000;
