//! What is said of a layer of neurons.

use snnc_passes::Activations;
use snnc_runtime::{Cost, PopulationKind};

/// One layer of neurons.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The ONNX node it came from.
    pub name: String,
    /// Number of neurons.
    pub neurons: usize,
    /// Least, mean and greatest threshold, in units of the float activation.
    pub threshold: [f32; 3],
    /// Root mean square of spiking less float activation, over that of the float activation.
    pub activation_error: Option<f64>,
    /// Spikes per neuron and step on held-out samples.
    pub firing_rate: Option<f64>,
}

impl Layer {
    /// A layer whose rates are not known yet.
    #[must_use]
    pub fn new(name: String, neurons: usize, theta: &[f32], activation_error: Option<f64>) -> Self {
        let least = theta.iter().copied().fold(f32::INFINITY, f32::min);
        let greatest = theta.iter().copied().fold(0.0, f32::max);
        let mean = theta.iter().sum::<f32>() / theta.len().max(1) as f32;
        Self { name, neurons, threshold: [least, mean, greatest], activation_error, firing_rate: None }
    }
}

/// Root mean square of `θ·rate - target` over that of `target`; 0 for a layer that is silent in both.
#[must_use]
pub fn relative_error(target: &Activations, rates: &Activations, theta: &[f32]) -> f64 {
    let mut error = 0.0;
    let mut size = 0.0;
    for (channel, &theta) in theta.iter().enumerate() {
        for (a, r) in target.channel(channel).zip(rates.channel(channel)) {
            error += f64::from(theta * r - a).powi(2);
            size += f64::from(a).powi(2);
        }
    }
    if size > 0.0 { (error / size).sqrt() } else { 0.0 }
}

/// Adds firing rates, whose populations stand in the order of the layers.
#[must_use]
pub fn with_rates(mut layers: Vec<Layer>, cost: &Cost) -> Vec<Layer> {
    let neurons = cost.rates.iter().filter(|r| r.kind == PopulationKind::Neurons);
    for (layer, rate) in layers.iter_mut().zip(neurons) {
        layer.firing_rate = Some(rate.rate);
    }
    layers
}
