//! Rules that an artifact must keep, for a pipeline to go on: read from a TOML file.
//!
//! ```toml
//! max-recognition-rate = 0.3      # of 1: reconstructions that a judge recognises, in any attack on the SNN
//! at-effort = 100                 # what counts for it: evaluations of a network for each reconstruction, at most; default: all
//! max-auc = 0.55                  # membership inference, whichever score does best
//! max-accuracy-drop = 2.0         # points, on labelled reference images
//! min-energy-gain = 1.0           # energy of the int8 ANN over that of the SNN
//! required-attacks = ["reconversion", "through-time"]
//! max-copied-tensors = 0          # tensors of the source network of which the file holds a copy
//! judge-by = "interval"           # `value` (default), or the end of its 95 % interval that is worse
//! ```
//!
//! A rule whose number was not measured fails: a gate that opens where nobody looked is none.

use super::{
    Attacked, Audit,
    attack::Subject,
    attacks::{ATTACKS, find},
    metrics::Metric,
};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The rules.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    max_recognition_rate: Option<f64>,
    at_effort: Option<usize>,
    max_auc: Option<f64>,
    max_accuracy_drop: Option<f64>,
    min_energy_gain: Option<f64>,
    max_copied_tensors: Option<usize>,
    #[serde(default)]
    required_attacks: Vec<String>,
    #[serde(default)]
    judge_by: JudgeBy,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum JudgeBy {
    #[default]
    Value,
    Interval,
}

/// What became of a rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ruled {
    /// Its key.
    pub rule: String,
    /// What it allows or asks for.
    pub limit: String,
    /// What was measured.
    pub measured: Option<String>,
    /// Whether it is kept.
    pub passed: bool,
    /// Where the number is from, or why there is none.
    pub why: String,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// If the file cannot be read, or holds what is no rule.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        Self::parse(&text).map_err(|message| Error::format(path, message))
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let policy: Self = toml::from_str(text).map_err(|e| format!("is no policy: {}", e.to_string().trim_end()))?;
        if let Some(unknown) = policy.required_attacks.iter().find(|name| find(name).is_none()) {
            let known: Vec<&str> = ATTACKS.iter().map(|a| a.name()).collect();
            return Err(format!("required-attacks: there is no attack `{unknown}`; there are `{}`", known.join("`, `")));
        }
        let rates = [("max-recognition-rate", policy.max_recognition_rate), ("max-auc", policy.max_auc)];
        if let Some((rule, _)) = rates.iter().find(|(_, rate)| rate.is_some_and(|r| !(0.0..=1.0).contains(&r))) {
            return Err(format!("{rule} must be a share from 0 to 1"));
        }
        let limits = [policy.max_accuracy_drop, policy.min_energy_gain];
        if limits.iter().flatten().any(|limit| !limit.is_finite()) {
            return Err("limits must be finite numbers".to_owned());
        }
        if policy.at_effort.is_some() && policy.max_recognition_rate.is_none() {
            return Err("at-effort says what counts for max-recognition-rate, which is not there".to_owned());
        }
        let rules = rates.iter().filter(|(_, r)| r.is_some()).count() + limits.iter().flatten().count() + policy.required_attacks.len();
        if rules == 0 && policy.max_copied_tensors.is_none() {
            return Err("holds no rule".to_owned());
        }
        Ok(policy)
    }

    /// Holds an audit against the rules, in the order in which they stand above.
    #[must_use]
    pub fn judge(&self, audit: &Audit) -> Vec<Ruled> {
        let mut ruled = Vec::new();
        if let Some(limit) = self.max_recognition_rate {
            ruled.push(self.recognition(limit, &audit.attacks));
        }
        if let Some(limit) = self.max_auc {
            ruled.push(self.at_most("max-auc", limit, &audit.attacks, |m| m.name == "auc" || m.name.ends_with("_auc")));
        }
        let last = audit.tradeoff.points.last();
        if let Some(limit) = self.max_accuracy_drop {
            let drop = last.and_then(|p| Some(100.0 * (audit.tradeoff.ann_accuracy? - p.accuracy?)));
            let why =
                drop.map_or("it needs labelled images: --reference FILE.npz with `x` and `y`".to_owned(), |_| audit.tradeoff.of.clone());
            let passed = drop.is_some_and(|drop| drop <= limit + 1e-9);
            let measured = drop.map(|drop| format!("{drop:.2} points"));
            ruled.push(Ruled { rule: "max-accuracy-drop".into(), limit: format!("{limit} points"), measured, passed, why });
        }
        if let Some(limit) = self.min_energy_gain {
            let gain = last.map(|p| p.energy_gain);
            let passed = gain.is_some_and(|gain| gain >= limit);
            let measured = gain.map(|gain| format!("{gain:.2}"));
            let why = format!("energy of the int8 ANN over that of the SNN, {}", audit.tradeoff.of);
            ruled.push(Ruled { rule: "min-energy-gain".into(), limit: limit.to_string(), measured, passed, why });
        }
        if let Some(limit) = self.max_copied_tensors {
            let row = audit.attacks.iter().flat_map(|a| &a.rows).flat_map(|r| &r.metrics).find(|m| m.name == "copied_tensors");
            let copies = row.map(|m| (m.value * m.of as f64).round() as usize);
            let passed = copies.is_some_and(|copies| copies <= limit);
            let why = row.map_or("the file was not searched".to_owned(), |m| format!("of {} tensors of the source network", m.of));
            let measured = copies.map(|copies| copies.to_string());
            ruled.push(Ruled { rule: "max-copied-tensors".into(), limit: limit.to_string(), measured, passed, why });
        }
        ruled.extend(self.required_attacks.iter().map(|name| required(name, &audit.attacks)));
        ruled
    }

    /// What counts of a number: itself, or the worse end of its interval.
    fn value(&self, metric: &Metric) -> f64 {
        match (self.judge_by, metric.interval_95) {
            (JudgeBy::Interval, Some([_, high])) => high,
            _ => metric.value,
        }
    }

    /// What any attack has within the effort that counts, whichever judge recognises the most; somebody must have tried that hard.
    fn recognition(&self, limit: f64, attacks: &[Attacked]) -> Ruled {
        let rows = attacks.iter().flat_map(|a| a.rows.iter().map(move |row| (a, row))).filter(|(_, row)| row.cell.subject == Subject::Snn);
        let tried: Vec<_> = rows.flat_map(|(a, row)| row.curve.iter().map(move |tried| (a, row, tried))).collect();
        let most = tried.iter().map(|(_, _, tried)| tried.effort).max();
        let counted = tried.into_iter().filter(|(_, _, tried)| self.at_effort.is_none_or(|effort| tried.effort <= effort));
        let metrics = counted.flat_map(|(a, row, tried)| tried.recognised.iter().map(move |m| (a, row, tried.effort, m)));
        let metrics = metrics.filter(|(_, _, _, m)| m.name.starts_with("recognition"));
        let worst = metrics.max_by(|a, b| self.value(a.3).total_cmp(&self.value(b.3)));
        let falls_short = self.at_effort.filter(|&effort| most.is_some_and(|most| most < effort));
        let why = match (&worst, falls_short, most) {
            (_, Some(effort), Some(most)) => {
                format!(
                    "no attack went as far as {effort} evaluations for each reconstruction, but {most} at most: make the audit a full one"
                )
            }
            (None, ..) => "no attack on the SNN measured it".to_owned(),
            (Some((a, row, effort, m)), ..) => {
                let at = row.cell.timesteps.map(|t| format!(", T={t}")).unwrap_or_default();
                format!("{} ({}{at}), {effort} evaluations for each reconstruction: {}", a.attack.name(), row.cell.variant, m.name)
            }
        };
        let measured = worst.filter(|_| falls_short.is_none()).map(|(_, _, _, m)| self.value(m));
        let passed = measured.is_some_and(|value| value <= limit + 1e-9);
        let rule = self.at_effort.map_or("max-recognition-rate".to_owned(), |effort| format!("max-recognition-rate at-effort {effort}"));
        Ruled { rule, limit: limit.to_string(), measured: measured.map(|v| format!("{v:.3}")), passed, why }
    }

    fn at_most(&self, rule: &str, limit: f64, attacks: &[Attacked], is_meant: impl Fn(&Metric) -> bool) -> Ruled {
        let value = |m: &Metric| self.value(m);
        let rows = attacks.iter().flat_map(|a| a.rows.iter().map(move |row| (a, row))).filter(|(_, row)| row.cell.subject == Subject::Snn);
        let metrics = rows.flat_map(|(a, row)| row.metrics.iter().map(move |m| (a, row, m))).filter(|(_, _, m)| is_meant(m));
        let worst = metrics.max_by(|a, b| value(a.2).total_cmp(&value(b.2)));
        let why = match &worst {
            None => "no attack on the SNN measured it".to_owned(),
            Some((a, row, m)) => {
                let at = row.cell.timesteps.map(|t| format!(", T={t}")).unwrap_or_default();
                format!("{} ({}{at}): {}", a.attack.name(), row.cell.variant, m.name)
            }
        };
        let measured = worst.map(|(_, _, m)| value(m));
        let passed = measured.is_some_and(|value| value <= limit + 1e-9);
        Ruled { rule: rule.to_owned(), limit: limit.to_string(), measured: measured.map(|v| format!("{v:.3}")), passed, why }
    }
}

fn required(name: &str, attacks: &[Attacked]) -> Ruled {
    let attacked = attacks.iter().find(|a| a.attack.name() == name);
    let ran = attacked.is_some_and(|a| a.rows.iter().any(|row| row.cell.subject == Subject::Snn));
    let skipped = attacked.and_then(|a| a.skipped.first()).map(|s| s.why.clone());
    let why = match attacked.and_then(|a| a.missing.clone()).or(skipped.clone()) {
        Some(why) => why,
        None if ran => "made in full".to_owned(),
        None => "not made".to_owned(),
    };
    Ruled {
        rule: format!("required-attacks: {name}"),
        limit: "made in full".to_owned(),
        measured: Some(
            if !ran {
                "not made"
            } else if skipped.is_some() {
                "made in part"
            } else {
                "made"
            }
            .to_owned(),
        ),
        passed: ran && skipped.is_none(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_rule_is_refused_by_name() {
        let policy = Policy::parse("max-recognition-rate = 0.3\nrequired-attacks = [\"black-box\"]\njudge-by = \"interval\"").unwrap();
        assert_eq!((policy.max_recognition_rate, policy.judge_by), (Some(0.3), JudgeBy::Interval));
        for (text, expected) in [
            ("max-recognition = 0.3", "max-recognition"),
            ("required-attacks = [\"magic\"]", "`magic`"),
            ("max-auc = 55", "from 0 to 1"),
            ("", "holds no rule"),
            ("judge-by = \"value\"", "holds no rule"),
            ("max-accuracy-drop = nan", "finite"),
            ("max-auc = [", "no policy"),
            ("max-auc = 0.6\nat-effort = 100", "max-recognition-rate, which is not there"),
        ] {
            let message = Policy::parse(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
