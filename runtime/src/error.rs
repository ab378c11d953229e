//! What can go wrong.

use alloc::{string::String, vec::Vec};
use thiserror::Error;

/// Why bytes are not an artifact that this version can run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The safetensors container is broken.
    #[error("not a safetensors file: {0}")]
    Container(#[from] safetensors::SafeTensorError),
    /// The file cannot be opened or read.
    #[cfg(feature = "std")]
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// The file is encrypted, and was read without keys.
    #[error("it is encrypted: it takes the key that it was made for, or a passphrase, to open it")]
    Encrypted,
    /// The file is encrypted or signed, and the keys that were given do not open it.
    #[cfg(any(feature = "encrypted", feature = "signed"))]
    #[error(transparent)]
    Keys(snnc_vault::Error),
    /// The container is sound, but not one of ours.
    #[error("not a .snn file: {0}")]
    NotSnn(&'static str),
    /// Made for another version of the format.
    #[error(
        "format version {0} is not supported; this reader knows version {supported}{advice}",
        supported = crate::artifact::FORMAT_VERSION,
        advice = if *.0 < crate::artifact::FORMAT_VERSION { ": compile the network again" } else { "" }
    )]
    Version(u64),
    /// The environment variable `SNNC_ISA` asks for an instruction set that is unknown, or that this processor lacks.
    #[error("SNNC_ISA is `{0}`, which is not one of the instruction sets of this processor: {known}", known = crate::kernels::Isa::names())]
    Isa(String),
    /// The description of the network is no JSON, or lacks fields, or has fields or operators that this version does not know.
    #[error("the description of the network cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// A field of the description holds what it must not.
    #[error("field `{field}`: {problem}")]
    Field {
        /// Path of the field.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A node does not fit its operands, its tensors or its stated shape.
    #[error("node `{node}`: {problem}")]
    Node {
        /// Name of the node.
        node: String,
        /// What is wrong.
        problem: String,
    },
    /// The read-out is locked, and this build has no part for that.
    #[error("its read-out is locked: to run it takes `snnc-runtime` with the feature `locked`")]
    Locked,
    /// The locked read-out is broken, or does not fit what comes before it.
    #[error("the locked read-out: {0}")]
    Lock(String),
    /// A tensor is missing, of another type, or holds what it must not.
    #[error("tensor `{tensor}`: {problem}")]
    Tensor {
        /// Name of the tensor.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
}

#[cfg(any(feature = "encrypted", feature = "signed"))]
impl From<snnc_vault::Error> for LoadError {
    fn from(error: snnc_vault::Error) -> Self {
        match error {
            snnc_vault::Error::File(error) => Self::File(error),
            error => Self::Keys(error),
        }
    }
}

/// Why a network cannot run on what it was given.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// The values are not a whole number of images.
    #[error("{got} values are not a whole number of images of {image} values")]
    Images {
        /// Number of values given.
        got: usize,
        /// Number of values of an image.
        image: usize,
    },
    /// A value of an image is infinite or not a number.
    #[error("value {index} of image {image} is not finite")]
    NotFinite {
        /// The image.
        image: usize,
        /// The value within it.
        index: usize,
    },
    /// The time steps to report at are none, zero, too many, or not ascending.
    #[error("time steps must ascend from at least 1 to at most {max}, not {got:?}", max = crate::artifact::MAX_TIMESTEPS)]
    Timesteps {
        /// What was asked for.
        got: Vec<usize>,
    },
    /// The network runs another number of time steps: in the radix code its own alone.
    #[error("the network takes {digits} time steps, one for each digit, not {got:?}")]
    Digits {
        /// What was asked for.
        got: Vec<usize>,
        /// What the network takes.
        digits: usize,
    },
    /// After so many time steps a potential might not fit in 32 bits.
    #[error("{got} time steps are more than the {max} for which the potentials of this network fit in 32 bits")]
    Potentials {
        /// What was asked for.
        got: usize,
        /// Most that the network can run.
        max: usize,
    },
    /// The read-out was locked for fewer time steps.
    #[error("{got} time steps are more than the {max} that the read-out of this network was locked for")]
    LockedSteps {
        /// What was asked for.
        got: usize,
        /// Most that the network can run.
        max: usize,
    },
    /// The read-out is locked: there are no logits.
    #[error("the read-out of this network is locked: it makes answers for the holder of the key, and no logits")]
    Locked,
    /// A value of an image is larger than the quantiser makes them.
    #[error("value {index} of image {image} is larger than {max}, the largest that the input takes")]
    Range {
        /// The image.
        image: usize,
        /// The value within it.
        index: usize,
        /// The largest that there can be.
        max: u16,
    },
    /// The network takes an image at once: it is of the radix code.
    #[error("a network of the radix code takes an image at once: only one of the rate code has a session")]
    NoSession,
    /// Pixels do not have the shape that the network reads.
    #[error("images of {got} do not fit: the network reads {wanted}")]
    Pixels {
        /// What was given.
        got: String,
        /// What the network reads.
        wanted: String,
    },
}
