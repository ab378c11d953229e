//! Numbers of a tensor: in memory of their own, or in a file that is mapped.

use alloc::vec::Vec;
use core::{
    fmt,
    ops::{Deref, DerefMut},
};
#[cfg(feature = "mmap")]
use {super::Mapped, alloc::sync::Arc};

/// Numbers that stand together. They read as a slice; to change them copies those of a file.
#[derive(Clone)]
pub struct Numbers<T>(Memory<T>);

#[derive(Clone)]
enum Memory<T> {
    Own(Vec<T>),
    /// So many numbers from a byte on, at which a `T` may stand.
    #[cfg(feature = "mmap")]
    File {
        file: Arc<Mapped>,
        start: usize,
        len: usize,
    },
}

/// Numbers of a file: whole, without padding, and any bytes are one.
#[cfg(feature = "mmap")]
pub(super) trait Number: Copy {}
#[cfg(feature = "mmap")]
impl Number for i8 {}
#[cfg(feature = "mmap")]
impl Number for i16 {}
#[cfg(feature = "mmap")]
impl Number for i32 {}

impl<T> Numbers<T> {
    /// Those that stand in `bytes` of a mapped file, if a `T` may stand there and the processor has the file's order of bytes.
    #[cfg(feature = "mmap")]
    pub(super) fn of_file(file: &Arc<Mapped>, bytes: &[u8]) -> Option<Self>
    where
        T: Number,
    {
        let start = (bytes.as_ptr() as usize).checked_sub(file.as_ptr() as usize)?;
        let is_inside = start.checked_add(bytes.len()).is_some_and(|end| end <= file.len());
        let fits = (bytes.as_ptr() as usize).is_multiple_of(align_of::<T>()) && bytes.len().is_multiple_of(size_of::<T>());
        let is_native = cfg!(target_endian = "little");
        (is_inside && fits && is_native).then(|| Self(Memory::File { file: file.clone(), start, len: bytes.len() / size_of::<T>() }))
    }

    /// Lets the system forget the bytes of a file until they are read again.
    pub(crate) fn release(&self) {
        #[cfg(feature = "mmap")]
        if let Memory::File { file, start, len } = &self.0 {
            file.release(*start..start + len * size_of::<T>());
        }
    }
}

impl<T> Deref for Numbers<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Memory::Own(numbers) => numbers,
            #[cfg(feature = "mmap")]
            Memory::File { file, start, len } => {
                // SAFETY: `of_file`, which alone makes these, saw that the bytes lie in the file and that as many `T` may stand there.
                unsafe { core::slice::from_raw_parts(file[*start..].as_ptr().cast(), *len) }
            }
        }
    }
}

impl<T: Clone> DerefMut for Numbers<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        if !matches!(self.0, Memory::Own(_)) {
            self.0 = Memory::Own(self.to_vec());
        }
        match &mut self.0 {
            Memory::Own(numbers) => numbers,
            #[cfg(feature = "mmap")]
            Memory::File { .. } => &mut [],
        }
    }
}

impl<T> From<Vec<T>> for Numbers<T> {
    fn from(numbers: Vec<T>) -> Self {
        Self(Memory::Own(numbers))
    }
}

impl<T> FromIterator<T> for Numbers<T> {
    fn from_iter<I: IntoIterator<Item = T>>(numbers: I) -> Self {
        Self(Memory::Own(numbers.into_iter().collect()))
    }
}

impl<T: PartialEq> PartialEq for Numbers<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Numbers<T> {}

impl<T: fmt::Debug> fmt::Debug for Numbers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
