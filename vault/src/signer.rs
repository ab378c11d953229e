//! To sign a file.

use crate::{Error, Passphrase, PublicKey};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use minisign::{ErrorKind, SecretKeyBox};
use std::{fmt, io::Cursor, ops::Range};
use zeroize::Zeroizing;

/// A secret key of minisign, ready to sign.
pub struct SecretKey(minisign::SecretKey);

impl SecretKey {
    /// Whether the content of a key file needs a password.
    ///
    /// # Errors
    /// If it is no secret key.
    pub fn has_password(text: &str) -> Result<bool, Error> {
        Ok(plain(&decode(text)?)?.is_encrypted())
    }

    /// Reads the content of a file that `minisign -G` wrote.
    ///
    /// # Errors
    /// If it is no secret key, or has a password and that is another or none.
    pub fn parse(text: &str, password: Option<&Passphrase>) -> Result<Self, Error> {
        let bytes = decode(text)?;
        let key = plain(&bytes)?;
        let file = SecretKeyBox::from(text.to_owned());
        let key = match (key.is_encrypted(), password) {
            // The program leaves the sum out of keys without a password, for which the crate asks.
            (false, _) if bytes[CHECKSUM].iter().all(|&byte| byte == 0) => Ok(key),
            (false, _) => file.into_unencrypted_secret_key().map_err(|_| Error::SecretKey),
            (true, None) => Err(Error::NeedsPassword),
            (true, Some(password)) => file.into_secret_key(Some(password.expose().to_owned())).map_err(|error| match error.kind() {
                ErrorKind::KDF => Error::System(error.to_string()),
                _ => Error::Password,
            }),
        };
        key.map(Self)
    }

    /// The key that others check its signatures with.
    ///
    /// # Errors
    /// If the file of the key holds a broken one.
    pub fn public(&self) -> Result<PublicKey, Error> {
        let key = minisign::PublicKey::from_secret_key(&self.0).map_err(|_| Error::SecretKey)?;
        PublicKey::parse(&key.to_base64())
    }

    /// Signs the hash of a file, and `comment`, one line, with it. Gives the text of the file beside it.
    ///
    /// # Errors
    /// If the system gives no random numbers, or the key is broken.
    pub fn sign(&self, bytes: &[u8], comment: &str) -> Result<String, Error> {
        let signed = minisign::sign(None, &self.0, Cursor::new(bytes), Some(comment), Some("signature by a minisign secret key"));
        let text = signed.map_err(|error| Error::System(error.to_string()))?.into_string();
        // What is shipped should open: a key whose two halves do not fit is noticed here, and not by who receives the file.
        self.public()?.verify(bytes, &text)?;
        Ok(text)
    }
}

/// Bytes of a key in its file.
const LEN: usize = 158;
/// Those of the sum over the key.
const CHECKSUM: Range<usize> = 126..LEN;

/// The bytes of a key in the content of its file.
fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let line = text.lines().nth(1).ok_or(Error::SecretKey)?;
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(line.trim()).map_err(|_| Error::SecretKey)?);
    if bytes.len() == LEN && bytes.starts_with(b"Ed") { Ok(bytes) } else { Err(Error::SecretKey) }
}

fn plain(bytes: &[u8]) -> Result<minisign::SecretKey, Error> {
    minisign::SecretKey::from_bytes(bytes).map_err(|_| Error::SecretKey)
}

impl fmt::Debug for SecretKey {
    /// Says nothing of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}
