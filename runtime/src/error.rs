//! What can go wrong.

use thiserror::Error;

/// Why bytes are not an artifact that this version can run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The safetensors container is broken.
    #[error("not a safetensors file: {0}")]
    Container(#[from] safetensors::SafeTensorError),
    /// The container is sound, but not one of ours.
    #[error("not a .snn file: {0}")]
    NotSnn(&'static str),
    /// Made for another version of the format.
    #[error("format version {0} is not supported; this reader knows version {supported}", supported = crate::artifact::FORMAT_VERSION)]
    Version(u64),
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
    /// A tensor is missing, of another type, or holds what it must not.
    #[error("tensor `{tensor}`: {problem}")]
    Tensor {
        /// Name of the tensor.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
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
    /// Pixels do not have the shape that the network reads.
    #[error("images of {got} do not fit: the network reads {wanted}")]
    Pixels {
        /// What was given.
        got: String,
        /// What the network reads.
        wanted: String,
    },
}
