//! What can go wrong.

use snnc_runtime::LoadError;
use std::path::Path;

/// Why nothing can be compared. A difference is no error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written, or is not what its use here demands.
    #[error(transparent)]
    File(#[from] snnc_data::Error),
    /// Whoever watched the run wanted it to stop.
    #[error("the run was stopped")]
    Stopped,
}

/// Result of anything that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::File(snnc_data::Error::io(path, source))
    }

    pub(crate) fn format(path: &Path, message: impl Into<String>) -> Self {
        Self::File(snnc_data::Error::format(path, message))
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::File(snnc_data::Error::Usage(message.into()))
    }

    pub(crate) fn load(path: &Path, error: LoadError) -> Self {
        match error {
            LoadError::File(error) => Self::io(path, error),
            error => Self::format(path, error.to_string()),
        }
    }
}
