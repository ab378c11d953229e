//! How to train.

use super::optimiser::Descent;
use snnc_engine::{
    Plan,
    loss::Distillation,
    plan::{Kind, Twin},
};
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
    /// Training against twins of the network, where the source network should not be read from its weights.
    pub seal: Option<Seal>,
    /// Of everything random.
    pub seed: u64,
}

/// A loss that twins of the network should not have: `weight · max(0, margin - divergence)`, the divergence being that of the twin's
/// answer from the float network's, as in the distillation.
#[derive(Clone, Debug, PartialEq)]
pub struct Seal {
    /// Of the loss, shared out over the twins.
    pub weight: f64,
    /// Divergence that is far enough.
    pub margin: f64,
    /// The twins.
    pub twins: Vec<Twin>,
}

impl Recipe {
    /// For each parameter of a plan, whether it is trained.
    #[must_use]
    pub fn trained(&self, plan: &Plan) -> Vec<bool> {
        plan.parameters.iter().map(|p| !p.is_fixed && !self.frozen.contains(&p.kind)).collect()
    }
}
