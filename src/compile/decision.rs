//! Whether there is to be a training.

use crate::{
    observer::Observer,
    options::{Code, Options, Rule, Threshold, Train},
    train::record::TrainingRecord,
};
use snnc_engine::Plan;
use snnc_ir::Diagnostic;

/// Multiply-accumulates a second on two cores, by which the time of a training is estimated. It is a constant, not measured, so that the
/// same command trains, or does not, on every machine.
const NOMINAL_SPEED: f64 = 4e10;

/// Seconds that a training may be estimated to take where no budget is given.
const DEFAULT_BUDGET: f64 = 600.0;

/// Whether there is to be no training, and why. `None`: there is to be one.
pub fn decide(plan: &Plan, options: &Options, calibration: usize, observer: &mut dyn Observer) -> Option<TrainingRecord> {
    let training = &options.training;
    let is_fixed = matches!(options.threshold, Threshold::Rule(Rule::Fixed(_)));
    match training.train {
        Train::None => return Some(TrainingRecord::NotAsked),
        // Digits lose next to nothing, so there is next to nothing to win back.
        Train::Auto if options.code == Code::Radix => return Some(TrainingRecord::NotAsked),
        // Fixed thresholds are for those who want nothing to be chosen for them.
        Train::Auto if is_fixed || !plan.has_neurons() => return Some(TrainingRecord::NotAsked),
        Train::Temporal => return None,
        Train::Auto => {}
    }
    let estimate = estimate(plan, options, calibration);
    let allowed = options.budget.unwrap_or(DEFAULT_BUDGET);
    if estimate <= allowed {
        return None;
    }
    observer.warning(
        &Diagnostic::warning("W0203", "the network is not trained: that would take longer than it may")
            .note(format!("it is estimated to take {estimate:.0} seconds on two cores; {allowed:.0} are allowed"))
            .help(format!("train anyway with `--train temporal`, or allow it with `--budget {:.0}`", (estimate * 1.1).ceil()))
            .help("`--train none` says that you do not want it and silences this warning"),
    );
    Some(TrainingRecord::TooLong { estimate, allowed })
}

/// Seconds that a training on so many samples and those that the options add is estimated to take: forward, and two products as large
/// backward, for every sample of every epoch.
#[must_use]
pub fn estimate(plan: &Plan, options: &Options, calibration: usize) -> f64 {
    let samples = calibration + options.training.samples;
    3.0 * plan.macs() * (samples * options.training.epochs) as f64 / NOMINAL_SPEED
}
