//! What effort buys: the best of all attackers on each network over the evaluations that a reconstruction took, and the floors.

use super::attack::name;
use super::chart::{HEIGHT, Mark, Scale, dashed_across, grid, legend, y};
use super::measures::{Measure, Subject, cell};
use super::metrics::title;
use super::parts::{details, row, section as whole, table};
use super::text::{NONE, escape, float, list, number, scalar, share, string};
use serde_json::Value;
use std::collections::BTreeMap;

/// One point of the best of all attackers.
struct Point<'a> {
    effort: f64,
    measure: Measure<'a>,
    by: String,
}

/// The chart, the numbers behind it, and the floors.
pub(super) fn section(leakage: &Value) -> String {
    let best = list(&leakage["best"]);
    let floors = floors(list(&leakage["floors"]));
    if best.is_empty() && floors.is_empty() {
        return String::new();
    }
    let lead = "<p>An evaluation is one forward pass or one gradient of the network under attack, whatever its number of time steps. A \
                mark is a result that no attacker had with less.</p>\n";
    let body = if best.is_empty() { String::new() } else { lead.to_owned() + &chart(best) + &curves(leakage) };
    whole("effort", "What effort buys", &(body + &floors))
}

fn points<'a>(best: &'a [Value], subject: Subject) -> Vec<Point<'a>> {
    let of = best.iter().filter(|point| point["subject"] == subject.key());
    let read = |point: &'a Value| {
        let measure = Measure::read(&point["recognised"]);
        let at = point["timesteps"].as_u64().map_or_else(String::new, |t| format!(", T\u{a0}=\u{a0}{t}"));
        let by = format!("{}, {}{at}", scalar(&point["attack"]), scalar(&point["variant"]));
        Some(Point { effort: float(&point["effort"]).filter(|e| *e > 0.0)?, measure, by })
    };
    let mut points: Vec<Point<'_>> = of.filter_map(read).collect();
    points.sort_by(|a, b| a.effort.total_cmp(&b.effort));
    points
}

fn chart(best: &[Value]) -> String {
    let series = Subject::ALL.map(|subject| (subject, points(best, subject)));
    let scale = Scale::log(series.iter().flat_map(|(_, points)| points.iter().map(|point| point.effort)));
    let chance = series.iter().flat_map(|(_, points)| points).find_map(|point| point.measure.chance);
    let level = |share: f64| {
        let at = y(share);
        format!("<line class=\"chance\" x1=\"0\" x2=\"100%\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>")
    };
    let most = series.iter().flat_map(|(_, points)| points.iter().map(|point| point.effort)).fold(0.0, f64::max);
    let lines: String = series.iter().map(|(subject, points)| line(*subject, points, scale, most)).collect();
    let named = series.iter().filter(|(_, points)| !points.is_empty());
    let mut keys: Vec<(String, &str)> = named.map(|(subject, _)| (Mark::Of(*subject).inline(), subject.title())).collect();
    keys.push((String::new(), "Whiskers: 95\u{a0}% interval"));
    if chance.is_some() {
        keys.push((dashed_across(), "Chance"));
    }
    let label = "Recognition by the best attacker over evaluations a reconstruction; the numbers are in the table below";
    format!(
        "<figure class=\"chart\">\n{}<div class=\"plot\"><svg role=\"img\" aria-label=\"{label}\" width=\"100%\" height=\"{HEIGHT}\">{}{}{lines}</svg></div>\n\
         <figcaption>Evaluations of a network for each reconstruction (logarithmic)</figcaption></figure>\n{}",
        legend(keys),
        grid(scale, number),
        chance.map_or_else(String::new, level),
        numbers(&series),
    )
}

fn line(subject: Subject, points: &[Point<'_>], scale: Scale, most: f64) -> String {
    let mark = Mark::Of(subject);
    // Side by side: where networks give the same, all are seen.
    let aside = match subject {
        Subject::Ann => -7.0,
        Subject::Snn => 0.0,
        Subject::Control => 7.0,
    };
    let known: Vec<(f64, f64, &Point<'_>)> =
        points.iter().filter_map(|point| Some((scale.at(point.effort), point.measure.value?, point))).collect();
    // Further effort bought nothing.
    let rest = known.last().map(|&(_, value, _)| (scale.at(most), y(value)));
    let path: Vec<(f64, f64)> = known.iter().map(|&(x, value, _)| (x, y(value))).chain(rest).collect();
    let riser = |&(x, _, point): &(f64, f64, &Point<'_>)| point.measure.interval.map(|[low, high]| mark.riser(x, y(low), y(high)));
    let risers: String = known.iter().filter_map(riser).collect();
    let dot = |&(x, value, point): &(f64, f64, &Point<'_>)| {
        let tip = format!("{} at {}: {} ({})", subject.title(), number(point.effort), share(value), point.by);
        mark.at(x, y(value), &tip)
    };
    let dots: String = known.iter().map(dot).collect();
    format!("<g transform=\"translate({aside} 0)\">{risers}{}{dots}</g>", mark.line(&path))
}

/// The best attackers, effort by effort.
fn numbers(series: &[(Subject, Vec<Point<'_>>); 3]) -> String {
    let mut efforts: Vec<f64> = series.iter().flat_map(|(_, points)| points.iter().map(|point| point.effort)).collect();
    efforts.sort_by(f64::total_cmp);
    efforts.dedup();
    let line = |&effort: &f64| {
        let cells = series.each_ref().map(|(_, points)| points.iter().rev().find(|point| point.effort <= effort));
        let by = cells[1].as_ref().map_or_else(|| NONE.to_owned(), |point| point.by.clone());
        let [ann, snn, control] = cells.map(|found| cell(found.map(|point| point.measure)));
        row(&number(effort), &[ann, snn, control, by])
    };
    let body = format!("<tbody>\n{}</tbody>", efforts.iter().map(line).collect::<String>());
    let head = ["Evaluations", "ANN", "SNN", "Control", "Best attacker on the SNN"];
    details("Numbers behind the chart", &table("The best of all attackers, effort by effort", &head, &body))
}

/// Every attacker on the SNN, effort by effort.
fn curves(leakage: &Value) -> String {
    let mut lines = String::new();
    for attack in list(&leakage["attacks"]) {
        let results = list(&attack["results"]).iter().filter(|result| result["subject"] == "snn");
        for result in results {
            let by_effort: BTreeMap<u64, String> = list(&result["curve"])
                .iter()
                .filter_map(|tried| {
                    let shares = list(&tried["recognised"]).iter().map(Measure::read).map(|m| m.show(m.value)).collect::<Vec<_>>();
                    Some((tried["effort"].as_u64()?, shares.join(" / ")))
                })
                .collect();
            if by_effort.is_empty() {
                continue;
            }
            let at = result["timesteps"].as_u64().map_or_else(String::new, |t| format!(", T\u{a0}=\u{a0}{t}"));
            let curve: Vec<String> = by_effort.iter().map(|(effort, shares)| format!("{}: {shares}", number(*effort as f64))).collect();
            let variant = result["variant"].as_str().map_or_else(|| NONE.to_owned(), escape);
            lines += &row(&name(attack), &[format!("{variant}{at}"), curve.join("; ")]);
        }
    }
    if lines.is_empty() {
        return lines;
    }
    let head = ["Attack", "Variant", "Evaluations: recognised, by each judge"];
    details("Every attacker on the SNN", &table("Every attacker on the SNN, effort by effort", &head, &format!("<tbody>\n{lines}</tbody>")))
}

/// What is recognised where nothing was taken from the network.
fn floors(floors: &[Value]) -> String {
    let line = |floor: &Value| {
        let metrics = list(&floor["metrics"]).iter().map(Measure::read);
        let number = |m: Measure<'_>| {
            let interval = m.show_interval().map_or_else(String::new, |text| format!(" ({text})"));
            format!("{} {}{interval}", title(m.name), m.show(m.value))
        };
        let numbers: Vec<String> = metrics.map(number).collect();
        let shown = if numbers.is_empty() { string(&floor["why"]).unwrap_or_else(|| NONE.to_owned()) } else { numbers.join("; ") };
        row(&scalar(&floor["name"]), &[scalar(&floor["what"]), shown])
    };
    let lines: String = floors.iter().map(line).collect();
    if lines.is_empty() {
        return lines;
    }
    let lead = "<h3>Floors</h3>\n<p>What judges say where nothing, or nothing of its own, was taken from the network: an attack has earned what it \
                has above that.</p>\n";
    lead.to_owned() + &table("Floors", &["Floor", "What was looked at", "What the judges say"], &format!("<tbody>\n{lines}</tbody>"))
}
