//! Files that are encrypted and signed, in memory: nothing here writes to disk.
//!
//! Both formats are those of programs that everyone has: `age` opens what [`Recipients`] encrypt, `minisign` checks what a [`SecretKey`]
//! signs, and the reverse. The schemes and their code are those of the crates `age`, `minisign` and `minisign-verify`; this one says how a
//! file that is shipped is opened: first whose it is, over its bytes as they lie there, then what is inside.
//!
//! | module | content | feature |
//! |---|---|---|
//! | `keys` | [`Keys`]: what opens a file, and whose it must be | |
//! | `format` | [`is_encrypted`] | |
//! | `error` | [`Error`]: why one stays closed | |
//! | `recipients` | [`Recipients`]: for whom a file is encrypted | `encryption` |
//! | `identities` | those who can open it | `encryption` |
//! | `envelope` | [`Envelope`]: files that are written now and read later | `encryption` |
//! | `signature` | [`PublicKey`]: whose a file is | `verification` |
//! | `signer` | [`SecretKey`]: to sign one | `signing` |
//!
//! What is decrypted, and passphrases, are wiped from memory when they are dropped. Nothing secret is in an error or a `Debug` output.

mod error;
mod format;
mod keys;

#[cfg(feature = "encryption")]
mod envelope;
#[cfg(feature = "encryption")]
mod identities;
#[cfg(feature = "encryption")]
mod recipients;
#[cfg(feature = "verification")]
mod signature;
#[cfg(feature = "signing")]
mod signer;

pub use error::Error;
pub use format::is_encrypted;
pub use keys::{Keys, Opened};

#[cfg(feature = "encryption")]
pub use envelope::Envelope;
#[cfg(feature = "encryption")]
pub use recipients::{Passphrase, Recipients};
#[cfg(feature = "verification")]
pub use signature::{PublicKey, signature_path};
#[cfg(feature = "signing")]
pub use signer::SecretKey;
