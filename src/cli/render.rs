//! Diagnostics as text, in the style of rustc.

use crate::error::Error;
use annotate_snippets::{Group, Level, Origin, Renderer, normalize_untrusted_str};
use snnc_ir::{Diagnostic, diagnostic::Severity};
use std::io::IsTerminal;

/// Turns messages into text.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    renderer: Renderer,
}

impl Style {
    /// For standard error: with colours on a terminal, unless `NO_COLOR` is set.
    pub(crate) fn of_stderr() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) || std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        Self::new(std::io::stderr().is_terminal() && !unwanted)
    }

    /// With or without colours.
    pub(crate) fn new(colour: bool) -> Self {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        // Without source lines there are no line numbers; the anonymous ones are two wide, which indents as rustc does.
        Self { renderer: renderer.anonymized_snippet_line_numbers(true) }
    }

    /// One diagnostic. `file` is where it is about, unless it says so itself.
    pub(crate) fn diagnostic(&self, diagnostic: &Diagnostic, file: Option<&str>) -> String {
        let mut group = Group::with_title(level(diagnostic.severity).primary_title(&diagnostic.headline).id(diagnostic.code));
        if let Some(place) = place(diagnostic, file) {
            group = group.element(Origin::path(place));
        }
        for note in &diagnostic.notes {
            // A fact that has a name of its own (`input: …`) goes by it.
            let (name, text) = match note.split_once(": ") {
                Some((name @ ("input" | "inputs" | "output" | "outputs"), text)) => (name, text),
                _ => ("note", note.as_str()),
            };
            group = group.element(Level::NOTE.with_name(name).message(normalize_untrusted_str(text)));
        }
        for help in &diagnostic.helps {
            group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
        }
        self.renderer.render(&[group])
    }

    /// A headline alone.
    pub(crate) fn line(&self, severity: Severity, text: &str) -> String {
        self.renderer.render(&[Group::with_title(level(severity).primary_title(text))])
    }

    /// Everything that there is to say about a failure, as one text. `subject` is the file that the command is about,
    /// `aim` what was to be done with it (`compile`).
    pub(crate) fn failure(&self, error: &Error, subject: &str, aim: &str) -> String {
        let (Error::Diagnostics(diagnostics) | Error::Refused(diagnostics)) = error else {
            return self.line(Severity::Error, &error.to_string());
        };
        let mut text: String = diagnostics.iter().map(|d| format!("{}\n\n", self.diagnostic(d, Some(subject)))).collect();
        let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        let s = if errors == 1 { "" } else { "s" };
        text += &self.line(Severity::Error, &format!("could not {aim} `{subject}` due to {errors} error{s}"));
        text
    }
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    }
}

/// `model.onnx, node `/conv` (opset 17)`.
fn place(diagnostic: &Diagnostic, file: Option<&str>) -> Option<String> {
    let place = &diagnostic.place;
    let file = Some(place.file.as_str()).filter(|f| !f.is_empty()).or(file);
    let node = place.node.as_ref().map(|node| format!("node `{node}`"));
    let parts: Vec<&str> = file.into_iter().chain(node.as_deref()).collect();
    let mut text = parts.join(", ");
    if let Some(detail) = &place.detail {
        text += &if text.is_empty() { detail.clone() } else { format!(" ({detail})") };
    }
    let line = normalize_untrusted_str(&text).replace('\n', " ");
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_designed() {
        let diagnostic = Diagnostic::error("E0102", "operator `LSTM` has no spiking counterpart")
            .at("/encoder/rnn/LSTM")
            .detail("opset 17")
            .note("input: `/encoder/embed/Relu_output_0`, f32[1x80x128]")
            .note("only feed-forward operators are converted; see `snnc explain E0102`")
            .help("export the model up to `/encoder/embed` and convert that part");
        let error = Error::Diagnostics(vec![diagnostic]);
        let expected = "\
error[E0102]: operator `LSTM` has no spiking counterpart
  --> model.onnx, node `/encoder/rnn/LSTM` (opset 17)
   = input: `/encoder/embed/Relu_output_0`, f32[1x80x128]
   = note: only feed-forward operators are converted; see `snnc explain E0102`
   = help: export the model up to `/encoder/embed` and convert that part

error: could not compile `model.onnx` due to 1 error";
        assert_eq!(Style::new(false).failure(&error, "model.onnx", "compile"), expected);
    }

    #[test]
    fn names_cannot_write_to_the_terminal() {
        let diagnostic = Diagnostic::warning("W0001", "odd \u{1b}[31mname").at("a\nb\u{1b}c").note("n\u{1b}n").help("h\u{1b}h");
        let text = Style::new(false).diagnostic(&diagnostic, None);
        assert!(!text.contains('\u{1b}') && text.contains("node `a b"), "{text}");
        assert!(Style::new(true).diagnostic(&diagnostic, None).contains("\u{1b}["));
    }
}
