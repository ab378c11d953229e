//! One way to choose thresholds, and what it is told.

use crate::values::{Activations, Traces};
use snnc_ir::Reset;

/// Whether every channel has a threshold of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// It has.
    Channel,
    /// All channels of a layer share one.
    Layer,
}

/// Mean and standard deviation of every channel of a node over the training data, as batch norms recorded them.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// One mean a channel, in units of the activation.
    pub mean: Vec<f32>,
    /// One standard deviation a channel, in the same units.
    pub deviation: Vec<f32>,
}

/// What counts, in a neuron without leak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Counting {
    /// Spikes over so many time steps.
    Rate {
        /// T, which is also the largest count.
        timesteps: usize,
        /// What a spike does.
        reset: Reset,
    },
    /// Digits.
    Radix {
        /// The largest count.
        levels: u32,
    },
}

/// A kind of neuron without leak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neuron {
    /// How it counts.
    pub counting: Counting,
    /// Start potential as a fraction of the threshold.
    pub initial: f32,
}

impl Neuron {
    /// The largest count.
    #[must_use]
    pub fn levels(self) -> f32 {
        match self.counting {
            Counting::Rate { timesteps, .. } => timesteps as f32,
            Counting::Radix { levels } => levels as f32,
        }
    }

    /// θ, where the largest count stands for `range`.
    #[must_use]
    pub fn threshold(self, range: f32) -> f32 {
        match self.counting {
            Counting::Rate { .. } => range,
            Counting::Radix { levels } => range / levels as f32,
        }
    }
}

/// Counts spikes. Rules do not step any neurons themselves: that is done in one place, which is not here.
pub trait Firing {
    /// The counts of neurons of one threshold side by side, one for each of `counts`, whose currents are `currents`:
    /// `[step, neuron]`, or `[neuron]` where they are the same at every step or there are none.
    fn counts(&self, neuron: Neuron, threshold: f32, currents: &[f32], counts: &mut [f32]);
}

/// What is known of a layer whose thresholds are sought.
pub struct Layer<'a> {
    /// Float activations.
    pub target: &'a Activations,
    /// Currents of the spiking network at some places.
    pub traces: &'a Traces,
    /// What batch norms recorded, where the file has them.
    pub recorded: Option<&'a Recorded>,
    /// The neurons.
    pub neuron: Neuron,
    /// How they fire.
    pub firing: &'a dyn Firing,
    /// Upper bound of ranges: the activation that the float network never exceeds; infinite where there is none.
    pub bound: f32,
}

impl Layer<'_> {
    /// The float activations of a channel at the places of the traces.
    pub(super) fn targets(&self, channel: usize) -> Vec<f32> {
        let at = |&(image, position): &(usize, usize)| (image * self.target.channels + channel) * self.target.plane + position;
        self.traces.places.iter().map(|place| self.target.data[at(place)]).collect()
    }
}

/// One way to choose thresholds, by the activation that the largest count stands for.
pub trait Method {
    /// By channel or by layer, unless the user says otherwise.
    fn usual_scope(&self) -> Scope {
        Scope::Channel
    }

    /// A range for every channel of the layer; none for a channel of which it knows nothing.
    fn ranges(&self, layer: &Layer<'_>) -> Vec<Option<f32>>;
}
