//! Messages to users, as data. The command line renders them; nothing in this crate prints.

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Compilation cannot go on.
    Error,
    /// It goes on, but the user should know.
    Warning,
}

/// The place that a message is about: a file and, where known, a node of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Name of the file as the user gave it; empty where the reader of the message knows.
    pub file: String,
    /// Name of the ONNX node.
    pub node: Option<String>,
    /// Anything that helps to find it: the opset, the line of a text file.
    pub detail: Option<String>,
}

/// One message: code, headline, place, then notes (facts) and helps (what to do).
///
/// The headline is lower case without a full stop, names stand in backticks, and advice stands in `help` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// For `snnc explain`, as `E0102`.
    pub code: &'static str,
    /// One sentence.
    pub headline: String,
    /// Where.
    pub place: Place,
    /// Facts, in order.
    pub notes: Vec<String>,
    /// What the user can do.
    pub helps: Vec<String>,
}

impl Diagnostic {
    /// An error.
    #[must_use]
    pub fn error(code: &'static str, headline: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, headline: headline.into(), place: Place::default(), notes: Vec::new(), helps: Vec::new() }
    }

    /// A warning.
    #[must_use]
    pub fn warning(code: &'static str, headline: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, headline) }
    }

    /// Names the ONNX node.
    #[must_use]
    pub fn at(mut self, node: impl Into<String>) -> Self {
        self.place.node = Some(node.into());
        self
    }

    /// Names the file.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.place.file = file.into();
        self
    }

    /// Adds a detail of the place.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.place.detail = Some(detail.into());
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.helps.push(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    /// Headline and place on one line, for logs and for tests of libraries.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.code, self.headline)?;
        match &self.place.node {
            Some(node) => write!(f, " (node `{node}`)"),
            None => Ok(()),
        }
    }
}
