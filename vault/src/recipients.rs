//! For whom a file is encrypted.

use crate::{Error, format::WORK};
use age::{
    Encryptor, Recipient, scrypt,
    secrecy::{ExposeSecret as _, SecretString},
    x25519,
};
use std::{fmt, io::Write as _};

/// A passphrase, wiped from memory when it is dropped.
#[derive(Clone)]
pub struct Passphrase(pub(crate) SecretString);

impl Passphrase {
    /// Takes a copy of a text.
    ///
    /// # Errors
    /// If it is empty.
    pub fn new(text: &str) -> Result<Self, Error> {
        // A string without room to spare becomes the box as it is, and leaves no copy behind that nobody wipes.
        if text.is_empty() { Err(Error::NoPassphrase) } else { Ok(Self(SecretString::from(text.to_owned()))) }
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Passphrase {
    /// Says nothing of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// Who will be able to open a file: the holders of some keys, or all who know a passphrase. The format has no files for both.
#[derive(Clone, Debug)]
pub enum Recipients {
    /// The holders of any of these keys.
    Keys(PublicKeys),
    /// All who know it.
    Passphrase(Passphrase),
}

/// Public keys of age, at least one.
#[derive(Clone)]
pub struct PublicKeys(Vec<x25519::Recipient>);

impl fmt::Debug for PublicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(ToString::to_string)).finish()
    }
}

impl Recipients {
    /// The holders of keys, each an `age1..` as `age-keygen` prints it.
    ///
    /// # Errors
    /// If one is something else, or there is none.
    pub fn of_keys<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let one = |key: &str| key.parse().map_err(|_| Error::Recipient(shown(key)));
        let keys = keys.into_iter().map(one).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(Error::NoRecipients) } else { Ok(Self::Keys(PublicKeys(keys))) }
    }

    /// Bytes as a file that they alone open. It differs every time: its key is random.
    ///
    /// # Errors
    /// If the system fails.
    pub fn encrypt(&self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let system = |error: &dyn fmt::Display| Error::System(error.to_string());
        let encryptor = match self {
            Self::Keys(keys) => Encryptor::with_recipients(keys.0.iter().map(|key| key as &dyn Recipient)),
            Self::Passphrase(passphrase) => {
                let mut recipient = scrypt::Recipient::new(passphrase.0.clone());
                recipient.set_work_factor(WORK);
                Encryptor::with_recipients(std::iter::once(&recipient as &dyn Recipient))
            }
        };
        let mut file = Vec::with_capacity(bytes.len() + 1024);
        let mut writer = encryptor.map_err(|e| system(&e))?.wrap_output(&mut file).map_err(|e| system(&e))?;
        writer.write_all(bytes).and_then(|()| writer.finish().map(drop)).map_err(|e| system(&e))?;
        Ok(file)
    }
}

/// What was typed, for a message: not where it is a secret key, typed by mistake.
fn shown(key: &str) -> String {
    let is_secret = key.get(..15).is_some_and(|start| start.eq_ignore_ascii_case("AGE-SECRET-KEY-"));
    if is_secret { "AGE-SECRET-KEY-1..".to_owned() } else { key.chars().take(80).collect() }
}
