//! How to train.

use super::optimiser::Descent;
use snnc_engine::{Plan, loss::Distillation, plan::Kind};
use snnc_kernels::neuron::Derivation;

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Passes over the samples.
    pub epochs: usize,
    /// Images a step.
    pub batch: usize,
    /// How the descent goes.
    pub descent: Descent,
    /// What the descent descends.
    pub loss: Distillation,
    /// How spikes are differentiated.
    pub derivation: Derivation,
    /// Parameters that stay as they are.
    pub frozen: Vec<Kind>,
    /// Weight of the error of the layers beside the distillation.
    pub hints: f64,
    /// Of everything random.
    pub seed: u64,
}

impl Recipe {
    /// For each parameter of a plan, whether it is trained.
    #[must_use]
    pub fn trained(&self, plan: &Plan) -> Vec<bool> {
        plan.parameters.iter().map(|p| !p.is_fixed && !self.frozen.contains(&p.kind)).collect()
    }
}
