//! What is said of a layer: of its neurons, and of its weights.

use snnc_passes::Activations;
use snnc_runtime::{Artifact, Cost, NodeSpec, OpSpec, PopulationKind};

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
    /// Digits that its neurons say, in the radix code.
    pub digits: Option<u32>,
    /// Spikes per neuron and step, in the radix code per digit, on held-out samples.
    pub firing_rate: Option<f64>,
    /// Spikes per neuron on these.
    pub spikes: Option<f64>,
}

/// The weights of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights {
    /// The ONNX node they came from.
    pub name: String,
    /// How many there are.
    pub count: usize,
    /// Bits of each in the artifact.
    pub bits: u32,
}

impl Weights {
    /// What they take in the artifact.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.count * self.bits as usize / 8
    }
}

impl Layer {
    /// A layer whose rates are not known yet.
    #[must_use]
    pub fn new(name: String, neurons: usize, theta: &[f32], activation_error: Option<f64>) -> Self {
        let least = theta.iter().copied().fold(f32::INFINITY, f32::min);
        let greatest = theta.iter().copied().fold(0.0, f32::max);
        let mean = theta.iter().sum::<f32>() / theta.len().max(1) as f32;
        Self { name, neurons, threshold: [least, mean, greatest], activation_error, digits: None, firing_rate: None, spikes: None }
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

/// Digits of each layer of neurons; none in the rate code.
pub fn digits(artifact: &Artifact) -> impl Iterator<Item = Option<u32>> + '_ {
    artifact.graph.nodes.iter().filter_map(|node| match node.op {
        OpSpec::RadixNeuron { digits, .. } => Some(Some(digits)),
        OpSpec::IfNeuron { .. } | OpSpec::LifNeuron { .. } => Some(None),
        _ => None,
    })
}

/// Adds digits, firing rates and spikes of an artifact, whose populations stand in the order of the layers.
#[must_use]
pub fn with_rates(mut layers: Vec<Layer>, artifact: &Artifact, cost: &Cost) -> Vec<Layer> {
    let neurons = cost.rates.iter().filter(|r| r.kind == PopulationKind::Neurons);
    for ((layer, rate), digits) in layers.iter_mut().zip(neurons).zip(digits(artifact)) {
        layer.digits = digits;
        layer.firing_rate = Some(rate.rate);
        layer.spikes = Some(rate.rate * digits.map_or(cost.timesteps as f64, f64::from));
    }
    layers
}

/// The weights of an artifact, whose nodes have these names in the source network.
#[must_use]
pub fn weights(artifact: &Artifact, names: impl IntoIterator<Item = String>) -> Vec<Weights> {
    let of = |(node, name): (&NodeSpec, String)| {
        let tensor = artifact.tensors.get(node.tensors.get("weight")?)?;
        Some(Weights { name, count: tensor.data.len(), bits: tensor.data.bits() })
    };
    artifact.graph.nodes.iter().zip(names).filter_map(of).collect()
}
