//! How often the spiking network chooses the class that the float network chooses.

use crate::audit::metrics::interval;

/// Agreement in percent that is enough: searches end there, and there is no advice how to get more.
pub const ENOUGH: f64 = 98.0;

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
