//! A number that is not what it should be.

use serde::Serialize;
use serde_json::Value;
use std::{fmt::Write as _, path::Path};

/// Images that a text lists before it says how many there are.
const LISTED: usize = 8;

/// A difference between a golden file and an artifact.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The field of the golden file: `correct`, `spikes.n3`, ..
    pub field: String,
    /// What the file says; null if it says nothing.
    pub expected: Value,
    /// What there is; null if there is nothing.
    pub found: Value,
    /// How far it may be off, if at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Value>,
    /// Images with another class.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<OtherClass>,
    /// What to do about it.
    pub advice: String,
}

/// An image whose class is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OtherClass {
    /// The image, counted from 0.
    pub image: usize,
    /// Its class before.
    pub was: usize,
    /// Its class now.
    pub is: usize,
}

impl OtherClass {
    /// All images with another class, of two lists of classes.
    pub(crate) fn between(was: &[usize], is: &[usize]) -> Vec<Self> {
        let pairs = was.iter().zip(is).enumerate();
        pairs.filter(|(_, (was, is))| was != is).map(|(image, (&was, &is))| Self { image, was, is }).collect()
    }

    /// The first of some as text.
    pub(crate) fn told(all: &[Self]) -> String {
        let first: Vec<String> =
            all.iter().take(LISTED).map(|Self { image, was, is }| format!("image {image} was {was} and is {is}")).collect();
        let rest = all.len().saturating_sub(LISTED);
        first.join(", ") + &if rest > 0 { format!(", and {rest} more") } else { String::new() }
    }
}

impl Finding {
    pub(crate) fn new(field: impl Into<String>, expected: impl Into<Value>, found: impl Into<Value>, advice: impl Into<String>) -> Self {
        let (expected, found) = (expected.into(), found.into());
        Self { field: field.into(), expected, found, tolerance: None, images: Vec::new(), advice: advice.into() }
    }

    /// With the tolerance that it exceeds; with none where everything must be exact.
    pub(crate) fn beyond<T: Into<Value> + Default + PartialEq>(self, tolerance: T) -> Self {
        Self { tolerance: (tolerance != T::default()).then(|| tolerance.into()), ..self }
    }
}

/// All that differs, for people: a line for each number, then what to do; `bless` is how a golden file is written anew where they are.
#[must_use]
pub fn text(artifact: &Path, golden: &Path, findings: &[Finding], bless: &str) -> String {
    let (count, s) = (findings.len(), if findings.len() == 1 { "" } else { "s" });
    let mut text = format!("`{}` is not what `{}` says: {count} difference{s}\n", artifact.display(), golden.display());
    for finding in findings {
        let Finding { field, expected, found, .. } = finding;
        let told = |value: &Value| match value {
            Value::Null => "none".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "  {field}: expected {}, found {}", told(expected), told(found));
        if let Some(tolerance) = &finding.tolerance {
            let _ = write!(text, ", with a tolerance of {tolerance}");
        }
        if !finding.images.is_empty() {
            let _ = write!(text, " ({})", OtherClass::told(&finding.images));
        }
        text.push('\n');
    }
    let mut said: Vec<&str> = Vec::new();
    for finding in findings.iter().filter(|finding| !finding.advice.is_empty()) {
        if !said.contains(&finding.advice.as_str()) {
            said.push(&finding.advice);
        }
    }
    said.iter().for_each(|advice| text += &format!("help: {advice}\n"));
    text + &format!("help: if all of this is meant, bless it: {bless}\n")
}
