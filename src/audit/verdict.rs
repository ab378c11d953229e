//! What the numbers say, in plain words, and no more than they say.

use super::{
    Attacked, Best, Row,
    attack::{Knowledge, Subject},
    metrics::{Metric, interval},
};
use serde::Serialize;

/// The whole in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// An attacker got from the SNN more than chance.
    Leak,
    /// No attacker did, and attacks on the ANN show that they could have.
    Measured,
    /// Attacks fail on the ANN too, or were not made: nothing can be said.
    Incomplete,
}

/// What the audit found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// In one word.
    pub level: Level,
    /// In one sentence.
    pub headline: String,
    /// In some more.
    pub points: Vec<String>,
}

/// How two shares compare, as far as their intervals tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Than {
    /// More, beyond chance.
    More,
    /// No difference that can be told from chance.
    Same,
    /// Less, beyond chance.
    Less,
}

/// Compares two shares (by Newcombe's interval of their difference) or two other numbers (by whether their intervals overlap).
#[must_use]
pub fn compare(a: &Metric, b: &Metric) -> Than {
    let with_interval = |m: &Metric| (m.value, m.interval_95.unwrap_or([m.value; 2]));
    let between = if a.unit == super::metrics::Unit::Share {
        interval::difference(with_interval(a), with_interval(b))
    } else {
        let ((_, [low_a, high_a]), (_, [low_b, high_b])) = (with_interval(a), with_interval(b));
        [low_a - high_b, high_a - low_b]
    };
    match between {
        [low, _] if low > 0.0 => Than::More,
        [_, high] if high < 0.0 => Than::Less,
        _ => Than::Same,
    }
}

/// Whether a number is beyond chance.
#[must_use]
pub fn is_beyond_chance(metric: &Metric) -> bool {
    match (metric.chance, metric.interval_95) {
        (Some(chance), Some([low, _])) => low > chance,
        (Some(chance), None) => metric.value > chance + SIMILAR,
        (None, _) => false,
    }
}

/// A difference of similarities without an interval that means something.
const SIMILAR: f64 = 0.1;

/// The number that stands for a row.
#[must_use]
pub fn main(row: &Row) -> Option<&Metric> {
    row.metrics.first()
}

/// Judges the rows of all attacks.
#[must_use]
pub fn verdict(attacked: &[Attacked], best: &[Best], has_independent_judge: bool) -> Verdict {
    let mut points = Vec::new();
    let (mut leaks, mut blind, mut ran) = (0, 0, 0);
    for attack in attacked {
        let leaking = attack.findings.iter().filter(|f| f.severity == super::hygiene::Severity::Leak).count();
        if leaking > 0 {
            leaks += 1;
            points.push(format!("{}: {leaking} finding{} in the file.", attack.attack.about().title, if leaking == 1 { "" } else { "s" }));
        }
        let own = attack.rows.iter().filter(|row| row.cell.subject == Subject::Snn);
        let measured = own.filter_map(|row| Some((row, main(row)?)));
        // The attacker keeps the best of what was tried.
        let Some((row, metric)) = measured.max_by(|a, b| a.1.value.total_cmp(&b.1.value)) else { continue };
        if metric.chance.is_none() || attack.attack.name() == "hygiene" {
            continue;
        }
        ran += 1;
        let found = is_beyond_chance(metric);
        let beside = |subject| attack.beside(row, subject).and_then(main);
        let (ann, control) = (beside(Subject::Ann), beside(Subject::Control));
        let could = ann.is_some_and(is_beyond_chance);
        leaks += usize::from(found);
        blind += usize::from(!found && !could);
        points.push(sentence(attack, row, metric, ann, control));
    }
    points.extend(best_of_all(best));
    if !has_independent_judge {
        points.push(
            "The ANN itself judged the reconstructions: what it recognises another observer may not, so its own column says little. Give another \
             classifier with --judge."
                .to_owned(),
        );
    }
    let unable = attacked.iter().filter(|a| a.missing.is_some() || !a.skipped.is_empty()).count();
    let (level, headline) = if leaks > 0 {
        (
            Level::Leak,
            format!("{leaks} of {} kinds of attack got something from the artifact: treat the file like the ANN.", attacked.len()),
        )
    } else if ran == 0 || blind == ran {
        (Level::Incomplete, "Nothing can be said: the attacks get nothing from the ANN either, or were not made.".to_owned())
    } else {
        (
            Level::Measured,
            "None of the attacks that were made got more than chance from the artifact. Others were not made, and that is no proof."
                .to_owned(),
        )
    };
    if unable > 0 {
        let were = if unable == 1 { "kind of attack was" } else { "kinds of attack were" };
        points.push(format!("{unable} {were} not made, or not in full: see what was not tested."));
    }
    Verdict { level, headline, points }
}

/// What the best attacker has, and how far it would have come with less.
fn best_of_all(best: &[Best]) -> Option<String> {
    let curve: Vec<&Best> = best.iter().filter(|best| best.subject == Subject::Snn).collect();
    let last = curve.last()?;
    let percent = |best: &Best| format!("{:.0} %", 100.0 * best.recognised.value);
    // Where half of it was there.
    let half = curve.iter().find(|best| best.recognised.value >= 0.5 * last.recognised.value)?;
    let at = last.timesteps.map(|t| format!(", T={t}")).unwrap_or_default();
    let mut text = format!(
        "The best of all attackers ({}, {}{at}): {} of the reconstructions from the SNN are recognised, after {} evaluations of the network for each.",
        last.attack,
        last.variant,
        percent(last),
        last.effort,
    );
    if half.effort < last.effort {
        text += &format!(" {} are after {}.", percent(half), half.effort);
    }
    Some(text)
}

fn sentence(attack: &Attacked, row: &Row, snn: &Metric, ann: Option<&Metric>, control: Option<&Metric>) -> String {
    let title = attack.attack.about().title;
    let at = row.cell.timesteps.map(|t| format!(" at T={t}")).unwrap_or_default();
    let number = |m: &Metric| match m.unit {
        super::metrics::Unit::Share => format!("{:.0} %", 100.0 * m.value),
        _ => format!("{:.2}", m.value),
    };
    let named = if snn.name.starts_with("sure") { "of start images it is" } else { "chance is" };
    let chance = snn.chance.map_or(String::new(), |c| format!("; {named} {}", number(&Metric { value: c, ..snn.clone() })));
    let mut text = format!("{title} ({}{at}): {}{chance}.", row.cell.variant, what(snn, &number(snn)));
    let beside = |whose: &str, other: &Metric| match compare(snn, other) {
        Than::More => format!(" More than {whose} ({}).", number(other)),
        Than::Same => format!(" Not to be told from {whose} ({}).", number(other)),
        Than::Less => format!(" Less than {whose} ({}).", number(other)),
    };
    text += &ann.map_or(String::new(), |ann| beside("the ANN", ann));
    // Noise in weights is no defence that anybody would choose against questions about members.
    let control = control.filter(|_| !attack.attack.about().knows.contains(&Knowledge::Membership));
    text + &control.map_or(String::new(), |control| beside("the ANN with as much noise", control))
}

/// A number of the SNN's as a statement.
fn what(metric: &Metric, number: &str) -> String {
    match metric.name.as_str() {
        "recognition" => format!("{number} of the reconstructions from the SNN are recognised"),
        "sure" => format!("in {number} of the images the judge is sure of a class, without a name"),
        "matched_channels" => format!("{number} of the SNN's channels are those of the ANN"),
        "auc" => format!("members are told from others with an area under the curve of {number}"),
        other => format!("{other} {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_compared_by_their_difference() {
        let share = |hits, of| Metric::share("recognition", hits, of, Some(0.1));
        assert_eq!(compare(&share(25, 30), &share(26, 30)), Than::Same);
        assert_eq!(compare(&share(5, 30), &share(26, 30)), Than::Less);
        assert_eq!(compare(&share(26, 30), &share(5, 30)), Than::More);
        assert!(is_beyond_chance(&share(25, 30)) && !is_beyond_chance(&share(4, 30)));
    }
}
