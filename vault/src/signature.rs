//! Whose a file is.

use crate::Error;
use minisign_verify::{Error as Reason, PublicKey as Key, Signature};
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

/// A public key of minisign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(Key);

impl PublicKey {
    /// Reads a key: the content of a file that `minisign -G` wrote, or the line of it that is the key.
    ///
    /// # Errors
    /// If it is something else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let key = match (lines.next(), lines.next(), lines.next()) {
            (Some(key), None, None) => key,
            (Some(comment), Some(key), None) if comment.starts_with("untrusted comment:") => key,
            _ => return Err(Error::PublicKey),
        };
        Key::from_base64(key).map(Self).map_err(|_| Error::PublicKey)
    }

    /// Checks the signature of a file, and gives its trusted comment. Only signatures of the file's hash are taken, as every minisign of
    /// the last years makes them.
    ///
    /// # Errors
    /// If the signature is none, is another's, or of other bytes.
    pub fn verify(&self, bytes: &[u8], signature: &str) -> Result<String, Error> {
        let signature = Signature::decode(signature).map_err(|_| Error::NoSignature)?;
        self.0.verify(bytes, &signature, false).map_err(|reason| match reason {
            Reason::UnexpectedKeyId => Error::Signer,
            Reason::UnexpectedAlgorithm => Error::OldSignature,
            _ => Error::Changed,
        })?;
        Ok(signature.trusted_comment().to_owned())
    }
}

/// Where the signature of a file lies: `PATH.minisig`, as for minisign.
#[must_use]
pub fn signature_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".minisig");
    name.into()
}

/// The signature beside a file.
pub(crate) fn read_beside(path: &Path) -> Result<String, Error> {
    let path = signature_path(path);
    std::fs::read_to_string(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::Unsigned(Some(path)),
        _ => Error::NoSignature,
    })
}
