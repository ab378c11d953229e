//! Tiles of AMX-INT8: products of 16 rows, 16 outputs and 64 bytes of each in one instruction.
//!
//! A tile register has 16 rows of 64 bytes. Packed weights are such tiles as they stand: 16 words, each of 16 outputs. Rows of an operand are if they
//! are equally far from each other and their runs are whole steps of 64 bytes. Others are gathered in a [`Panel`], up to 32 of them, which all
//! outputs of a tile of the plan read. What the panel has behind the last word is 0, so that the weights there, those of the next outputs, do not matter.
//!
//! The processor's state for tiles is large, and a thread has it from the time that it sets the registers up until it releases them. That takes
//! as long as some products and is done once a step: see [`Tiles`].
//!
//! Only Linux is supported, where a process has to ask for the registers. What was measured, and how products are tested on processors without the
//! instructions (`emulator.rs`): `docs/decisions/013-tiles.md`.

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
