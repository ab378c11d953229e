//! Tiles of AMX-INT8: products of 16 rows, 16 outputs and 64 bytes of each in one instruction.
//!
//! A tile register has 16 rows of 64 bytes. Packed weights are such tiles as they stand: 16 words, each of 16 outputs. Rows of an operand are not,
//! for their runs are of any length and the rows at any distance; so up to 32 of them are gathered in a [`Panel`], which all outputs of a tile of the
//! plan read. What the panel has behind the last word is 0, so that the weights there, those of the next outputs, do not matter.
//!
//! The processor's state for tiles is large, and a thread has it from the time that it sets the registers up until it releases them. That takes
//! as long as some products and is done once a step: see [`Tiles`].
//!
//! Only Linux is supported, where a process has to ask for the registers. Products were compared with those of other instructions on an emulation of the
//! instructions (`emulator.rs`), and never timed on a processor that has them: the sizes here and in `network/tile.rs` follow from what the
//! instructions are said to take, 16 cycles for a product and 8 for a load (`docs/decisions/013-tiles.md`).

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", feature = "std")))]
mod absent;
#[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
mod detect;
#[cfg(all(test, target_arch = "x86_64", target_os = "linux", feature = "std"))]
mod emulator;
#[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
mod kernel;

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", feature = "std")))]
pub(crate) use absent::{BEHIND, Panel, Tiles, is_available};
#[cfg(all(test, target_arch = "x86_64", target_os = "linux", feature = "std"))]
pub(crate) use emulator::products as emulated;
#[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
pub(crate) use {
    detect::is_available,
    kernel::{BEHIND, FEWEST_ROWS, Panel, Tiles, product},
};
