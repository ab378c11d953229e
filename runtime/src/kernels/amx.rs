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
//! instructions are said to take, 16 cycles for a product and 8 for a load.

use super::{Isa, product::Line};
use alloc::vec::Vec;
use core::marker::PhantomData;

#[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
mod detect;
#[cfg(all(test, target_arch = "x86_64", target_os = "linux", feature = "std"))]
pub(super) mod emulator;
#[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
mod kernel;

#[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
pub(super) use {detect::is_available, kernel::product};

/// Lines behind packed weights that are read: less than a tile of them.
pub(super) const BEHIND: usize =
    if cfg!(all(target_arch = "x86_64", target_os = "linux", feature = "std")) { super::COLUMNS - 1 } else { 0 };

/// Fewest rows for which tiles pay: a tile of weights takes 16 cycles for up to 16 rows, and vectors about 8 a row.
pub(super) const FEWEST_ROWS: usize = 4;

/// Memory to gather rows of an operand in. Empty where there are no tiles.
#[derive(Default)]
pub(crate) struct Panel(Vec<Line>);

/// The tile registers of a thread, set up until this is dropped. Nothing for other instructions.
#[must_use = "without it there are no tiles"]
pub(crate) struct Tiles {
    isa: Isa,
    /// They are those of one thread.
    thread: PhantomData<*const ()>,
}

impl Tiles {
    /// Sets the registers up.
    pub(crate) fn new(isa: Isa) -> Self {
        #[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
        if isa == Isa::Amx {
            debug_assert!(is_available(), "instructions that this processor lacks");
            // SAFETY: a network is only given instructions that the processor has.
            unsafe { kernel::configure() };
        }
        Self { isa, thread: PhantomData }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        #[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
        if self.isa == Isa::Amx {
            // SAFETY: as in `new`.
            unsafe { kernel::release() };
        }
    }
}
