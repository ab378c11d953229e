//! How much noise an answer can have, from public numbers alone.
//!
//! A ciphertext of a weight `w` decrypts to `⌊w·Q/t⌋ + e`: an error `|e| ≤ 20`, since a centred binomial distribution of variance 10 has no larger ones, and
//! less than 1 from rounding. An answer is the sum of such ciphertexts times counts `q`, so its noise is at most `21 · Σ|q|`. What refreshes it adds an
//! encryption of zero, `-e·u + e₁ + e₂·s` with all coefficients at most 20, of which a product of polynomials adds up 4096. Flooding adds a uniform number of
//! `flood_bits` bits. A sum is decrypted exactly if all of it is below `Q/2t`, less 1 for rounding. There is no probability in this: a file for which
//! it does not hold is refused.

use crate::{
    Error,
    scheme::{DEGREE, LARGEST, Terms, modulus},
};

/// Bits by which flooding must exceed all other noise, at least: an answer then differs from one that tells the sums alone by at most one part in
/// 2 to this power, for each sum.
pub const MIN_HIDING: u32 = 32;

/// Room for noise, and what takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The largest noise before flooding.
    pub noise: u128,
    /// The largest noise with which sums are still exact.
    pub room: u128,
    /// Flooding is uniform from `-2^flood_bits` up to, not including, `2^flood_bits`.
    pub flood_bits: u32,
}

impl Bound {
    /// For the sums of a layer, and counts whose magnitudes add up to `sum` at most.
    ///
    /// # Errors
    /// If the terms are none, the noise might reach the bound, or flooding would not exceed it by [`MIN_HIDING`] bits.
    pub fn prove(terms: &Terms, sum: u64) -> Result<Self, Error> {
        terms.check()?;
        let plain_bits = terms.plain_bits;
        let largest = u128::from(LARGEST);
        let refresh = 2 * DEGREE as u128 * largest * largest + largest;
        let noise = (largest + 1) * u128::from(sum) + refresh;
        let room = (modulus() >> (plain_bits + 1)) - 1;
        let refused = Error::Room { plain: plain_bits, noise: bits(noise), room: bits(room), hiding: MIN_HIDING };
        // The largest power of two that fits beside the noise.
        let flood_bits = match room.checked_sub(noise + 1) {
            Some(left) if left > 0 => left.ilog2(),
            _ => return Err(refused),
        };
        let bound = Self { noise, room, flood_bits };
        if bound.hiding() < MIN_HIDING { Err(refused) } else { Ok(bound) }
    }

    /// Bits by which flooding exceeds all other noise, rounded down.
    #[must_use]
    pub fn hiding(&self) -> u32 {
        self.flood_bits.saturating_sub(bits(self.noise))
    }
}

/// Bits of a number.
fn bits(number: u128) -> u32 {
    128 - number.leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prove(plain_bits: u32, sum: u64) -> Result<Bound, Error> {
        Bound::prove(&Terms { key: crate::KeyId([0; 16]), classes: 10, plain_bits }, sum)
    }

    #[test]
    fn what_fits_is_below_the_room() {
        for (plain_bits, sum) in [(2, 0), (20, 1), (30, 64 * 16_320), (41, 2048 * 16_320), (45, 1 << 20)] {
            let bound = prove(plain_bits, sum).unwrap();
            assert!(bound.noise + (1 << bound.flood_bits) < bound.room);
            assert!(bound.noise + (2 << bound.flood_bits) >= bound.room, "more flooding would have fitted");
            assert!(bound.hiding() >= MIN_HIDING);
        }
    }

    #[test]
    fn the_bound_is_sharp() {
        // The largest sum of counts that is accepted, and one more.
        for plain_bits in [30, 40, 46] {
            let (mut fits, mut fails) = (0, u64::MAX);
            while fails - fits > 1 {
                let middle = fits + (fails - fits) / 2;
                *if prove(plain_bits, middle).is_ok() { &mut fits } else { &mut fails } = middle;
            }
            let bound = prove(plain_bits, fits).unwrap();
            assert_eq!(bound.hiding(), MIN_HIDING);
            assert!(matches!(prove(plain_bits, fails), Err(Error::Room { .. })));
        }
        assert!(matches!(prove(52, u64::MAX), Err(Error::Room { .. })), "the noise alone exceeds the room");
        assert!(matches!(prove(1, 1), Err(Error::Layer(_))));
        assert!(matches!(prove(u32::MAX, 1), Err(Error::Layer(_))));
    }
}
