//! What a container holds, as it is written.

use super::Tensor;
use alloc::borrow::Cow;
use safetensors::{Dtype, View};

/// What the container holds.
pub(super) enum Content<'a> {
    Tensor(&'a Tensor),
    /// A locked read-out, and the number of its bytes.
    Lock(&'a [u8], [usize; 1]),
}

impl View for Content<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Self::Tensor(tensor) => tensor.data.dtype(),
            Self::Lock(..) => Dtype::U8,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::Tensor(tensor) => &tensor.dims,
            Self::Lock(_, shape) => shape,
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Tensor(tensor) => tensor.data.to_bytes().into(),
            Self::Lock(bytes, _) => (*bytes).into(),
        }
    }

    fn data_len(&self) -> usize {
        match self {
            Self::Tensor(tensor) => tensor.data.len() * tensor.data.bits() as usize / 8,
            Self::Lock(bytes, _) => bytes.len(),
        }
    }
}
