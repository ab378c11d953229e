//! The report of a compilation: what was done, what it cost, how far it can be trusted. No clock and no path: the same
//! compilation gives the same bytes.

mod advice;
pub mod agreement;
pub mod cost;
pub mod html;
pub mod layer;
pub mod leakage;
pub mod provenance;
mod round;
mod sheet;
mod training;

use crate::{float::passes::PassRecord, options::Code, synthesize::Diversity, train::record::TrainingRecord};
use agreement::Agreement;
use layer::{Layer, Weights};
use round::round;
use serde_json::{Value, json};
use snnc_runtime::Cost;
use std::collections::BTreeMap;

/// Version of the report, whose shape `docs/report.schema.json` fixes.
pub const VERSION: u64 = 2;

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
    /// What spikes stand for.
    pub code: Code,
    /// T: what a run of the artifact takes.
    pub timesteps: usize,
    /// Digits of the numbers that images become, in the radix code.
    pub input_digits: Option<usize>,
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
    /// Of every layer that has some, front to back.
    pub weights: Vec<Weights>,
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
    /// The report as JSON, keys in a fixed order.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let over_timesteps = |list: &[Agreement]| {
            let one = |a: &Agreement| json!({"timesteps": a.timesteps, "percent": round(a.percent), "interval_95": a.interval.map(round)});
            list.iter().map(one).collect::<Vec<_>>()
        };
        let mut report = json!({
            "report_version": VERSION,
            "compiler": concat!("snnc ", env!("CARGO_PKG_VERSION")),
            "source": {"sha256": self.source_sha256, "opset": self.opset, "producer": self.producer},
            "options": self.options,
            "seed": self.seed,
            "code": self.code,
            "timesteps": self.timesteps,
            "input_digits": self.input_digits,
            "time": cost::time(&self.cost),
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
                "digits": l.digits,
                "firing_rate": l.firing_rate.map(round),
                "spikes_per_neuron": l.spikes.map(round),
                "activation_error": l.activation_error.map(round),
            })).collect::<Vec<_>>(),
            "weights": self.weights.iter().map(|w| json!({
                "name": w.name,
                "count": w.count,
                "bits": w.bits,
                "bytes": w.bytes(),
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
                "over_timesteps": over_timesteps(&self.agreement),
            },
            "training": training::section(&self.training),
            "operations": cost::operations(&self.cost),
            "energy": cost::energy(&self.cost),
        });
        if let Some(tried) = &self.timesteps_tried {
            report["timesteps_auto"] = json!({
                "tried": over_timesteps(tried),
                "content_at_percent": agreement::ENOUGH,
            });
        }
        report
    }
}
