//! What there is to know of age's format from outside.

/// How every encrypted file begins, whatever the version.
const MAGIC: &[u8] = b"age-encryption.org/";

/// Rounds of scrypt for a passphrase, as a power of two: what the program `age` takes, 256 MiB and about a second.
#[cfg(feature = "encryption")]
pub(crate) const WORK: u8 = 18;

/// Most of them that are spent on a file: about 4 seconds and 1 GiB. The format has no limit, and a file of unknown origin could ask for
/// hours.
pub(crate) const MAX_WORK: u8 = 20;

/// Whether bytes begin as an encrypted file.
#[must_use]
pub fn is_encrypted(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}
