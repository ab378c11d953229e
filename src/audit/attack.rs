//! What an attack is: an adversary who knows some things, wants one, and has a budget.
//!
//! An attack is a list of cells. A cell is one thing done to one network at one number of time steps: the unit that is estimated,
//! skipped where time is short, kept in a folder, and taken up again. Every attack that makes sense on a float network is done to three
//! networks: the ANN, the SNN, and the control, the ANN with noise in its weights that is as long as what tells the SNN's weights from
//! the ANN's. What an attacker gets from the SNN means nothing without the other two, nor without what was spent on it: reconstructions
//! are kept on the way, at growing [`Stage::effort`].

use super::{
    case::{Case, Effort},
    hygiene,
    metrics::Metric,
    pictures::Pictures,
};
use crate::error::Result;
use serde::{Deserialize, Serialize};

/// What an adversary knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Knowledge {
    /// The bytes of the artifact.
    File,
    /// What a spike adds.
    Weights,
    /// At which potential neurons fire.
    Thresholds,
    /// Answers to images of the adversary's choice.
    Queries,
    /// The network that was compiled.
    OriginalAnn,
    /// Images of the same kind as the training data.
    ReferenceImages,
    /// For some images, whether they were trained on.
    Membership,
}

/// What is attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The network that was compiled.
    Ann,
    /// The artifact.
    Snn,
    /// The ANN with noise in its weights as long as what tells the SNN's weights from the ANN's.
    Control,
}

impl Subject {
    /// All of them, in the order of the columns.
    pub const ALL: [Self; 3] = [Self::Ann, Self::Snn, Self::Control];

    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ann => "ann",
            Self::Snn => "snn",
            Self::Control => "control",
        }
    }
}

/// One thing that is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Which way of the attack.
    pub variant: &'static str,
    /// To which network.
    pub subject: Subject,
    /// T, where it matters.
    pub timesteps: Option<usize>,
    /// What is computed. Cells with the same work share its result: against a float network, several attacks are the same.
    pub work: String,
    /// Multiply-accumulates that it is estimated to take.
    pub macs: f64,
}

/// Reconstructions after some effort.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// How often a network was evaluated for each reconstruction; a gradient counts as one evaluation, an image through all its time
    /// steps too.
    pub effort: usize,
    /// One for each of [`Case::shown`].
    pub pictures: Pictures,
}

/// What a cell got.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loot {
    /// Reconstructions at growing effort; the last are what the attack ends with. None, if it makes no images.
    pub stages: Vec<Stage>,
    /// Whether they are of no class by name: then a judge is asked whether it is sure of any.
    pub is_nameless: bool,
    /// What was measured beside what the judge says of the pictures.
    pub metrics: Vec<Metric>,
    /// What was found.
    pub findings: Vec<hygiene::Finding>,
}

/// What is known of an adversary before anything is tried.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Name in policies and reports.
    pub name: &'static str,
    /// Title in reports.
    pub title: &'static str,
    /// What is wanted, and how it is sought: a sentence or two.
    pub objective: &'static str,
    /// What must be known.
    pub knows: &'static [Knowledge],
}

/// An adversary.
pub trait Attack: Sync {
    /// What is known of it.
    fn about(&self) -> About;

    /// Its name.
    fn name(&self) -> &'static str {
        self.about().name
    }

    /// Whether the case asks for it; what nobody asked for is not reported either.
    fn is_wanted(&self, case: &Case<'_>, effort: Effort) -> bool {
        let _ = effort;
        case.asks_for(self.name())
    }

    /// Why it cannot be tried on this case at all.
    fn missing(&self, case: &Case<'_>) -> Option<String> {
        let _ = case;
        None
    }

    /// What it does, in order.
    fn cells(&self, case: &Case<'_>, effort: Effort) -> Vec<Cell>;

    /// Does one of its cells.
    ///
    /// # Errors
    /// Only on a bug.
    fn run(&self, case: &Case<'_>, cell: &Cell, effort: Effort) -> Result<Loot>;
}

impl std::fmt::Debug for dyn Attack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
