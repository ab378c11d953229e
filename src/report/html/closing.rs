//! The end of the page: what is not known, how to see it again, and what the words mean.

use super::metrics::KNOWN;
use super::parts::{definitions, row, section, table};
use super::text::{NONE, hash, hashes, list, scalar, string};
use serde_json::Value;

/// What no attack looked at.
pub(super) fn not_tested(leakage: &Value) -> String {
    let entry = |entry: &Value| {
        let why = string(&entry["why"]).map_or_else(String::new, |why| format!("<span class=\"dim\">{why}</span>"));
        format!("<li><strong>{}</strong>{why}</li>\n", scalar(&entry["what"]))
    };
    let entries: String = list(&leakage["not_tested"]).iter().map(entry).collect();
    let lead = "<p>What follows was not tried: nothing on this page speaks for or against it.</p>\n";
    let body = if entries.is_empty() { entries } else { format!("{lead}<ul class=\"plain\">\n{entries}</ul>\n") };
    section("not-tested", "What was not tested", &body)
}

/// The command, the seed and the hashes.
pub(super) fn reproduce(report: &Value) -> String {
    let leakage = &report["leakage"];
    let command = string(&leakage["reproduce"]).map_or_else(String::new, |command| {
        format!("<div class=\"scroll\" role=\"region\" aria-label=\"Command\" tabindex=\"0\"><pre><code>{command}</code></pre></div>\n")
    });
    let seed = leakage["seed"].as_u64().map_or_else(|| NONE.to_owned(), |seed| seed.to_string());
    let facts = definitions(&[
        ("Compiler", scalar(&report["compiler"])),
        ("Effort", scalar(&leakage["effort"])),
        ("Seed", seed),
        ("Artifact, SHA-256", hash(&leakage["artifact"]["sha256"])),
        ("ANN, SHA-256", hash(&leakage["ann"]["sha256"])),
        ("Judges, SHA-256", hashes(&leakage["judges"]["sha256"])),
    ]);
    section("reproduce", "How to reproduce this", &(command + &facts))
}

/// A line for each metric.
pub(super) fn glossary() -> String {
    let entry = |known: &super::metrics::Known| {
        let source = if known.source.is_empty() { NONE } else { known.source };
        row(known.title, &[known.what.to_owned(), known.leak.text().to_owned(), source.to_owned()])
    };
    let body = format!("<tbody>\n{}</tbody>", KNOWN.iter().map(entry).collect::<String>());
    let lead = "<p>Intervals hold the true value in 95 of 100 audits; those of shares are Wilson’s. Chance is what guessing gets. The \
                control is the float network with noise in its weights, as long as what training changed: a defence that does no \
                better than noise is none.</p>\n";
    let table = table("Metrics", &["Metric", "What it is", "Leaks when", "Source"], &body);
    section("glossary", "What the metrics mean", &format!("{lead}<div class=\"prose\">{table}</div>\n"))
}
