//! The report as one HTML page that a browser may open anywhere: no script, no link, nothing is loaded, and a policy in the page
//! itself that forbids all three. The same report gives the same bytes.

mod attack;
mod attacks;
mod chart;
mod closing;
mod cost;
mod effort;
mod facts;
mod forest;
mod layers;
mod measures;
mod metrics;
mod parts;
mod sheets;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod tradeoff;
mod verdict;

pub use sheets::Sheet;
pub(crate) use text::middle;

use serde_json::Value;

/// Nothing may be loaded or run; images and styles are in the page.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The report as one HTML page. Reads `leakage` and `compiler`; whatever is missing there is shown as a dash or left out.
#[must_use]
pub fn page(report: &Value, sheets: &[Sheet]) -> String {
    let leakage = &report["leakage"];
    let sections = [
        verdict::policy(&leakage["policy"]),
        sheets::notice(sheets),
        facts::section(report),
        effort::section(leakage),
        attacks::section(leakage),
        sheets::section(leakage, sheets),
        tradeoff::section(leakage),
        cost::section(leakage),
        layers::section(leakage),
        closing::not_tested(leakage),
        closing::reproduce(report),
        closing::glossary(),
    ];
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{}</title>\n<style>\n{}</style>\n</head>\n\
         <body>\n<main>\n{}{}</main>\n</body>\n</html>\n",
        verdict::title(leakage),
        include_str!("style.css"),
        verdict::header(report),
        sections.concat()
    )
}
