//! What the report makes of its numbers: where accuracy is lost, and what would help.

use super::{Judges, Report, agreement::ENOUGH, layer::Layer};
use crate::options::Code;
use snnc_ir::MAX_DIGITS;

impl Report {
    /// The layer whose activation error grows most over the layer before it: where accuracy is lost.
    #[must_use]
    pub fn weakest_layer(&self) -> Option<&Layer> {
        let mut before = 0.0;
        let mut weakest: Option<(f64, &Layer)> = None;
        for layer in &self.layers {
            let error = layer.activation_error?;
            let growth = error - before;
            if weakest.is_none_or(|(most, _)| growth > most) {
                weakest = Some((growth, layer));
            }
            before = error;
        }
        weakest.map(|(_, layer)| layer)
    }

    /// What would bring the spiking network nearer to the float network, the most promising first.
    #[must_use]
    pub fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        let Some(last) = self.agreement.last() else { return advice };
        let content = last.percent >= ENOUGH;
        let before = self.agreement.iter().rev().nth(1);
        if self.code == Code::Radix {
            if !content {
                advice.extend(self.advice_on_digits());
            }
        } else if !content && before.is_some_and(|b| last.percent - b.percent >= 2.0) {
            advice.push(format!("more time steps: agreement still rises at {}, try `--timesteps {}`", self.timesteps, 2 * self.timesteps));
        } else if !content && before.is_none() {
            advice.push(format!("more time steps: try `--timesteps {}` or `--timesteps auto`", 4 * self.timesteps));
        }
        if !content && self.code == Code::Rate && !self.is_signed {
            advice.push("spikes that can be taken back: `--spikes signed`, where the hardware carries a sign".to_owned());
        }
        let judged_without_data = self.judges != Judges::Data;
        if judged_without_data && !self.has_batch_norms {
            advice.push(
                "the file has no batch norms to match samples to: export the model without folding them (in evaluation mode, but \
                 with constant folding off), or give a few real images with `--calibration FILE.npz`"
                    .to_owned(),
            );
        }
        if let Some((made, wanted)) = self.synthesis_steps.filter(|(made, wanted)| made < wanted) {
            advice.push(format!("a larger `--budget`: it ended the synthesis after {made} of {wanted} steps"));
        }
        if let Some(diversity) = self.diversity.filter(|d| judged_without_data && 2 * d.classes < d.of.min(self.calibration_samples)) {
            advice.push(format!("more samples: those there are show {} of {} classes", diversity.classes, diversity.of));
        }
        advice
    }

    /// What makes counts finer, where they are not as fine as they can be.
    fn advice_on_digits(&self) -> Vec<String> {
        let mut advice = Vec::new();
        let most = self.layers.iter().filter_map(|layer| layer.digits).max().unwrap_or(MAX_DIGITS);
        if most < MAX_DIGITS {
            advice.push(format!("more digits: try `--timesteps {}` or `--timesteps auto`", (most + 2).min(MAX_DIGITS)));
        }
        if self.weights.iter().any(|weights| weights.bits == 8) {
            advice.push("weights of 16 bits: try `--weights 16`".to_owned());
        }
        advice
    }
}
