//! Products of whole numbers, exact: weights of 8 or 16 bits times operands of up to 32, summed in 32.
//!
//! A network is only loaded if none of its sums can overflow, in any order (see `artifact/bounds.rs`). So sums are free to be taken
//! in the order that suits the vector units, and every version returns the same numbers. They wrap instead of checking, for the loops'
//! sake; what they return was proven elsewhere.

mod conv;
mod depthwise;
mod isa;
mod linear;
mod tile;

pub(crate) use conv::{Conv, Geometry};
pub use isa::Isa;
pub(crate) use linear::Linear;

/// Largest magnitude of operands of which two go into one 32-bit lane: those of 16 bits.
const NARROW: i32 = i16::MAX as i32;

/// Below this many products waking other threads costs more than it saves.
const SERIAL_BELOW: usize = 1 << 19;
