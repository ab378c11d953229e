//! What steps do.

use super::twin::{Counting, Twin};
use snnc_kernels::{Conv2d, Pool2d, neuron};

/// Place of a parameter in the list of parameters.
pub type Slot = usize;

/// A parameter and, for each entry that it broadcasts to, which of its own stands there.
#[derive(Clone, Debug)]
pub struct Spread {
    /// The parameter.
    pub slot: Slot,
    /// One entry of it for each of the result.
    pub index: Vec<u32>,
}

impl Spread {
    /// The parameter's values, spread out.
    #[must_use]
    pub fn of(&self, values: &[f32]) -> Vec<f32> {
        self.index.iter().map(|&i| values[i as usize]).collect()
    }
}

/// No place in the result.
pub const NOWHERE: u32 = u32::MAX;

/// What a step does.
#[derive(Clone, Debug)]
pub enum Op {
    /// The image, or its spikes.
    Input,
    /// Convolution.
    Convolution {
        /// Geometry.
        conv: Conv2d,
        /// Height and width of the operand.
        size: [usize; 2],
        /// Weight.
        weight: Slot,
        /// Bias.
        bias: Option<Slot>,
        /// Whether negative results become 0.
        rectified: bool,
    },
    /// Linear layer.
    Linear {
        /// Features in.
        inputs: usize,
        /// Features out.
        outputs: usize,
        /// Weight.
        weight: Slot,
        /// Bias.
        bias: Option<Slot>,
        /// Whether negative results become 0.
        rectified: bool,
    },
    /// Times a parameter.
    Scale(Spread),
    /// Plus a parameter.
    Shift(Spread),
    /// Sum of the operands.
    Add,
    /// Mean over windows.
    AveragePool(Pool),
    /// Sum over windows.
    SumPool(Pool),
    /// Maximum over windows; at every time step of the rate code, the largest accumulated count as it grows.
    MaxPool(Pool),
    /// Entry k of operand i becomes entry `maps[i][k]` of the result; [`NOWHERE`] is none. Slices, pads, transposes, concatenations.
    Move {
        /// Where entries go, by operand.
        maps: Vec<Vec<u32>>,
        /// What stands where nothing goes.
        fill: f32,
    },
    /// The sum of all entries that go to one place, times a share: of each as many, and 1 for a sum.
    Mean {
        /// Where entries go.
        map: Vec<u32>,
        /// One over how many go to a place, or 1.
        share: f32,
    },
    /// Batch norm as inference sees it: `(x - mean) / √(variance + ε) · scale + shift`.
    Normalise {
        /// Of γ, β, the mean and the variance, one value a channel.
        slots: [Slot; 4],
        /// ε.
        epsilon: f32,
        /// Entries of a channel.
        plane: usize,
    },
    /// `min(max(x, low), high)`, which with 0 and infinity is the rectifier.
    Clamp {
        /// Lower bound.
        low: f32,
        /// Upper bound.
        high: f32,
    },
    /// A rectifier in L steps up to `max`; see [`snnc_ir::Operator::ClipFloorShift`]. Differentiated as if it had no steps, as in the training of
    /// such networks (Bu et al., ICLR 2022).
    ClipFloorShift {
        /// The largest value.
        max: f32,
        /// L.
        levels: u32,
    },
    /// Neurons of the rate code.
    Neuron(NeuronSlots),
    /// Neurons of the radix code: the count of their digits, which needs no time.
    Radix(RadixSlots),
    /// What stands in for neurons in a network that has no time.
    Twin(Twin, NeuronSlots),
    /// Mean over the time steps.
    TimeMean,
}

/// A pool over so many planes of one height and width.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Geometry.
    pub pool: Pool2d,
    /// Planes of an image.
    pub channels: usize,
    /// Height and width of the operand's.
    pub size: [usize; 2],
}

/// The parameters of neurons.
#[derive(Clone, Debug)]
pub struct NeuronSlots {
    /// θ.
    pub threshold: Spread,
    /// v(0).
    pub initial: Spread,
    /// λ, where it is not 1.
    pub leak: Option<Spread>,
    /// What a spike does.
    pub reset: neuron::Reset,
    /// Whether what is left of a potential is rounded down: in whole numbers.
    pub is_whole: bool,
}

/// The parameters of neurons of the radix code.
#[derive(Clone, Debug)]
pub struct RadixSlots {
    /// θ.
    pub threshold: Spread,
    /// v(0).
    pub initial: Spread,
    /// The largest count.
    pub levels: u32,
    /// How they count.
    pub counting: Counting,
}

impl Op {
    /// The parameters of the step.
    #[must_use]
    pub fn slots(&self) -> Vec<Slot> {
        match self {
            Self::Convolution { weight, bias, .. } | Self::Linear { weight, bias, .. } => std::iter::once(*weight).chain(*bias).collect(),
            Self::Scale(spread) | Self::Shift(spread) => vec![spread.slot],
            Self::Normalise { slots, .. } => slots.to_vec(),
            Self::Radix(slots) => vec![slots.threshold.slot, slots.initial.slot],
            Self::Neuron(slots) | Self::Twin(_, slots) => {
                [&slots.threshold, &slots.initial].into_iter().chain(&slots.leak).map(|spread| spread.slot).collect()
            }
            Self::Input
            | Self::Add
            | Self::AveragePool(_)
            | Self::SumPool(_)
            | Self::MaxPool(_)
            | Self::Move { .. }
            | Self::Mean { .. }
            | Self::Clamp { .. }
            | Self::ClipFloorShift { .. }
            | Self::TimeMean => Vec::new(),
        }
    }
}
