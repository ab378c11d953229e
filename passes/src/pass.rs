//! What a pass is, and what it is given.

use crate::{calibration::Calibration, threshold, training::Training, values::Ranges};
use snnc_ir::{Code, Diagnostic, Graph, MAX_DIGITS, NodeId, Phase, Reset, infer::TypeError};
use std::{collections::BTreeMap, ops::RangeInclusive};

/// Whether a pass changed the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It did.
    Yes,
    /// It found nothing to do.
    No,
}

impl From<bool> for Changed {
    fn from(changed: bool) -> Self {
        if changed { Self::Yes } else { Self::No }
    }
}

/// Why a pass gave up.
#[derive(Clone, Debug, PartialEq)]
pub enum PassError {
    /// The user's network asks for something that cannot be done.
    User(Diagnostic),
    /// The pass made something that does not fit: a bug.
    Bug(String),
}

impl From<TypeError> for PassError {
    fn from(error: TypeError) -> Self {
        Self::Bug(error.to_string())
    }
}

impl From<Diagnostic> for PassError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::User(diagnostic)
    }
}

/// Bits that the weights of a layer may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// From -7 to 7; the artifact holds them as 8 bits.
    Four,
    /// From -127 to 127.
    Eight,
    /// From -32767 to 32767.
    Sixteen,
}

impl Bits {
    /// The largest weight.
    #[must_use]
    pub fn largest(self) -> u32 {
        match self {
            Self::Four => 7,
            Self::Eight => 127,
            Self::Sixteen => 32_767,
        }
    }
}

/// What the user set and passes obey.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What spikes stand for.
    pub code: Code,
    /// Rate: the time steps that the network is compiled for. Radix: the digits of every layer of neurons.
    pub timesteps: usize,
    /// Radix: digits beyond these, by the rectifier that becomes the neurons.
    pub more_digits: BTreeMap<NodeId, u32>,
    /// The largest value of the input: of a pixel, 255; of random spikes, 1.
    pub input_levels: u32,
    /// Bits of the weights that are in no list.
    pub bits: Bits,
    /// Bits of the weights of single layers.
    pub bits_of: BTreeMap<NodeId, Bits>,
    /// Bits that biases of layers must fit in, for hardware whose biases are short: weights are then as coarse as it takes.
    pub bias_bits: Option<u32>,
    /// The same of thresholds.
    pub threshold_bits: Option<u32>,
    /// Rate: what a spike does: [`Reset::Signed`] where the target can take a spike back, else [`Reset::Soft`].
    pub reset: Reset,
    /// How thresholds are chosen.
    pub threshold: threshold::Rule,
    /// By channel or by layer; the rule's own way if left out.
    pub scope: Option<threshold::Scope>,
    /// Start potential as a fraction of the threshold: 0.5 rounds, 0 truncates.
    pub initial: f32,
    /// λ: what is left of a potential after a step; none for neurons without leak.
    pub leak: Option<f32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            code: Code::Rate,
            timesteps: 32,
            more_digits: BTreeMap::new(),
            input_levels: 255,
            bits: Bits::Eight,
            bits_of: BTreeMap::new(),
            bias_bits: None,
            threshold_bits: None,
            reset: Reset::Signed,
            threshold: threshold::Rule::LeastSquares,
            scope: None,
            initial: 0.5,
            leak: None,
        }
    }
}

impl Settings {
    /// Digits of the neurons that a rectifier becomes.
    #[must_use]
    pub fn digits(&self, rectifier: NodeId) -> u32 {
        let more = self.more_digits.get(&rectifier).copied().unwrap_or(0);
        u32::try_from(self.timesteps).unwrap_or(MAX_DIGITS).saturating_add(more).clamp(1, MAX_DIGITS)
    }

    /// Bits of the weight of a layer.
    #[must_use]
    pub fn bits(&self, layer: NodeId) -> Bits {
        self.bits_of.get(&layer).copied().unwrap_or(self.bits)
    }
}

/// What a pass may use beside the graph.
pub struct PassCx<'a> {
    /// The user's wishes.
    pub settings: &'a Settings,
    /// A running network with samples, where there is one.
    pub calibration: Option<&'a mut dyn Calibration>,
    /// What values samples took in the float network, where there were samples.
    pub ranges: Option<&'a Ranges>,
    /// A training, where there is to be one.
    pub training: Option<&'a mut dyn Training>,
    /// What a spike, or a count of 1, of neurons stood for before weights took that in, where means are to be corrected; by channel.
    pub worth: Option<&'a BTreeMap<NodeId, Vec<f32>>>,
}

impl<'a> PassCx<'a> {
    /// Settings alone: enough for passes that need no running network.
    #[must_use]
    pub fn new(settings: &'a Settings) -> Self {
        Self { settings, calibration: None, ranges: None, training: None, worth: None }
    }

    /// The same, and what values samples took, if there were some.
    #[must_use]
    pub fn with_ranges(self, ranges: Option<&'a Ranges>) -> Self {
        Self { ranges, ..self }
    }
}

/// What is known of a pass before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// `fold-batch-norm`: on the command line, in dumps, as test folder and (with underscores) as file name.
    pub name: &'static str,
    /// The phases in which the pass makes sense.
    pub accepts: RangeInclusive<Phase>,
    /// Whether the network would be wrong or refused without it, as opposed to slower or less accurate.
    pub is_required: bool,
}

/// One rewrite.
pub trait Pass: Sync {
    /// What is known of it.
    fn about(&self) -> About;
    /// Rewrites the graph.
    ///
    /// # Errors
    /// [`PassError::User`] for what the user's network cannot have, [`PassError::Bug`] for what must not happen.
    fn run(&self, graph: &mut Graph, cx: &mut PassCx<'_>) -> Result<Changed, PassError>;
    /// Its name.
    fn name(&self) -> &'static str {
        self.about().name
    }
}
