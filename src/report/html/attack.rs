//! One attacker: what every figure and table says of it.

use super::text::{NONE, escape, list, string};
use serde_json::Value;

/// The title of an attack, escaped.
pub(super) fn name(attack: &Value) -> String {
    string(&attack["title"]).or_else(|| string(&attack["name"])).unwrap_or_else(|| NONE.to_owned())
}

/// What an attacker knows, as tags.
pub(super) fn knows(attack: &Value) -> String {
    let tags: String = list(&attack["knows"]).iter().filter_map(string).map(|tag| format!("<li>{tag}</li>")).collect();
    if tags.is_empty() { String::new() } else { format!("<ul class=\"tags\" aria-label=\"Knows\">{tags}</ul>") }
}

/// Why an attack did not run, or not all of it.
pub(super) fn shortfall(attack: &Value) -> Option<String> {
    let why = || string(&attack["why"]).map_or_else(String::new, |why| format!(": {why}"));
    match attack["status"].as_str() {
        Some("ran") => None,
        Some("partly") => Some(format!("<strong>Ran partly</strong>{}", why())),
        Some("not run") => Some(format!("<strong>Not run</strong>{}", why())),
        Some(other) => Some(format!("<strong>{}</strong>{}", escape(other), why())),
        None => Some(format!("<strong>Status unknown</strong>{}", why())),
    }
}
