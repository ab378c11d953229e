//! The secret key, and its file.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `snnckey1` |
//! | 16 | the key's number, which is no secret: random, to tell keys apart |
//! | 4096 | the coefficients of the secret, one byte each in two's complement, from -20 to 20 |
//! | 32 | SHA-256 of all that, so that a damaged key is not taken for another one |

use crate::{
    Error, KeyId, Reader,
    scheme::{DEGREE, LARGEST, MIN_PLAIN_BITS, parameters, ring},
};
use fhe::{
    bfv::{BfvParameters, SecretKey},
    proto::bfv::SecretKey as SecretKeyMessage,
};
use fhe_math::rq::{Poly, Representation, traits::TryConvertFrom};
use fhe_traits::DeserializeParametrized;
use prost::Message;
use rand::Rng;
use sha2::{Digest, Sha256};
use std::{fmt, fs, io, path::Path, sync::Arc};
use zeroize::{Zeroize, Zeroizing};

const MAGIC: &[u8; 8] = b"snnckey1";
/// Bytes of a file.
const LEN: usize = MAGIC.len() + 16 + DEGREE + 32;

/// The secret key. It is wiped from memory when it is dropped, and never printed.
pub struct Key {
    id: KeyId,
    coefficients: Zeroizing<Vec<i64>>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Key {
    /// A new key, from the system's random numbers.
    ///
    /// # Panics
    /// If the system has none.
    #[must_use]
    pub fn generate() -> Self {
        let mut random = rand::rng();
        let parameters = parameters(MIN_PLAIN_BITS).expect("sums of so few bits can be decrypted");
        let mut message = SecretKeyMessage::from(&SecretKey::random(&parameters, &mut random));
        Self { id: KeyId(random.random()), coefficients: Zeroizing::new(std::mem::take(&mut message.coeffs)) }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The bytes of its file.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // As much as is needed at once: what grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(LEN));
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.id.0);
        bytes.extend(self.coefficients.iter().map(|&coefficient| coefficient as i8 as u8));
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        bytes
    }

    /// Reads the bytes of its file.
    ///
    /// # Errors
    /// If they are not those of a key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes, "a key");
        if reader.take(MAGIC.len()).ok() != Some(MAGIC) {
            return reader.fail("it does not start like one");
        }
        let id = KeyId(reader.array()?);
        let secret = reader.take(DEGREE)?;
        let digest: [u8; 32] = reader.array()?;
        if Sha256::digest(&bytes[..bytes.len() - reader.left() - digest.len()])[..] != digest {
            return reader.fail("it is damaged");
        }
        let coefficients = Zeroizing::new(secret.iter().map(|&byte| i64::from(byte as i8)).collect::<Vec<_>>());
        if coefficients.iter().any(|coefficient| coefficient.unsigned_abs() > u64::from(LARGEST)) {
            return reader.fail("a coefficient is too large");
        }
        reader.end()?;
        Ok(Self { id, coefficients })
    }

    /// Writes a new file that its owner alone may read (where the system is a Unix).
    ///
    /// # Errors
    /// If there is a file already, or it cannot be written.
    pub fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        io::Write::write_all(&mut file, &self.to_bytes())?;
        file.sync_all()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read; of the kind [`io::ErrorKind::InvalidData`], if it is no key.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        // One byte more than a key has, so that a longer file is told.
        let mut bytes = Zeroizing::new(Vec::with_capacity(LEN + 1));
        io::Read::read_to_end(&mut io::Read::take(fs::File::open(path)?, LEN as u64 + 1), &mut bytes)?;
        Self::from_bytes(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// The key for the library.
    pub(crate) fn secret(&self, parameters: &Arc<BfvParameters>) -> Result<SecretKey, Error> {
        let mut message = SecretKeyMessage { coeffs: self.coefficients.to_vec() };
        let bytes = Zeroizing::new(message.encode_to_vec());
        message.coeffs.zeroize();
        Ok(SecretKey::from_bytes(&bytes, parameters)?)
    }

    /// The secret as an element of the ring, ready to be multiplied.
    pub(crate) fn element(&self) -> Result<Zeroizing<Poly>, Error> {
        let mut element = Zeroizing::new(Poly::try_convert_from(&self.coefficients[..], &ring(), false, Representation::PowerBasis)?);
        element.change_representation(Representation::Ntt);
        Ok(element)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_and_are_not_printed() {
        let key = Key::generate();
        let bytes = key.to_bytes();
        let read = Key::from_bytes(&bytes).unwrap();
        assert_eq!(bytes.len(), LEN);
        assert_eq!((read.id, &*read.coefficients), (key.id, &*key.coefficients));
        assert!(key.coefficients.iter().any(|&coefficient| coefficient < 0));
        assert_eq!(format!("{key:?}"), format!("Key {{ id: {:?}, .. }}", key.id));
        assert_ne!(Key::generate().id, key.id);
    }

    #[test]
    fn damaged_keys_are_refused() {
        let bytes = Key::generate().to_bytes();
        for at in (0..bytes.len()).step_by(37).chain([0, 8, 24, bytes.len() - 1]) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(matches!(Key::from_bytes(&damaged), Err(Error::Format { .. })), "byte {at}");
        }
        assert!(Key::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        assert!(Key::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        assert!(Key::from_bytes(b"").is_err());
    }

    #[test]
    fn a_key_with_large_coefficients_is_refused_though_its_sum_is_right() {
        let mut bytes = Key::generate().to_bytes();
        let end = bytes.len() - 32;
        bytes[100] = LARGEST as u8 + 1;
        let digest = Sha256::digest(&bytes[..end]);
        bytes[end..].copy_from_slice(&digest);
        assert_eq!(Key::from_bytes(&bytes).unwrap_err().to_string(), "not a key: a coefficient is too large");
    }
}
