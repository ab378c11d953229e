//! What differs between the numbers of a golden file and those of an artifact.

use crate::{
    file::{Golden, Time},
    finding::{Finding, OtherClass},
    leakage::{Leakage, Reported},
    measure::same,
    tolerances::is_within,
};
use serde_json::Value;

const OTHER_TIME: &str =
    "the network was compiled for other digits or time steps, or has other layers: `snnc diff OLD.snn NEW.snn` says which";
const OTHER_REPORT: &str = "the report is of another artifact: compile again, or let `snnc audit --json` write one of this artifact";
const MORE_LEAKS: &str = "the artifact leaks more than it may: what it may is written by hand, as `limit` beside the value of the attack";
const NOT_ATTACKED: &str = "audit with the effort and the attacks of the audit before";

/// Of the time steps.
pub(crate) fn time(golden: &Golden, now: &Time) -> Vec<Finding> {
    let was = &golden.time;
    let numbers = [
        ("time.timesteps", was.timesteps as u64, now.timesteps as u64, 0),
        ("time.latency", was.latency as u64, now.latency as u64, golden.tolerances.latency as u64),
        ("time.interval", was.interval as u64, now.interval as u64, 0),
        ("time.delay_bits", was.delay_bits, now.delay_bits, 0),
    ];
    let off = numbers.into_iter().filter(|&(_, was, now, tolerance)| was.abs_diff(now) > tolerance);
    off.map(|(field, was, now, tolerance)| Finding::new(field, was, now, OTHER_TIME).beyond(tolerance)).collect()
}

/// Of what it does with the same images.
pub(crate) fn of_images(golden: &Golden, now: &Golden) -> Vec<Finding> {
    let tolerances = &golden.tolerances;
    let mut found = Vec::new();
    let mut images = |field: &str, was: usize, now: usize, tolerance: usize| {
        if was.abs_diff(now) > tolerance {
            found.push(Finding::new(field, was, now, "").beyond(tolerance));
        }
    };
    images("correct", golden.correct, now.correct, tolerances.correct);
    if let Some(ann) = &golden.ann {
        images("ann.agreeing", ann.agreeing, same(&ann.classes, &now.classes), tolerances.agreeing);
    }
    let others = OtherClass::between(&golden.classes, &now.classes);
    if others.len() > tolerances.classes {
        let s = if others.len() == 1 { "" } else { "s" };
        let finding = Finding::new("classes", "those of the file", format!("{} image{s} of another class", others.len()), "");
        found.push(Finding { images: others, ..finding.beyond(tolerances.classes) });
    }
    // What changed shows in the first layer behind it, in spikes before operations.
    let mut advice = None;
    let counts = [
        ("spikes", &golden.spikes, &now.spikes, tolerances.spikes),
        ("synaptic_ops", &golden.synaptic_ops, &now.synaptic_ops, tolerances.synaptic_ops),
    ];
    for (what, was, now, tolerance) in counts {
        for (layer, was, now) in was.beside(now) {
            if was.zip(now).is_none_or(|(was, now)| !is_within(was, now, tolerance)) {
                let advice = advice.get_or_insert_with(|| first_layer(what, layer));
                found.push(Finding::new(format!("{what}.{layer}"), was, now, advice.clone()).beyond(tolerance));
            }
        }
    }
    let (was, is) = (golden.energy.total_pj, now.energy.total_pj);
    if !is_within(was, is, tolerances.energy) {
        found.push(Finding::new("energy.total_pj", was, is, "").beyond(tolerances.energy));
    }
    found
}

/// Of what attacks got from the artifact with that digest.
pub(crate) fn leaks(golden: &Leakage, reported: &Reported, sha256: &str) -> Vec<Finding> {
    if reported.artifact != sha256 {
        return vec![Finding::new("leakage.report", format!("one of {sha256}"), format!("one of {}", reported.artifact), OTHER_REPORT)];
    }
    let field = |attack: &str| format!("leakage.attacks.{attack}");
    let mut found = Vec::new();
    for (attack, worst) in &golden.attacks {
        let at_most = format!("{} of at most {}", worst.measure, worst.most());
        match reported.attacks.get(attack) {
            None => found.push(Finding::new(field(attack), at_most, Value::Null, NOT_ATTACKED)),
            Some(now) if now.measure != worst.measure || now.value > worst.most() => {
                found.push(Finding::new(field(attack), at_most, format!("{} of {}", now.measure, now.value), MORE_LEAKS));
            }
            Some(_) => {}
        }
    }
    let unknown = reported.attacks.iter().filter(|(attack, _)| !golden.attacks.contains_key(*attack));
    found.extend(unknown.map(|(attack, now)| {
        let advice = format!("the golden file does not know the attack `{attack}`: {NOT_ATTACKED}");
        Finding::new(field(attack), Value::Null, format!("{} of {}", now.measure, now.value), advice)
    }));
    found
}

fn first_layer(what: &str, layer: &str) -> String {
    format!(
        "`{layer}` is the first layer whose {what} differ: the change lies in it or before it, and `snnc diff OLD.snn NEW.snn` names the parameters"
    )
}
