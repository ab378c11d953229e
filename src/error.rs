//! What can go wrong, by whose fault.

use snnc_ir::{Diagnostic, verify::Violations};
use snnc_passes::PassError;
use std::path::{Path, PathBuf};

/// A failure of any part of `snnc`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is not what its use here demands.
    #[error("{}: {message}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong and what was expected.
        message: String,
    },
    /// Options that contradict each other or the model.
    #[error("{0}")]
    Usage(String),
    /// The user's network cannot be compiled as it is; all reasons at once.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Diagnostics(Vec<Diagnostic>),
    /// The network can be compiled, and is not what was asked for: a gate says no.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Refused(Vec<Diagnostic>),
    /// A broken invariant: a bug of the compiler.
    #[error("internal compiler error: {0}")]
    Internal(String),
}

/// Result of anything that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An I/O failure at a file.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { path: path.as_ref().to_owned(), source }
    }

    /// A malformed or unexpected file.
    pub fn format(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        Self::Format { path: path.as_ref().to_owned(), message: message.into() }
    }

    /// A broken invariant, found after the named step.
    #[must_use]
    pub fn broken(after: &str, violations: &Violations) -> Self {
        Self::Internal(format!("after `{after}`:\n{violations}"))
    }
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Diagnostics(vec![diagnostic])
    }
}

impl From<PassError> for Error {
    fn from(error: PassError) -> Self {
        match error {
            PassError::User(diagnostic) => diagnostic.into(),
            PassError::Bug(message) => Self::Internal(message),
        }
    }
}

impl From<snnc_project::Error> for Error {
    fn from(error: snnc_project::Error) -> Self {
        match error {
            snnc_project::Error::Io { path, source } => Self::io(path, source),
            snnc_project::Error::Format { path, message } => Self::format(path, message),
        }
    }
}

impl From<snnc_data::Error> for Error {
    fn from(error: snnc_data::Error) -> Self {
        match error {
            snnc_data::Error::Io { path, source } => Self::Io { path, source },
            snnc_data::Error::Format { path, message } => Self::Format { path, message },
            snnc_data::Error::Usage(message) => Self::Usage(message),
            snnc_data::Error::Internal(message) => Self::Internal(message),
        }
    }
}

impl From<snnc_golden::Error> for Error {
    fn from(error: snnc_golden::Error) -> Self {
        match error {
            snnc_golden::Error::File(error) => error.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<snnc_engine::Error> for Error {
    fn from(error: snnc_engine::Error) -> Self {
        match error {
            snnc_engine::Error::Unsupported(reason) => Self::Usage(reason),
            snnc_engine::Error::Card(reason) => {
                Self::Usage(format!("the graphics card failed: {reason}; try a smaller `--batch`, or `--device cpu`"))
            }
            snnc_engine::Error::Bug(reason) => Self::Internal(reason),
        }
    }
}
