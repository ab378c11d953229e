//! Parameters: tensors of whole numbers.

use super::Numbers;
use alloc::vec::Vec;
use safetensors::Dtype;

/// Values of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// The shape; empty for a single number.
    pub dims: Vec<usize>,
    /// The entries in row-major order.
    pub data: Data,
}

/// Entries of a tensor, of one of the types that a file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// 8 bits: weights.
    I8(Numbers<i8>),
    /// 16 bits: weights.
    I16(Numbers<i16>),
    /// 32 bits: all other parameters.
    I32(Numbers<i32>),
}

impl Tensor {
    /// A tensor of the given shape.
    #[must_use]
    pub fn new(dims: impl Into<Vec<usize>>, data: impl Into<Data>) -> Self {
        Self { dims: dims.into(), data: data.into() }
    }
}

impl Data {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::I8(data) => data.len(),
            Self::I16(data) => data.len(),
            Self::I32(data) => data.len(),
        }
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bits of an entry: 8, 16 or 32.
    #[must_use]
    pub fn bits(&self) -> u32 {
        match self {
            Self::I8(_) => 8,
            Self::I16(_) => 16,
            Self::I32(_) => 32,
        }
    }

    /// One entry.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn get(&self, index: usize) -> i32 {
        match self {
            Self::I8(data) => i32::from(data[index]),
            Self::I16(data) => i32::from(data[index]),
            Self::I32(data) => data[index],
        }
    }

    /// All entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = i32> + '_ {
        (0..self.len()).map(|index| self.get(index))
    }

    /// All entries in order.
    #[must_use]
    pub fn to_vec(&self) -> Vec<i32> {
        match self {
            Self::I8(data) => data.iter().copied().map(i32::from).collect(),
            Self::I16(data) => data.iter().copied().map(i32::from).collect(),
            Self::I32(data) => data.to_vec(),
        }
    }

    /// Lets the system forget entries of a mapped file until they are read again.
    pub(crate) fn release(&self) {
        match self {
            Self::I8(data) => data.release(),
            Self::I16(data) => data.release(),
            Self::I32(data) => data.release(),
        }
    }

    /// As [`Data::from_bytes`], of bytes of a mapped file: where they stand, if that can be.
    #[cfg(feature = "mmap")]
    pub(super) fn of_file(dtype: Dtype, file: &alloc::sync::Arc<super::Mapped>, bytes: &[u8]) -> Option<Self> {
        let mapped = match dtype {
            Dtype::I8 => Numbers::of_file(file, bytes).map(Self::I8),
            Dtype::I16 => Numbers::of_file(file, bytes).map(Self::I16),
            Dtype::I32 => Numbers::of_file(file, bytes).map(Self::I32),
            _ => None,
        };
        mapped.or_else(|| Self::from_bytes(dtype, bytes))
    }

    /// The type in the file.
    #[cfg(feature = "std")]
    pub(super) fn dtype(&self) -> Dtype {
        match self {
            Self::I8(_) => Dtype::I8,
            Self::I16(_) => Dtype::I16,
            Self::I32(_) => Dtype::I32,
        }
    }

    /// The bytes in the file: little endian.
    #[cfg(feature = "std")]
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::I8(data) => data.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::I16(data) => data.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::I32(data) => data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    /// Entries of a type, none where it is none of ours.
    pub(super) fn from_bytes(dtype: Dtype, bytes: &[u8]) -> Option<Self> {
        Some(match dtype {
            Dtype::I8 => Self::I8(bytes.iter().map(|&v| v as i8).collect()),
            Dtype::I16 => Self::I16(bytes.as_chunks().0.iter().map(|&v| i16::from_le_bytes(v)).collect()),
            Dtype::I32 => Self::I32(bytes.as_chunks().0.iter().map(|&v| i32::from_le_bytes(v)).collect()),
            _ => return None,
        })
    }
}

impl From<Vec<i8>> for Data {
    fn from(data: Vec<i8>) -> Self {
        Self::I8(data.into())
    }
}

impl From<Vec<i16>> for Data {
    fn from(data: Vec<i16>) -> Self {
        Self::I16(data.into())
    }
}

impl From<Vec<i32>> for Data {
    fn from(data: Vec<i32>) -> Self {
        Self::I32(data.into())
    }
}

impl<T, const N: usize> From<[T; N]> for Data
where
    Self: From<Vec<T>>,
{
    fn from(data: [T; N]) -> Self {
        Self::from(Vec::from(data))
    }
}
