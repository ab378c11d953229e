//! The artifact that is looked at.

use crate::error::{Error, Result};
use snnc_files::Digest;
use snnc_runtime::{LoadError, Network};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A network with where it is from.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The file, for messages.
    pub path: PathBuf,
    /// The network.
    pub network: Network,
    /// SHA-256 of the artifact, of an encrypted one as it was before that.
    pub sha256: String,
}

impl Subject {
    /// Opens an artifact that is not encrypted.
    ///
    /// # Errors
    /// If it cannot be read, or is no artifact of this version.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|e| Error::io(path, e))?;
        Self::load(path, &bytes).map_err(|e| Error::load(path, e))
    }

    /// As [`Subject::open`], of the bytes of an artifact; `path` is for messages.
    ///
    /// # Errors
    /// If they are no artifact of this version.
    pub fn load(path: &Path, bytes: &[u8]) -> std::result::Result<Self, LoadError> {
        Ok(Self { path: path.to_owned(), network: Network::load(bytes)?, sha256: Digest::of(bytes).into() })
    }
}

/// SHA-256 of a file, as 64 hexadecimal digits.
pub(crate) fn sha256_of(path: &Path) -> Result<String> {
    Digest::of_file(path).map(String::from).map_err(|e| Error::io(path, e))
}
