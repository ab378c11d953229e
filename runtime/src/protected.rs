//! Artifacts that are encrypted (feature `encrypted`) or signed (feature `signed`).
//!
//! What opens them, and whose they must be, is in [`Keys`]. They are opened in memory alone, and what was decrypted is wiped as soon as the
//! network stands; the network itself holds its parameters, as every other does.

use crate::{LoadError, Network};
use snnc_vault::Keys;
use std::path::Path;

impl Network {
    /// Opens a `.snn` file that is encrypted or signed. It is read once and not mapped: what was checked is what runs.
    ///
    #[cfg_attr(all(feature = "encrypted", feature = "signed"), doc = "```no_run")]
    #[cfg_attr(not(all(feature = "encrypted", feature = "signed")), doc = "```ignore")]
    /// use snnc_runtime::{Keys, Network, PublicKey};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut keys = Keys::default();
    /// keys.add_identities(&std::fs::read_to_string("deployment.key")?)?;
    /// keys.require_signature(PublicKey::parse("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3")?);
    /// let network = Network::open_with("model.snn", &keys)?;
    /// # let _ = network;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the keys do not open it ([`LoadError::Keys`]), or as [`Network::load`].
    pub fn open_with(path: impl AsRef<Path>, keys: &Keys) -> Result<Self, LoadError> {
        Self::load(&keys.read(path.as_ref())?)
    }

    /// As [`Network::open_with`], of the bytes of the file and the text of the signature beside it, which is needed where one is required.
    ///
    /// # Errors
    /// As [`Network::open_with`].
    pub fn load_with(bytes: &[u8], signature: Option<&str>, keys: &Keys) -> Result<Self, LoadError> {
        Self::load(&keys.open(bytes, signature)?)
    }
}
