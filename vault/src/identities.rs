//! Those who can open a file: age's X25519 keys and passphrases.

use crate::{
    Error, Passphrase,
    format::{MAX_WORK, is_encrypted},
};
use age::{DecryptError, Decryptor, Identity, scrypt, x25519};
use std::io::Read as _;
use zeroize::Zeroizing;

/// The identities of a key file.
pub(crate) fn parse(text: &str) -> Result<Vec<Box<dyn Identity + Send + Sync>>, Error> {
    if is_encrypted(text.as_bytes()) || text.starts_with("-----BEGIN AGE") {
        return Err(Error::EncryptedIdentity);
    }
    let mut identities: Vec<Box<dyn Identity + Send + Sync>> = Vec::new();
    for (index, line) in text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let identity: x25519::Identity = line.parse().map_err(|_| Error::Identity(index + 1))?;
        identities.push(Box::new(identity));
    }
    if identities.is_empty() { Err(Error::NoIdentities) } else { Ok(identities) }
}

/// Who knows a passphrase.
pub(crate) fn of_passphrase(passphrase: &Passphrase) -> Box<dyn Identity + Send + Sync> {
    let mut identity = scrypt::Identity::new(passphrase.0.clone());
    identity.set_max_work_factor(MAX_WORK);
    Box::new(identity)
}

/// What is in a file, all of it or nothing.
pub(crate) fn decrypt(identities: &[Box<dyn Identity + Send + Sync>], bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    if identities.is_empty() {
        return Err(Error::Locked);
    }
    let decryptor = Decryptor::new_buffered(bytes).map_err(|error| match error {
        DecryptError::UnknownFormat => Error::Version,
        _ => Error::Damaged,
    })?;
    let with_passphrase = decryptor.is_scrypt();
    let keys = identities.iter().map(|identity| identity.as_ref() as &dyn Identity);
    let mut inside = decryptor.decrypt(keys).map_err(|error| match error {
        DecryptError::NoMatchingKeys if with_passphrase => Error::NeedsPassphrase,
        DecryptError::NoMatchingKeys => Error::NotForUs,
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => Error::Passphrase,
        DecryptError::ExcessiveWork { required, .. } => Error::Work(required),
        _ => Error::Damaged,
    })?;
    // It is shorter than the file: with so much room the vector never moves, and leaves no copy behind that nobody wipes.
    let mut opened = Zeroizing::new(Vec::with_capacity(bytes.len()));
    inside.read_to_end(&mut opened).map_err(|_| Error::Damaged)?;
    Ok(opened)
}
