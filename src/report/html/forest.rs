//! The main metric of every attack as dots with their intervals, the networks below each other and chance as a line through them.

use super::attack::{knows, name, shortfall};
use super::chart::{Mark, Scale, dashed, legend, percent};
use super::measures::{Measure, Row, Subject, Unit, metric_title, rows};
use super::metrics::{Leak, known};
use super::text::{NONE, number, trimmed};
use serde_json::Value;

/// The height of a lane, in pixels; the style sheet has it for the numbers beside.
const LANE: usize = 20;

/// All attacks below each other.
pub(super) fn figure(attacks: &[Value]) -> String {
    let keys = Subject::ALL.map(|subject| (Mark::Of(subject).inline(), subject.title()));
    let keys = legend(keys.into_iter().chain([(dashed(), "Chance"), (String::new(), "Whiskers: 95\u{a0}% interval")]));
    format!("<figure class=\"forest\">\n{keys}{}</figure>\n", attacks.iter().map(group).collect::<String>())
}

fn group(attack: &Value) -> String {
    let rows = rows(attack);
    let mut plots = String::new();
    for (at, row) in rows.iter().enumerate() {
        let Some(main) = row.main_metric() else { continue };
        let scale = scale(&rows, main);
        let is_last = rows.get(at + 1).and_then(Row::main_metric) != Some(main);
        plots.push_str(&plot(row, main, scale));
        if is_last {
            plots.push_str(&axis(row, main, scale));
        }
    }
    let note = shortfall(attack).map_or_else(String::new, |why| format!("<p class=\"shortfall\">{why}</p>\n"));
    format!("<div class=\"attack\">\n<h4>{}</h4>\n{}{note}{plots}</div>\n", name(attack), knows(attack))
}

/// One axis for a metric of an attack, so that its variants compare.
fn scale(rows: &[Row<'_>], main: &str) -> Scale {
    let measures: Vec<Measure<'_>> = rows.iter().flat_map(|row| row.measures(main)).flatten().collect();
    let ends = |m: &Measure<'_>| m.value.into_iter().chain(m.chance).chain(m.interval.into_iter().flatten()).collect::<Vec<_>>();
    let values: Vec<f64> = measures.iter().flat_map(ends).collect();
    let in_unit = values.iter().all(|v| (0.0..=1.0).contains(v));
    match measures.first().map(|m| m.unit) {
        Some(Unit::Share | Unit::Auc | Unit::Cosine) if in_unit => Scale::UNIT,
        Some(Unit::Cosine) => Scale::COSINE,
        _ => Scale::linear(values),
    }
}

fn plot(row: &Row<'_>, main: &str, scale: Scale) -> String {
    let measures = row.measures(main);
    let lanes: Vec<(Subject, Measure<'_>)> = Subject::ALL.into_iter().zip(measures).filter_map(|(s, m)| Some((s, m?))).collect();
    let height = LANE * lanes.len();
    let grid: String = scale.ticks().into_iter().map(|tick| vertical("grid", scale.at(tick), height)).collect();
    let chance = lanes.iter().find_map(|(_, m)| m.chance).map_or_else(String::new, |chance| vertical("chance", scale.at(chance), height));
    let mut marks = String::new();
    let mut numbers = String::new();
    for (at, (subject, measure)) in lanes.iter().enumerate() {
        let y = (LANE * at + LANE / 2) as f64;
        let mark = Mark::Of(*subject);
        if let Some([low, high]) = measure.interval {
            marks.push_str(&mark.whisker(scale.at(low), scale.at(high), y));
        }
        if let Some(value) = measure.value {
            marks.push_str(&mark.at(scale.at(value), y, &measure.spoken(*subject)));
        }
        let interval = measure.show_interval().map_or_else(String::new, |text| format!("<span class=\"ci\">{text}</span>"));
        let shown = measure.show(measure.value);
        numbers.push_str(&format!("<li>{}<span class=\"value\">{shown}</span>{interval}</li>", mark.inline()));
    }
    let spoken: Vec<String> = lanes.iter().map(|(subject, measure)| measure.spoken(*subject)).collect();
    let (label, metric) = (row.label(), metric_title(Some(main)));
    let spoken = if spoken.is_empty() { NONE.to_owned() } else { spoken.join(", ") };
    format!(
        "<div class=\"measure\"><p><span class=\"variant\">{label}</span><span class=\"dim\">{metric}</span></p>\
         <svg role=\"img\" aria-label=\"{label}, {metric}: {spoken}\" width=\"100%\" height=\"{height}\">{grid}{chance}{marks}</svg>\
         <ul>{numbers}</ul></div>\n"
    )
}

fn vertical(class: &str, at: f64, height: usize) -> String {
    format!("<line class=\"{class}\" x1=\"{0}\" x2=\"{0}\" y1=\"0\" y2=\"{height}\"/>", percent(at))
}

/// The numbers below the last plot, and which way leakage lies.
fn axis(row: &Row<'_>, main: &str, scale: Scale) -> String {
    let measure = row.measures(main).into_iter().flatten().next();
    let show = |tick: f64| measure.map_or_else(|| trimmed(&number(tick)), |m| m.show_exact(Some(tick)));
    let tick = |tick: f64| format!("<text class=\"tick\" x=\"{}\" y=\"13\">{}</text>", percent(scale.at(tick)), show(tick));
    let ticks: String = scale.ticks().into_iter().map(tick).collect();
    let direction = match known(main).map(|known| known.leak) {
        Some(Leak::Higher) => "leaks more to the right →",
        Some(Leak::Lower) => "← leaks more to the left",
        None => "",
    };
    format!(
        "<div class=\"measure axis\" aria-hidden=\"true\"><p></p><svg width=\"100%\" height=\"18\">{ticks}</svg>\
         <p class=\"dim\">{direction}</p></div>\n"
    )
}
