//! Residues as bytes, and back with every check.
//!
//! A polynomial is the residues of its coefficients modulo the first prime, `x⁰` first, then those modulo the second, in 53 bits each: the lowest bit of
//! a number comes first, in the lowest free bit of a byte. What is left of a last byte is 0.

use crate::{
    Error,
    scheme::{DEGREE, PRIME_BITS, PRIMES, ring},
};
use fhe_math::rq::{Poly, Representation, traits::TryConvertFrom};

/// Bytes of a polynomial.
pub(crate) const POLYNOMIAL: usize = PRIMES.len() * packed(DEGREE);

/// Bytes of so many residues.
pub(crate) const fn packed(residues: usize) -> usize {
    (residues * PRIME_BITS as usize).div_ceil(8)
}

/// Appends residues.
pub(crate) fn pack(residues: &[u64], to: &mut Vec<u8>) {
    let (mut pool, mut held) = (0u64, 0);
    for &residue in residues {
        // At most 7 bits wait, so that all 53 find room.
        pool |= residue << held;
        held += PRIME_BITS;
        while held >= 8 {
            to.push(pool as u8);
            pool >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        to.push(pool as u8);
    }
}

/// Appends a polynomial.
pub(crate) fn pack_polynomial(polynomial: &Poly, to: &mut Vec<u8>) {
    for residues in residues(polynomial) {
        pack(&residues, to);
    }
}

/// The residues of the coefficients, by prime.
pub(crate) fn residues(polynomial: &Poly) -> [Vec<u64>; 2] {
    let mut polynomial = polynomial.clone();
    polynomial.change_representation(Representation::PowerBasis);
    let rows = polynomial.coefficients();
    [0, 1].map(|prime| rows.row(prime).to_vec())
}

/// The polynomial of residues by prime, ready to be multiplied.
pub(crate) fn polynomial(residues: [Vec<u64>; 2]) -> Result<Poly, Error> {
    let mut polynomial = Poly::try_convert_from(residues.concat(), &ring(), false, Representation::PowerBasis)?;
    polynomial.change_representation(Representation::Ntt);
    Ok(polynomial)
}

/// Takes bytes apart, which may be anybody's.
pub struct Reader<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Of bytes that should be `what`.
    #[must_use]
    pub fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, what }
    }

    /// That the bytes are not what they should be.
    ///
    /// # Errors
    /// Always.
    pub fn fail<T>(&self, problem: impl Into<String>) -> Result<T, Error> {
        Err(Error::Format { what: self.what, problem: problem.into() })
    }

    /// The next bytes.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        match self.bytes.split_at_checked(len) {
            Some((taken, rest)) => {
                self.bytes = rest;
                Ok(taken)
            }
            None => self.fail("it is cut off"),
        }
    }

    /// The next bytes, so many as fit.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        Ok(self.take(N)?.try_into().expect("as many were taken"))
    }

    /// The next number of 32 bits, little endian.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// The next number of 64 bits, little endian.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn u64(&mut self) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Bytes that are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.bytes.len()
    }

    /// So many residues of each prime.
    pub(crate) fn residues(&mut self, count: usize) -> Result<[Vec<u64>; 2], Error> {
        let mut both = [Vec::new(), Vec::new()];
        for (prime, residues) in PRIMES.into_iter().zip(&mut both) {
            let bytes = self.take(packed(count))?;
            let (mut pool, mut held) = (0u64, 0);
            residues.reserve(count);
            for &byte in bytes {
                let free = PRIME_BITS - held;
                if free > 8 {
                    pool |= u64::from(byte) << held;
                    held += 8;
                    continue;
                }
                let residue = pool | (u64::from(byte) & ((1 << free) - 1)) << held;
                if residue >= prime {
                    return self.fail("a residue is not below its prime");
                }
                residues.push(residue);
                (pool, held) = (u64::from(byte) >> free, 8 - free);
            }
            if pool != 0 {
                return self.fail("bits behind the last residue are not 0");
            }
        }
        Ok(both)
    }

    /// A polynomial, ready to be multiplied.
    pub(crate) fn polynomial(&mut self) -> Result<Poly, Error> {
        let residues = self.residues(DEGREE)?;
        polynomial(residues)
    }

    /// Nothing more may come.
    ///
    /// # Errors
    /// If bytes are left.
    pub fn end(self) -> Result<(), Error> {
        if self.bytes.is_empty() { Ok(()) } else { self.fail(format!("{} bytes more than it should have", self.bytes.len())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn residues_come_back() {
        for count in [1, 2, 7, 8, 10, 100, DEGREE] {
            let residues = PRIMES.map(|prime| (0..count).map(|_| rand::rng().random_range(0..prime)).collect::<Vec<u64>>());
            let mut bytes = Vec::new();
            residues.iter().for_each(|residues| pack(residues, &mut bytes));
            assert_eq!(bytes.len(), 2 * packed(count));
            let mut reader = Reader::new(&bytes, "a test");
            assert_eq!(reader.residues(count).unwrap(), residues);
            reader.end().unwrap();
        }
    }

    #[test]
    fn what_no_writer_writes_is_refused() {
        let problem = |bytes: &[u8]| Reader::new(bytes, "a test").residues(1).unwrap_err().to_string();
        let of = |first: u64, second: u64| [&first.to_le_bytes()[..7], &second.to_le_bytes()[..7]].concat();
        assert!(Reader::new(&of(PRIMES[0] - 1, PRIMES[1] - 1), "a test").residues(1).is_ok());
        assert_eq!(problem(&of(PRIMES[0], 0)), "not a test: a residue is not below its prime");
        assert_eq!(problem(&of(0, PRIMES[1])), "not a test: a residue is not below its prime");
        assert_eq!(problem(&of(1 << 53, 0)), "not a test: bits behind the last residue are not 0");
        assert_eq!(problem(&of(0, 0)[..13]), "not a test: it is cut off");
        assert!(Reader::new(&[0], "a test").end().is_err());
    }
}
