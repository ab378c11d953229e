//! The ring and the moduli: one set, for all layers.
//!
//! Ciphertexts are pairs of polynomials modulo `x^4096 + 1` with coefficients modulo a product of two primes of 53 bits. Of 106 bits and degree 4096, the
//! guidelines for homomorphic encryption (<https://eprint.iacr.org/2024/463>) say 128 bits of security; those of 2018 allow 109 bits.

use crate::Error;
use fhe::bfv::{BfvParameters, BfvParametersBuilder};
use fhe_math::rq::Context;
use std::sync::{Arc, OnceLock};

/// Coefficients of a polynomial.
pub const DEGREE: usize = 4096;
/// Bits of the modulus of ciphertexts.
pub const MODULUS_BITS: u32 = 106;
/// Bits of security that the guidelines give a modulus of so many bits at this degree.
pub const SECURITY: u32 = 128;
/// Bits of each prime.
pub(crate) const PRIME_BITS: u32 = MODULUS_BITS / 2;
/// The primes: those that [`BfvParametersBuilder::set_moduli_sizes`] finds for two of 53 bits, as a test says.
pub(crate) const PRIMES: [u64; 2] = [9_007_199_254_429_697, 9_007_199_254_364_161];
/// Variance of the centred binomial distribution that secrets and errors are drawn from.
pub(crate) const VARIANCE: usize = 10;
/// The largest magnitude that this distribution has: twice the variance.
pub(crate) const LARGEST: u32 = 20;
/// Sums have at least so many bits: one, and the sign.
pub(crate) const MIN_PLAIN_BITS: u32 = 2;
/// Sums have at most so many bits: the library decrypts wrongly, without saying so, when these come near those of a prime.
pub(crate) const MAX_PLAIN_BITS: u32 = 52;
const _: () = assert!(3 * (1 << MAX_PLAIN_BITS) < 2 * PRIMES[0]);
/// Most classes: each needs a coefficient of its own.
pub const MAX_CLASSES: usize = DEGREE;

/// What who opens an answer must know of the layer that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The key that opens it.
    pub key: crate::KeyId,
    /// Number of sums.
    pub classes: usize,
    /// Bits of a sum, the sign included: sums are known modulo 2 to this power.
    pub plain_bits: u32,
}

impl Terms {
    /// Checks what came from outside.
    ///
    /// # Errors
    /// If there are no or too many classes, or sums have more bits than can be decrypted.
    pub fn check(&self) -> Result<(), Error> {
        let Self { classes, plain_bits, .. } = self;
        if !(1..=MAX_CLASSES).contains(classes) {
            return Err(Error::Layer(format!("{classes} classes, not 1 to {MAX_CLASSES}")));
        }
        if !(MIN_PLAIN_BITS..=MAX_PLAIN_BITS).contains(plain_bits) {
            return Err(Error::Layer(format!("sums of {plain_bits} bits, not of {MIN_PLAIN_BITS} to {MAX_PLAIN_BITS}")));
        }
        Ok(())
    }
}

/// The product of the primes.
pub(crate) fn modulus() -> u128 {
    u128::from(PRIMES[0]) * u128::from(PRIMES[1])
}

/// The ring.
pub(crate) fn ring() -> Arc<Context> {
    static RING: OnceLock<Arc<Context>> = OnceLock::new();
    RING.get_or_init(|| Context::new_arc(&PRIMES, DEGREE).expect("both primes suit the degree, as a test says")).clone()
}

/// The scheme for sums of so many bits, [`MIN_PLAIN_BITS`] to [`MAX_PLAIN_BITS`].
pub(crate) fn parameters(plain_bits: u32) -> Result<Arc<BfvParameters>, Error> {
    let plain = 1 << plain_bits;
    Ok(BfvParametersBuilder::new()
        .set_degree(DEGREE)
        .set_plaintext_modulus(plain)
        .set_moduli(&PRIMES)
        .set_variance(VARIANCE)
        .build_arc()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primes_are_those_of_the_library() {
        let found = BfvParametersBuilder::new()
            .set_degree(DEGREE)
            .set_plaintext_modulus(2)
            .set_moduli_sizes(&[PRIME_BITS as usize; 2])
            .build()
            .unwrap();
        assert_eq!(found.moduli(), PRIMES);
        assert!(PRIMES.iter().all(|prime| 64 - prime.leading_zeros() == PRIME_BITS));
        assert_eq!(128 - modulus().leading_zeros(), MODULUS_BITS);
    }

    #[test]
    fn terms_from_outside_are_checked() {
        let check = |classes, plain_bits| Terms { key: crate::KeyId([0; 16]), classes, plain_bits }.check().is_ok();
        assert!(check(1, MIN_PLAIN_BITS) && check(MAX_CLASSES, MAX_PLAIN_BITS));
        assert!(parameters(MIN_PLAIN_BITS).is_ok() && parameters(MAX_PLAIN_BITS).is_ok());
        assert!(!check(0, 20) && !check(MAX_CLASSES + 1, 20) && !check(1, 1) && !check(1, MAX_PLAIN_BITS + 1) && !check(1, u32::MAX));
    }
}
