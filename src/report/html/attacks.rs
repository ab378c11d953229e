//! The attackers: at a glance, in numbers, in detail.

use super::attack::{knows, name, shortfall};
use super::measures::{Row, cell, chance, rows};
use super::metrics::{known, title};
use super::parts::{details, paragraph, section as whole, table};
use super::text::{NONE, count, float, list, number, scalar, string};
use super::{forest, table as overview};
use serde_json::Value;

/// All that the attackers got.
pub(super) fn section(leakage: &Value) -> String {
    let attacks = list(&leakage["attacks"]);
    if attacks.is_empty() {
        return whole("attackers", "What attackers get", "<p>No attack was run.</p>\n");
    }
    let in_detail: String = attacks.iter().map(detail).collect();
    let body = format!(
        "<h3>At a glance</h3>\n{}<h3>In numbers</h3>\n{}<h3>In detail</h3>\n<div class=\"stack\">\n{in_detail}</div>\n",
        forest::figure(attacks),
        overview::attackers(attacks)
    );
    whole("attackers", "What attackers get", &body)
}

/// Objective, findings and every metric.
fn detail(attack: &Value) -> String {
    let finding = |finding: &Value| {
        let (class, word) = if finding["severity"] == "leak" { ("leak", "Leak") } else { ("note", "Note") };
        format!("<li class=\"{class}\"><strong>{word}</strong> {}</li>\n", scalar(&finding["what"]))
    };
    let findings: String = list(&attack["findings"]).iter().map(finding).collect();
    let findings = if findings.is_empty() { findings } else { format!("<ul class=\"findings\">\n{findings}</ul>\n") };
    let lines: String = rows(attack).iter().map(group).collect();
    let head = ["Variant", "Metric", "ANN", "SNN", "Control", "Chance", "Of", "Leaks when"];
    let all = if lines.is_empty() { lines } else { table(&format!("Every metric of: {}", name(attack)), &head, &lines) };
    let seconds = float(&attack["seconds"]).map(|seconds| format!("Took {}\u{a0}s.", number(seconds)));
    let body = [
        paragraph("objective", string(&attack["objective"])),
        knows(attack),
        paragraph("shortfall", shortfall(attack)),
        findings,
        all,
        paragraph("dim", seconds),
    ];
    details(&name(attack), &body.concat())
}

/// A line for each metric of a variant at one T.
fn group(row: &Row<'_>) -> String {
    let names = row.metrics();
    let lines: Vec<String> = names.iter().map(|name| line(row, name)).collect();
    let head = format!("<th scope=\"rowgroup\" rowspan=\"{}\">{}</th>", lines.len(), row.label());
    format!("<tbody>\n{}</tbody>\n", lines.concat().replacen("<tr>", &format!("<tr>{head}"), 1))
}

fn line(row: &Row<'_>, name: &str) -> String {
    let measures = row.measures(name);
    let of: Vec<String> = measures.iter().flatten().map(|measure| count(measure.of)).collect();
    // As a rule all three were measured on as many.
    let of = if of.windows(2).all(|pair| pair[0] == pair[1]) { of.first().cloned().unwrap_or_default() } else { of.join(" / ") };
    let [ann, snn, control] = measures.map(cell);
    let (title, chance) = (title(name), chance(&measures));
    let leaks = known(name).map_or(NONE, |known| known.leak.text());
    format!("<tr><td>{title}</td><td>{ann}</td><td>{snn}</td><td>{control}</td><td>{chance}</td><td>{of}</td><td>{leaks}</td></tr>\n")
}
