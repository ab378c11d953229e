//! How numbers are kept in memory, and blocks of [`COLUMNS`] of them.
//!
//! Loops go by whole blocks, whose length the compiler knows: such a loop becomes vector code without a remainder. Blocks may be read beyond the
//! end of a line, for memory goes on behind every value ([`SLACK`]); they are written to the end and no further.

use super::{COLUMNS, Word};

/// Bytes that can be read behind a value.
pub(crate) const SLACK: usize = 4 * COLUMNS;

/// A block of numbers.
pub(crate) type Block = [i32; COLUMNS];

/// How the numbers of a value are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    /// Their width.
    pub(crate) word: Word,
    /// Whether none is negative.
    pub(crate) is_unsigned: bool,
    /// What a 0 is: every byte of it. Only numbers of one byte have another than 0.
    pub(crate) zero: u8,
}

impl Format {
    /// 32 bits.
    pub(crate) const WHOLE: Self = Self { word: Word::Whole, is_unsigned: false, zero: 0 };

    /// Bytes of a number.
    pub(crate) fn bytes(self) -> usize {
        self.word.bytes()
    }

    /// What is kept for a 0, as the products of bytes see it: see [`super::Isa::byte_zero`].
    pub(crate) fn offset(self) -> i32 {
        match (self.word, self.is_unsigned) {
            (Word::Bytes, true) => -i32::from(self.zero),
            (Word::Bytes, false) => i32::from(self.zero),
            _ => 0,
        }
    }
}

/// A format that the compiler knows.
pub(crate) trait Entry: Copy {
    /// Whether it is one that the operands of a depthwise convolution mostly have: its loops are worth versions of their own.
    const IS_COMMON: bool;
    /// Whether numbers may take more than 16 bits.
    const IS_WHOLE: bool = false;
    /// A block from memory.
    ///
    /// # Safety
    /// It can be read.
    unsafe fn load(self, from: *const u8) -> Block;
    /// Writes the first `len` numbers of a block.
    ///
    /// # Safety
    /// They can be written.
    unsafe fn store(self, block: &Block, to: *mut u8, len: usize);
}

/// Bytes of numbers from 0 on.
#[derive(Clone, Copy)]
pub(crate) struct Unsigned(u8);
/// Bytes of numbers with a sign.
#[derive(Clone, Copy)]
pub(crate) struct Signed(u8);
/// Numbers of 16 bits.
#[derive(Clone, Copy)]
pub(crate) struct Half;
/// Numbers of 32 bits.
#[derive(Clone, Copy)]
pub(crate) struct Whole;

/// Writes the first `len` of a block.
///
/// # Safety
/// They can be written.
#[inline(always)]
unsafe fn write<T: Copy>(block: &[T; COLUMNS], to: *mut T, len: usize) {
    // SAFETY: as the caller promises; pieces are of a length that the compiler knows.
    unsafe {
        if len >= COLUMNS {
            return to.cast::<[T; COLUMNS]>().write_unaligned(*block);
        }
        if len == COLUMNS / 2 {
            return to.cast::<[T; COLUMNS / 2]>().write_unaligned(core::array::from_fn(|i| block[i]));
        }
        let mut at = 0;
        if len & 8 != 0 {
            to.cast::<[T; 8]>().write_unaligned(core::array::from_fn(|i| block[i]));
            at = 8;
        }
        if len & 4 != 0 {
            to.add(at).cast::<[T; 4]>().write_unaligned(block.as_ptr().add(at).cast::<[T; 4]>().read());
            at += 4;
        }
        if len & 2 != 0 {
            to.add(at).cast::<[T; 2]>().write_unaligned(block.as_ptr().add(at).cast::<[T; 2]>().read());
            at += 2;
        }
        if len & 1 != 0 {
            to.add(at).write_unaligned(block[at]);
        }
    }
}

impl Entry for Unsigned {
    const IS_COMMON: bool = true;

    #[inline(always)]
    unsafe fn load(self, from: *const u8) -> Block {
        // SAFETY: as the caller promises.
        let bytes = unsafe { from.cast::<[u8; COLUMNS]>().read_unaligned() };
        bytes.map(|byte| i32::from(byte.wrapping_sub(self.0)))
    }

    #[inline(always)]
    unsafe fn store(self, block: &Block, to: *mut u8, len: usize) {
        // SAFETY: as the caller promises.
        unsafe { write(&block.map(|number| (number as u8).wrapping_add(self.0)), to, len) }
    }
}

impl Entry for Signed {
    const IS_COMMON: bool = false;

    #[inline(always)]
    unsafe fn load(self, from: *const u8) -> Block {
        // SAFETY: as the caller promises.
        let bytes = unsafe { from.cast::<[u8; COLUMNS]>().read_unaligned() };
        bytes.map(|byte| i32::from(byte.wrapping_sub(self.0) as i8))
    }

    #[inline(always)]
    unsafe fn store(self, block: &Block, to: *mut u8, len: usize) {
        // SAFETY: as the caller promises.
        unsafe { write(&block.map(|number| (number as u8).wrapping_add(self.0)), to, len) }
    }
}

impl Entry for Half {
    const IS_COMMON: bool = true;

    #[inline(always)]
    unsafe fn load(self, from: *const u8) -> Block {
        // SAFETY: as the caller promises.
        let halves = unsafe { from.cast::<[i16; COLUMNS]>().read_unaligned() };
        halves.map(i32::from)
    }

    #[inline(always)]
    unsafe fn store(self, block: &Block, to: *mut u8, len: usize) {
        // SAFETY: as the caller promises.
        unsafe { write(&block.map(|number| number as i16), to.cast(), len) }
    }
}

impl Entry for Whole {
    const IS_COMMON: bool = false;
    const IS_WHOLE: bool = true;

    #[inline(always)]
    unsafe fn load(self, from: *const u8) -> Block {
        // SAFETY: as the caller promises.
        unsafe { from.cast::<Block>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, block: &Block, to: *mut u8, len: usize) {
        // SAFETY: as the caller promises.
        unsafe { write(block, to.cast(), len) }
    }
}

/// What is done with numbers of any format.
pub(crate) trait WithEntry {
    /// What it returns.
    type Output;
    /// Does it, in the one format.
    fn with<E: Entry>(self, entry: E) -> Self::Output;
}

impl Format {
    /// Does something with the format known to the compiler.
    #[inline(always)]
    pub(crate) fn visit<W: WithEntry>(self, what: W) -> W::Output {
        match (self.word, self.is_unsigned) {
            (Word::Bytes, true) => what.with(Unsigned(self.zero)),
            (Word::Bytes, false) => what.with(Signed(self.zero)),
            (Word::Halves, _) => what.with(Half),
            (Word::Whole, _) => what.with(Whole),
        }
    }
}
