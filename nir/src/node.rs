//! A graph of NIR: the primitives that artifacts become, and edges between them.
//!
//! Shapes have neither batch nor time: channels, height, width; or features. Several edges into one node add up.

use std::collections::{BTreeMap, BTreeSet};

/// Most entries that the arrays of a graph may have together: 512 MiB of `f32`. NIR has no groups that all simulators read, so that convolutions
/// in groups become dense ones, which can be much larger than in the artifact.
pub const MAX_ENTRIES: usize = 1 << 27;

/// A graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The version of the package `nir` whose definitions the nodes follow: up to 1.0.4, a spike takes the threshold from the potential;
    /// from 1.0.6 on it sets the potential to a value.
    pub version: String,
    /// The nodes by name.
    pub nodes: BTreeMap<String, Node>,
    /// From which node to which.
    pub edges: BTreeSet<(String, String)>,
    /// What nodes cannot say, of all of them: only here every version of `nir` reads metadata of all kinds of nodes. The key of what
    /// belongs to a node ends in a dot and its name.
    pub metadata: BTreeMap<String, Value>,
}

/// A primitive.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Where images come in.
    Input {
        /// Shape of an image.
        shape: Vec<usize>,
    },
    /// Where the sums of the last layer come out.
    Output {
        /// Their shape.
        shape: Vec<usize>,
    },
    /// Cross-correlation, in one group; see `lower::kernel` for why.
    Conv2d {
        /// `[C_out, C_in, height, width]`.
        weight: Array,
        /// `[C_out]`.
        bias: Vec<f32>,
        /// Step of the kernel.
        stride: [usize; 2],
        /// Zeros on either side.
        padding: [usize; 2],
        /// Distance between taps.
        dilation: [usize; 2],
        /// Height and width of the operand.
        input: [usize; 2],
    },
    /// `y = W x + b` over features.
    Affine {
        /// `[F_out, F_in]`.
        weight: Array,
        /// `[F_out]`.
        bias: Vec<f32>,
    },
    /// Sum over windows without padding.
    SumPool2d {
        /// Size of the window.
        kernel: [usize; 2],
        /// Its step.
        stride: [usize; 2],
    },
    /// All axes become one.
    Flatten {
        /// Shape of the operand.
        input: Vec<usize>,
    },
    /// Multiplies entry by entry.
    Scale {
        /// Of the operand's shape.
        scale: Array,
    },
    /// Integrate-and-fire neurons: `v ← v + x`, a spike where `v` is greater than the threshold.
    If {
        /// Of the neurons' shape.
        threshold: Array,
    },
    /// Leaky ones: `τ dv/dt = -v + R x` with R = τ, which for a time step of 1 is `v ← (1 - 1/τ) v + x`.
    Lif {
        /// Of the neurons' shape, in time steps.
        tau: Array,
        /// Likewise.
        threshold: Array,
    },
}

/// Numbers with a shape, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The shape; empty for a single number.
    pub dims: Vec<usize>,
    /// The entries.
    pub data: Vec<f32>,
}

impl Array {
    /// All entries 0.
    #[must_use]
    pub fn zeros(dims: &[usize]) -> Self {
        Self { dims: dims.to_vec(), data: vec![0.0; dims.iter().product()] }
    }
}

/// A field of a node, or of the metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// Whole numbers.
    Wholes(Vec<i64>),
    /// Real numbers.
    Reals(Array),
}

impl Value {
    /// A single real number.
    #[must_use]
    pub fn real(number: f32) -> Self {
        Self::Reals(Array { dims: Vec::new(), data: vec![number] })
    }

    /// Real numbers in a row.
    #[must_use]
    pub fn reals(numbers: &[f32]) -> Self {
        Self::Reals(Array { dims: vec![numbers.len()], data: numbers.to_vec() })
    }

    /// A shape.
    #[must_use]
    pub fn sizes(sizes: &[usize]) -> Self {
        Self::Wholes(sizes.iter().map(|&size| size as i64).collect())
    }
}

impl Node {
    /// The name of the class in the package `nir`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Input { .. } => "Input",
            Self::Output { .. } => "Output",
            Self::Conv2d { .. } => "Conv2d",
            Self::Affine { .. } => "Affine",
            Self::SumPool2d { .. } => "SumPool2d",
            Self::Flatten { .. } => "Flatten",
            Self::Scale { .. } => "Scale",
            Self::If { .. } => "IF",
            Self::Lif { .. } => "LIF",
        }
    }

    /// The fields of that class, but for its type: exactly those that every version of `nir` from 1.0.4 on asks for.
    #[must_use]
    pub fn fields(&self) -> BTreeMap<&'static str, Value> {
        let same = |like: &Array, number: f32| Value::Reals(Array { dims: like.dims.clone(), data: vec![number; like.data.len()] });
        let of = |array: &Array| Value::Reals(array.clone());
        match self {
            Self::Input { shape } | Self::Output { shape } => BTreeMap::from([("shape", Value::sizes(shape))]),
            Self::Conv2d { weight, bias, stride, padding, dilation, input } => BTreeMap::from([
                ("bias", Value::reals(bias)),
                ("dilation", Value::sizes(dilation)),
                ("groups", Value::Whole(1)),
                ("input_shape", Value::sizes(input)),
                ("padding", Value::sizes(padding)),
                ("stride", Value::sizes(stride)),
                ("weight", of(weight)),
            ]),
            Self::Affine { weight, bias } => BTreeMap::from([("bias", Value::reals(bias)), ("weight", of(weight))]),
            Self::SumPool2d { kernel, stride } => BTreeMap::from([
                ("kernel_size", Value::sizes(kernel)),
                ("padding", Value::sizes(&[0, 0])),
                ("stride", Value::sizes(stride)),
            ]),
            Self::Flatten { input } => {
                BTreeMap::from([("end_dim", Value::Whole(-1)), ("input_type", Value::sizes(input)), ("start_dim", Value::Whole(0))])
            }
            Self::Scale { scale } => BTreeMap::from([("scale", of(scale))]),
            Self::If { threshold } => BTreeMap::from([("r", same(threshold, 1.0)), ("v_threshold", of(threshold))]),
            Self::Lif { tau, threshold } => {
                BTreeMap::from([("r", of(tau)), ("tau", of(tau)), ("v_leak", same(tau, 0.0)), ("v_threshold", of(threshold))])
            }
        }
    }
}
