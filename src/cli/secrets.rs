//! Options of files that are encrypted and signed, the same for all commands, and what they come to.
//!
//! Nothing secret is ever an argument: other users of a machine see those, and shells keep them. Keys and passphrases come from files,
//! from standard input, or are asked for at the terminal.

use super::files;
use crate::error::{Error, Result};
use clap::{Args, ValueHint};
use snnc_files::Digest;
use snnc_runtime::LoadError;
use snnc_vault::{Envelope, Error as Closed, Keys, Passphrase, PublicKey, Recipients, SecretKey, is_encrypted};
use std::{
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};
use zeroize::Zeroizing;

/// Longest file of keys or passphrases.
const MAX_LEN: usize = 64 * 1024;

/// What opens an artifact, and whose it must be.
#[derive(Args, Clone, Debug, Default)]
pub struct Opening {
    /// Open what is encrypted with the keys in this file, as `age-keygen` writes it, or on standard input where it is `-`
    #[arg(long, value_name = "KEYFILE", value_hint = ValueHint::FilePath, help_heading = "Encrypted and signed files")]
    pub identity: Vec<PathBuf>,
    /// Open it with the passphrase that is the first line of this file; `-` asks for it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Encrypted and signed files")]
    pub passphrase: Option<PathBuf>,
    /// Refuse what is not signed, in `MODEL.snn.minisig`, with this public key of minisign, or the one in this file
    #[arg(long, value_name = "PUBKEY", help_heading = "Encrypted and signed files")]
    pub require_signature: Option<String>,
}

impl Opening {
    /// The files that are read for it, with names for messages.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let identities = self.identity.iter().map(|path| ("the identity", path.as_path()));
        let passphrase = self.passphrase.iter().map(|path| ("the passphrase", path.as_path()));
        let key = self.require_signature.iter().map(|key| ("the public key", Path::new(key)));
        identities.chain(passphrase).chain(key)
    }

    /// Reads the keys.
    pub(crate) fn keys(&self) -> Result<Keys> {
        let mut keys = identities(&self.identity)?;
        if let Some(path) = &self.passphrase {
            keys.add_passphrase(&passphrase(path, "passphrase", false)?);
        }
        if let Some(key) = &self.require_signature {
            keys.require_signature(public_key(key)?);
        }
        Ok(keys)
    }
}

/// Who will be able to open what is written.
#[derive(Args, Clone, Debug, Default)]
pub struct Closing {
    /// Encrypt what is written for the holder of a key of age, `age1..`; may be repeated
    #[arg(long, value_name = "RECIPIENT", conflicts_with = "encrypt_passphrase", help_heading = "Encryption")]
    pub encrypt_to: Vec<String>,
    /// Encrypt it for all recipients in this file, one a line
    #[arg(long, value_name = "FILE", conflicts_with = "encrypt_passphrase", value_hint = ValueHint::FilePath, help_heading = "Encryption")]
    pub encrypt_to_file: Vec<PathBuf>,
    /// Encrypt it with the passphrase that is the first line of this file; `-` asks for it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Encryption")]
    pub encrypt_passphrase: Option<PathBuf>,
}

impl Closing {
    /// Whether anything is to be encrypted.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.encrypt_to.is_empty() || !self.encrypt_to_file.is_empty() || self.encrypt_passphrase.is_some()
    }

    /// The files that are read for it, with names for messages.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let recipients = self.encrypt_to_file.iter().map(|path| ("the recipients", path.as_path()));
        recipients.chain(self.encrypt_passphrase.as_deref().map(|path| ("the passphrase", path)))
    }

    /// Reads who they are; none if nothing is to be encrypted.
    pub(crate) fn recipients(&self) -> Result<Option<Recipients>> {
        if let Some(path) = &self.encrypt_passphrase {
            return Ok(Some(Recipients::Passphrase(passphrase(path, "passphrase", true)?)));
        }
        if !self.is_wanted() {
            return Ok(None);
        }
        let mut keys = self.encrypt_to.clone();
        for path in &self.encrypt_to_file {
            let text = text(path)?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            let before = keys.len();
            keys.extend(lines.map(str::to_owned));
            // At once, so that the message names the file.
            Recipients::of_keys(keys[before..].iter().map(String::as_str)).map_err(|error| Error::format(path, error.to_string()))?;
        }
        let recipients = Recipients::of_keys(keys.iter().map(String::as_str));
        recipients.map(Some).map_err(|error| Error::Usage(format!("--encrypt-to: {error}")))
    }
}

/// Bytes as they are written: for the recipients if there are any.
pub(crate) fn close(recipients: Option<&Recipients>, bytes: impl Into<Vec<u8>>) -> Result<Vec<u8>> {
    let bytes = bytes.into();
    match recipients {
        None => Ok(bytes),
        Some(recipients) => recipients.encrypt(&bytes).map_err(|error| Error::Usage(format!("nothing can be encrypted: {error}"))),
    }
}

/// How files are kept that the same command reads again.
pub(crate) fn envelope(recipients: Option<&Recipients>, keys: Keys) -> Envelope {
    recipients.map_or_else(Envelope::default, |recipients| Envelope::new(recipients.clone(), keys))
}

/// Reads an artifact, or whatever else keys open, into memory that is wiped.
pub(crate) fn open(path: &Path, keys: &Keys) -> Result<Zeroizing<Vec<u8>>> {
    keys.read(path).map_err(|error| closed(path, error))
}

/// Why a file stays closed, and what to do about it.
pub(crate) fn closed(path: &Path, error: Closed) -> Error {
    match error {
        Closed::File(error) => Error::io(path, error),
        Closed::Locked => Error::format(path, LOCKED),
        Closed::NeedsPassphrase => Error::format(path, "it is encrypted with a passphrase: `--passphrase FILE` opens it"),
        Closed::Passphrase | Closed::NotForUs | Closed::Work(_) | Closed::Version | Closed::Damaged => {
            Error::format(path, error.to_string())
        }
        error => Error::format(path, format!("refused: {error}")),
    }
}

/// Why an artifact cannot be loaded.
pub(crate) fn not_loaded(path: &Path, error: LoadError) -> Error {
    match error {
        LoadError::File(error) => Error::io(path, error),
        LoadError::Encrypted => Error::format(path, LOCKED),
        error => Error::format(path, error.to_string()),
    }
}

const LOCKED: &str = "it is encrypted: `--identity KEYFILE` opens it, or `--passphrase FILE`";

/// The identities in key files.
pub(crate) fn identities(paths: &[PathBuf]) -> Result<Keys> {
    let mut keys = Keys::default();
    for path in paths {
        let file = bytes(path)?;
        let text = std::str::from_utf8(&file).map_err(|_| {
            let encrypted = is_encrypted(&file);
            Error::format(path, if encrypted { Closed::EncryptedIdentity.to_string() } else { "it is no text".into() })
        })?;
        keys.add_identities(text).map_err(|error| Error::format(path, error.to_string()))?;
    }
    Ok(keys)
}

/// A public key: its text, or the file that it is in.
pub(crate) fn public_key(key: &str) -> Result<PublicKey> {
    PublicKey::parse(key).or_else(|_| {
        let path = Path::new(key);
        PublicKey::parse(&text(path)?).map_err(|error| Error::format(path, error.to_string()))
    })
}

/// The key to sign with. Its password is in a file, or is asked for if it has one.
pub(crate) fn secret_key(path: &Path, password: Option<&Path>) -> Result<SecretKey> {
    let text = text(path)?;
    let about = |error: Closed| Error::format(path, error.to_string());
    let asked = match password {
        Some(password) => Some(passphrase(password, "password", false)?),
        None if SecretKey::has_password(&text).map_err(about)? => {
            if !io::stdin().is_terminal() {
                return Err(Error::format(
                    path,
                    "it has a password, and there is no terminal to ask at: give the file that the password is in",
                ));
            }
            Some(passphrase(Path::new("-"), &format!("password of {}", path.display()), false)?)
        }
        None => None,
    };
    SecretKey::parse(&text, asked.as_ref()).map_err(about)
}

/// The signature of a file as it is shipped, as text. What is signed with it says what the file is, and no time: the comment of the same file
/// is always the same.
pub(crate) fn sign(key: &SecretKey, bytes: &[u8]) -> Result<String> {
    let digest = Digest::of(bytes);
    let comment = format!("snnc {}, sha256 {digest}", env!("CARGO_PKG_VERSION"));
    key.sign(bytes, &comment).map_err(|error| Error::Usage(format!("nothing can be signed: {error}")))
}

/// The first line of a file, or what is typed at the terminal; if it is for a new file, twice.
fn passphrase(path: &Path, what: &str, is_new: bool) -> Result<Passphrase> {
    let about = |error: Closed| Error::format(path, error.to_string());
    if is_standard_input(path) && io::stdin().is_terminal() {
        let ask = |prompt: String| rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|e| Error::io("the terminal", e));
        let typed = ask(format!("{what}: "))?;
        if is_new && *ask(format!("{what} again: "))? != *typed {
            return Err(Error::Usage(format!("the two {what}s differ")));
        }
        return Passphrase::new(&typed).map_err(about);
    }
    let text = text(path)?;
    Passphrase::new(text.lines().next().unwrap_or_default()).map_err(about)
}

/// A short text in a file or on standard input.
fn text(path: &Path) -> Result<Zeroizing<String>> {
    let bytes = bytes(path)?;
    // A copy without room to spare: nothing of it is left behind when it is wiped.
    let text = std::str::from_utf8(&bytes).map_err(|_| Error::format(path, "it is no text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The bytes of a short file, or of standard input.
fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    static IS_READ: AtomicBool = AtomicBool::new(false);
    // With so much room it never moves, and leaves no copy behind that nobody wipes.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LEN + 1));
    let mut read = |from: &mut dyn Read| from.take(MAX_LEN as u64 + 1).read_to_end(&mut bytes).map_err(|e| Error::io(path, e));
    if is_standard_input(path) {
        if IS_READ.swap(true, Ordering::Relaxed) {
            return Err(Error::Usage("standard input, `-`, can only be read once: put one of the keys and passphrases into a file".into()));
        }
        read(&mut io::stdin().lock())?;
    } else {
        read(&mut std::fs::File::open(path).map_err(|e| Error::io(path, e))?)?;
    }
    if bytes.len() > MAX_LEN {
        return Err(Error::format(path, "it is too long for keys or a passphrase"));
    }
    Ok(bytes)
}

/// Whether a file is `-`.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// The signature of a file that is about to be written must have a place.
pub(crate) fn check_signature_target(out: &Path) -> Result<PathBuf> {
    if std::fs::metadata(out).is_ok_and(|about| !about.is_file() && !about.is_dir()) {
        return Err(Error::format(out, "it is no plain file, so that no signature can lie beside it"));
    }
    let path = snnc_vault::signature_path(out);
    files::check_target(&path)?;
    Ok(path)
}
