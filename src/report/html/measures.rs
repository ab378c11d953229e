//! What attacks measured, read from the report: results of one variant and T beside each other.

use super::metrics;
use super::text::{NONE, escape, float, list, number, percent, share, trimmed};
use serde_json::Value;

/// What was attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The float network.
    Ann,
    /// The spiking network.
    Snn,
    /// What the attack gets where there is nothing to get.
    Control,
}

impl Subject {
    /// As columns stand.
    pub(super) const ALL: [Self; 3] = [Self::Ann, Self::Snn, Self::Control];

    /// As in the report; names the class of its colour too.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Ann => "ann",
            Self::Snn => "snn",
            Self::Control => "control",
        }
    }

    /// For readers.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Ann => "ANN",
            Self::Snn => "SNN",
            Self::Control => "Control",
        }
    }
}

/// How a value is written and on which axis it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// 0 to 1, written in percent.
    Share,
    /// 0 to 1.
    Auc,
    /// −1 to 1.
    Cosine,
    /// From 0 upwards.
    Other,
}

/// One number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure<'a> {
    pub(super) name: &'a str,
    pub(super) value: Option<f64>,
    pub(super) interval: Option<[f64; 2]>,
    pub(super) chance: Option<f64>,
    pub(super) of: &'a Value,
    pub(super) unit: Unit,
}

impl<'a> Measure<'a> {
    pub(super) fn read(value: &'a Value) -> Self {
        let unit = match value["unit"].as_str() {
            Some("share") => Unit::Share,
            Some("auc") => Unit::Auc,
            Some("cosine") => Unit::Cosine,
            _ => Unit::Other,
        };
        Self {
            name: value["name"].as_str().unwrap_or(NONE),
            value: float(&value["value"]),
            interval: interval(&value["interval_95"]),
            chance: float(&value["chance"]),
            of: &value["of"],
            unit,
        }
    }

    /// A value of this unit.
    pub(super) fn show(&self, value: Option<f64>) -> String {
        match (value, self.unit) {
            (None, _) => NONE.to_owned(),
            (Some(value), Unit::Share) => share(value),
            (Some(value), _) => number(value),
        }
    }

    /// A value that is exact.
    pub(super) fn show_exact(&self, value: Option<f64>) -> String {
        trimmed(&self.show(value))
    }

    /// Its interval, where there is one.
    pub(super) fn show_interval(&self) -> Option<String> {
        let [low, high] = self.interval?;
        Some(match self.unit {
            Unit::Share => format!("{} to {}", percent(low), share(high)),
            _ => format!("{} to {}", number(low), number(high)),
        })
    }

    /// As one phrase, for readers who do not see the chart.
    pub(super) fn spoken(&self, subject: Subject) -> String {
        let interval = self.show_interval().map_or_else(String::new, |text| format!(" (95 % interval {text})"));
        format!("{} {}{interval}", subject.title(), self.show(self.value))
    }
}

/// The value and the interval below it.
pub(super) fn cell(measure: Option<Measure<'_>>) -> String {
    let Some(measure) = measure else { return NONE.to_owned() };
    let interval = measure.show_interval().map_or_else(String::new, |text| format!("<span class=\"ci\">{text}</span>"));
    format!("<span class=\"value\">{}</span>{interval}", measure.show(measure.value))
}

/// What guessing gets, by the SNN's entry first.
pub(super) fn chance(measures: &[Option<Measure<'_>>; 3]) -> String {
    let [ann, snn, control] = measures;
    let known = [snn, ann, control].into_iter().flatten().find(|measure| measure.chance.is_some());
    known.map_or_else(|| NONE.to_owned(), |measure| measure.show_exact(measure.chance))
}

/// The two ends of an interval, in order.
pub(super) fn interval(value: &Value) -> Option<[f64; 2]> {
    let (a, b) = (float(&value[0])?, float(&value[1])?);
    Some([a.min(b), a.max(b)])
}

/// One variant of an attack at one T.
pub(super) struct Row<'a> {
    pub(super) variant: &'a str,
    pub(super) timesteps: Option<u64>,
    /// As [`Subject::ALL`].
    pub(super) subjects: [Option<&'a Value>; 3],
}

impl<'a> Row<'a> {
    /// The metric that an attack is about: the first that it reports.
    pub(super) fn main_metric(&self) -> Option<&'a str> {
        let [ann, snn, control] = self.subjects;
        let first = |result: &'a Value| list(&result["metrics"]).first()?["name"].as_str();
        [snn, ann, control].into_iter().flatten().find_map(first)
    }

    /// The metrics of any of the subjects, in the order of the report.
    pub(super) fn metrics(&self) -> Vec<&'a str> {
        let mut names = Vec::new();
        for metric in self.subjects.into_iter().flatten().flat_map(|result| list(&result["metrics"])) {
            let name = Measure::read(metric).name;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// A metric of the three subjects.
    pub(super) fn measures(&self, name: &str) -> [Option<Measure<'a>>; 3] {
        self.subjects.map(|result| list(&result?["metrics"]).iter().map(Measure::read).find(|measure| measure.name == name))
    }

    /// Its variant and T, escaped.
    pub(super) fn label(&self) -> String {
        let variant = if self.variant.is_empty() { NONE.to_owned() } else { escape(self.variant) };
        self.timesteps.map_or_else(|| variant.clone(), |t| format!("{variant}, T\u{a0}=\u{a0}{t}"))
    }
}

/// The title of a metric, escaped.
pub(super) fn metric_title(name: Option<&str>) -> String {
    name.map_or_else(|| NONE.to_owned(), metrics::title)
}

/// The results of an attack, one row for each variant and T, in the order of the report. What has no T (an ANN) stands beside every T.
pub(super) fn rows(attack: &Value) -> Vec<Row<'_>> {
    let results = list(&attack["results"]);
    let variant_of = |result: &'_ Value| result["variant"].as_str().unwrap_or_default().to_owned();
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for result in results {
        let variant = variant_of(result);
        if seen.contains(&variant) {
            continue;
        }
        let same: Vec<&Value> = results.iter().filter(|r| variant_of(r) == variant).collect();
        let mut timesteps: Vec<Option<u64>> =
            same.iter().filter(|r| r["subject"] != "ann").filter_map(|r| r["timesteps"].as_u64()).map(Some).collect();
        timesteps.sort_unstable();
        timesteps.dedup();
        if timesteps.is_empty() {
            timesteps.push(None);
        }
        for t in timesteps {
            let subjects = Subject::ALL.map(|subject| pick(&same, subject, t));
            rows.push(Row { variant: result["variant"].as_str().unwrap_or_default(), timesteps: t, subjects });
        }
        seen.push(variant);
    }
    rows
}

/// The result of a subject at T, or else the one that holds for every T.
fn pick<'a>(results: &[&'a Value], subject: Subject, t: Option<u64>) -> Option<&'a Value> {
    let of = || results.iter().copied().filter(move |r| r["subject"] == subject.key());
    let exact = of().find(|r| r["timesteps"].as_u64() == t);
    let timeless = || of().find(|r| r["timesteps"].is_null() || subject == Subject::Ann);
    exact.or_else(timeless)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn result(variant: &str, subject: &str, timesteps: Option<u64>, value: f64) -> Value {
        json!({"variant": variant, "subject": subject, "timesteps": timesteps,
            "metrics": [{"name": "recognition", "value": value, "unit": "share"}]})
    }

    #[test]
    fn an_ann_stands_beside_every_t() {
        let attack = json!({"results": [
            result("relu", "ann", None, 0.9), result("relu", "snn", Some(16), 0.8), result("relu", "snn", Some(8), 0.7),
            result("relu", "control", Some(8), 0.1), result("ghost", "ann", Some(8), 0.5),
        ]});
        let rows = rows(&attack);
        let values = |row: &Row<'_>| row.measures("recognition").map(|m| m.and_then(|m| m.value));
        assert_eq!(
            rows.iter().map(|r| (r.variant, r.timesteps)).collect::<Vec<_>>(),
            [("relu", Some(8)), ("relu", Some(16)), ("ghost", None)]
        );
        assert_eq!(values(&rows[0]), [Some(0.9), Some(0.7), Some(0.1)]);
        assert_eq!(values(&rows[1]), [Some(0.9), Some(0.8), None]);
        assert_eq!(values(&rows[2]), [Some(0.5), None, None]);
    }

    #[test]
    fn intervals_are_in_order() {
        assert_eq!(interval(&json!([0.9, 0.7])), Some([0.7, 0.9]));
        assert_eq!(interval(&json!([0.9])), None);
        assert_eq!(interval(&json!(null)), None);
    }
}
