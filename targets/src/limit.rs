//! The limits that a profile may have.
//!
//! A limit that a profile leaves out is none: numbers without a public source are left out, not guessed.

use serde::Deserialize;

/// What there may be, and where that is written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit<T> {
    /// The number, or what is allowed.
    pub is: T,
    /// The public source; profiles that come with the compiler name one for each limit.
    pub source: Option<String>,
}

/// All limits, by their keys in the file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Limits {
    // ---- what spikes say ----
    /// Codes.
    pub codes: Option<Limit<Vec<Code>>>,
    /// What a neuron may send.
    pub spikes: Option<Limit<Vec<Spikes>>>,
    /// What a spike may do to the potential.
    pub resets: Option<Limit<Vec<Reset>>>,
    /// Whether potentials may leak.
    pub leak: Option<Limit<bool>>,
    /// Most digits that a neuron of the radix code says.
    pub digits: Option<Limit<u32>>,

    // ---- numbers, as whole numbers with a sign ----
    /// Bits of a weight.
    pub weight_bits: Option<Limit<u32>>,
    /// Bits of a bias.
    pub bias_bits: Option<Limit<u32>>,
    /// Bits of a threshold.
    pub threshold_bits: Option<Limit<u32>>,
    /// Bits of a potential before the first step.
    pub potential_bits: Option<Limit<u32>>,
    /// Whose a threshold is.
    pub threshold_per: Option<Limit<Per>>,

    // ---- shapes ----
    /// What there may be between neurons.
    pub operators: Option<Limit<Vec<Operator>>>,
    /// Sides that a kernel may have.
    pub kernels: Option<Limit<Vec<usize>>>,
    /// Whether kernels are squares.
    pub square_kernels: Option<Limit<bool>>,
    /// The largest side of a kernel, that of a linear layer over a feature map included where the chip makes a convolution of it.
    pub largest_kernel: Option<Limit<usize>>,
    /// The widest border of a convolution.
    pub largest_padding: Option<Limit<usize>>,
    /// Strides of convolutions.
    pub strides: Option<Limit<Vec<usize>>>,
    /// Sides of pooling windows, which move by their side.
    pub pools: Option<Limit<Vec<usize>>>,
    /// How channels of a convolution may be in groups.
    pub groups: Option<Limit<Groups>>,
    /// Most channels of a feature map.
    pub channels: Option<Limit<usize>>,
    /// The largest side of a feature map that a convolution reads.
    pub largest_input_map: Option<Limit<usize>>,
    /// The largest side of a feature map that it makes.
    pub largest_output_map: Option<Limit<usize>>,
    /// Most entries that a linear layer reads.
    pub linear_inputs: Option<Limit<usize>>,
    /// Most synapses of a neuron.
    pub fan_in: Option<Limit<usize>>,
    /// Most layers that read one layer.
    pub readers: Option<Limit<usize>>,

    // ---- sizes ----
    /// Most layers with weights.
    pub layers: Option<Limit<usize>>,
    /// Most neurons.
    pub neurons: Option<Limit<usize>>,
    /// Most neurons of a layer.
    pub neurons_of_layer: Option<Limit<usize>>,
    /// Most weights, each counted once.
    pub weights: Option<Limit<usize>>,
    /// Most synapses, a weight counted as often as it is used.
    pub synapses: Option<Limit<usize>>,
    /// Cores that hold a layer each.
    pub memories: Option<Limit<Memories>>,
}

/// What spikes stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Digits of a number.
    Radix,
    /// A share of it each.
    Rate,
}

/// What a neuron may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spikes {
    /// Spikes without a sign.
    Binary,
    /// Spikes that are taken back by others of -1.
    Signed,
}

/// What a spike does to the potential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reset {
    /// Takes the threshold off.
    Soft,
    /// Sets it to 0.
    Hard,
}

/// Whose a threshold is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// All neurons of a layer have one.
    Layer,
    /// Those of a channel.
    Channel,
}

/// How channels of a convolution are in groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Groups {
    /// All in one.
    None,
    /// In one, or each by itself.
    Depthwise,
}

/// What stands between neurons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// A convolution.
    Convolution,
    /// A linear layer.
    Linear,
    /// Average pooling, whose divisor went into weights.
    SumPool,
    /// The same over all of a feature map; also what `sum-pool` allows, where `pools` has the side of the map.
    GlobalSumPool,
    /// Sums along other axes.
    Sum,
    /// Max pooling.
    MaxPool,
    /// A sum of layers, as a shortcut makes it.
    Add,
    /// A factor by channel or entry.
    Scale,
    /// A constant current by channel or entry.
    Shift,
    /// Feature maps side by side.
    Concat,
    /// A border that is no part of a convolution.
    Pad,
    /// Part of a feature map.
    Slice,
    /// Other axes; a feature map as a vector is always allowed.
    Reshape,
    /// Axes in another order.
    Transpose,
}

/// Cores with memories of their own, each of which holds a layer with the pooling behind it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Memories {
    /// Whether a layer takes more than it has, since channels, taps and sides of a feature map are each counted up to a power of two.
    #[serde(default)]
    pub powers_of_two: bool,
    /// The cores.
    pub cores: Vec<Core>,
}

/// What one core holds, in entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Core {
    /// Weights.
    pub weights: usize,
    /// Neurons.
    pub neurons: usize,
    /// Biases; as many as there are if left out.
    pub biases: Option<usize>,
}
