//! What a compilation is asked to do. The command line fills this in; it is recorded in the artifact.

pub use snnc_passes::{
    Bits,
    threshold::{Rule, Scope},
};
pub use snnc_runtime::artifact::{Layout, Preprocess};

use serde::{Deserialize, Serialize};

/// What spikes stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Code {
    /// The digits of a number, most significant first; layers speak one after the other.
    Radix,
    /// A share of a number, each: it is their mean over time; layers run side by side.
    Rate,
}

impl Code {
    /// In the words of the IR.
    #[must_use]
    pub fn in_ir(self) -> snnc_ir::Code {
        match self {
            Self::Radix => snnc_ir::Code::Radix,
            Self::Rate => snnc_ir::Code::Rate,
        }
    }

    /// Time steps, or digits, where nobody says how many.
    #[must_use]
    pub fn usual_timesteps(self) -> usize {
        match self {
            Self::Radix => 8,
            Self::Rate => 32,
        }
    }
}

/// Bits of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// 8, and 16 where those cost more than they may.
    Auto,
    /// So many in all layers.
    Bits(Bits),
}

/// How images become input to the first layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    /// The pixel as it is: in the radix code by its digits, in the rate code as a constant current at every step.
    Direct,
    /// Signed Bernoulli spikes with the pixel's magnitude as rate (the paper's coding).
    Poisson,
}

/// How many time steps to compile for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timesteps {
    /// That many.
    Fixed(usize),
    /// The fewest whose agreement with the float network on held-out synthetic samples is within tolerance.
    Auto,
}

/// Which layers of the radix code say more digits than the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoreDigits {
    /// Those that lose most, as many as it takes.
    Auto,
    /// None.
    None,
}

/// What neurons of the rate code may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spikes {
    /// Spikes of 1 and, to take one back that came too early, of -1.
    Signed,
    /// Spikes of 1 only: for hardware whose spikes carry no sign.
    Binary,
}

/// How thresholds are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// Least squares, unless another rule agrees with the float network more often beyond chance on held-out samples.
    Auto,
    /// This rule.
    Rule(Rule),
}

/// Potential before the first step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InitialPotential {
    /// Half the threshold: rounds instead of truncating.
    Half,
    /// Zero.
    Zero,
}

/// Where calibration samples come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Calibration {
    /// Made from the network itself; no data.
    Synthetic(Synthesis),
    /// Images of the user.
    File(std::path::PathBuf),
}

/// How synthetic samples are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Synthesis {
    /// Natural-image priors (1/f noise and dead leaves), then a few steps of inversion near them.
    Natural,
    /// Natural-image priors as they are.
    Prior,
    /// The paper's recipe: Dirichlet targets, inversion from uniform noise.
    Paper,
    /// Uniform noise: the control.
    Noise,
}

/// Whether the converted network is trained through time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Train {
    /// If it is estimated to take no longer than it may.
    Auto,
    /// Yes.
    Temporal,
    /// No.
    None,
}

/// What a training changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// What a spike adds.
    Weights,
    /// Constant currents.
    Biases,
    /// θ.
    Thresholds,
    /// v(0).
    Initial,
    /// λ.
    Leak,
}

/// Where gradients are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// A graphics card where this build can use one and there is one, else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// The graphics card of this number.
    Cuda(usize),
}

/// How hard an audit tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// A minute or two of what tells most.
    Quick,
    /// Everything.
    Full,
}

/// What stands in for the derivative of a spike.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Surrogate {
    /// `h · max(0, 1 - |u|)` of this height, u being the distance from the threshold over the threshold.
    Triangle(f32),
    /// The derivative of an arcus tangent of this slope.
    Atan(f32),
    /// The derivative of a sigmoid of this slope.
    Sigmoid(f32),
}

/// How the converted network is trained through time.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// Whether it is.
    pub train: Train,
    /// Synthetic samples beside those for calibration.
    pub samples: usize,
    /// Passes over the samples.
    pub epochs: usize,
    /// Images a step.
    pub batch: usize,
    /// Relative step at the start: a weight moves by at most about this share of the size of its neighbours.
    pub rate: f64,
    /// τ of the distillation.
    pub temperature: f64,
    /// Share of the cross-entropy with the float network's class.
    pub cross_entropy: f64,
    /// Stands in for the derivative of a spike.
    pub surrogate: Surrogate,
    /// Whether the reset is differentiated too.
    pub through_reset: bool,
    /// Weight of the layers' errors beside the distillation: each firing rate should stand for the float network's activation.
    pub hints: f64,
    /// Share of themselves by which weights shrink a step, times the rate.
    pub weight_decay: f64,
    /// Longest gradient, in relative units; longer ones are cut.
    pub clip: f64,
    /// What stays as it is, sorted.
    pub frozen: Vec<Part>,
    /// Where it runs.
    pub device: Device,
    /// Where its state is kept after every epoch.
    pub checkpoint: Option<std::path::PathBuf>,
    /// Whether to go on from what is there.
    pub resume: bool,
    /// How the state is kept.
    pub kept: snnc_vault::Envelope,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            train: Train::Auto,
            samples: 768,
            epochs: 20,
            batch: 16,
            rate: 2e-3,
            temperature: 2.0,
            cross_entropy: 0.0,
            surrogate: Surrogate::Triangle(0.5),
            through_reset: false,
            hints: 0.0,
            weight_decay: 0.0,
            clip: 1.0,
            frozen: Vec::new(),
            device: Device::Auto,
            checkpoint: None,
            resume: false,
            kept: snnc_vault::Envelope::default(),
        }
    }
}

/// How 8-bit pixels become the model's numbers, as asked: `(x / scale - mean) / std`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    /// The value that becomes 1; if left out, the model decides.
    pub scale: Option<f32>,
    /// One for all, or one per channel.
    pub mean: Vec<f32>,
    /// One for all, or one per channel.
    pub std: Vec<f32>,
}

impl Default for Pixels {
    fn default() -> Self {
        Self { scale: None, mean: vec![0.0], std: vec![1.0] }
    }
}

impl Pixels {
    /// For a model that takes floats: they are from 0 to 1 before mean and deviation, unless something else was said.
    #[must_use]
    pub fn to_floats(&self) -> Preprocess {
        let scale = self.scale.unwrap_or(Preprocess::default().scale);
        Preprocess { scale, mean: self.mean.clone(), std: self.std.clone() }
    }
}

/// Everything that shapes the artifact.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// What spikes stand for.
    pub code: Code,
    /// Time steps, or digits.
    pub timesteps: Timesteps,
    /// Digits beyond these in single layers: those that lose most, if it says so.
    pub more_digits: MoreDigits,
    /// Bits of weights.
    pub weights: Weights,
    /// Bits that biases must fit in, if they are few.
    pub bias_bits: Option<u32>,
    /// The same of thresholds.
    pub threshold_bits: Option<u32>,
    /// Digits of the numbers that images become.
    pub input_digits: u32,
    /// Whether the artifact keeps the names that nodes have in the source network.
    pub keep_names: bool,
    /// Input coding.
    pub coding: Coding,
    /// Source of calibration samples.
    pub calibration: Calibration,
    /// Number of calibration samples; if left out, as many as images of that size ask for.
    pub samples: Option<usize>,
    /// Gradient steps of the synthesis; the method's own number if left out.
    pub synthesis_steps: Option<usize>,
    /// Seconds that synthesis and training may take.
    pub budget: Option<f64>,
    /// What neurons may send.
    pub spikes: Spikes,
    /// Whether a spike sets the potential to 0 instead of taking the threshold off; of binary spikes alone.
    pub hard_reset: bool,
    /// Threshold rule.
    pub threshold: Threshold,
    /// Thresholds by channel or by layer; the rule's own way if left out.
    pub threshold_scope: Option<Scope>,
    /// Start potential.
    pub initial: InitialPotential,
    /// λ of every neuron; none for neurons without leak.
    pub leak: Option<f32>,
    /// Training through time.
    pub training: Training,
    /// How hard the result is attacked; none for no audit.
    pub audit: Option<Effort>,
    /// Layout of the model's input; `None` is inferred from its shape.
    pub layout: Option<Layout>,
    /// Preprocessing of 8-bit images.
    pub pixels: Pixels,
    /// Which graph output to compile, where there are several.
    pub output: Option<String>,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            code: Code::Radix,
            timesteps: Timesteps::Fixed(Code::Radix.usual_timesteps()),
            more_digits: MoreDigits::Auto,
            weights: Weights::Auto,
            bias_bits: None,
            threshold_bits: None,
            input_digits: 8,
            keep_names: false,
            coding: Coding::Direct,
            calibration: Calibration::Synthetic(Synthesis::Natural),
            samples: None,
            synthesis_steps: None,
            budget: None,
            spikes: Spikes::Signed,
            hard_reset: false,
            threshold: Threshold::Auto,
            threshold_scope: None,
            initial: InitialPotential::Half,
            leak: None,
            training: Training::default(),
            audit: None,
            layout: None,
            pixels: Pixels::default(),
            output: None,
            seed: 0,
        }
    }
}

impl Options {
    /// The same with all that does not shape the result left out: a training that is cut off may be taken up with other such options.
    #[must_use]
    pub fn without_manner(&self) -> Self {
        let defaults = Training::default();
        let training = Training { device: defaults.device, checkpoint: None, resume: false, kept: defaults.kept, ..self.training.clone() };
        Self { training, budget: None, audit: None, ..self.clone() }
    }
}
