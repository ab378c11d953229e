//! What the options say of a training, in the words of the trainer.

use crate::{
    options::{Options, Part, Surrogate},
    train::{Recipe, optimiser::Descent},
};
use snnc_engine::{loss::Distillation, plan::Kind};
use snnc_kernels::neuron::{self, Derivation};

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
        seed: options.seed,
    }
}
