//! What came of it, in words: the head of the page and the result of the policy.

use super::parts::{paragraph, row, section, table};
use super::text::{NONE, escape, list, scalar, string};
use serde_json::Value;

/// The title of the window: tells two reports apart.
pub(super) fn title(leakage: &Value) -> String {
    let hash = leakage["artifact"]["sha256"].as_str().unwrap_or_default();
    let short: String = hash.chars().take(12).collect();
    if short.is_empty() { "Leakage audit – snnc".to_owned() } else { format!("Leakage audit of {} – snnc", escape(&short)) }
}

/// Title, badge, headline and points.
pub(super) fn header(report: &Value) -> String {
    let leakage = &report["leakage"];
    let verdict = &leakage["verdict"];
    let points: String = list(&verdict["points"]).iter().map(|point| format!("<li>{}</li>\n", scalar(point))).collect();
    let points = if points.is_empty() { points } else { format!("<ul>\n{points}</ul>\n") };
    let byline = [
        string(&report["compiler"]),
        string(&leakage["effort"]).map(|effort| format!("{effort} audit")),
        leakage["seed"].as_u64().map(|seed| format!("seed {seed}")),
    ];
    let byline: Vec<String> = byline.into_iter().flatten().collect();
    let (class, glyph, word) = level(&verdict["level"]);
    format!(
        "<header>\n<h1>Leakage audit</h1>\n{}<div class=\"verdict {class}\">\n\
         <p class=\"badge\"><span aria-hidden=\"true\">{glyph}</span>{word}</p>\n<p class=\"headline\">{}</p>\n{points}</div>\n</header>\n",
        paragraph("byline", (!byline.is_empty()).then(|| byline.join(" · "))),
        scalar(&verdict["headline"]),
    )
}

/// The class, the sign and the words of a level: the sign and the words say what the colour says.
fn level(level: &Value) -> (&'static str, &'static str, String) {
    let (class, glyph, word) = match level.as_str() {
        Some("leak") => ("leak", "!", "Leakage measured"),
        Some("measured") => ("measured", "=", "Measured"),
        Some("incomplete") => ("incomplete", "?", "Incomplete"),
        _ => return ("incomplete", "?", string(level).unwrap_or_else(|| "No verdict".to_owned())),
    };
    (class, glyph, word.to_owned())
}

/// The rules that the audit had to keep, those that failed first.
pub(super) fn policy(policy: &Value) -> String {
    if policy.is_null() {
        return String::new();
    }
    let rules = list(&policy["rules"]);
    let (kept, failed): (Vec<&Value>, Vec<&Value>) = rules.iter().partition(|rule| rule["passed"] == true);
    let lines: String = failed.iter().chain(&kept).map(|rule| line(rule)).collect();
    let passed = policy["passed"] == true;
    let summary = match (passed, failed.len()) {
        (true, _) => format!("Passed: {} of {} rules kept.", kept.len(), rules.len()),
        (false, failed) => format!("Failed: {failed} of {} rules broken.", rules.len()),
    };
    let summary = format!("<p class=\"outcome\">{}{summary}</p>\n", sign(passed));
    let table = table(
        "Rules of the policy, broken ones first",
        &["Rule", "Result", "Limit", "Measured", "Where"],
        &format!("<tbody>\n{lines}</tbody>"),
    );
    section("policy", "Policy", &(summary + if rules.is_empty() { "" } else { &table }))
}

fn line(rule: &Value) -> String {
    let passed = rule["passed"] == true;
    let name = string(&rule["rule"]).map_or_else(|| NONE.to_owned(), |name| format!("<code>{name}</code>"));
    let result = format!("<span class=\"value\">{}{}</span>", sign(passed), if passed { "kept" } else { "broken" });
    row(&name, &[result, scalar(&rule["limit"]), scalar(&rule["measured"]), scalar(&rule["why"])])
}

fn sign(passed: bool) -> &'static str {
    if passed {
        "<span class=\"sign kept\" aria-hidden=\"true\">✓</span>"
    } else {
        "<span class=\"sign broken\" aria-hidden=\"true\">✕</span>"
    }
}
