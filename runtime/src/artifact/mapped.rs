//! A file that is mapped into memory.

use crate::error::LoadError;
use core::ops::{Deref, Range};
use memmap2::{Mmap, UncheckedAdvice};
use std::{fs::File, path::Path};

/// A file whose bytes are read when they are looked at.
///
/// Nobody may change or cut the file meanwhile: numbers would change under the eyes of a reader that has checked them, and to read what
/// is cut off ends the process. Loaders keep it for the time of loading alone.
#[derive(Debug)]
pub(crate) struct Mapped(Mmap);

impl Mapped {
    /// Maps a file; none if it is no plain one, which can only be read.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, LoadError> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if !about.is_file() || about.len() == 0 {
            return Ok(None);
        }
        // SAFETY: `Network::open` asks its callers to leave the file alone.
        Ok(Some(Self(unsafe { Mmap::map(&file) }?)))
    }

    /// Lets the system forget what it has read of some bytes. They can be read again, from the file.
    pub(super) fn release(&self, range: Range<usize>) {
        // Only whole pages within the range, or what stands beside it would be read twice.
        const PAGE: usize = 4096;
        let (start, end) = (range.start.next_multiple_of(PAGE), range.end / PAGE * PAGE);
        if start < end {
            // SAFETY: it is a mapping of a file that nobody writes to: what is forgotten is read anew. An error costs memory alone.
            let _ = unsafe { self.0.unchecked_advise_range(UncheckedAdvice::DontNeed, start, end - start) };
        }
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
