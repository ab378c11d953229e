//! How an audit is made.

use super::{attack::Loot, case::Effort, store::Store};
use crate::error::Result;

/// Multiply-accumulates a second of processor time, by which cells are estimated. A constant, so that a quick audit makes the same cells on
/// every machine.
pub const NOMINAL_SPEED: f64 = 4e10;

/// Seconds of processor time that a quick audit may be estimated to take.
pub const QUICK_SECONDS: f64 = 120.0;

/// What is estimated to take no longer is made in a quick audit whatever was spent.
pub const ALWAYS_SECONDS: f64 = 1.0;

/// How an audit is made.
pub struct Conduct<'a> {
    /// How hard it tries.
    pub effort: Effort,
    /// Seconds after which no new cell is begun.
    pub budget: Option<f64>,
    /// Where results are kept.
    pub store: Option<&'a Store>,
}

impl Conduct<'_> {
    /// What a piece of work got before, where results are kept.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn kept(&self, work: &str) -> Result<Option<Loot>> {
        self.store.map_or(Ok(None), |store| store.load(work))
    }

    /// What a piece of work got, kept where results are.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, work: &str, loot: Loot) -> Result<Loot> {
        if let Some(store) = self.store {
            store.save(work, &loot)?;
        }
        Ok(loot)
    }
}
