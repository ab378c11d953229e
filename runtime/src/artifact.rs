//! The artifact: a spiking network as data, and its bytes.
//!
//! A `.snn` file is a safetensors file whose metadata has one key, `snnc`: the JSON text of a [`NetworkSpec`]. The
//! structures mirror that text field by field; `docs/artifact.md` is the specification.
//!
//! [`Artifact::from_bytes`] and [`Artifact::to_bytes`] both check everything that the specification demands, so an
//! `Artifact` that was read or written is one that every reader accepts.

mod check;
mod container;
mod node;
mod shape;

pub use node::{NodeSpec, OpSpec, Reset};
pub use shape::{broadcasts, conv_output, pool_output};

pub(crate) use check::Links;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Value of [`NetworkSpec::format`].
pub const FORMAT: &str = "snnc";
/// The version of the format that this crate writes, and the only one that it reads.
pub const FORMAT_VERSION: u64 = 1;
/// Most entries that the input or the result of a node may have, for one image.
pub const MAX_ENTRIES: usize = 1 << 24;
/// Most entries that the input and the results of all nodes may have together, for one image.
pub const MAX_TOTAL_ENTRIES: usize = 1 << 27;
/// Most rows or columns of an image, padding included.
pub const MAX_SIDE: usize = 1 << 16;
/// Most dimensions of a tensor.
pub const MAX_RANK: usize = 8;
/// Most nodes of a network.
pub const MAX_NODES: usize = 1 << 16;
/// Most time steps of a run.
pub const MAX_TIMESTEPS: usize = 1 << 16;

/// A network with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// The description: everything but the values of the parameters.
    pub graph: NetworkSpec,
    /// The parameters by the names that the nodes use; none that no node uses.
    pub tensors: BTreeMap<String, Tensor>,
}

/// Values of a parameter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    /// The shape; empty for a single number.
    pub dims: Vec<usize>,
    /// The entries in row-major order.
    pub data: Vec<f32>,
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
    /// The options of the compilation, for people and reports: a reader ignores them.
    pub options: BTreeMap<String, serde_json::Value>,
    /// Seed of the compilation and of Poisson coding.
    pub seed: u64,
    /// The number of time steps that the network was calibrated for: the default of a run.
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
    Sealed,
}

/// The input of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Its name, by which nodes refer to it.
    pub name: String,
    /// Its shape; the first dimension is the batch and is 1.
    pub shape: Vec<usize>,
    /// What the dimensions mean.
    pub layout: Layout,
    /// How an image becomes one tensor per time step.
    pub coding: Coding,
    /// How pixels become an image.
    pub preprocess: Preprocess,
}

/// What the dimensions of the input mean. Height is left out where the input is a signal, not an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Batch, channels, height, width; or batch, channels, length.
    Nchw,
    /// Batch, height, width, channels; or batch, length, channels.
    Nhwc,
    /// Batch, features: of an image, height, width and channels in this order. There may be other dimensions of size 1.
    Flat,
}

impl Layout {
    /// Whether a shape, batch included, has as many dimensions as the layout names, or is one of a flat vector.
    #[must_use]
    pub fn fits(self, shape: &[usize]) -> bool {
        match self {
            Self::Nchw | Self::Nhwc => matches!(shape.len(), 3 | 4),
            Self::Flat => shape.len() >= 2 && shape[1..].iter().filter(|&&d| d != 1).count() <= 1,
        }
    }
}

/// How an image becomes one tensor per time step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "CodingJson", into = "CodingJson")]
pub enum Coding {
    /// The image itself, at every step.
    Direct,
    /// Random spikes whose rate is the value over `amplitude`; see [`crate::poisson`].
    Poisson {
        /// The value that fires at every step: one for all, or one per channel (per feature with [`Layout::Flat`]).
        amplitude: Vec<f32>,
    },
}

/// A coding as it stands in the file. (A derived reader would pass over foreign fields beside `"kind": "direct"`.)
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CodingJson {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amplitude: Option<Vec<f32>>,
}

impl TryFrom<CodingJson> for Coding {
    type Error = String;

    fn try_from(json: CodingJson) -> Result<Self, String> {
        match (json.kind.as_str(), json.amplitude) {
            ("direct", None) => Ok(Self::Direct),
            ("poisson", Some(amplitude)) => Ok(Self::Poisson { amplitude }),
            ("direct", Some(_)) => Err("direct coding has no amplitude".to_owned()),
            ("poisson", None) => Err("Poisson coding lacks its amplitude".to_owned()),
            (kind, _) => Err(format!("unknown coding `{kind}`")),
        }
    }
}

impl From<Coding> for CodingJson {
    fn from(coding: Coding) -> Self {
        let (kind, amplitude) = match coding {
            Coding::Direct => ("direct", None),
            Coding::Poisson { amplitude } => ("poisson", Some(amplitude)),
        };
        Self { kind: kind.to_owned(), amplitude }
    }
}

/// How pixels of 8 bits become an image: `(pixel / scale - mean) / std`. By default pixels are scaled to 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// Divides the pixel.
    pub scale: f32,
    /// One for all, or one per channel.
    pub mean: Vec<f32>,
    /// One for all, or one per channel.
    pub std: Vec<f32>,
}

impl Preprocess {
    /// `pixel / scale`.
    #[must_use]
    pub fn scale(scale: f32) -> Self {
        Self { scale, mean: vec![0.0], std: vec![1.0] }
    }

    /// Mean and standard deviation of one channel.
    ///
    /// # Panics
    /// If there are neither one of each for all nor enough for that channel.
    #[must_use]
    pub fn channel(&self, channel: usize) -> (f32, f32) {
        let pick = |values: &[f32]| if values.len() == 1 { values[0] } else { values[channel] };
        (pick(&self.mean), pick(&self.std))
    }

    /// The value that a pixel of a channel becomes.
    ///
    /// # Panics
    /// As [`Preprocess::channel`].
    #[must_use]
    pub fn apply(&self, channel: usize, pixel: f32) -> f32 {
        let (mean, std) = self.channel(channel);
        (pixel / self.scale - mean) / std
    }

    /// Least and greatest value that a channel can have.
    ///
    /// # Panics
    /// As [`Preprocess::channel`].
    #[must_use]
    pub fn range(&self, channel: usize) -> (f32, f32) {
        let (a, b) = (self.apply(channel, 0.0), self.apply(channel, 255.0));
        (a.min(b), a.max(b))
    }
}

impl Default for Preprocess {
    fn default() -> Self {
        Self::scale(255.0)
    }
}

/// The class output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    /// The node whose mean over time is the output.
    pub node: String,
    /// The name of the output in the source network.
    pub name: String,
    /// What the source network did to it.
    pub head: Head,
}

/// What the source network did to the output; a reader may do it to the mean over time.
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

impl Tensor {
    /// A tensor of the given shape.
    #[must_use]
    pub fn new(dims: impl Into<Vec<usize>>, data: impl Into<Vec<f32>>) -> Self {
        Self { dims: dims.into(), data: data.into() }
    }
}

impl InputSpec {
    /// Number of channels that [`Preprocess`] and [`Coding`] may tell apart: 1 for a shape that the layout does not fit.
    #[must_use]
    pub fn channels(&self) -> usize {
        match self.layout {
            Layout::Nchw => self.shape.get(1).copied().unwrap_or(1),
            Layout::Flat => self.shape.iter().copied().max().unwrap_or(1),
            Layout::Nhwc => self.shape.last().copied().unwrap_or(1),
        }
    }

    /// The channel of an entry, in row-major order.
    #[must_use]
    pub fn channel_of(&self, entry: usize) -> usize {
        entry / self.channel_run().max(1) % self.channels().max(1)
    }

    /// Entries of one channel that stand together.
    pub(crate) fn channel_run(&self) -> usize {
        match self.layout {
            Layout::Nchw => self.shape.iter().skip(2).product(),
            Layout::Nhwc | Layout::Flat => 1,
        }
    }
}
