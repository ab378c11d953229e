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
    let (was, tolerance) = (&golden.time, golden.tolerances.latency);
    let numbers = [
        ("time.timesteps", was.timesteps as u64, now.timesteps as u64, 0),
        ("time.latency", was.latency as u64, now.latency as u64, tolerance),
        ("time.interval", was.interval as u64, now.interval as u64, 0),
        ("time.delay_bits", was.delay_bits, now.delay_bits, 0),
    ];
    let off = |&(field, was, now, tolerance): &(&str, u64, u64, usize)| {
        allowed(Finding::new(field, was, now, OTHER_TIME), was.abs_diff(now) > tolerance as u64, tolerance > 0, tolerance)
    };
    numbers.iter().filter_map(off).collect()
}

/// Of what it does with the same images.
pub(crate) fn of_images(golden: &Golden, now: &Golden) -> Vec<Finding> {
    let tolerances = &golden.tolerances;
    let mut found = Vec::new();
    let mut images = |field: &str, was: usize, now: usize, tolerance: usize| {
        found.extend(allowed(Finding::new(field, was, now, ""), was.abs_diff(now) > tolerance, tolerance > 0, tolerance));
    };
    images("correct", golden.correct, now.correct, tolerances.correct);
    if let Some(ann) = &golden.ann {
        images("ann.agreeing", ann.agreeing, same(&ann.classes, &now.classes), tolerances.agreeing);
    }
    let others = OtherClass::between(&golden.classes, &now.classes);
    let finding = Finding::new("classes", "those of the file", format!("{} others", others.len()), "");
    let finding = allowed(finding, others.len() > tolerances.classes, tolerances.classes > 0, tolerances.classes);
    found.extend(finding.map(|finding| Finding { images: others, ..finding }));
    let layers = [("spikes", &golden.spikes, &now.spikes, tolerances.spikes)];
    let layers = layers.into_iter().chain([("synaptic_ops", &golden.synaptic_ops, &now.synaptic_ops, tolerances.synaptic_ops)]);
    for (what, was, now, tolerance) in layers {
        let mut advice = None;
        for (layer, was, now) in was.beside(now) {
            let is_off = was.zip(now).is_none_or(|(was, now)| !is_within(was, now, tolerance));
            if is_off {
                // What changed shows in the first layer behind it.
                let first = advice.get_or_insert_with(|| first_layer(what, layer));
                found.extend(allowed(Finding::new(format!("{what}.{layer}"), was, now, first.clone()), true, tolerance > 0.0, tolerance));
            }
        }
    }
    let (was, is) = (golden.energy.total_pj, now.energy.total_pj);
    let finding = Finding::new("energy.total_pj", was, is, "");
    found.extend(allowed(finding, !is_within(was, is, tolerances.energy), tolerances.energy > 0.0, tolerances.energy));
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

/// The finding if there is one, with its tolerance if it has one.
fn allowed(finding: Finding, is_off: bool, has_tolerance: bool, tolerance: impl Into<Value>) -> Option<Finding> {
    is_off.then(|| if has_tolerance { finding.with_tolerance(tolerance) } else { finding })
}

fn first_layer(what: &str, layer: &str) -> String {
    format!(
        "`{layer}` is the first layer whose {what} differ: the change lies in it or before it, and `snnc diff OLD.snn NEW.snn` names the parameters"
    )
}
