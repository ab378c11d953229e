//! What makes an answer tell the sums alone.
//!
//! The uniform halves of the layer's ciphertexts are known to everybody, so `Σ q·a` alone would give the counts away: linear equations, as many as
//! one likes. Therefore an encryption of zero under a public key is added, which makes that half look uniform to the holder of the key too, and to the
//! other half a number that floods the noise, in which counts would show. Coefficients that hold no sum are not sent.
//!
//! This holds against a key holder who keeps to the rules. One who makes a public key with large errors would read the counts in spite of it. So that at
//! least the uniform half of the public key is nobody's choice, it comes from a hash; the other half cannot be checked without the key.

use crate::{
    Bound, Error, Key,
    bytes::{pack_polynomial, residues},
    packing::sums,
    scheme::{PRIMES, VARIANCE, ring},
};
use fhe_math::rq::{Poly, Representation};
use rand::{CryptoRng, Rng};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Makes encryptions of zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey {
    salt: [u8; 32],
    masked: Poly,
    uniform: Poly,
}

impl PublicKey {
    pub(crate) fn new(key: &Key, random: &mut impl CryptoRng) -> Result<Self, Error> {
        // A second key over the same uniform half would be an equation for the difference of two errors: so there is new salt.
        let salt = random.random();
        let uniform = uniform(&salt);
        let secret = key.element()?;
        let mut masked = Poly::small(&ring(), Representation::Ntt, VARIANCE, random)?;
        masked -= &Zeroizing::new(&uniform * &*secret);
        Ok(Self { salt, masked, uniform })
    }

    /// From the salt, and the half that the errors hide.
    pub(crate) fn of(salt: [u8; 32], masked: Poly) -> Self {
        Self { salt, masked, uniform: uniform(&salt) }
    }

    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.salt);
        pack_polynomial(&self.masked, to);
    }

    /// Refreshes a ciphertext: the residues of the coefficients of the sums, and of the whole uniform half.
    pub(crate) fn refresh(
        &self,
        mut ciphertext: [Poly; 2],
        classes: usize,
        bound: &Bound,
        random: &mut impl CryptoRng,
    ) -> Result<[[Vec<u64>; 2]; 2], Error> {
        let mut small = || Poly::small(&ring(), Representation::Ntt, VARIANCE, random).map(Zeroizing::new);
        let (shared, first, second) = (small()?, small()?, small()?);
        for (half, (key, error)) in ciphertext.iter_mut().zip([(&self.masked, first), (&self.uniform, second)]) {
            half.disallow_variable_time_computations();
            *half += &Zeroizing::new(&*shared * key);
            *half += &error;
        }
        let all = residues(&ciphertext[0]);
        let mut kept = [Vec::with_capacity(classes), Vec::with_capacity(classes)];
        for at in sums(classes) {
            let most = 1i128 << bound.flood_bits;
            let flood = (random.random::<u128>() & ((2 << bound.flood_bits) - 1)) as i128 - most;
            for ((kept, all), prime) in kept.iter_mut().zip(&all).zip(PRIMES) {
                kept.push((i128::from(all[at]) + flood).rem_euclid(i128::from(prime)) as u64);
            }
        }
        Ok([kept, residues(&ciphertext[1])])
    }
}

/// The uniform half of a public key.
fn uniform(salt: &[u8; 32]) -> Poly {
    let seed = Sha256::new().chain_update(b"snnc locked read-out, uniform half of the public key").chain_update(salt).finalize();
    Poly::random_from_seed(&ring(), Representation::Ntt, seed.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Locked files hold seeds and salts alone: what they stand for must never change.
    #[test]
    fn uniform_halves_are_those_of_the_format() {
        let mut bytes = Vec::new();
        pack_polynomial(&uniform(&[7; 32]), &mut bytes);
        pack_polynomial(&Poly::random_from_seed(&ring(), Representation::Ntt, [7; 32]), &mut bytes);
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, "5a816e7d81c87603a8a5e7a9654ac36b219b027f078e3a437e26ae1e91d5e851");
    }

    /// Without what refreshes it, the uniform half of an answer is a multiple of one that everybody knows, and the factor is the counts.
    #[test]
    fn a_refreshed_answer_does_not_tell_the_counts() {
        let mut random = rand::rng();
        let key = Key::generate();
        let public = PublicKey::new(&key, &mut random).unwrap();
        let bound = Bound::prove(&crate::Terms { key: key.id(), classes: 10, plain_bits: 20 }, 1000).unwrap();
        let secret = key.element().unwrap();
        // What is left of the refreshed zero under the key: flooding and noise at the coefficients of the sums.
        let zero = [(); 2].map(|()| Poly::zero(&ring(), Representation::Ntt));
        let [kept, second] = public.refresh(zero, 10, &bound, &mut random).unwrap();
        let product = residues(&(&crate::bytes::polynomial(second.clone()).unwrap() * &*secret));
        let modulus = crate::scheme::modulus();
        let phase = |index: usize, at: usize| {
            let of = |prime: usize| (u128::from(kept[prime][index]) + u128::from(product[prime][at])) % u128::from(PRIMES[prime]);
            // The number with both residues: below the modulus, which is far less than 2^128.
            let (first, second) = (of(0), of(1));
            let step = u128::from(PRIMES[0]);
            let inverse = power(step % u128::from(PRIMES[1]), PRIMES[1] - 2);
            let times =
                (second + u128::from(PRIMES[1]) - first % u128::from(PRIMES[1])) % u128::from(PRIMES[1]) * inverse % u128::from(PRIMES[1]);
            let number = first + step * times;
            number.min(modulus - number)
        };
        let phases: Vec<u128> = sums(10).enumerate().map(|(index, at)| phase(index, at)).collect();
        assert!(phases.iter().all(|&phase| phase < bound.room), "exact");
        let large = phases.iter().filter(|&&phase| phase > 1 << (bound.flood_bits - 8)).count();
        assert!(large >= 5, "flooded: all but one in 256 should be so large, {large} of 10 are");
        // And the second half is nothing that is small or zero.
        assert!(second.iter().all(|residues| residues.iter().filter(|&&residue| residue < 1 << 45).count() < 64));
    }

    fn power(base: u128, exponent: u64) -> u128 {
        let modulus = u128::from(PRIMES[1]);
        (0..64).rev().fold(1, |result, bit| {
            let square = result * result % modulus;
            if exponent >> bit & 1 == 1 { square * base % modulus } else { square }
        })
    }
}
