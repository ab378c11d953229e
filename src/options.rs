//! What a compilation is asked to do. The command line fills this in; it is recorded in the artifact.

pub use snnc_passes::threshold::{Rule, Scope};
pub use snnc_runtime::artifact::{Layout, Preprocess};

use serde::{Deserialize, Serialize};

/// How images become input to the first layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    /// The preprocessed pixel is a constant current at every step.
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

/// What neurons may send.
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

/// Everything that shapes the artifact.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Time steps.
    pub timesteps: Timesteps,
    /// Input coding.
    pub coding: Coding,
    /// Source of calibration samples.
    pub calibration: Calibration,
    /// Number of calibration samples.
    pub samples: usize,
    /// Gradient steps of the synthesis; the method's own number if left out.
    pub synthesis_steps: Option<usize>,
    /// Seconds after which the synthesis goes on with the best samples so far.
    pub budget: Option<f64>,
    /// What neurons may send.
    pub spikes: Spikes,
    /// Threshold rule.
    pub threshold: Threshold,
    /// Thresholds by channel or by layer; the rule's own way if left out.
    pub threshold_scope: Option<Scope>,
    /// Start potential.
    pub initial: InitialPotential,
    /// Layout of the model's input; `None` is inferred from its shape.
    pub layout: Option<Layout>,
    /// Preprocessing of 8-bit images.
    pub preprocess: Preprocess,
    /// Which graph output to compile, where there are several.
    pub output: Option<String>,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timesteps: Timesteps::Fixed(32),
            coding: Coding::Direct,
            calibration: Calibration::Synthetic(Synthesis::Natural),
            samples: 96,
            synthesis_steps: None,
            budget: None,
            spikes: Spikes::Signed,
            threshold: Threshold::Auto,
            threshold_scope: None,
            initial: InitialPotential::Half,
            layout: None,
            preprocess: Preprocess::default(),
            output: None,
            seed: 0,
        }
    }
}
