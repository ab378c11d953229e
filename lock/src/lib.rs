//! A linear layer under a lattice encryption: who holds the layer computes with it, who holds the key reads what it says.
//!
//! The layer is locked once, with the key ([`LockedLayer::lock`]). A device that holds it, and no key, turns counts into an answer
//! ([`LockedLayer::answer`]): a ciphertext of the layer's sums. The key opens the answer ([`Opener::open`]). Sums are whole numbers, and exactly
//! those of the open layer: the noise of the encryption is bounded, without probability, below what could change one ([`Bound`]).
//!
//! | file | content |
//! |---|---|
//! | `scheme` | the ring and the moduli |
//! | `bound` | how much noise there can be, and how much there may be |
//! | `packing` | which coefficient holds which weight |
//! | `id` | what tells keys apart |
//! | `key` | the secret key and its file |
//! | `layer` | the layer: to lock it, to compute with it |
//! | `refresh` | what makes an answer tell the sums alone |
//! | `answer` | the answer: to open it |
//! | `bytes` | residues as bytes, and back with every check |
//!
//! The scheme is BFV (Fan and Vercauteren, <https://eprint.iacr.org/2012/144>) as the crate `fhe` implements it. Nobody has audited that crate or this
//! one. `docs/locked-readout.md` says what a lock is good for, and what it is not.
//!
//! ```
//! use snnc_lock::{Key, LockedLayer, Open, Opener};
//!
//! # fn main() -> Result<(), snnc_lock::Error> {
//! let key = Key::generate();
//! let open = Open { classes: 2, weight: &[3, -1, 4, 1, -5, 9], bias: &[2, -6], reach: &[255, 255, 255], steps: 1 };
//! let layer = LockedLayer::lock(&key, &open)?;
//! let answer = layer.answer(&[10, 20, 30], 1)?;
//! assert_eq!(Opener::new(&key, &layer.terms())?.open(&answer)?, [132, 174]);
//! # Ok(())
//! # }
//! ```
//!
//! # What is random
//!
//! Everything else in this project makes the same bytes from the same input. A lock must not: whoever saw two layers encrypted with the same
//! randomness could subtract them. Seeds and errors come from the system's generator, afresh for every ciphertext and every answer.

mod answer;
mod bound;
mod bytes;
mod error;
mod id;
mod key;
mod layer;
mod packing;
mod refresh;
mod scheme;

pub use answer::{Answer, Opener};
pub use bound::{Bound, MIN_HIDING};
pub use bytes::Reader;
pub use error::Error;
pub use id::KeyId;
pub use key::Key;
pub use layer::{LockedLayer, Open};
pub use scheme::{DEGREE, MAX_CLASSES, MODULUS_BITS, SECURITY, Terms};
