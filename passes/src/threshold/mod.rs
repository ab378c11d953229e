//! How a threshold follows from activations and currents: pure functions, no graph.
//!
//! A neuron with threshold θ stands for the activation `θ · n / T`, n being the sum of its spikes over T steps. One method is
//! one file and one [`Method`]; [`choose`] does what they share: the scope, channels that say nothing, the cap.
//!
//! | [`Rule`] | method | by |
//! |---|---|---|
//! | `LeastSquares` | nearest to the float activation, on simulated firing | channel |
//! | `Balance` | local threshold balancing (Bu et al., CVPR 2025) | channel |
//! | `BatchNorm(k)` | β + k·|γ| of the batch norm before the rectifier, no sample | channel |
//! | `Percentile(p)` | percentile of the positive activations | channel |
//! | `Max` | largest activation (PrivateSNN, AAAI 2022) | layer |
//! | `Fixed(v)` | one value everywhere | |

mod balance;
mod batch_norm;
mod least_squares;
mod max;
mod percentile;

use crate::{Activations, Traces};
use snnc_ir::Reset;
use std::fmt;

/// How thresholds are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// The θ for which the simulated firing stands for the float activation best in the least-squares sense.
    LeastSquares,
    /// Local threshold balancing: θ grows until what exceeds it is small.
    Balance,
    /// `β + k·|γ|` of the batch norm before the rectifier.
    BatchNorm(f32),
    /// The largest float activation.
    Max,
    /// A percentile (in percent) of the positive float activations.
    Percentile(f32),
    /// One value everywhere; nothing is calibrated.
    Fixed(f32),
}

impl Rule {
    /// The method behind the rule; none where nothing is calibrated.
    #[must_use]
    pub fn method(self) -> Option<Box<dyn Method>> {
        Some(match self {
            Self::LeastSquares => Box::new(least_squares::LeastSquares),
            Self::Balance => Box::new(balance::Balance),
            Self::BatchNorm(k) => Box::new(batch_norm::BatchNorm { k }),
            Self::Max => Box::new(max::Max),
            Self::Percentile(percent) => Box::new(percentile::Percentile { percent }),
            Self::Fixed(_) => return None,
        })
    }
}

/// As on the command line.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeastSquares => f.write_str("least-squares"),
            Self::Balance => f.write_str("balance"),
            Self::BatchNorm(k) => write!(f, "batch-norm={k}"),
            Self::Max => f.write_str("max"),
            Self::Percentile(p) => write!(f, "percentile={p}"),
            Self::Fixed(v) => write!(f, "fixed={v}"),
        }
    }
}

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

/// A kind of neuron without leak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neuron {
    /// T.
    pub timesteps: usize,
    /// Start potential as a fraction of the threshold.
    pub initial: f32,
    /// What a spike does.
    pub reset: Reset,
}

/// Steps neurons. Rules do not step any themselves: that is done in one place, which is not here.
pub trait Firing {
    /// The sums of the spikes of neurons of one threshold side by side, one for each of `sums`, whose currents are `currents`:
    /// `[step, neuron]`, or `[neuron]` where they are the same at every step.
    fn sums(&self, neuron: Neuron, threshold: f32, currents: &[f32], sums: &mut [f32]);
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
    /// Upper bound of thresholds: the activation that the float network never exceeds; infinite where there is none.
    pub bound: f32,
}

impl Layer<'_> {
    /// The float activations of a channel at the places of the traces.
    fn targets(&self, channel: usize) -> Vec<f32> {
        let at = |&(image, position): &(usize, usize)| (image * self.target.channels + channel) * self.target.plane + position;
        self.traces.places.iter().map(|place| self.target.data[at(place)]).collect()
    }
}

/// One way to choose thresholds.
pub trait Method {
    /// By channel or by layer, unless the user says otherwise.
    fn usual_scope(&self) -> Scope {
        Scope::Channel
    }

    /// A threshold for every channel of the layer; none for a channel of which it knows nothing.
    fn thresholds(&self, layer: &Layer<'_>) -> Vec<Option<f32>>;
}

/// Positive thresholds per channel, at most the layer's bound. `scope` overrides the method's own.
///
/// A channel that no sample excites gets the mean of the others, so that it can still speak on images unlike the samples.
#[must_use]
pub fn choose(method: &dyn Method, layer: &Layer<'_>, scope: Option<Scope>) -> Vec<f32> {
    let usable = |theta: &f32| theta.is_finite() && *theta > f32::MIN_POSITIVE;
    let found: Vec<Option<f32>> = method.thresholds(layer).into_iter().map(|theta| theta.filter(usable)).collect();
    let known = || found.iter().flatten().copied();
    let count = known().count();
    let fallback = if count == 0 { 1.0 } else { known().sum::<f32>() / count as f32 };
    let raw = match scope.unwrap_or(method.usual_scope()) {
        // No channel may be clipped more than it would be by itself.
        Scope::Layer => vec![known().reduce(f32::max); found.len()],
        Scope::Channel => found,
    };
    raw.into_iter().map(|theta| theta.unwrap_or(fallback).min(layer.bound)).collect()
}

#[cfg(test)]
mod tests;
