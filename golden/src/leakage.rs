//! What attacks got, as a report of `snnc` says (docs/report.schema.json).

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, path::Path};

/// What the best attacks got, and where that is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leakage {
    /// The report of the compilation or of `snnc audit`, from the folder of the golden file, with `/` between the parts.
    pub report: String,
    /// By attack.
    pub attacks: BTreeMap<String, Worst>,
}

/// The most that an attack got from the spiking network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worst {
    /// The measure, as the report names it: `recognition`, `auc`, `matched_channels`, ..
    pub measure: String,
    /// Its value.
    pub value: f64,
    /// What it may be at most, written by hand: without it, the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
}

impl Worst {
    /// What the value may be at most.
    #[must_use]
    pub fn most(&self) -> f64 {
        self.limit.unwrap_or(self.value)
    }
}

/// What a report says of the artifact that it names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reported {
    /// SHA-256 of the artifact.
    pub(crate) artifact: String,
    /// By attack that was made on it.
    pub(crate) attacks: BTreeMap<String, Worst>,
}

#[derive(Deserialize)]
struct Report {
    leakage: Option<Section>,
}

#[derive(Deserialize)]
struct Section {
    artifact: Artifact,
    attacks: Vec<Attack>,
}

#[derive(Deserialize)]
struct Artifact {
    sha256: String,
}

#[derive(Deserialize)]
struct Attack {
    name: String,
    results: Vec<Made>,
}

#[derive(Deserialize)]
struct Made {
    subject: String,
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct Metric {
    name: String,
    /// None where nothing could be said.
    value: Option<f64>,
}

impl Reported {
    /// Reads a report.
    ///
    /// # Errors
    /// If it cannot be read, or says nothing about leakage.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        Self::parse(&text).map_err(|problem| Error::format(path, problem))
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let report: Report = serde_json::from_str(text).map_err(|e| format!("is no report of snnc: {e}"))?;
        let section =
            report.leakage.ok_or("says nothing about leakage: compile without `--audit none`, or take the report of `snnc audit`")?;
        let attacks = section.attacks.into_iter().filter_map(|attack| Some((attack.name.clone(), attack.worst()?))).collect();
        Ok(Self { artifact: section.artifact.sha256, attacks })
    }
}

impl Attack {
    /// The most that it got, by the first measure of a result, which is the one that it is for; the first of several.
    fn worst(self) -> Option<Worst> {
        let results = self.results.into_iter().filter(|made| made.subject == "snn");
        let measured = results.filter_map(|made| {
            let metric = made.metrics.into_iter().next()?;
            Some(Worst { value: metric.value?, measure: metric.name, limit: None })
        });
        measured.reduce(|worst, other| if other.value > worst.value { other } else { worst })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_attack_counts() {
        let report = r#"{"report_version": 2, "leakage": {"version": 3, "artifact": {"sha256": "ab", "code": "radix"}, "attacks": [
            {"name": "reconversion", "results": [
                {"subject": "snn", "variant": "a", "metrics": [{"name": "recognition", "value": 0.25}, {"name": "fid", "value": 9.0}]},
                {"subject": "ann", "variant": "a", "metrics": [{"name": "recognition", "value": 1.0}]},
                {"subject": "snn", "variant": "b", "metrics": [{"name": "sure", "value": 0.5}]},
                {"subject": "snn", "variant": "c", "metrics": [{"name": "recognition", "value": null}]}]},
            {"name": "membership", "results": []}]}}"#;
        let reported = Reported::parse(report).unwrap();
        assert_eq!(reported.artifact, "ab");
        assert_eq!(
            reported.attacks,
            BTreeMap::from([("reconversion".to_owned(), Worst { measure: "sure".into(), value: 0.5, limit: None })])
        );
        assert!(Reported::parse(r#"{"report_version": 2}"#).unwrap_err().contains("--audit none"));
        assert!(Reported::parse("[]").unwrap_err().contains("is no report"));
    }
}
