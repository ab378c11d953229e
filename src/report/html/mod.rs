//! The report as one HTML page that a browser may open anywhere: no script, no link, nothing is loaded, and a policy in the page
//! itself that forbids all three. The same report gives the same bytes.

mod attacks;
mod chart;
mod closing;
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

use serde_json::Value;

/// A contact sheet of reconstructions.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// The name of the attack, as in the report.
    pub attack: String,
    /// Its variant, as in the report.
    pub variant: String,
    /// What was attacked: `ann`, `snn` or `control`; `reference` for reference images.
    pub subject: String,
    /// T, for a spiking network.
    pub timesteps: Option<u64>,
    /// Images per class.
    pub rows: usize,
    /// Classes.
    pub columns: usize,
    /// The file.
    pub png: Vec<u8>,
    /// Of the sheet, in pixels.
    pub width: usize,
    /// Of the sheet, in pixels.
    pub height: usize,
}

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
        attacks::section(leakage),
        sheets::section(leakage, sheets),
        tradeoff::section(leakage),
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
