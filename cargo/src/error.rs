//! What can go wrong.

use std::{fmt, path::PathBuf, process::ExitStatus};

/// Why a model was not compiled.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no compiler.
    #[error("there is no compiler `{0}`: install snnc, or set the environment variable SNNC to its path")]
    NoCompiler(String),
    /// It ran, and did not compile. What it said stands on standard error.
    #[error("`{}` was not compiled: snnc ended with {status}", .model.display())]
    Refused {
        /// The model.
        model: PathBuf,
        /// How it ended: 1 if a policy is not kept, 2 for an error.
        status: ExitStatus,
    },
    /// The program could not load what was compiled.
    #[error("`{}` cannot be part of a program: {problem}", .artifact.display())]
    Artifact {
        /// The artifact.
        artifact: PathBuf,
        /// Why.
        problem: snnc_runtime::LoadError,
    },
    /// A name that cannot be that of a module and a type.
    #[error("`{0}` is not a name for a network: lower case letters, digits and underscores, a letter first, and no word of the language")]
    Name(String),
    /// A file that Cargo cannot be told of.
    #[error("`{}` is not UTF-8, or has a line break in its name, and Cargo cannot watch such files: rename it", .0.display())]
    Unwatched(PathBuf),
    /// A variable that Cargo sets for build scripts.
    #[error("the environment variable {0} is not set: only a build script that Cargo runs can compile models")]
    NoBuildScript(&'static str),
    /// A file cannot be read or written, or a program not started.
    #[error("`{}`: {problem}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: std::io::Error,
    },
}

/// A `main` that returns an error prints this, so it is written for people.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
