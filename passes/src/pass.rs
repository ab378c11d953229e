//! What a pass is, and what it is given.

use crate::{calibration::Calibration, threshold, training::Training, values::Ranges};
use snnc_ir::{Diagnostic, Graph, Phase, Reset, infer::TypeError};
use std::ops::RangeInclusive;

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

/// What the user set and passes obey.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Time steps that the network is compiled for.
    pub timesteps: usize,
    /// What a spike does: [`Reset::Signed`] where the target can take a spike back, else [`Reset::Soft`].
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
        Self { timesteps: 32, reset: Reset::Signed, threshold: threshold::Rule::LeastSquares, scope: None, initial: 0.5, leak: None }
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
}

impl<'a> PassCx<'a> {
    /// Settings alone: enough for passes that need no running network.
    #[must_use]
    pub fn new(settings: &'a Settings) -> Self {
        Self { settings, calibration: None, ranges: None, training: None }
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
