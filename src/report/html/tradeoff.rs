//! What fewer steps cost and save: answers and energy of the network against what the attacker still recognises.

use super::chart::{HEIGHT, Mark, Scale, grid, legend, percent, y};
use super::measures::{Subject, interval};
use super::parts::{details, row, section as whole, table};
use super::text::{NONE, energy, float, list, number, scalar, share, string};
use serde_json::Value;

/// Labels nearer than this, in percent of the width, stand on two lines.
const NEAR: f64 = 13.0;

const SNN: Mark = Mark::Of(Subject::Snn);
const ANN: Mark = Mark::Of(Subject::Ann);

/// One T.
struct Point {
    t: String,
    x: f64,
    answers: Option<f64>,
    recognition: Option<f64>,
    interval: Option<[f64; 2]>,
}

/// What lies along x.
struct Axis {
    scale: Scale,
    title: &'static str,
    show: fn(f64) -> String,
    /// Where the ANN stands.
    ann: Option<f64>,
}

/// The chart and the numbers behind it.
pub(super) fn section(leakage: &Value) -> String {
    let entries = list(&leakage["tradeoff"]);
    if entries.is_empty() {
        return String::new();
    }
    let of = string(&leakage["accuracy_of"]).map_or_else(String::new, |of| format!(" Accuracy is that on {of}."));
    let lead = format!("<p>Each T is the same network run for that many time steps.{of}</p>\n");
    whole("tradeoff", "Accuracy, energy and leakage over time steps", &(lead + &chart(leakage, entries) + &numbers(leakage, entries)))
}

/// Energy where every T has one, or else the gain in energy, or else T.
fn axis(leakage: &Value, entries: &[Value]) -> (Axis, Vec<Option<f64>>) {
    let all = |key: &str| entries.iter().map(|e| float(&e[key]).filter(|x| *x > 0.0)).collect::<Vec<_>>();
    let is_whole = |values: &[Option<f64>]| values.iter().all(Option::is_some);
    let ann = float(&leakage["ann_energy_pj"]).filter(|x| *x > 0.0);
    let (energies, gains, steps) = (all("energy_pj"), all("energy_gain"), all("timesteps"));
    let logarithmic = |values: &[Option<f64>], more: Option<f64>| Scale::log(values.iter().copied().chain([more]).flatten());
    if is_whole(&energies) {
        let title = "Energy per image, estimated (logarithmic)";
        (Axis { scale: logarithmic(&energies, ann), title, show: energy, ann }, energies)
    } else if is_whole(&gains) {
        let scale = logarithmic(&gains, Some(1.0));
        (Axis { scale, title: "Energy gain over the ANN (logarithmic)", show: |x| format!("{}×", number(x)), ann: Some(1.0) }, gains)
    } else {
        (Axis { scale: logarithmic(&steps, None), title: "T (logarithmic)", show: number, ann: None }, steps)
    }
}

fn chart(leakage: &Value, entries: &[Value]) -> String {
    let has_accuracy = entries.iter().any(|entry| float(&entry["accuracy"]).is_some());
    let (key, answers) =
        if has_accuracy { ("accuracy", "Accuracy of the SNN") } else { ("agreement", "Agreement of the SNN with the ANN") };
    let (axis, xs) = axis(leakage, entries);
    let point = |(entry, x): (&Value, &Option<f64>)| Point {
        t: scalar(&entry["timesteps"]),
        x: x.map_or(0.0, |x| axis.scale.at(x)),
        answers: float(&entry[key]),
        recognition: float(&entry["recognition"]),
        interval: interval(&entry["recognition_interval_95"]),
    };
    let mut points: Vec<Point> = entries.iter().zip(&xs).map(point).collect();
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    let ann = axis.ann.zip(if has_accuracy { float(&leakage["ann_accuracy"]) } else { Some(1.0) });
    let mut keys = vec![(SNN.inline(), answers)];
    if points.iter().any(|point| point.recognition.is_some()) {
        keys.push((Mark::Attacker.inline(), "Reconstructions recognised, with 95\u{a0}% interval"));
    }
    if ann.is_some() {
        keys.push((ANN.inline(), if has_accuracy { "The ANN" } else { "The ANN, which agrees with itself" }));
    }
    let label = format!("{answers} and recognition over {}; the numbers are in the table below", axis.title.to_lowercase());
    format!(
        "<figure class=\"chart\">\n{}<div class=\"plot\"><svg role=\"img\" aria-label=\"{label}\" \
         width=\"100%\" height=\"{HEIGHT}\">{}{}{}{}</svg></div>\n\
         <figcaption>{}</figcaption></figure>\n",
        legend(keys),
        grid(axis.scale, axis.show),
        guides(&points, ann.map(|(x, _)| axis.scale.at(x))),
        ann.map_or_else(String::new, |(x, value)| ANN.at(axis.scale.at(x), y(value), &format!("ANN: {}", share(value)))),
        series(&points),
        axis.title,
    )
}

/// A line for each T with its name on top: both series stand on it.
fn guides(points: &[Point], ann: Option<f64>) -> String {
    let mut names: Vec<(f64, String)> = points.iter().map(|point| (point.x, format!("T\u{a0}=\u{a0}{}", point.t))).collect();
    names.extend(ann.map(|x| (x, "ANN".to_owned())));
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut html = String::new();
    let mut is_raised = false;
    for (at, (x, name)) in names.iter().enumerate() {
        is_raised = !is_raised && at > 0 && x - names[at - 1].0 < NEAR;
        let top = if is_raised { -24.0 } else { -9.0 };
        let x = percent(*x);
        html.push_str(&format!("<line class=\"guide\" x1=\"{x}\" x2=\"{x}\" y1=\"-4\" y2=\"{HEIGHT}\"/>"));
        html.push_str(&format!("<text class=\"name\" x=\"{x}\" y=\"{top}\">{name}</text>"));
    }
    html
}

fn series(points: &[Point]) -> String {
    let line = |mark: Mark, value: fn(&Point) -> Option<f64>| {
        let known: Vec<(f64, f64)> = points.iter().filter_map(|point| Some((point.x, y(value(point)?)))).collect();
        let one = |point: &Point| {
            let value = value(point)?;
            Some(mark.at(point.x, y(value), &format!("T = {}: {}", point.t, share(value))))
        };
        mark.line(&known) + &points.iter().filter_map(one).collect::<String>()
    };
    let riser = |point: &Point| point.interval.map(|[low, high]| Mark::Attacker.riser(point.x, y(low), y(high)));
    let whiskers: String = points.iter().filter_map(riser).collect();
    let attacker = whiskers + &line(Mark::Attacker, |point| point.recognition);
    // Beside the other series: where both say the same, both are seen.
    format!("<g transform=\"translate(8 0)\">{attacker}</g>{}", line(SNN, |point| point.answers))
}

fn numbers(leakage: &Value, entries: &[Value]) -> String {
    let shown = |value: &Value, show: fn(f64) -> String| float(value).map_or_else(|| NONE.to_owned(), show);
    let times = |x: f64| format!("{}×", number(x));
    let line = |entry: &Value| {
        let whiskers = interval(&entry["recognition_interval_95"]);
        let whiskers = whiskers.map_or_else(|| NONE.to_owned(), |[low, high]| format!("{} to {}", super::text::percent(low), share(high)));
        row(
            &scalar(&entry["timesteps"]),
            &[
                shown(&entry["accuracy"], share),
                shown(&entry["agreement"], share),
                shown(&entry["energy_pj"], energy),
                shown(&entry["energy_gain"], times),
                shown(&entry["recognition"], share),
                whiskers,
            ],
        )
    };
    let (accuracy, energy) = (shown(&leakage["ann_accuracy"], share), shown(&leakage["ann_energy_pj"], energy));
    let none = || NONE.to_owned();
    let ann = row("ANN", &[accuracy, none(), energy, none(), none(), none()]);
    let body = format!("<tbody>\n{}{ann}</tbody>", entries.iter().map(line).collect::<String>());
    let head = ["T", "Accuracy", "Agreement", "Energy", "Gain", "Recognition", "95\u{a0}% interval"];
    details("Numbers behind the chart", &table("Trade-off, T by T", &head, &body))
}
