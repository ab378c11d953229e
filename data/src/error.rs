//! What can go wrong.

use std::path::{Path, PathBuf};

/// Why images cannot be had, or do not fit a network.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file does not hold what its use here demands.
    #[error("{}: {message}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong and what was expected.
        message: String,
    },
    /// Preprocessing that does not fit the images.
    #[error("{0}")]
    Usage(String),
    /// A bug of the caller.
    #[error("{0}")]
    Internal(String),
}

/// Result of anything that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An I/O failure at a file.
    #[must_use]
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// A malformed or unexpected file.
    #[must_use]
    pub fn format(path: &Path, message: impl Into<String>) -> Self {
        Self::Format { path: path.to_owned(), message: message.into() }
    }
}
