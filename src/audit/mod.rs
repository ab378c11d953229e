//! The audit: attacks on what was compiled, beside the same attacks on the network that it came from and on a control.
//!
//! | file | content |
//! |---|---|
//! | [`attack`], [`attacked`] | what an attack is: adversary, cell, loot; and what it got |
//! | [`attacks`] | the adversaries, one file each, and their list |
//! | [`case`] | what all attacks of one audit share |
//! | [`conduct`] | how hard an audit tries, and what it may take |
//! | [`models`] | the networks under attack, to differentiate or to ask |
//! | [`reconstruct`] | images by descent |
//! | [`readout`] | what a network without its read-out shows |
//! | [`distil`], [`twins`] | a float twin from a spiking network's answers; those of an audit |
//! | [`effort`], [`floors`] | what the best attacker has after so much effort, and what there is to be had without the network |
//! | [`jury`], [`pictures`] | who says what a reconstruction shows, and what is shown to them |
//! | [`similarity`], [`weights`] | layers and weights of two networks compared |
//! | [`hygiene`] | what is in the file that should not be |
//! | [`metrics`] | numbers with their intervals |
//! | [`tradeoff`] | accuracy and energy beside it |
//! | [`verdict`], [`policy`] | what the numbers say, and whether a pipeline may go on |
//! | [`store`] | results kept in a folder |
//! | [`shard`] | a part of the attacks, for several machines |
//!
//! Results depend on the artifact, the ANN, the images, the effort and the seed alone, never on the number of threads or on the machine's
//! speed; but a budget decides, by the clock, which cells are made at all.

pub mod attack;
pub mod attacked;
pub mod attacks;
pub mod case;
pub mod conduct;
pub mod descent;
pub mod distil;
pub mod effort;
pub mod floors;
pub mod hygiene;
pub mod jury;
pub mod metrics;
pub mod models;
pub mod pictures;
pub mod policy;
pub mod readout;
pub mod reconstruct;
pub mod shard;
pub mod similarity;
pub mod store;
pub mod surest;
pub mod tradeoff;
pub mod twins;
pub mod verdict;
pub mod weights;

pub use attacked::{Attacked, Row, Skipped, Tried};
use conduct::ALWAYS_SECONDS;
pub use conduct::{Conduct, NOMINAL_SPEED, QUICK_SECONDS};

use crate::{error::Result, observer::Observer};
use attack::{Attack, Cell, Loot};
use attacks::ATTACKS;
use case::{Case, Effort};
use effort::Best;
use floors::Floor;
use jury::by_judge;
use metrics::{Metric, distance};
use pictures::Pictures;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tradeoff::Tradeoff;
use verdict::Verdict;

/// A finished audit.
#[derive(Debug)]
pub struct Audit {
    /// How hard it tried.
    pub effort: Effort,
    /// The attacks, in the order of [`ATTACKS`].
    pub attacks: Vec<Attacked>,
    /// What the best attacker has at growing effort.
    pub best: Vec<Best>,
    /// What is recognised where nothing was taken from the network.
    pub floors: Vec<Floor>,
    /// Accuracy and energy.
    pub tradeoff: Tradeoff,
    /// What it all says.
    pub verdict: Verdict,
}

/// Makes an audit.
///
/// # Errors
/// If a file of kept results cannot be read or written, or pictures do not fit the judge.
pub fn audit(case: &Case<'_>, conduct: &Conduct<'_>, observer: &mut dyn Observer) -> Result<Audit> {
    let began = Instant::now();
    let deadline = conduct.budget.map(|seconds| began + Duration::from_secs_f64(seconds));
    let planned: Vec<(&'static dyn Attack, Option<String>, Vec<Cell>)> = ATTACKS
        .into_iter()
        .filter(|attack| attack.is_wanted(case, conduct.effort))
        .map(|attack| {
            let missing = attack.missing(case);
            let cells = if missing.is_some() { Vec::new() } else { attack.cells(case, conduct.effort) };
            (attack, missing, cells)
        })
        .collect();
    observer.stage("audit", Some(planned.iter().map(|(_, _, cells)| cells.len() as u64).sum()));
    let mut made: BTreeMap<String, Judged> = BTreeMap::new();
    let real = reference_features(case)?;
    let floors = floors::measure(case, conduct)?;
    let (mut spent, mut done) = (0.0, 0);
    let mut attacks = Vec::new();
    for (attack, missing, cells) in planned {
        let mut attacked = Attacked { attack, missing, rows: Vec::new(), findings: Vec::new(), skipped: Vec::new() };
        for cell in cells {
            done += 1;
            if !made.contains_key(&cell.work) {
                let kept = conduct.kept(&cell.work)?;
                let seconds = cell.macs / NOMINAL_SPEED;
                let why = if kept.is_some() {
                    None
                } else if conduct.effort == Effort::Quick && spent + seconds > QUICK_SECONDS && seconds > ALWAYS_SECONDS {
                    Some(format!("estimated at {seconds:.0} s of processor time, more than is left of a quick audit; a full one makes it"))
                } else if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    Some("the budget was spent".to_owned())
                } else if observer.is_interrupted() {
                    Some("the audit was interrupted".to_owned())
                } else {
                    None
                };
                if let Some(why) = why {
                    attacked.skipped.push(Skipped { cell, why });
                    observer.progress(done);
                    continue;
                }
                let loot = match kept {
                    Some(loot) => loot,
                    None => conduct.keep(&cell.work, attack.run(case, &cell, conduct.effort)?)?,
                };
                spent += seconds;
                attacked.findings.extend(loot.findings.iter().cloned());
                let judged = judged(case, loot, &floors, real.as_ref())?;
                made.insert(cell.work.clone(), judged);
            }
            let Judged { metrics, curve, pictures } = made[&cell.work].clone();
            attacked.rows.push(Row { cell, metrics, curve, pictures });
            observer.progress(done);
        }
        attacks.push(attacked);
    }
    let tradeoff = tradeoff::measure(case, conduct.effort)?;
    let best = effort::best(&attacks);
    let verdict = verdict::verdict(&attacks, &best, case.is_independent);
    observer.stage_done(began.elapsed());
    Ok(Audit { effort: conduct.effort, attacks, best, floors, tradeoff, verdict })
}

/// Seconds of processor time that all cells are estimated to take.
#[must_use]
pub fn estimate(case: &Case<'_>, effort: Effort) -> f64 {
    let mut works: BTreeMap<String, f64> = BTreeMap::new();
    let attacks = ATTACKS.into_iter().filter(|attack| attack.is_wanted(case, effort) && attack.missing(case).is_none());
    works.extend(attacks.flat_map(|attack| attack.cells(case, effort)).map(|cell| (cell.work, cell.macs)));
    works.values().sum::<f64>() / NOMINAL_SPEED
}

/// Reference images to which reconstructions are compared.
const REFERENCES: usize = 1000;

/// Features of the reference images, `[N, len]`.
fn reference_features(case: &Case<'_>) -> Result<Option<jury::Seen>> {
    let Some(reference) = &case.given.material.reference else { return Ok(None) };
    let pictures = reference.pictures.take(REFERENCES);
    case.features().look("reference", &pictures).map(Some)
}

/// What became of a cell's loot.
#[derive(Clone)]
struct Judged {
    metrics: Vec<Metric>,
    curve: Vec<Tried>,
    pictures: Option<Pictures>,
}

/// What the judges and the features say of what a cell got.
fn judged(case: &Case<'_>, mut loot: Loot, floors: &[Floor], real: Option<&jury::Seen>) -> Result<Judged> {
    let Some(last) = loot.stages.pop() else { return Ok(Judged { metrics: loot.metrics, curve: Vec::new(), pictures: None }) };
    let look = |pictures: &Pictures| case.judges.iter().map(|judge| judge.look("reconstructions", pictures)).collect::<Result<Vec<_>>>();
    let sure = |k: usize, seen: &jury::Seen| {
        let name = by_judge("sure", k);
        // What judges say of the start images is what nobody has earned.
        let chance = floors.iter().flat_map(|floor| &floor.metrics).find(|m| m.name == name).map(|m| m.value);
        seen.sure(&name, case.classes).map(|(share, classes)| (Metric { chance, ..share }, classes))
    };
    let of = |(k, seen): (usize, &jury::Seen)| {
        if loot.is_nameless { sure(k, seen).map(|(share, _)| share) } else { seen.recognition(&by_judge("recognition", k), &case.shown) }
    };
    let recognised = |seen: &[jury::Seen]| -> Vec<Metric> { seen.iter().enumerate().filter_map(of).collect() };
    let mut curve = Vec::new();
    for stage in &loot.stages {
        curve.push(Tried { effort: stage.effort, recognised: recognised(&look(&stage.pictures)?) });
    }
    let pictures = last.pictures;
    let mut seen = look(&pictures)?;
    let shares = recognised(&seen);
    let mut metrics = Vec::new();
    for (k, (share, seen)) in shares.iter().zip(&seen).enumerate() {
        metrics.push(share.clone());
        if loot.is_nameless {
            metrics.extend(sure(k, seen).map(|(_, classes)| Metric::share(&by_judge("sure_classes", k), classes, case.classes, None)));
        } else {
            metrics.extend(seen.confidence(&by_judge("confidence", k), &case.shown, case.given.seed));
        }
    }
    curve.push(Tried { effort: last.effort, recognised: shares });
    if let (Some(real), Some(reference)) = (real, &case.given.material.reference) {
        let made = match &case.given.features {
            Some(features) => features.look("reconstructions", &pictures)?,
            None => seen.swap_remove(0),
        };
        let count = reference.pictures.count.min(REFERENCES);
        metrics.extend(distance::to_references(made.features(pictures.count), real.features(count), case.given.seed));
    }
    metrics.extend(loot.metrics);
    Ok(Judged { metrics, curve, pictures: Some(pictures) })
}

/// What must not stand in an artifact: the user's name and home, the host's name, the folders of these files, and names of classes that the
/// ONNX file keeps as metadata.
#[must_use]
pub fn words(files: &[&std::path::Path], metadata: &[(String, String)]) -> Vec<String> {
    let named = ["USER", "LOGNAME", "USERNAME", "HOME", "USERPROFILE", "HOSTNAME", "COMPUTERNAME"];
    let mut words: Vec<String> = named.iter().filter_map(|name| std::env::var(name).ok()).collect();
    words.extend(files.iter().filter_map(|file| Some(std::fs::canonicalize(file).ok()?.parent()?.to_str()?.to_owned())));
    let is_of_classes = |key: &str| ["label", "names", "classes"].iter().any(|part| key.to_ascii_lowercase().contains(part));
    for (_, value) in metadata.iter().filter(|(key, _)| is_of_classes(key)) {
        words.extend(value.split(|c: char| !c.is_alphanumeric() && c != ' ' && c != '_' && c != '-').map(|word| word.trim().to_owned()));
    }
    // What every machine has and layers may be called tells of nobody; nor do numbers.
    words
        .retain(|word| !COMMON.contains(&word.trim_start_matches('/').to_ascii_lowercase().as_str()) && word.contains(char::is_alphabetic));
    words.sort();
    words.dedup();
    words
}

/// Names of accounts and machines that are no one's.
const COMMON: [&str; 10] = ["root", "user", "users", "admin", "home", "test", "build", "runner", "ubuntu", "localhost"];

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn names_of_classes_are_words() {
        let metadata = [("names".to_owned(), "{0: 'person', 1: 'traffic light'}".to_owned()), ("author".to_owned(), "nobody".to_owned())];
        let words = words(&[], &metadata);
        assert!(words.contains(&"person".to_owned()) && words.contains(&"traffic light".to_owned()), "{words:?}");
        assert!(!words.contains(&"nobody".to_owned()) && !words.contains(&"0".to_owned()), "{words:?}");
    }
}
