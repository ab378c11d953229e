//! How a threshold follows from activations and currents: pure functions, no graph.
//!
//! What a method finds is the *range* of a neuron: the activation that its largest count stands for. In the rate code that is θ, since n spikes
//! in T steps stand for `θ · n / T`; in the radix code `L · θ`, since the count q stands for `θ · q`. One method is one file and one
//! [`Method`]; [`choose`] does what they share: the scope, channels that say nothing, the margin, the cap.
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
mod method;
mod percentile;

pub use method::{Counting, Firing, Layer, Method, Neuron, Recorded, Scope};

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

/// By how much a range is larger than what samples ask for. Samples are few, and real images go further; with many levels there is room for
/// them. Of the rate code nothing, and of few digits neither: there every level counts.
fn margin(neuron: Neuron) -> f32 {
    match neuron.counting {
        Counting::Rate { .. } => 1.0,
        Counting::Radix { levels } if levels < 48 => 1.0,
        Counting::Radix { levels } if levels < 192 => 1.1,
        Counting::Radix { .. } => 1.25,
    }
}

/// Positive thresholds per channel, of ranges at most the layer's bound. `scope` overrides the method's own.
///
/// A channel that no sample excites gets the mean of the others, so that it can still speak on images unlike the samples.
#[must_use]
pub fn choose(method: &dyn Method, layer: &Layer<'_>, scope: Option<Scope>) -> Vec<f32> {
    let usable = |range: &f32| range.is_finite() && *range > f32::MIN_POSITIVE;
    let found: Vec<Option<f32>> = method.ranges(layer).into_iter().map(|range| range.filter(usable)).collect();
    let known = || found.iter().flatten().copied();
    let count = known().count();
    let fallback = if count == 0 { 1.0 } else { known().sum::<f32>() / count as f32 };
    let raw = match scope.unwrap_or(method.usual_scope()) {
        // No channel may be clipped more than it would be by itself.
        Scope::Layer => vec![known().reduce(f32::max); found.len()],
        Scope::Channel => found,
    };
    let margin = margin(layer.neuron);
    raw.into_iter().map(|range| layer.neuron.threshold((margin * range.unwrap_or(fallback)).min(layer.bound))).collect()
}

#[cfg(test)]
mod tests;
