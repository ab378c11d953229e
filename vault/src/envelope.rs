//! Files that are written now and read later, by the same people.

use crate::{Error, Keys, Opened, Recipients};
use std::sync::Arc;

/// How files are kept that are read again: as they are, or encrypted. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Envelope(Option<Arc<(Recipients, Keys)>>);

impl Envelope {
    /// Files for some recipients, which these keys open again, or the passphrase with which they are closed.
    #[must_use]
    pub fn new(recipients: Recipients, mut keys: Keys) -> Self {
        if let Recipients::Passphrase(passphrase) = &recipients {
            keys.add_passphrase(passphrase);
        }
        Self(Some(Arc::new((recipients, keys))))
    }

    /// Bytes as they are kept.
    ///
    /// # Errors
    /// As [`Recipients::encrypt`].
    pub fn close(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        match self.0.as_deref() {
            Some((recipients, _)) => recipients.encrypt(&bytes),
            None => Ok(bytes),
        }
    }

    /// Bytes as they were before [`Envelope::close`], or as they are where they were not encrypted.
    ///
    /// # Errors
    /// As [`Keys::open`].
    pub fn open<'a>(&self, bytes: &'a [u8]) -> Result<Opened<'a>, Error> {
        self.0.as_deref().map_or_else(|| Keys::default().open(bytes, None), |(_, keys)| keys.open(bytes, None))
    }
}

/// What a file holds does not depend on how it is kept.
impl PartialEq for Envelope {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
