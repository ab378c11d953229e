//! A comparison for people.

use super::{Behaviour, Change, CountChange, Diff, Parameter, parameters::Form};
use crate::finding::OtherClass;
use serde_json::Value;
use std::{fmt::Write as _, path::Path};

/// Entries of a list that are shown before it is cut.
const LISTED: usize = 8;

impl Diff {
    /// A line for each difference.
    #[must_use]
    pub fn to_text(&self, a: &Path, b: &Path) -> String {
        let are = if self.same { "do the same" } else { "differ" };
        let mut text = format!("A `{}` and B `{}` {are}\n", a.display(), b.display());
        section(&mut text, "only about the making of the file", self.notes.iter().map(field));
        section(&mut text, "structure, A → B", self.structure.iter().map(field));
        section(&mut text, "parameters, in units of the file", self.parameters.iter().map(parameter));
        if let Some(behaviour) = &self.behaviour {
            let title = format!("on {} image{}, A → B", behaviour.images, if behaviour.images == 1 { "" } else { "s" });
            section(&mut text, &title, of_images(behaviour).into_iter());
        }
        text
    }
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{title}");
        lines.for_each(|line| _ = writeln!(text, "  {line}"));
    }
}

fn field(change: &Change) -> String {
    match (&change.a, &change.b) {
        (a, Value::Null) => format!("{}: only in A: {}", change.field, told(a)),
        (Value::Null, b) => format!("{}: only in B: {}", change.field, told(b)),
        (a, b) => format!("{}: {} → {}", change.field, told(a), told(b)),
    }
}

/// A value on part of a line.
fn told(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) if list.len() > LISTED => {
            let first: Vec<String> = list.iter().take(LISTED).map(told).collect();
            format!("[{}, .. {} values]", first.join(", "), list.len())
        }
        Value::Array(list) => format!("[{}]", list.iter().map(told).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn parameter(parameter: &Parameter) -> String {
    let Parameter { layer, role, a, b, entries } = parameter;
    let form = |form: &Option<Form>| {
        form.as_ref().map_or_else(
            || "none".to_owned(),
            |form| {
                let dims: Vec<String> = form.shape.iter().map(ToString::to_string).collect();
                format!("[{}] of {} bits", dims.join("x"), form.bits)
            },
        )
    };
    let forms = if a == b { String::new() } else { format!(" {} → {}", form(a), form(b)) };
    let of_entries = entries.map(|e| {
        let comma = if forms.is_empty() { "" } else { ";" };
        format!("{comma} {} of {} entries differ, by {} at most: {} → {} at {}", e.differ, e.of, e.largest, e.a, e.b, e.at)
    });
    format!("{layer}.{role}:{forms}{}", of_entries.unwrap_or_default())
}

fn of_images(behaviour: &Behaviour) -> Vec<String> {
    let images = behaviour.images;
    let mut lines = Vec::new();
    if let Some([a, b]) = behaviour.correct {
        let percent = |right: usize| format!("{:.2} %", 100.0 * right as f64 / images.max(1) as f64);
        lines.push(format!("correct: {a} → {b} ({} → {})", percent(a), percent(b)));
    }
    if let [a, b] = behaviour.latency
        && a != b
    {
        lines.push(format!("latency: {a} → {b} time steps"));
    }
    if !behaviour.classes.is_empty() {
        lines.push(format!("classes: {} differ: {}", behaviour.classes.len(), OtherClass::told(&behaviour.classes)));
    }
    lines.extend(behaviour.logits.map(|largest| format!("logits: differ by {largest:.4} at most")));
    lines.extend(behaviour.spikes.iter().map(|change| count("spikes", change)));
    lines.extend(behaviour.synaptic_ops.iter().map(|change| count("synaptic operations", change)));
    if behaviour.is_same() {
        lines.push("classes, logits, spikes and synaptic operations are the same".to_owned());
    }
    lines
}

fn count(what: &str, change: &CountChange) -> String {
    let layer = &change.layer;
    match (change.a, change.b) {
        (Some(a), Some(b)) => {
            let share = if a == 0 { String::new() } else { format!(" ({:+.2} %)", 100.0 * (b as f64 - a as f64) / a as f64) };
            format!("{what} of {layer}: {a} → {b}{share}")
        }
        (Some(a), None) => format!("{what} of {layer}: only in A: {a}"),
        (None, b) => format!("{what} of {layer}: only in B: {}", b.unwrap_or_default()),
    }
}
