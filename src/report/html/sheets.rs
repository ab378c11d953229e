//! Grids of reconstructions, the networks side by side.

use super::attack::name;
use super::measures::{Measure, Subject};
use super::parts::{plural, section as whole};
use super::text::{NONE, escape, list};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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

/// A class gets this many pixels at least, gap included, before sheets go below each other.
const CELL: usize = 36;
/// Wider sheets are not made narrower than they are: they scroll.
const COLUMNS_THAT_FIT: usize = 16;
/// A pixel is not drawn larger than this.
const MOST: usize = 8;

/// What the page holds, before anyone passes it on.
pub(super) fn notice(sheets: &[Sheet]) -> String {
    if sheets.is_empty() {
        return String::new();
    }
    "<aside class=\"notice\"><p>This page shows images reconstructed from the network: \
     keep it as private as the training data.</p></aside>\n"
        .to_owned()
}

/// All sheets: references once, then one group for each variant of each attack.
pub(super) fn section(leakage: &Value, sheets: &[Sheet]) -> String {
    let (references, made): (Vec<&Sheet>, Vec<&Sheet>) = sheets.iter().partition(|sheet| sheet.subject == "reference");
    let mut body = String::new();
    if !sheets.is_empty() {
        body.push_str("<p>Columns are classes, rows are images of a class. Choose a sheet to enlarge it.</p>\n");
    }
    if let Some(reference) = references.first() {
        body.push_str(&format!("<h3>Reference images</h3>\n<div class=\"sheets\">\n{}</div>\n", figure(reference, "Reference images", "")));
    }
    let mut groups: Vec<(&str, &str)> = Vec::new();
    for sheet in &made {
        let group = (sheet.attack.as_str(), sheet.variant.as_str());
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    for (attack, variant) in groups {
        let mut sheets: Vec<&Sheet> = made.iter().copied().filter(|s| s.attack == attack && s.variant == variant).collect();
        // As everywhere on the page: ANN, SNN by T, control.
        sheets.sort_by_key(|sheet| (Subject::ALL.iter().position(|s| s.key() == sheet.subject).unwrap_or(9), sheet.timesteps));
        let entry = list(&leakage["attacks"]).iter().find(|entry| entry["name"] == attack || entry["title"] == attack);
        let title = entry.map_or_else(|| if attack.is_empty() { NONE.to_owned() } else { escape(attack) }, name);
        let title = if variant.is_empty() { title } else { format!("{title}, {}", escape(variant)) };
        let least = sheets.iter().map(|sheet| sheet.columns).max().unwrap_or(0).clamp(6, COLUMNS_THAT_FIT) * CELL;
        let figures: String = sheets.iter().map(|sheet| figure(sheet, &title, &recognised(entry, sheet))).collect();
        body.push_str(&format!("<h3>{title}</h3>\n<div class=\"sheets\" style=\"--least:{least}px\">\n{figures}</div>\n"));
    }
    whole("reconstructions", "Reconstructed images", &body)
}

/// What the judge said of a sheet's images.
fn recognised(attack: Option<&Value>, sheet: &Sheet) -> String {
    let fits = |result: &&Value| {
        let t = result["timesteps"].as_u64();
        result["variant"] == sheet.variant.as_str() && result["subject"] == sheet.subject.as_str() && (t.is_none() || t == sheet.timesteps)
    };
    let result = attack.and_then(|attack| list(&attack["results"]).iter().find(fits));
    let metrics = result.map_or(&[][..], |result| list(&result["metrics"]));
    let Some(measure) = metrics.iter().map(Measure::read).find(|measure| measure.name == "recognition") else { return String::new() };
    let chance = measure.chance.map_or_else(String::new, |chance| format!(", chance {}", measure.show_exact(Some(chance))));
    format!("recognised {}{chance}", measure.show(measure.value))
}

fn figure(sheet: &Sheet, title: &str, said: &str) -> String {
    let subject = Subject::ALL.into_iter().find(|subject| subject.key() == sheet.subject);
    let network = match subject {
        Some(subject) => format!("{}{}", super::chart::Mark::Of(subject).inline(), subject.title()),
        None if sheet.subject == "reference" => "Reference".to_owned(),
        None => escape(&sheet.subject),
    };
    let plain = subject.map_or_else(|| escape(&sheet.subject), |subject| subject.title().to_owned());
    let t = sheet.timesteps.map_or_else(String::new, |t| format!(", T\u{a0}=\u{a0}{t}"));
    let size = format!("{} of {} each", plural(sheet.columns as u64, "class", "classes"), plural(sheet.rows as u64, "image", "images"));
    let said = if said.is_empty() { said.to_owned() } else { format!("<span class=\"said\">{said}</span>") };
    let least = if sheet.columns > COLUMNS_THAT_FIT { sheet.width } else { 0 };
    let most = sheet.width.saturating_mul(MOST);
    format!(
        "<figure class=\"sheet\"><details><summary><span class=\"frame\">\
         <img src=\"data:image/png;base64,{}\" alt=\"{title}: {plain}{t}, {size}\" \
         width=\"{}\" height=\"{}\" style=\"min-width:{least}px;max-width:{most}px\"></span></summary></details>\
         <figcaption><strong>{network}{t}</strong>{said}<span class=\"dim\">{size}</span></figcaption></figure>\n",
        STANDARD.encode(&sheet.png),
        sheet.width,
        sheet.height
    )
}
