//! Floors: what judges recognise where nothing, or nothing of one's own, was taken from the network. An attack has earned what it has
//! above them.

use super::{
    attack::{Loot, Subject},
    attacks::steps,
    case::{Case, Effort, macs},
    conduct::{Conduct, NOMINAL_SPEED},
    distil::own_images,
    jury::by_judge,
    metrics::Metric,
    models::Oracle,
    pictures::Pictures,
    reconstruct::{Search, natural, side_by_side, starts},
    surest::surest,
};
use crate::{
    error::Result,
    synthesize::{differentiable::Matching, random::Random, statistics::Watched},
};
use snnc_ir::{Graph, Provenance};
use std::collections::BTreeSet;

/// A floor.
#[derive(Clone, Debug, PartialEq)]
pub struct Floor {
    /// Name in reports.
    pub name: &'static str,
    /// What was looked at.
    pub what: String,
    /// What the judges say of it; the first stands for it. None where it was not measured.
    pub metrics: Vec<Metric>,
    /// Why it was not.
    pub why: Option<String>,
}

/// Start images that are looked at.
const STARTS: usize = 200;

/// Most seconds of processor time that a quick audit may spend on a network of random weights.
const QUICK_SECONDS: f64 = 20.0;

/// Procedural images of which the surest are looked at.
fn pool(effort: Effort) -> usize {
    match effort {
        Effort::Quick => 1024,
        Effort::Full => 4096,
    }
}

/// Measures the floors.
///
/// # Errors
/// If a file of kept results cannot be read or written; else only on a bug.
pub fn measure(case: &Case<'_>, conduct: &Conduct<'_>) -> Result<Vec<Floor>> {
    let (starts, preference) = start_images(case)?;
    Ok(vec![starts, preference, random_weights(case, conduct)?, public_prior(case, conduct.effort)?])
}

/// What stands in the images that descents start from, and which class judges see when there is nothing to see.
fn start_images(case: &Case<'_>) -> Result<(Floor, Floor)> {
    let pictures = starts(case, STARTS);
    let shown: Vec<usize> = case.shown.iter().copied().cycle().take(STARTS).collect();
    let (mut recognised, mut sure, mut preferred) = (Vec::new(), Vec::new(), Vec::new());
    for (k, judge) in case.judges.iter().enumerate() {
        let seen = judge.look("start images", &pictures)?;
        recognised.extend(seen.recognition(&by_judge("recognition", k), &shown));
        sure.extend(seen.sure(&by_judge("sure", k), case.classes).map(|(share, _)| share));
        let most = seen.named(case.classes).into_iter().max().unwrap_or(0);
        preferred.push(Metric::share(&by_judge("preferred_class", k), most, STARTS, Some(1.0 / case.classes as f64)));
    }
    recognised.extend(sure);
    let starts = Floor {
        name: "start-images",
        what: format!("{STARTS} of the procedural images that descents start from, before any step"),
        metrics: recognised,
        why: None,
    };
    let preference = Floor {
        name: "judge's preference",
        what: format!(
            "the class into which a judge puts most of {STARTS} start images; classes are shown equally often, so it gains nothing"
        ),
        metrics: preferred,
        why: None,
    };
    Ok((starts, preference))
}

/// The same inversion of networks that know nothing: the ANN, the entries of each of its tensors shuffled.
fn random_weights(case: &Case<'_>, conduct: &Conduct<'_>) -> Result<Floor> {
    let what =
        "inversion of the ANN with the entries of each of its tensors in random order, another for each picture of a class".to_owned();
    let floor = |metrics, why| Floor { name: "random-weights", what, metrics, why };
    let seconds = macs_of_search(case, conduct.effort) / NOMINAL_SPEED;
    if conduct.effort == Effort::Quick && seconds > QUICK_SECONDS {
        let why = format!("estimated at {seconds:.0} s of processor time, which is too much for a quick audit; a full one makes it");
        return Ok(floor(Vec::new(), Some(why)));
    }
    let loot = match conduct.kept(WORK)? {
        Some(loot) => loot,
        None => conduct.keep(WORK, search(case, conduct.effort)?)?,
    };
    let last = loot.stages.last().map(|stage| recognised(case, &stage.pictures)).transpose()?;
    Ok(floor(last.unwrap_or_default(), None))
}

/// Name of the search by which what is kept of it is found.
pub const WORK: &str = "floor/random-weights";

/// Inverts networks that know nothing: one for each picture of a class, since what a judge sees in one network's pictures of a class is one
/// draw, however many there are.
///
/// # Errors
/// If a card fails.
pub fn search(case: &Case<'_>, effort: Effort) -> Result<Loot> {
    let classes = case.shown.iter().collect::<BTreeSet<_>>().len();
    let networks: Vec<(usize, &[usize])> = case.shown.chunks(classes.max(1)).enumerate().collect();
    let parts = side_by_side(&case.device, networks, |(number, shown)| {
        let graph = shuffled(case.given.float, case.given.seed, number);
        let watched = Watched::nothing(&graph)?;
        let model = Matching { watched: &watched, weight: 0.0, units: None, device: &case.device };
        Search { shown, first: number * classes, ..Search::new(case, &model, natural(steps(effort))) }.run(case)
    });
    let mut parts = parts.into_iter();
    let mut stages = parts.next().transpose()?.unwrap_or_default();
    for part in parts {
        stages.iter_mut().zip(part?).for_each(|(stage, part)| stage.pictures.append(part.pictures));
    }
    Ok(Loot { stages, ..Loot::default() })
}

/// Multiply-accumulates of that.
#[must_use]
pub fn macs_of_search(case: &Case<'_>, effort: Effort) -> f64 {
    2.0 * macs(case.given.float) * (steps(effort) * case.shown.len()) as f64
}

/// What any accurate classifier of these classes concedes: procedural images of which it is sure.
fn public_prior(case: &Case<'_>, effort: Effort) -> Result<Floor> {
    let pool = pool(effort);
    let asked = own_images(case, pool, 4);
    let answers = Oracle::new(case, Subject::Ann, 1)?.logits(&asked)?;
    let pictures = Pictures::of_model(&case.canvas, &surest(case, &asked, &answers));
    let what = format!("of {pool} procedural images, for each class those of which the ANN is the surest, unchanged");
    Ok(Floor { name: "public-prior", what, metrics: recognised(case, &pictures)?, why: None })
}

fn recognised(case: &Case<'_>, pictures: &Pictures) -> Result<Vec<Metric>> {
    let mut metrics = Vec::new();
    for (k, judge) in case.judges.iter().enumerate() {
        metrics.extend(judge.look("reconstructions", pictures)?.recognition(&by_judge("recognition", k), &case.shown));
    }
    Ok(metrics)
}

/// A graph with the entries of each of its tensors in random order: another for every number.
fn shuffled(graph: &Graph, seed: u64, number: usize) -> Graph {
    let mut shuffled = graph.clone();
    let seed = seed ^ 0x5EED_F100 ^ (number as u64) << 32;
    for (k, (id, param)) in graph.params().enumerate() {
        let mut tensor = param.tensor.clone();
        Random::new(seed, k as u64).shuffle(&mut tensor.data);
        shuffled.set_param(id, tensor, Provenance::Derived);
    }
    shuffled
}

#[cfg(test)]
mod tests {
    use super::*;
    use snnc_ir::{Phase, Tensor};

    #[test]
    fn every_network_that_knows_nothing_is_another() {
        let mut graph = Graph::new("g", Phase::Canonical);
        let entries: Vec<f32> = (0..60).map(|k| k as f32).collect();
        let id = graph.add_param("w", Tensor::new([6, 10], entries.clone()), Provenance::Derived);
        let of = |seed, number| shuffled(&graph, seed, number).param(id).tensor.data.clone();
        let networks = [of(7, 0), of(7, 1), of(7, 2), of(8, 0)];
        for (k, network) in networks.iter().enumerate() {
            let mut sorted = network.clone();
            sorted.sort_by(f32::total_cmp);
            assert_eq!(sorted, entries, "{k}");
            assert!(networks[..k].iter().all(|other| other != network), "{k}");
        }
        assert_eq!(of(7, 1), of(7, 1));
    }
}
