//! The report of a compilation: what was done, what it cost, how far it can be trusted. No clock and no path: the same
//! compilation gives the same bytes.

use serde_json::{Value, json};
use snnc_passes::Activations;
use snnc_runtime::{Cost, Energy, Network, Outcome};
use std::collections::BTreeMap;

/// One pass that ran.
#[derive(Clone, Debug)]
pub struct PassRecord {
    /// Its name.
    pub name: &'static str,
    /// Whether it changed anything.
    pub changed: bool,
}

/// Share of held-out samples on which both networks choose the same class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// T.
    pub timesteps: usize,
    /// In percent.
    pub percent: f64,
}

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
pub fn with_rates(mut layers: Vec<Layer>, network: &Network, outcome: &Outcome) -> Vec<Layer> {
    let cost = network.cost(outcome);
    let neurons = cost.rates.iter().filter(|r| r.kind == snnc_runtime::PopulationKind::Neurons);
    for (layer, rate) in layers.iter_mut().zip(neurons) {
        layer.firing_rate = Some(rate.rate);
    }
    layers
}

/// Everything that the report says.
#[derive(Clone, Debug)]
pub struct Report {
    /// Of the ONNX file.
    pub source_sha256: String,
    /// Its opset.
    pub opset: i64,
    /// What wrote it.
    pub producer: String,
    /// As recorded in the artifact.
    pub options: BTreeMap<String, Value>,
    /// Of everything random.
    pub seed: u64,
    /// T.
    pub timesteps: usize,
    /// What `--timesteps auto` tried.
    pub timesteps_tried: Option<Vec<Agreement>>,
    /// In the order in which they ran.
    pub passes: Vec<PassRecord>,
    /// Samples that thresholds and biases were set on.
    pub calibration_samples: usize,
    /// Front to back.
    pub layers: Vec<Layer>,
    /// Number of held-out samples.
    pub held_out: usize,
    /// On held-out synthetic samples.
    pub agreement: Vec<Agreement>,
    /// On held-out synthetic samples, at T.
    pub cost: Cost,
}

impl Report {
    /// Agreement at the number of steps that was compiled for.
    #[must_use]
    pub fn agreement_at_compiled(&self) -> f64 {
        self.agreement.last().map_or(0.0, |a| a.percent)
    }

    /// The layer whose activation error grows most over the layer before it: where accuracy is lost.
    #[must_use]
    pub fn weakest_layer(&self) -> Option<&Layer> {
        let mut before = 0.0;
        let mut weakest: Option<(f64, &Layer)> = None;
        for layer in &self.layers {
            let error = layer.activation_error?;
            let growth = error - before;
            if weakest.is_none_or(|(most, _)| growth > most) {
                weakest = Some((growth, layer));
            }
            before = error;
        }
        weakest.map(|(_, layer)| layer)
    }

    /// The report as JSON, keys in a fixed order.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let agreement =
            |list: &[Agreement]| list.iter().map(|a| json!({"timesteps": a.timesteps, "percent": round(a.percent)})).collect::<Vec<_>>();
        let mut report = json!({
            "report_version": 1,
            "compiler": concat!("snnc ", env!("CARGO_PKG_VERSION")),
            "source": {"sha256": self.source_sha256, "opset": self.opset, "producer": self.producer},
            "options": self.options,
            "seed": self.seed,
            "timesteps": self.timesteps,
            "passes": self.passes.iter().map(|p| json!({"name": p.name, "changed": p.changed})).collect::<Vec<_>>(),
            "calibration_samples": self.calibration_samples,
            "layers": self.layers.iter().map(|l| json!({
                "name": l.name,
                "neurons": l.neurons,
                "threshold": {"min": l.threshold[0], "mean": l.threshold[1], "max": l.threshold[2]},
                "firing_rate": l.firing_rate.map(round),
                "activation_error": l.activation_error.map(round),
            })).collect::<Vec<_>>(),
            "weakest_layer": self.weakest_layer().map(|l| json!({
                "name": l.name,
                "activation_error": l.activation_error.map(round),
                "why": "its activation error exceeds that of the layer before it by more than any other layer's",
            })),
            "agreement": {
                "samples": self.held_out,
                "of": "held-out synthetic samples: no measure of accuracy on real images",
                "over_timesteps": agreement(&self.agreement),
            },
            "operations": self.operations(),
            "energy": {
                "float32_45nm": self.energy(Energy::FLOAT32_45NM),
                "int32_45nm": self.energy(Energy::INT32_45NM),
            },
        });
        if let Some(tried) = &self.timesteps_tried {
            report["timesteps_auto"] = json!({
                "tried": agreement(tried),
                "content_at_percent": crate::compile::ENOUGH_AGREEMENT,
            });
        }
        report
    }

    fn operations(&self) -> Value {
        let cost = &self.cost;
        json!({
            "per": "image",
            "ann_macs": cost.ann_macs,
            "neurons": cost.neurons,
            "spikes": round(cost.spikes),
            "spikes_per_neuron": round(cost.spikes_per_neuron()),
            "synaptic_ops": round(cost.synaptic_ops),
            "input_macs_once": cost.input_macs_once,
            "current_macs_per_step": cost.current_macs_per_step,
        })
    }

    fn energy(&self, energy: Energy) -> Value {
        let cost = &self.cost;
        let ann = cost.ann_energy_pj(energy);
        let input = cost.input_macs_once as f64 * energy.mac;
        let snn = cost.energy_pj(energy);
        let gain = |snn: f64| if snn > 0.0 { json!(round(ann / snn)) } else { json!(null) };
        json!({
            "mac_pj": energy.mac,
            "ac_pj": energy.ac,
            "ann_pj": round(ann),
            "snn_pj": round(snn),
            "snn_pj_without_input_layer": round(snn - input),
            "snn_pj_input_every_step": round(cost.energy_pj_without_reuse(energy)),
            "gain": gain(snn),
            "gain_without_input_layer": gain(snn - input),
            "gain_input_every_step": gain(cost.energy_pj_without_reuse(energy)),
        })
    }
}

/// Four decimals: what lies behind them is noise of the samples.
fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
