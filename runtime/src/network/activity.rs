//! What is counted while a network runs, and how counts become operations.
//!
//! A *source* makes spikes: neurons, a pooling that hands on the spikes of the largest, an input of digits or Poisson spikes. While the
//! network runs, only the spikes of sources are counted, whatever their sign: -1 costs what 1 costs. Everything else is
//! linear in these counts: how many connections a spike meets in each layer that it reaches, on its way through operators that move, pool
//! and add spikes, is worked out when the network is loaded (see [`super::fans`]).

use super::{
    fans::{self, Fan},
    place::Order,
};
use crate::artifact::{Artifact, Code, Coding, Links, OpSpec};
use alloc::{borrow::ToOwned, string::String, vec, vec::Vec};

/// What a layer's operand carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Drive {
    /// What follows from the constant image alone: computed once per image, with multiplications.
    Analog,
    /// Spikes, moved, pooled, scaled or added: an accumulation per spike and connection.
    Spikes,
    /// Currents of other layers, or a mixture: a multiplication per connection and step.
    Current,
}

/// What makes spikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PopulationKind {
    /// Integrate-and-fire neurons, leaky or not, or neurons of the radix code.
    Neurons,
    /// The entries of a `count_max_pool2d` over spikes.
    CountMaxPool,
    /// The entries of a `digit_max_pool2d`.
    DigitMaxPool,
    /// The entries of an input of digits or Poisson spikes.
    Input,
}

/// Something that makes spikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// The node; the input's name for [`PopulationKind::Input`].
    pub name: String,
    /// What it is.
    pub kind: PopulationKind,
    /// Number of entries for one image.
    pub size: usize,
    /// Digits of its window; in the rate code none, since a window is as long as the run.
    pub digits: Option<usize>,
}

/// Something that has synapses: a `conv2d`, `linear` or `scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The node.
    pub name: String,
    /// What its operand carries.
    pub drive: Drive,
    /// Connections from operand to result, those into padding left out: what the layer costs the float network for an image.
    pub connections: u64,
    /// Whether it is a `conv2d` or `linear`, which the float network has too.
    pub is_weighted: bool,
    /// Whether the image alone drives it: no neuron lies before it.
    pub is_input: bool,
    /// Digits of the window of its operand; none in the rate code.
    pub digits: Option<usize>,
}

/// How the spikes of a population are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// The digits 1 of its counts.
    Digits,
    /// The entries that are not 0, all of them -1, 0 or 1.
    Signs,
    /// The entries that are not 0, of any size: a pooling of several spikes.
    Entries,
}

impl Counted {
    fn new(code: Code, most: i32) -> Self {
        match code {
            Code::Radix => Self::Digits,
            Code::Rate if most <= 1 => Self::Signs,
            Code::Rate => Self::Entries,
        }
    }
}

/// The static side of counting.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    pub(super) populations: Vec<Population>,
    pub(super) layers: Vec<Layer>,
    /// What each value carries; value 0 is the input, `i + 1` the result of node `i`.
    pub(super) drives: Vec<Drive>,
    /// The population that each value is, if it is one.
    pub(super) sources: Vec<Option<usize>>,
    /// By population: how its spikes are counted.
    pub(super) counted: Vec<Counted>,
    /// By population: what its spikes meet.
    pub(super) fans: Vec<Vec<Fan>>,
}

impl Activity {
    pub(super) fn new(artifact: &Artifact, links: &Links, orders: &[Order]) -> Self {
        let graph = &artifact.graph;
        let digits = digits(artifact, links);
        let mut activity = Self {
            populations: Vec::new(),
            layers: Vec::new(),
            drives: Vec::new(),
            sources: Vec::new(),
            counted: Vec::new(),
            fans: Vec::new(),
        };
        // Per node, the layer that it is.
        let mut layer_of = vec![None; graph.nodes.len()];
        let size = |dims: &[usize]| dims.iter().product::<usize>();
        // Whether a neuron lies before each value.
        let mut is_behind = vec![false];
        if graph.input.coding != Coding::Direct {
            activity.source(&graph.input.name, PopulationKind::Input, size(&graph.input.shape), digits[0]);
        } else {
            activity.value(Drive::Analog, None);
        }
        for (index, (node, operands)) in graph.nodes.iter().zip(&links.operands).enumerate() {
            let drive = operands.iter().map(|&value| activity.drives[value]).reduce(|a, b| if a == b { a } else { Drive::Current });
            let drive = drive.expect("a checked node has an operand");
            let dims_of = |value: usize| if value == 0 { &graph.input.shape } else { &graph.nodes[value - 1].shape };
            let dims = dims_of(operands[0]);
            if let Some(fan_out) = fans::fan_out(artifact, index, dims) {
                let is_weighted = !matches!(node.op, OpSpec::Scale);
                let layer = Layer {
                    name: node.name.clone(),
                    drive,
                    connections: fan_out.total(size(dims)),
                    is_weighted,
                    is_input: !operands.iter().any(|&value| is_behind[value]),
                    digits: digits[operands[0]],
                };
                layer_of[index] = Some(activity.layers.len());
                activity.layers.push(layer);
            }
            let is_neuron = matches!(node.op, OpSpec::IfNeuron { .. } | OpSpec::LifNeuron { .. } | OpSpec::RadixNeuron { .. });
            is_behind.push(is_neuron || operands.iter().any(|&value| is_behind[value]));
            match &node.op {
                _ if is_neuron => {
                    activity.source(&node.name, PopulationKind::Neurons, size(&node.shape), digits[index + 1]);
                }
                OpSpec::DigitMaxPool2d { .. } => {
                    activity.source(&node.name, PopulationKind::DigitMaxPool, size(&node.shape), digits[index + 1]);
                }
                OpSpec::CountMaxPool2d { .. } if drive == Drive::Spikes => {
                    activity.source(&node.name, PopulationKind::CountMaxPool, size(&node.shape), None);
                }
                OpSpec::CountMaxPool2d { .. } => activity.value(Drive::Current, None),
                OpSpec::Conv2d { .. } | OpSpec::Linear => {
                    activity.value(if drive == Drive::Analog { Drive::Analog } else { Drive::Current }, None);
                }
                _ => activity.value(drive, None),
            }
        }
        let of_populations = activity.sources.iter().zip(&links.bounds.values).filter(|(source, _)| source.is_some());
        activity.counted = of_populations.map(|(_, &most)| Counted::new(graph.code, most)).collect();
        activity.fans = fans::fans(artifact, links, orders, &activity, &layer_of);
        activity
    }

    fn value(&mut self, drive: Drive, source: Option<usize>) {
        self.drives.push(drive);
        self.sources.push(source);
    }

    fn source(&mut self, name: &str, kind: PopulationKind, size: usize, digits: Option<usize>) {
        let index = self.populations.len();
        self.populations.push(Population { name: name.to_owned(), kind, size, digits });
        self.value(Drive::Spikes, Some(index));
    }
}

/// Length of the window of each value: of a stream its digits, of what is made of several the longest. None in the rate code.
fn digits(artifact: &Artifact, links: &Links) -> Vec<Option<usize>> {
    let graph = &artifact.graph;
    if graph.code == Code::Rate {
        return vec![None; graph.nodes.len() + 1];
    }
    let mut digits = vec![Some(graph.input.quantiser.digits as usize)];
    for (node, operands) in graph.nodes.iter().zip(&links.operands) {
        digits.push(match node.op {
            OpSpec::RadixNeuron { digits, .. } => Some(digits as usize),
            _ => operands.iter().filter_map(|&value| digits[value]).max(),
        });
    }
    digits
}
