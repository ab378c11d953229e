//! One block of memory for all values and states of a batch.

use alloc::{vec, vec::Vec};

/// Bytes to which regions are aligned: a line of a cache, and the widest vector.
const ALIGN: usize = 64;

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Chunk(#[allow(dead_code, reason = "read by its address")] [u8; ALIGN]);

/// The memory.
pub(super) struct Arena {
    chunks: Vec<Chunk>,
}

impl Arena {
    pub(super) fn new(bytes: usize) -> Self {
        Self { chunks: vec![Chunk([0; ALIGN]); bytes.div_ceil(ALIGN)] }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.chunks[..])
    }

    pub(super) fn memory(&mut self) -> Memory {
        Memory { start: self.chunks.as_mut_ptr().cast(), len: self.bytes() }
    }
}

/// The arena as the steps of a run see it: several threads write to different parts of it.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    start: *mut u8,
    len: usize,
}

// SAFETY: it is an address; who writes through it says why nobody else does so at the same place.
unsafe impl Send for Memory {}
// SAFETY: as before.
unsafe impl Sync for Memory {}

impl Memory {
    /// The address of a byte.
    #[inline(always)]
    pub(super) fn at(self, byte: usize) -> *mut u8 {
        debug_assert!(byte < self.len, "the plan made the arena large enough");
        self.start.wrapping_add(byte)
    }
}

/// Which parts of the arena are free while a plan is made.
#[derive(Debug, Default)]
pub(super) struct Allocator {
    /// First byte and length of the free parts, by address; none touches the next.
    free: Vec<(usize, usize)>,
    /// Bytes so far.
    pub(super) size: usize,
}

impl Allocator {
    fn round(bytes: usize) -> usize {
        bytes.next_multiple_of(ALIGN)
    }

    /// A part of so many bytes: the tightest free one that holds it, else one at the end.
    pub(super) fn take(&mut self, bytes: usize) -> usize {
        let bytes = Self::round(bytes);
        let fits = self.free.iter().enumerate().filter(|(_, (_, len))| *len >= bytes).min_by_key(|(_, (_, len))| *len);
        if let Some((index, &(at, len))) = fits {
            if len == bytes {
                self.free.remove(index);
            } else {
                self.free[index] = (at + bytes, len - bytes);
            }
            return at;
        }
        // A free part at the end grows.
        let at = match self.free.last() {
            Some(&(at, len)) if at + len == self.size => {
                self.free.pop();
                at
            }
            _ => self.size,
        };
        self.size = at + bytes;
        at
    }

    /// Gives a part back.
    pub(super) fn release(&mut self, at: usize, bytes: usize) {
        let bytes = Self::round(bytes);
        let index = self.free.partition_point(|&(other, _)| other < at);
        self.free.insert(index, (at, bytes));
        if let Some(&(next, len)) = self.free.get(index + 1)
            && at + bytes == next
        {
            self.free[index].1 += len;
            self.free.remove(index + 1);
        }
        if index > 0 {
            let (before, len) = self.free[index - 1];
            if before + len == at {
                self.free[index - 1].1 += self.free[index].1;
                self.free.remove(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_overlap_and_are_used_again() {
        let mut allocator = Allocator::default();
        let [a, b, c] = [100, 64, 200].map(|bytes| (allocator.take(bytes), bytes));
        assert_eq!([a.0, b.0, c.0, allocator.size], [0, 128, 192, 448]);
        allocator.release(a.0, a.1);
        allocator.release(b.0, b.1);
        assert_eq!(allocator.take(192), 0, "neighbours become one");
        allocator.release(c.0, c.1);
        assert_eq!(allocator.take(1000), 192, "what is free at the end grows");
        assert_eq!(allocator.size, 192 + 1024);
        allocator.release(192, 1000);
        assert_eq!(allocator.take(64), 192);
        assert_eq!(allocator.take(64), 256);
    }
}
