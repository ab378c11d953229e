//! What was audited, against what, by whom.

use super::parts::{definitions, details, plural, row, table};
use super::text::{NONE, count, escape, float, hash, list, number, scalar, share, string};
use serde_json::Value;

/// The facts that the numbers below stand on.
fn body(leakage: &Value) -> String {
    definitions(&[
        ("Artifact", artifact(&leakage["artifact"])),
        ("ANN", ann(leakage)),
        ("Judges", judges(&leakage["judges"])),
        ("Material", material(&leakage["material"])),
        ("Control", string(&leakage["control"]["what"]).unwrap_or_default()),
    ]) + &noise(&leakage["control"])
}

/// The facts as a section.
pub(super) fn section(report: &Value) -> String {
    super::parts::section("facts", "What was audited", &body(&report["leakage"]))
}

fn artifact(artifact: &Value) -> String {
    let parts = [
        string(&artifact["phase"]).map(|phase| format!("phase <code>{phase}</code>")),
        string(&artifact["code"]).map(|code| format!("{code} code")),
        artifact["timesteps"].as_u64().map(|t| format!("T\u{a0}=\u{a0}{t}")),
        float(&artifact["neurons"]).map(|_| format!("{} neurons", count(&artifact["neurons"]))),
        string(&artifact["spikes"]).map(|spikes| format!("{spikes} spikes")),
    ];
    with_hash(parts.into_iter().flatten().collect::<Vec<_>>().join(", "), artifact)
}

fn ann(leakage: &Value) -> String {
    let ann = &leakage["ann"];
    let source = match ann["is_source"].as_bool() {
        Some(true) => "the network that the artifact was made from",
        Some(false) => "not the network that the artifact names as its source",
        None => "",
    };
    let of = string(&leakage["accuracy_of"]).map_or_else(String::new, |of| format!(" on {of}"));
    let accuracy = float(&leakage["ann_accuracy"]).map(|accuracy| format!("{} correct{of}", share(accuracy)));
    let parts = [Some(source.to_owned()).filter(|text| !text.is_empty()), accuracy];
    with_hash(parts.into_iter().flatten().collect::<Vec<_>>().join("; "), ann)
}

fn judges(judges: &Value) -> String {
    let kind = match judges["kind"].as_str() {
        Some("independent") => "<strong>Independent.</strong> ".to_owned(),
        Some("source") => "<strong>The source network itself.</strong> ".to_owned(),
        Some(other) => format!("<strong>{}.</strong> ", escape(other)),
        None => String::new(),
    };
    let text = kind + &string(&judges["statement"]).unwrap_or_default();
    let hashes = list(&judges["sha256"]).iter().filter(|hash| hash.is_string());
    let text = text + &hashes.map(|of| format!("<span class=\"sha\">SHA-256 {}</span>", hash(of))).collect::<String>();
    if text.is_empty() { NONE.to_owned() } else { text }
}

fn material(material: &Value) -> String {
    let reference = &material["reference"];
    let labelled = match reference["labelled"].as_bool() {
        Some(true) => "labelled ",
        Some(false) => "unlabelled ",
        None => "",
    };
    let some = |value: &Value, what: &str| value.as_u64().map(|n| plural(n, what, &format!("{what}s")));
    let parts = [
        some(&reference["images"], &format!("{labelled}reference image")).unwrap_or_else(|| "no reference images".to_owned()),
        some(&material["members"], "member").unwrap_or_else(|| "no members of the training data".to_owned()),
        some(&material["nonmembers"], "non-member").unwrap_or_else(|| "no non-members".to_owned()),
    ];
    let features = match material["features"].as_str() {
        Some("judge") => "; features of the judge".to_owned(),
        Some("file") => "; features from a file".to_owned(),
        Some(other) => format!("; features: {}", escape(other)),
        None => String::new(),
    };
    if material.is_null() { NONE.to_owned() } else { parts.join(", ") + &features }
}

fn with_hash(text: String, of: &Value) -> String {
    match (text.is_empty(), of["sha256"].is_string()) {
        (true, false) => NONE.to_owned(),
        (false, false) => text,
        (_, true) => format!("{text}<span class=\"sha\">SHA-256 {}</span>", hash(&of["sha256"])),
    }
}

fn noise(control: &Value) -> String {
    let layers = list(&control["layers"]);
    if layers.is_empty() {
        return String::new();
    }
    let relative = |layer: &Value| float(&layer["relative_noise"]).map_or_else(|| NONE.to_owned(), number);
    let body: String = layers.iter().map(|layer| row(&format!("<code>{}</code>", scalar(&layer["layer"])), &[relative(layer)])).collect();
    let body = format!("<tbody>\n{body}</tbody>");
    details("Noise of the control, layer by layer", &table("Noise of the control", &["Layer", "Noise relative to the weights"], &body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn material_says_what_was_missing() {
        let all = json!({"reference": {"images": 2000, "labelled": true}, "members": 500, "nonmembers": 1, "features": "judge"});
        assert_eq!(material(&all), "2,000 labelled reference images, 500 members, 1 non-member; features of the judge");
        assert_eq!(material(&json!({})), "no reference images, no members of the training data, no non-members");
        assert_eq!(material(&json!(null)), NONE);
    }
}
