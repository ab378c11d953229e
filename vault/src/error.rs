//! What can go wrong.

use std::path::PathBuf;

/// Why a file stays closed, or a key is none. No message holds what is secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// The file is encrypted, and nothing was given that might open it.
    #[error("it is encrypted, and no key was given to open it")]
    Locked,
    /// The file is encrypted for others.
    #[error("it is encrypted, and none of the keys given opens it")]
    NotForUs,
    /// The file is encrypted with a passphrase, and only identities were given.
    #[error("it is encrypted with a passphrase, and none was given")]
    NeedsPassphrase,
    /// The passphrase is another.
    #[error("it is encrypted with another passphrase, or damaged")]
    Passphrase,
    /// The passphrase costs more time and memory than is spent on a file of unknown origin.
    #[error("its passphrase takes 2^{0} rounds of scrypt, more than the 2^{max} that are spent on it", max = crate::format::MAX_WORK)]
    Work(u8),
    /// The file is encrypted in a way that this version does not know.
    #[error("it is encrypted in a way that this version does not know")]
    Version,
    /// The file is not as it was encrypted.
    #[error("it is encrypted, and damaged or cut off")]
    Damaged,
    /// The file is encrypted, and the library was built without the feature that opens it.
    #[error("it is encrypted, and this build cannot open encrypted files")]
    NoEncryption,
    /// A signature is required, and there is none.
    #[error("a signature is required, and there is none{}", .0.as_ref().map(|path| format!(" in `{}`", path.display())).unwrap_or_default())]
    Unsigned(Option<PathBuf>),
    /// What should be a signature is none.
    #[error("its signature cannot be read")]
    NoSignature,
    /// The signature is of the file itself and not of its hash.
    #[error("its signature is of the old kind, over the whole file: sign it again with `minisign -S -H`")]
    OldSignature,
    /// The signature was made with another key.
    #[error("it is signed with another key than the one that is required")]
    Signer,
    /// The file is not the one that was signed.
    #[error("its signature does not hold: the file or the signature was changed")]
    Changed,
    /// A recipient that is none.
    #[error("`{0}` is no recipient of age: one is `age1` and 58 more letters and digits, as `age-keygen` prints it")]
    Recipient(String),
    /// There is nobody to encrypt for.
    #[error("there is no recipient")]
    NoRecipients,
    /// A line of an identity file that is no identity; counted from 1.
    #[error("line {0} is no identity of age: one is `AGE-SECRET-KEY-1` and 58 more letters and digits, as `age-keygen` writes it")]
    Identity(usize),
    /// An identity file that has none.
    #[error("there is no identity of age")]
    NoIdentities,
    /// An identity file that is encrypted itself.
    #[error("the identity is encrypted itself: open it with `age -d` first")]
    EncryptedIdentity,
    /// A passphrase without a letter.
    #[error("the passphrase is empty")]
    NoPassphrase,
    /// What should be a public key is none.
    #[error("this is no public key of minisign: one is 56 letters and digits that begin with `RW`")]
    PublicKey,
    /// What should be a secret key is none.
    #[error("this is no secret key of minisign")]
    SecretKey,
    /// The secret key has a password.
    #[error("the secret key has a password, and none was given")]
    NeedsPassword,
    /// The password is another.
    #[error("the password of the secret key is another")]
    Password,
    /// The system gives no random numbers, or no memory for a key.
    #[error("it cannot be made: {0}")]
    System(String),
}
