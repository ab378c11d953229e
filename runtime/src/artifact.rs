//! The artifact: a spiking network as data, and its bytes.
//!
//! A `.snn` file is a safetensors file whose metadata has one key, `snnc`: the JSON text of a [`NetworkSpec`]. The
//! structures mirror that text field by field; `docs/artifact.md` is the specification.
//!
//! [`Artifact::from_bytes`] and [`Artifact::to_bytes`] both check everything that the specification demands, so an
//! `Artifact` that was read or written is one that every reader accepts.

mod bounds;
mod check;
mod container;
#[cfg(feature = "std")]
mod content;
mod input;
#[cfg(feature = "locked")]
mod lock;
#[cfg(feature = "mmap")]
mod mapped;
mod node;
mod numbers;
mod shape;
mod tensor;

pub use input::{Coding, InputSpec, Layout, Preprocess, Quantiser};
pub use node::{NodeSpec, OpSpec, Reset};
pub use numbers::Numbers;
pub use shape::{broadcasts, conv_output, pool_output};
pub use tensor::{Data, Tensor};

pub(crate) use check::Links;
#[cfg(feature = "mmap")]
pub(crate) use mapped::Mapped;

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// Value of [`NetworkSpec::format`].
pub const FORMAT: &str = "snnc";
/// The version of the format that this crate writes, and the only one that it reads.
pub const FORMAT_VERSION: u64 = 2;
/// Most entries that the input or the result of a node may have, for one image.
pub const MAX_ENTRIES: usize = 1 << 24;
/// Most entries that the input and the results of all nodes may have together, for one image.
pub const MAX_TOTAL_ENTRIES: usize = 1 << 27;
/// Most entries that an operand of a convolution or pooling may have for one image, padding included.
pub const MAX_PADDED_ENTRIES: usize = 1 << 25;
/// Most rows or columns of an image, padding included.
pub const MAX_SIDE: usize = 1 << 16;
/// Most dimensions of a tensor.
pub const MAX_RANK: usize = 8;
/// Most nodes of a network.
pub const MAX_NODES: usize = 1 << 16;
/// Most time steps of a run.
pub const MAX_TIMESTEPS: usize = 1 << 16;
/// Most digits of a stream, and of the numbers that a value of the input becomes.
pub const MAX_DIGITS: u32 = 16;
/// What a leak of 1 is in the file: potentials are multiplied by `leak / LEAK_ONE`.
pub const LEAK_ONE: i32 = 1 << 16;

/// A network with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// The description: everything but the values of the parameters.
    pub graph: NetworkSpec,
    /// The parameters by the names that the nodes use; none that no node uses.
    pub tensors: BTreeMap<String, Tensor>,
    /// The bytes of the locked read-out; of a network that has one, as [`OutputSpec::lock`] says.
    pub lock: Option<Vec<u8>>,
}

/// The description of a network: the JSON object under the metadata key `snnc`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// Always [`FORMAT`].
    pub format: String,
    /// Always [`FORMAT_VERSION`].
    pub format_version: u64,
    /// Name and version of what wrote the file.
    pub compiler: String,
    /// The file that was compiled.
    pub source: Source,
    /// How far the compilation went.
    pub phase: Phase,
    /// What spikes stand for.
    pub code: Code,
    /// The options of the compilation, for people and reports: a reader ignores them.
    pub options: BTreeMap<String, serde_json::Value>,
    /// Seed of the compilation and of Poisson coding.
    pub seed: u64,
    /// In the rate code, the number of time steps that the network was calibrated for: the default of a run. In the radix code,
    /// the longest window of any stream: the only number that a run takes.
    pub timesteps: usize,
    /// The input of the network.
    pub input: InputSpec,
    /// The operators in an order in which each follows its operands.
    pub nodes: Vec<NodeSpec>,
    /// The class output.
    pub output: OutputSpec,
}

/// The file that was compiled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// SHA-256 of its bytes, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// How far the compilation went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Thresholds are set; parameters may be those of the source network, or computed from them.
    Calibrated,
    /// No parameter is one of the source network or was computed from one without training.
    Trained,
}

/// What spikes stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A number is the count that a window of binary spikes spells, most significant digit first; a layer speaks after its operands.
    Radix,
    /// A number is the mean of its spikes over all time steps; layers run side by side.
    Rate,
}

/// The class output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    /// The node whose value, in the rate code whose mean over time, is the output.
    pub node: String,
    /// The name of the output in the source network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the source network did to it.
    pub head: Head,
    /// What one of the node's units is in the read-out; behind a lock, what one of its sums is.
    pub scale: f32,
    /// A linear layer behind the node that only the holder of a key can read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
}

/// A locked read-out: the node's value, in the rate code its sum over time, are the features of a linear layer under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The tensor that holds it, which no node uses.
    pub tensor: String,
    /// Number of classes.
    pub classes: usize,
}

/// What the source network did to the output; a reader may do it to the read-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Nothing.
    None,
    /// `max(x, 0)`.
    Relu,
    /// Softmax over the last axis.
    Softmax,
    /// Logarithm of the softmax over the last axis.
    LogSoftmax,
    /// `1 / (1 + exp(-x))` of every score by itself.
    Sigmoid,
}
