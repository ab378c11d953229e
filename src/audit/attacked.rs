//! What an attack got.

use super::{
    attack::{Attack, Cell, Subject},
    hygiene,
    metrics::Metric,
    pictures::Pictures,
};

/// A cell that was made.
#[derive(Clone, Debug)]
pub struct Row {
    /// The cell.
    pub cell: Cell,
    /// The first stands for it.
    pub metrics: Vec<Metric>,
    /// What the judges recognised on the way, at growing effort; empty where nothing was reconstructed.
    pub curve: Vec<Tried>,
    /// Reconstructions.
    pub pictures: Option<Pictures>,
}

/// What the judges recognise of reconstructions after some effort.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// Evaluations of a network for each reconstruction.
    pub effort: usize,
    /// One share a judge.
    pub recognised: Vec<Metric>,
}

/// A cell that was not.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// The cell.
    pub cell: Cell,
    /// Why.
    pub why: String,
}

/// What an attack got.
#[derive(Debug)]
pub struct Attacked {
    /// The attack.
    pub attack: &'static dyn Attack,
    /// Why it could not be tried at all.
    pub missing: Option<String>,
    /// What was made.
    pub rows: Vec<Row>,
    /// What was found.
    pub findings: Vec<hygiene::Finding>,
    /// What was not made.
    pub skipped: Vec<Skipped>,
}

impl Attacked {
    /// The row of another subject for the same way of the attack.
    #[must_use]
    pub fn beside(&self, row: &Row, subject: Subject) -> Option<&Row> {
        self.rows.iter().find(|r| r.cell.subject == subject && r.cell.variant == row.cell.variant)
    }
}
