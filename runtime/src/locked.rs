//! Networks whose read-out is locked, and what the holder of the key does with their answers.
//!
//! Such a network computes its features as any other; what it says of them is an [`Answer`], which [`Outcome::answers`] has instead of logits. Whoever
//! asks it for logits is refused; [`Network::answer_checkpoints`] asks for answers. They go to the holder of the key in a file:
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `snncans1` |
//! | 16 | the number of the key |
//! | 4 | classes |
//! | 4 | bits of a sum, the sign included |
//! | 4 | what sums are divided by: in the rate code the time steps, in the radix code 1 |
//! | 4 | `f32`: what one unit is in the read-out |
//! | 1 | 1 if the read-out is rectified, else 0 |
//! | 8 | number of answers N |
//! | N times the length of one | the answers |
//!
//! Numbers are little endian; `docs/locked-readout.md` has what an answer is.

use crate::{
    Network, Outcome, RunError,
    artifact::{Code, Head},
    network::logit,
};
use alloc::vec::Vec;
use snnc_lock::Reader;
pub use snnc_lock::{Answer, Bound, DEGREE, Error, Key, KeyId, LockedLayer, MAX_CLASSES, MODULUS_BITS, Open, Opener, SECURITY, Terms};

const MAGIC: &[u8; 8] = b"snncans1";

/// Answers of a network to images, with what makes logits of the sums in them.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    terms: Terms,
    divisor: u32,
    scale: f32,
    is_rectified: bool,
    answers: Vec<Answer>,
}

/// What answers say.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// `[images, classes]`: the sums, whole numbers.
    pub sums: Vec<i64>,
    /// `[images, classes]`: the logits, those that the network without a lock has.
    pub logits: Vec<f32>,
    /// Number of classes.
    pub classes: usize,
}

impl Network {
    /// The locked read-out, if it is locked.
    #[must_use]
    pub fn lock(&self) -> Option<&LockedLayer> {
        self.lock.as_deref()
    }

    /// As [`Network::run_checkpoints`], of any network: where the read-out is locked, outcomes have answers in the place of logits.
    ///
    /// # Errors
    /// As [`Network::run_checkpoints`], but for the lock.
    pub fn answer_checkpoints(&self, images: &[f32], timesteps: &[usize], first_image_index: u64) -> Result<Vec<Outcome>, RunError> {
        self.answer_quantised_checkpoints(&self.quantise(images)?, timesteps, first_image_index)
    }

    /// As [`Network::answer_checkpoints`], of images that [`Network::quantise`] made.
    ///
    /// # Errors
    /// As [`Network::run_quantised_checkpoints`], but for the lock.
    pub fn answer_quantised_checkpoints(
        &self,
        images: &[u16],
        timesteps: &[usize],
        first_image_index: u64,
    ) -> Result<Vec<Outcome>, RunError> {
        self.check_request(images, timesteps)?;
        Ok(self.run_checked(images, timesteps, first_image_index))
    }

    /// Answers of a run of so many time steps, for the holder of the key; `None` if the read-out is not locked.
    #[must_use]
    pub fn answers(&self, timesteps: usize, answers: Vec<Answer>) -> Option<Answers> {
        let output = &self.spec().output;
        Some(Answers {
            terms: self.lock()?.terms(),
            divisor: if self.spec().code == Code::Radix { 1 } else { timesteps as u32 },
            scale: output.scale,
            is_rectified: output.head == Head::Relu,
            answers,
        })
    }

    /// Appends the answers to images, of whose features these are the sums over so many steps. Whether there is a lock.
    pub(crate) fn answer(&self, sums: &[i64], steps: usize, answers: &mut Vec<Answer>) -> bool {
        let Some(lock) = self.lock() else { return false };
        let answer = |counts| lock.answer(counts, steps as u32).expect("the file was proven to keep to what the layer is locked for");
        answers.extend(sums.chunks(lock.features()).map(answer));
        true
    }
}

impl Answers {
    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether there are no images.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// The key that opens them.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.terms.key
    }

    /// The bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.answers.len() * Answer::len(self.terms.classes));
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.terms.key.0);
        for number in [self.terms.classes as u32, self.terms.plain_bits, self.divisor, self.scale.to_bits()] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.push(u8::from(self.is_rectified));
        bytes.extend_from_slice(&(self.answers.len() as u64).to_le_bytes());
        self.answers.iter().for_each(|answer| answer.write(&mut bytes));
        bytes
    }

    /// Reads the bytes of a file. Whether anybody changed them on their way cannot be seen.
    ///
    /// # Errors
    /// If they are no answers.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes, "answers of a locked network");
        if reader.take(MAGIC.len()).ok() != Some(MAGIC) {
            return reader.fail("they do not start like such");
        }
        let key = KeyId(reader.array()?);
        let [classes, plain_bits, divisor, scale] = [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?];
        let (classes, scale) = (classes as usize, f32::from_bits(scale));
        let is_rectified = match reader.array()? {
            [flag @ 0..=1] => flag == 1,
            _ => return reader.fail("whether they are rectified is neither 0 nor 1"),
        };
        let count = reader.u64()?;
        let terms = Terms { key, classes, plain_bits };
        if terms.check().is_err() || divisor == 0 || !(scale.is_finite() && scale > 0.0) {
            return reader.fail("their classes, bits, time steps or scale are out of range");
        }
        if count.checked_mul(Answer::len(classes) as u64) != Some(reader.left() as u64) {
            return reader.fail(alloc::format!("{} bytes are not {count} answers of {classes} classes", reader.left()));
        }
        let answers = (0..count).map(|_| Answer::read(&mut reader, classes)).collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(Self { terms, divisor, scale, is_rectified, answers })
    }

    /// What they say.
    ///
    /// # Errors
    /// If the key is another one.
    pub fn open(&self, key: &Key) -> Result<Opened, Error> {
        let opener = Opener::new(key, &self.terms)?;
        let mut sums = Vec::with_capacity(self.answers.len() * self.terms.classes);
        for answer in &self.answers {
            sums.extend(opener.open(answer)?);
        }
        let logits = sums.iter().map(|&sum| logit(sum, self.divisor as usize, f64::from(self.scale), self.is_rectified)).collect();
        Ok(Opened { sums, logits, classes: self.terms.classes })
    }
}
