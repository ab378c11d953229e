//! The steps of a plan.

use super::{
    tile::Stage,
    window::{Depthwise, Window},
};
use crate::kernels::{EventWeights, Weights};
use alloc::{sync::Arc, vec, vec::Vec};

/// One step: a source fills tiles, stages follow, the result is written.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) source: Source,
    pub(super) stages: Vec<Stage>,
    /// The values that the source and each of the stages make; value 0 is the input, `i + 1` the result of node `i`.
    pub(super) values: Vec<usize>,
    /// Where the last of these goes.
    pub(super) target: usize,
    /// The population that it is, if it is one.
    pub(super) population: Option<usize>,
}

/// What fills tiles, or writes values as they are. Operands are places of the plan.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A convolution or linear layer.
    Product {
        /// The operand.
        place: usize,
        /// By group of channels.
        groups: Arc<Vec<Weights>>,
        /// Step of the kernel.
        stride: [usize; 2],
        /// Entries from the first of the operand, border included, to the first that the first place reads.
        origin: usize,
        /// For operands that are spikes.
        events: Option<Arc<EventProduct>>,
    },
    /// A convolution of one channel each.
    Depthwise {
        /// The operand.
        place: usize,
        /// Weights and taps.
        depthwise: Arc<Depthwise>,
        /// Step of the kernel.
        stride: [usize; 2],
        /// As of a product.
        origin: usize,
    },
    /// Another value.
    Load {
        /// The operand.
        place: usize,
    },
    /// The sum of windows, or the largest entry.
    Pool {
        /// The operand.
        place: usize,
        /// The windows.
        window: Window,
        /// Which of both.
        is_max: bool,
    },
    /// The largest of what has arrived since the first step.
    CountMax {
        /// The operand.
        place: usize,
        /// The windows.
        window: Window,
        /// What has arrived: a place.
        arrived: usize,
        /// The largest so far: a place.
        best: usize,
    },
    /// Sums over axes: for every entry of the operand, pixel by pixel, the entry of the result that it counts for.
    Sum {
        /// The operand.
        place: usize,
        /// By entry.
        index: Vec<u32>,
    },
    /// Entries as they are, somewhere else.
    Move {
        /// Operands, and what is taken from each.
        parts: Vec<(usize, Vec<Run>)>,
        /// Whether there are entries that none of them fills: zeros.
        has_gaps: bool,
    },
}

/// A product by events.
#[derive(Clone, Debug)]
pub(super) struct EventProduct {
    pub(super) weights: EventWeights,
    /// Where the parts of a row are: places of the operand, border included, from that of the first.
    pub(super) parts: Vec<u32>,
    /// Places of a part.
    pub(super) places: usize,
    /// Whether the operand is 0 or 1.
    pub(super) is_binary: bool,
    /// Rows that read an entry of the operand, on average, and the outputs of each.
    pub(super) readers: f32,
    pub(super) outputs: usize,
}

/// Most parts of a row of a product by events.
pub(super) const MAX_PARTS: usize = 16;

/// Entries that stand together in two values, both with their borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) len: u32,
}

impl Step {
    /// The places that it reads.
    pub(super) fn operands(&self) -> Vec<usize> {
        let mut operands = match &self.source {
            Source::Product { place, .. }
            | Source::Depthwise { place, .. }
            | Source::Load { place }
            | Source::Pool { place, .. }
            | Source::CountMax { place, .. }
            | Source::Sum { place, .. } => vec![*place],
            Source::Move { parts, .. } => parts.iter().map(|(place, _)| *place).collect(),
        };
        operands.extend(self.stages.iter().filter_map(|stage| match stage {
            Stage::Add(place) | Stage::AddScaled { place, .. } => Some(*place),
            _ => None,
        }));
        operands
    }

    /// The nodes that it does, by their values: the first value of one that starts with a stage is an operand.
    pub(super) fn nodes(&self) -> impl Iterator<Item = usize> {
        let skipped = usize::from(matches!(self.source, Source::Load { .. }));
        let mut nodes: Vec<usize> = self.values[skipped..].to_vec();
        nodes.dedup();
        nodes.into_iter()
    }

    /// Bytes of its parameters.
    pub(super) fn bytes(&self) -> usize {
        let source = match &self.source {
            Source::Product { groups, events, .. } => {
                groups.iter().map(Weights::bytes).sum::<usize>() + events.as_ref().map_or(0, |events| events.weights.bytes())
            }
            Source::Depthwise { depthwise, .. } => depthwise.bytes(),
            Source::Sum { index, .. } => size_of_val(&index[..]),
            Source::Move { parts, .. } => parts.iter().map(|(_, runs)| size_of_val(&runs[..])).sum(),
            _ => 0,
        };
        source + self.stages.iter().map(Stage::bytes).sum::<usize>()
    }
}

impl Stage {
    fn bytes(&self) -> usize {
        match self {
            Self::Shift(params) | Self::Scale(params) | Self::AddScaled { factor: params, .. } => params.bytes(),
            Self::Add(_) => 0,
            Self::Radix(neuron) => neuron.bytes(),
            Self::Neuron { neuron, .. } => neuron.bytes(),
        }
    }
}
