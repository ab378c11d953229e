//! What a command comes to: an exit code, or why it failed.

use crate::error::Error;
use std::{io, path::Path, process::ExitCode};

/// Exit code of a gate that said no.
pub(crate) const REFUSED: u8 = 1;
/// Exit code of an error.
pub(crate) const ERROR: u8 = 2;
/// Exit code of a bug; also what a panic exits with.
pub(crate) const BUG: u8 = 101;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What the user must know.
    Error {
        error: Error,
        /// The file that it is about and what was to be done with it, for the last line.
        subject: String,
        aim: &'static str,
    },
    /// Standard output could not be written.
    Output(io::Error),
}

/// Result of a command.
pub(crate) type Outcome = Result<ExitCode, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error { error, subject: "the input".into(), aim: "process" }
    }
}

impl Failure {
    /// A failure of a command that is about one file.
    pub(crate) fn about(path: &Path, aim: &'static str) -> impl Fn(Error) -> Self {
        let subject = path.display().to_string();
        move |error| Self::Error { error, subject: subject.clone(), aim }
    }
}
