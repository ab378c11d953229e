//! What the options say of a training, in the words of the trainer.

use crate::{
    options::{Options, Part, Surrogate},
    train::{Recipe, Seal, optimiser::Descent},
};
use snnc_engine::{
    loss::Distillation,
    plan::{Kind, Twin},
};
use snnc_kernels::neuron::{self, Derivation};

/// The twins that are trained against.
const SEALED_AGAINST: [Twin; 3] = [Twin::Relu, Twin::Clipped, Twin::Quantised];

/// Divergence of a twin from the float network that is far enough: more than that of a guess among a hundred classes.
const SEAL_MARGIN: f64 = 6.0;

/// The recipe of the options.
#[must_use]
pub fn recipe(options: &Options) -> Recipe {
    let training = &options.training;
    Recipe {
        epochs: training.epochs,
        batch: training.batch,
        descent: Descent { rate: training.rate, weight_decay: training.weight_decay, clip: training.clip },
        loss: Distillation { temperature: training.temperature, cross_entropy: training.cross_entropy },
        derivation: Derivation {
            surrogate: match training.surrogate {
                Surrogate::Triangle(height) => neuron::Surrogate::Triangle { height },
                Surrogate::Atan(slope) => neuron::Surrogate::Atan { slope },
                Surrogate::Sigmoid(slope) => neuron::Surrogate::Sigmoid { slope },
            },
            through_reset: training.through_reset,
        },
        frozen: training
            .frozen
            .iter()
            .map(|part| match part {
                Part::Weights => Kind::Weight,
                Part::Biases => Kind::Bias,
                Part::Thresholds => Kind::Threshold,
                Part::Initial => Kind::Initial,
                Part::Leak => Kind::Leak,
            })
            .collect(),
        hints: training.hints,
        seal: training.seal.map(|weight| Seal { weight: f64::from(weight), margin: SEAL_MARGIN, twins: SEALED_AGAINST.to_vec() }),
        seed: options.seed,
    }
}
