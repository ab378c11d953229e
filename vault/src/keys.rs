//! What opens a file, and whose it must be.

use crate::{Error, format::is_encrypted};
use std::{fmt, ops::Deref, path::Path};
use zeroize::Zeroizing;

#[cfg(feature = "encryption")]
use crate::{Passphrase, identities};
#[cfg(feature = "verification")]
use crate::{PublicKey, signature};

/// What a file is opened with, and whose it must be. Without any keys, files that are not encrypted are open to all.
///
/// ```
/// # fn main() -> Result<(), snnc_vault::Error> {
/// let keys = snnc_vault::Keys::default();
/// assert_eq!(&*keys.open(b"as it is", None)?, b"as it is");
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct Keys {
    #[cfg(feature = "encryption")]
    identities: Vec<Box<dyn age::Identity + Send + Sync>>,
    #[cfg(feature = "verification")]
    signer: Option<PublicKey>,
}

impl Keys {
    /// Adds the identities of a key file of age: one a line, beside empty ones and comments behind `#`.
    ///
    /// # Errors
    /// If a line is something else, or there is none.
    #[cfg(feature = "encryption")]
    pub fn add_identities(&mut self, text: &str) -> Result<(), Error> {
        self.identities.extend(identities::parse(text)?);
        Ok(())
    }

    /// Adds a passphrase.
    #[cfg(feature = "encryption")]
    pub fn add_passphrase(&mut self, passphrase: &Passphrase) {
        self.identities.push(identities::of_passphrase(passphrase));
    }

    /// Whether they open nothing that is encrypted and require nothing: a file may then be read as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        #[cfg(feature = "encryption")]
        if !self.identities.is_empty() {
            return false;
        }
        #[cfg(feature = "verification")]
        if self.signer.is_some() {
            return false;
        }
        true
    }

    /// Demands that files are signed with this key, encrypted or not.
    #[cfg(feature = "verification")]
    pub fn require_signature(&mut self, of: PublicKey) {
        self.signer = Some(of);
    }

    /// Opens the bytes of a file. `signature` is the text of the file beside it, and needed where one is required.
    ///
    /// # Errors
    /// If it is not signed as required, or is encrypted and cannot be opened.
    pub fn open<'a>(&self, bytes: &'a [u8], signature: Option<&str>) -> Result<Opened<'a>, Error> {
        self.check(bytes, || signature.map(str::to_owned).ok_or(Error::Unsigned(None)))?;
        if is_encrypted(bytes) { self.decrypt(bytes).map(Opened::Inside) } else { Ok(Opened::AsIs(bytes)) }
    }

    /// Reads a file and opens it. Where a signature is required, it is read from `PATH.minisig`. The file is read once: what is checked is
    /// what comes back.
    ///
    /// # Errors
    /// If it cannot be read, or as [`Keys::open`].
    pub fn read(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
        let bytes = Zeroizing::new(std::fs::read(path)?);
        #[cfg(feature = "verification")]
        self.check(&bytes, || signature::read_beside(path))?;
        if is_encrypted(&bytes) { self.decrypt(&bytes) } else { Ok(bytes) }
    }

    /// Whether a file is signed as required.
    #[cfg(feature = "verification")]
    fn check(&self, bytes: &[u8], signature: impl FnOnce() -> Result<String, Error>) -> Result<(), Error> {
        self.signer.as_ref().map_or(Ok(()), |signer| signer.verify(bytes, &signature()?).map(drop))
    }

    /// Nothing can be required.
    #[cfg(not(feature = "verification"))]
    #[allow(clippy::unused_self, reason = "as with the feature")]
    fn check(&self, _: &[u8], _: impl FnOnce() -> Result<String, Error>) -> Result<(), Error> {
        Ok(())
    }

    #[cfg(feature = "encryption")]
    fn decrypt(&self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        identities::decrypt(&self.identities, bytes)
    }

    #[cfg(not(feature = "encryption"))]
    #[allow(clippy::unused_self, reason = "as with the feature")]
    fn decrypt(&self, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        Err(Error::NoEncryption)
    }
}

impl fmt::Debug for Keys {
    /// Says nothing of the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// What is in a file.
pub enum Opened<'a> {
    /// It was not encrypted.
    AsIs(&'a [u8]),
    /// It was; this is wiped when it is dropped.
    Inside(Zeroizing<Vec<u8>>),
}

impl Deref for Opened<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::AsIs(bytes) => bytes,
            Self::Inside(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Opened<'_> {
    /// Says nothing of what is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AsIs(_) => "AsIs(..)",
            Self::Inside(_) => "Inside(..)",
        })
    }
}
