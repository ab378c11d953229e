//! How a compilation tells the world what it is doing. Libraries are silent: only the command line prints.

use snnc_ir::{Diagnostic, Graph};
use std::time::Duration;

/// Listens to a compilation. All methods have an empty default.
pub trait Observer: Send {
    /// A stage begins; `total` is its number of steps, where it is known and worth showing.
    fn stage(&mut self, name: &'static str, total: Option<u64>) {
        let _ = (name, total);
    }

    /// The current stage has done so many of its steps.
    fn progress(&mut self, done: u64) {
        let _ = done;
    }

    /// The current stage is over.
    fn stage_done(&mut self, elapsed: Duration) {
        let _ = elapsed;
    }

    /// The float network is known, in the canonical phase, and nothing long has begun: what stands against going on.
    fn objections(&self, float: &Graph) -> Vec<Diagnostic> {
        let _ = float;
        Vec::new()
    }

    /// A pass has run and the graph was verified.
    fn pass_done(&mut self, name: &'static str, changed: bool, elapsed: Duration, graph: &Graph) {
        let _ = (name, changed, elapsed, graph);
    }

    /// A training has made another pass over its samples.
    fn trained(&mut self, progress: &Progress) {
        let _ = progress;
    }

    /// Whether the user wants a training to stop and to keep what it has.
    fn is_interrupted(&self) -> bool {
        false
    }

    /// Something that the user should know but that does not stop the compilation.
    fn warning(&mut self, diagnostic: &Diagnostic) {
        let _ = diagnostic;
    }
}

/// How far a training has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Passes over the samples so far.
    pub epoch: usize,
    /// Passes in all.
    pub epochs: usize,
    /// Mean loss of the last one.
    pub loss: f64,
    /// Held-out samples for which the spiking network chooses the float network's class, of how many.
    pub agreeing: (usize, usize),
    /// Speed.
    pub samples_per_second: f64,
}

/// An observer that listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
