//! The report of a compilation: what was done, what it cost, how far it can be trusted. No clock and no path: the same
//! compilation gives the same bytes.

pub mod html;
pub mod leakage;
mod sheet;
mod training;

use crate::{
    audit::metrics::interval,
    compile::{Diversity, ENOUGH_AGREEMENT, TrainingRecord},
};
use serde_json::{Value, json};
use snnc_passes::Activations;
use snnc_runtime::{Cost, Energy, Network, Outcome};
use std::collections::BTreeMap;

/// Version of the report, whose shape `docs/report.schema.json` fixes.
pub const VERSION: u64 = 1;

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
    /// Where the share of all such samples lies with a probability of 95 %, in percent.
    pub interval: [f64; 2],
}

impl Agreement {
    /// The share `agreeing / of` with Wilson's interval.
    #[must_use]
    pub fn new(timesteps: usize, agreeing: usize, of: usize) -> Self {
        let percent = |x: f64| 100.0 * x;
        Self { timesteps, percent: percent(agreeing as f64 / of.max(1) as f64), interval: interval::wilson(agreeing, of).map(percent) }
    }
}

/// A threshold rule that `auto` tried.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleTried {
    /// As on the command line.
    pub rule: String,
    /// Agreement at T, in percent.
    pub percent: f64,
}

/// What the held-out samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judges {
    /// Made like the calibration samples, from the network itself.
    Synthetic,
    /// Natural-image priors: the user's file was too small to hold some of it out.
    Priors,
    /// Images of the user's file that were not calibrated on.
    Data,
}

impl Judges {
    fn name(self) -> &'static str {
        match self {
            Self::Synthetic => "synthetic",
            Self::Priors => "priors",
            Self::Data => "data",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Synthetic => "held-out synthetic samples: no measure of accuracy on real images",
            Self::Priors => "procedural images, since the file is too small to hold some out: no measure of accuracy on real images",
            Self::Data => "held-out images of the calibration file",
        }
    }
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
    /// The threshold rule that was used.
    pub threshold: String,
    /// What `--threshold auto` tried.
    pub threshold_tried: Option<Vec<RuleTried>>,
    /// Whether neurons take spikes back.
    pub is_signed: bool,
    /// Samples that thresholds and biases were set on.
    pub calibration_samples: usize,
    /// How unlike each other the calibration samples are, where there are some.
    pub diversity: Option<Diversity>,
    /// Gradient steps of the synthesis that were made, and that were asked for.
    pub synthesis_steps: Option<(usize, usize)>,
    /// Front to back.
    pub layers: Vec<Layer>,
    /// What the held-out samples are.
    pub judges: Judges,
    /// Whether the file has batch norms.
    pub has_batch_norms: bool,
    /// What came of training through time.
    pub training: TrainingRecord,
    /// On held-out samples, over the number of steps; the last is T.
    pub agreement: Vec<Agreement>,
    /// On held-out samples, at T.
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

    /// What would bring the spiking network nearer to the float network, the most promising first.
    #[must_use]
    pub fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        let Some(last) = self.agreement.last() else { return advice };
        let content = last.percent >= ENOUGH_AGREEMENT;
        let before = self.agreement.iter().rev().nth(1);
        if !content && before.is_some_and(|b| last.percent - b.percent >= 2.0) {
            advice.push(format!("more time steps: agreement still rises at {}, try `--timesteps {}`", self.timesteps, 2 * self.timesteps));
        } else if !content && before.is_none() {
            advice.push(format!("more time steps: try `--timesteps {}` or `--timesteps auto`", 4 * self.timesteps));
        }
        if !content && !self.is_signed {
            advice.push("spikes that can be taken back: `--spikes signed`, where the hardware carries a sign".to_owned());
        }
        let judged_without_data = self.judges != Judges::Data;
        if judged_without_data && !self.has_batch_norms {
            advice.push(
                "the file has no batch norms to match samples to: export the model without folding them (in evaluation mode, but \
                 with constant folding off), or give a few real images with `--calibration FILE.npz`"
                    .to_owned(),
            );
        }
        if let Some((made, wanted)) = self.synthesis_steps.filter(|(made, wanted)| made < wanted) {
            advice.push(format!("a larger `--budget`: it ended the synthesis after {made} of {wanted} steps"));
        }
        if let Some(diversity) = self.diversity.filter(|d| judged_without_data && 2 * d.classes < d.of.min(self.calibration_samples)) {
            advice.push(format!("more samples: those there are show {} of {} classes", diversity.classes, diversity.of));
        }
        advice
    }

    /// The report as JSON, keys in a fixed order.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let agreement = |list: &[Agreement]| {
            let one = |a: &Agreement| json!({"timesteps": a.timesteps, "percent": round(a.percent), "interval_95": a.interval.map(round)});
            list.iter().map(one).collect::<Vec<_>>()
        };
        let mut report = json!({
            "report_version": VERSION,
            "compiler": concat!("snnc ", env!("CARGO_PKG_VERSION")),
            "source": {"sha256": self.source_sha256, "opset": self.opset, "producer": self.producer},
            "options": self.options,
            "seed": self.seed,
            "timesteps": self.timesteps,
            "passes": self.passes.iter().map(|p| json!({"name": p.name, "changed": p.changed})).collect::<Vec<_>>(),
            "threshold": {
                "rule": self.threshold,
                "tried": self.threshold_tried.as_ref().map(|tried| {
                    tried.iter().map(|t| json!({"rule": t.rule, "agreement_percent": round(t.percent)})).collect::<Vec<_>>()
                }),
            },
            "samples": {
                "calibration": self.calibration_samples,
                "held_out": self.cost.images,
                "synthesis_steps": self.synthesis_steps.map(|(made, wanted)| json!({"made": made, "asked": wanted})),
                "diversity": self.diversity.map(|d| json!({
                    "classes_shown": d.classes,
                    "classes": d.of,
                    "mean_confidence": round(d.mean_confidence),
                    "spread": round(d.spread),
                })),
            },
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
            "advice": self.advice(),
            "agreement": {
                "judges": self.judges.name(),
                "of": self.judges.what(),
                "over_timesteps": agreement(&self.agreement),
            },
            "training": training::section(&self.training),
            "operations": self.operations(),
            "energy": {
                "float32_45nm": self.energy(Energy::FLOAT32_45NM),
                "int32_45nm": self.energy(Energy::INT32_45NM),
            },
        });
        if let Some(tried) = &self.timesteps_tried {
            report["timesteps_auto"] = json!({
                "tried": agreement(tried),
                "content_at_percent": ENOUGH_AGREEMENT,
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
            "corrections": round(cost.corrections),
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
