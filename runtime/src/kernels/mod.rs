//! Loops over whole numbers, exact: products of weights of 8 or 16 bits and operands of up to 32, summed in 32.
//!
//! A network is only loaded if none of its sums can overflow, in any order (see `artifact/bounds.rs`). So sums are free to be taken
//! in the order that suits the vector units, and every version returns the same numbers. They wrap instead of checking, for the loops'
//! sake; what they return was proven elsewhere.

mod amx;
mod entries;
mod events;
mod isa;
mod lanes;
mod narrow;
#[cfg(feature = "std")]
mod peak;
mod product;
#[cfg(test)]
mod tests;

#[cfg(all(test, target_arch = "x86_64", target_os = "linux", feature = "std"))]
pub(crate) use amx::emulated;
pub(crate) use amx::{Panel, Tiles};
pub(crate) use entries::{Block, Entry, Format, SLACK, WithEntry};
pub(crate) use events::{EventWeights, MOST_SUMS, Part};
pub use isa::Isa;
pub(crate) use isa::Loop;
pub(crate) use narrow::{Narrow, half};
pub(crate) use product::{COLUMNS, Kept, MOST_SMALL, Weights};

/// What 32 bits of an operand hold, which a lane multiplies at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Four numbers of 8 bits.
    Bytes,
    /// Two of 16 bits.
    Halves,
    /// One of 32 bits.
    Whole,
}

impl Word {
    /// Entries of a word.
    pub(crate) fn entries(self) -> usize {
        match self {
            Self::Bytes => 4,
            Self::Halves => 2,
            Self::Whole => 1,
        }
    }

    /// Bytes of an entry.
    pub(crate) fn bytes(self) -> usize {
        4 / self.entries()
    }

    /// A number at its place in a word.
    fn place(self, number: i32, place: usize) -> u32 {
        let bits = 32 / self.entries() as u32;
        let mask = u32::MAX >> (32 - bits);
        (number as u32 & mask) << (place as u32 * bits)
    }
}
