//! The layer: to lock it, and to compute with it.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `snnclck1` |
//! | 16 | the number of the key |
//! | 4 | classes C |
//! | 4 | features F |
//! | 4 | most time steps |
//! | 4 | bits of a sum, the sign included |
//! | 8 | the largest that the magnitudes of all counts and the number of time steps may add up to |
//! | 32 + 54,272 | the public key: salt, and the half that the errors hide |
//! | ⌈(F+1)/⌊4096/C⌋⌉ × (32 + 54,272) | blocks: the seed of the uniform half, and the other half |
//!
//! Numbers are little endian, polynomials as in `bytes`.

use crate::{
    Answer, Bound, Error, Key, KeyId, Reader,
    bytes::{POLYNOMIAL, pack_polynomial},
    packing::Packing,
    refresh::PublicKey,
    scheme::{MIN_PLAIN_BITS, Terms, parameters, ring},
};
use fhe::{
    bfv::{Encoding, Plaintext},
    proto::bfv::Ciphertext as CiphertextMessage,
};
use fhe_math::rq::{Poly, Representation, traits::TryConvertFrom};
use fhe_traits::{FheEncoder, FheEncrypter};
use std::fmt;
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"snnclck1";
/// Bytes of a polynomial and of the seed or salt of another.
const PAIR: usize = 32 + POLYNOMIAL;
/// Most features: more than any network has, and few enough for a bound on memory.
const MAX_FEATURES: usize = 1 << 24;

/// A layer in the clear: what is locked.
#[derive(Clone, Copy)]
pub struct Open<'a> {
    /// Number of sums, at least 1.
    pub classes: usize,
    /// `[classes, features]`.
    pub weight: &'a [i32],
    /// `[classes]`: comes in at every time step.
    pub bias: &'a [i32],
    /// For each feature the largest magnitude that its count can have, over all time steps together.
    pub reach: &'a [u64],
    /// Most time steps.
    pub steps: u32,
}

/// A layer under a key.
#[derive(Clone, PartialEq, Eq)]
pub struct LockedLayer {
    terms: Terms,
    features: usize,
    steps: u32,
    sum: u64,
    bound: Bound,
    public: PublicKey,
    blocks: Vec<Block>,
}

/// A ciphertext of weights.
#[derive(Clone, PartialEq, Eq)]
struct Block {
    seed: [u8; 32],
    masked: Poly,
    uniform: Poly,
}

impl Block {
    fn new(seed: [u8; 32], masked: Poly) -> Self {
        Self { seed, masked, uniform: Poly::random_from_seed(&ring(), Representation::Ntt, seed) }
    }
}

impl fmt::Debug for LockedLayer {
    /// Without the ciphertexts, which fill many pages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { terms, features, steps, sum, bound, .. } = self;
        f.debug_struct("LockedLayer")
            .field("terms", terms)
            .field("features", features)
            .field("steps", steps)
            .field("sum", sum)
            .field("bound", bound)
            .finish_non_exhaustive()
    }
}

impl LockedLayer {
    /// Locks a layer. This is random: a second lock of the same layer has other bytes.
    ///
    /// # Errors
    /// If the numbers do not fit the shape, the layer has no or too many classes, or its sums leave too little room for the noise.
    pub fn lock(key: &Key, open: &Open<'_>) -> Result<Self, Error> {
        let features = open.reach.len();
        check_shape(features, open.steps)?;
        if Some(open.weight.len()) != open.classes.checked_mul(features) || open.bias.len() != open.classes {
            return Err(Error::Layer(format!(
                "{} weights and {} biases are not those of {} classes and {features} features",
                open.weight.len(),
                open.bias.len(),
                open.classes
            )));
        }
        let sum = open.reach.iter().fold(u64::from(open.steps), |sum, &reach| sum.saturating_add(reach));
        let terms = Terms { key: key.id(), classes: open.classes, plain_bits: plain_bits(open) };
        let bound = Bound::prove(&terms, sum)?;

        let mut random = rand::rng();
        let parameters = parameters(terms.plain_bits)?;
        let secret = key.secret(&parameters)?;
        let packing = Packing::new(open.classes, features);
        let entry = |class: usize, column: usize| {
            i64::from(if column == features { open.bias[class] } else { open.weight[class * features + column] })
        };
        let encrypted = (0..packing.blocks()).map(|block| {
            let weights = Zeroizing::new(packing.weights(block, entry));
            let plain = Plaintext::try_encode(&weights[..], Encoding::poly(), &parameters)?;
            let ciphertext = secret.try_encrypt(&plain, &mut random)?;
            let seed = CiphertextMessage::from(&ciphertext).seed.try_into();
            let seed = seed.map_err(|_| Error::Library("a new ciphertext has no seed".to_owned()))?;
            Ok(Block::new(seed, ciphertext[0].clone()))
        });
        let blocks = encrypted.collect::<Result<_, Error>>()?;
        Ok(Self { terms, features, steps: open.steps, sum, bound, public: PublicKey::new(key, &mut rand::rng())?, blocks })
    }

    /// What who opens its answers must know.
    #[must_use]
    pub fn terms(&self) -> Terms {
        self.terms
    }

    /// Number of features.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// Most time steps.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// The largest that the magnitudes of all counts and the number of time steps may add up to.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Its noise, and the room for it.
    #[must_use]
    pub fn bound(&self) -> Bound {
        self.bound
    }

    /// Bytes of its polynomials in memory.
    #[must_use]
    pub fn memory(&self) -> usize {
        (self.blocks.len() + 1) * 4 * crate::DEGREE * size_of::<u64>()
    }

    /// Bytes that making an answer takes meanwhile, about.
    #[must_use]
    pub fn scratch(&self) -> usize {
        // Both halves, what is multiplied, the product, three small polynomials, and copies of their residues.
        14 * 2 * crate::DEGREE * size_of::<u64>()
    }

    /// What the layer says of the counts of an image, after so many time steps.
    ///
    /// # Errors
    /// If there are not as many counts as features, or they or the time steps are more than the layer was locked for: its noise would not be
    /// bounded any more.
    pub fn answer(&self, counts: &[i64], steps: u32) -> Result<Answer, Error> {
        if counts.len() != self.features {
            return Err(Error::Counts(format!("{} counts, but the layer has {} features", counts.len(), self.features)));
        }
        if !(1..=self.steps).contains(&steps) {
            return Err(Error::Counts(format!("{steps} time steps, but the layer was locked for up to {}", self.steps)));
        }
        let sum = counts.iter().fold(u64::from(steps), |sum, count| sum.saturating_add(count.unsigned_abs()));
        if sum > self.sum {
            return Err(Error::Counts(format!("counts add up to {sum}, but the layer was locked for up to {}", self.sum)));
        }
        let counts: Vec<i64> = counts.iter().copied().chain([i64::from(steps)]).collect();
        let packing = Packing::new(self.terms.classes, self.features);
        let mut ciphertext = [(); 2].map(|()| Poly::zero(&ring(), Representation::Ntt));
        for (index, block) in self.blocks.iter().enumerate() {
            let mut factor = Poly::try_convert_from(packing.counts(index, &counts), &ring(), false, Representation::PowerBasis)?;
            factor.change_representation(Representation::Ntt);
            ciphertext[0] += &(&factor * &block.masked);
            ciphertext[1] += &(&factor * &block.uniform);
        }
        let [kept, uniform] = self.public.refresh(ciphertext, self.terms.classes, &self.bound, &mut rand::rng())?;
        Ok(Answer { kept, uniform })
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(48 + (self.blocks.len() + 1) * PAIR);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.terms.key.0);
        for number in [self.terms.classes as u32, self.features as u32, self.steps, self.terms.plain_bits] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.sum.to_le_bytes());
        self.public.write(&mut bytes);
        for block in &self.blocks {
            bytes.extend_from_slice(&block.seed);
            pack_polynomial(&block.masked, &mut bytes);
        }
        bytes
    }

    /// Reads its bytes, and proves from the numbers that stand there that its sums will be exact.
    ///
    /// # Errors
    /// If the bytes are not those of a locked layer, or its noise might reach the bound.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes, "a locked layer");
        if reader.take(MAGIC.len()).ok() != Some(MAGIC) {
            return reader.fail("it does not start like one");
        }
        let key = KeyId(reader.array()?);
        let [classes, features, steps, plain_bits] = [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?];
        let (classes, features) = (classes as usize, features as usize);
        check_shape(features, steps)?;
        let sum = reader.u64()?;
        let terms = Terms { key, classes, plain_bits };
        let bound = Bound::prove(&terms, sum)?;
        let blocks = Packing::new(classes, features).blocks();
        // Before anything is made of it.
        if reader.left() != (blocks + 1) * PAIR {
            return reader.fail(format!("{} bytes behind its numbers, not the {} of {blocks} blocks", reader.left(), (blocks + 1) * PAIR));
        }
        let public = PublicKey::of(reader.array()?, reader.polynomial()?);
        let blocks = (0..blocks).map(|_| Ok(Block::new(reader.array()?, reader.polynomial()?))).collect::<Result<_, Error>>()?;
        reader.end()?;
        Ok(Self { terms, features, steps, sum, bound, public, blocks })
    }
}

fn check_shape(features: usize, steps: u32) -> Result<(), Error> {
    if !(1..=MAX_FEATURES).contains(&features) {
        return Err(Error::Layer(format!("{features} features, not 1 to {MAX_FEATURES}")));
    }
    if steps == 0 { Err(Error::Layer("no time steps".to_owned())) } else { Ok(()) }
}

/// Bits that hold every sum, the sign included. They are a power of two of the largest sum that counts can make, and tell no more of the weights.
fn plain_bits(open: &Open<'_>) -> u32 {
    let row = |class: usize| {
        let weights = open.weight[class * open.reach.len()..].iter().zip(open.reach);
        let start = u128::from(open.bias[class].unsigned_abs()) * u128::from(open.steps);
        weights.fold(start, |sum, (weight, &reach)| sum.saturating_add(u128::from(weight.unsigned_abs()) * u128::from(reach)))
    };
    let most = (0..open.classes).map(row).max().unwrap_or(0);
    // 2^bits > 2·most.
    (128 - most.leading_zeros() + 1).max(MIN_PLAIN_BITS)
}
