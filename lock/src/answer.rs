//! The answer: to open it.

use crate::{
    Error, Key, Reader,
    bytes::{POLYNOMIAL, pack, packed, polynomial},
    packing::sums,
    scheme::{DEGREE, Terms, parameters},
};
use fhe::bfv::{BfvParameters, Ciphertext, Encoding, SecretKey};
use fhe_traits::{FheDecoder, FheDecrypter};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What a layer says of an image, under its key: a ciphertext, of whose first half the coefficients of the sums are kept alone.
///
/// Nothing in it can be checked without the key, and little with it: whoever changes its bytes changes the sums, and can do so on purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// Residues of the coefficients of the sums, by prime.
    pub(crate) kept: [Vec<u64>; 2],
    /// Residues of all coefficients of the uniform half, by prime.
    pub(crate) uniform: [Vec<u64>; 2],
}

impl std::fmt::Debug for Answer {
    /// Without the residues, which fill many pages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("classes", &self.classes()).finish_non_exhaustive()
    }
}

impl Answer {
    /// Number of sums.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.kept[0].len()
    }

    /// Bytes of an answer of so many sums.
    #[must_use]
    pub fn len(classes: usize) -> usize {
        2 * packed(classes) + POLYNOMIAL
    }

    /// Appends its bytes: the coefficients of the sums, then the uniform half.
    pub fn write(&self, to: &mut Vec<u8>) {
        self.kept.iter().chain(&self.uniform).for_each(|residues| pack(residues, to));
    }

    /// Reads one of so many sums.
    ///
    /// # Errors
    /// If it is cut off, or a residue is not below its prime.
    pub fn read(reader: &mut Reader<'_>, classes: usize) -> Result<Self, Error> {
        Ok(Self { kept: reader.residues(classes)?, uniform: reader.residues(DEGREE)? })
    }
}

/// A key, ready to open the answers of a layer.
pub struct Opener {
    terms: Terms,
    secret: SecretKey,
    parameters: Arc<BfvParameters>,
}

impl Opener {
    /// For the answers of layers of these terms.
    ///
    /// # Errors
    /// If these are the terms of another key, or of no layer.
    pub fn new(key: &Key, terms: &Terms) -> Result<Self, Error> {
        if key.id() != terms.key {
            return Err(Error::OtherKey { wanted: terms.key.to_string(), got: key.id().to_string() });
        }
        terms.check()?;
        let parameters = parameters(terms.plain_bits)?;
        Ok(Self { terms: *terms, secret: key.secret(&parameters)?, parameters })
    }

    /// The sums, one for each class.
    ///
    /// # Errors
    /// If the answer is one of another number of classes.
    pub fn open(&self, answer: &Answer) -> Result<Vec<i64>, Error> {
        if answer.classes() != self.terms.classes {
            return Err(Error::Layer(format!("an answer of {} classes, not of {}", answer.classes(), self.terms.classes)));
        }
        // Coefficients that were not sent are not looked at.
        let mut first = [vec![0; DEGREE], vec![0; DEGREE]];
        for (all, kept) in first.iter_mut().zip(&answer.kept) {
            sums(self.terms.classes).zip(kept).for_each(|(at, &residue)| all[at] = residue);
        }
        let halves = vec![polynomial(first)?, polynomial(answer.uniform.clone())?];
        let plain = self.secret.try_decrypt(&Ciphertext::new(halves, &self.parameters)?)?;
        let all = Zeroizing::new(Vec::<i64>::try_decode(&plain, Encoding::poly())?);
        Ok(sums(self.terms.classes).map(|at| all[at]).collect())
    }
}
