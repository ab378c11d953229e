//! The gradient through the spiking network itself, with several surrogates, restarts, and the
//! expectation over random input and over pixel noise.

use super::cells::{descent_macs, float_cell, steps, timesteps};
use crate::{
    audit::{
        attack::{About, Attack, Cell, Knowledge, Loot, Subject},
        case::{Case, Effort},
        models::Planned,
        reconstruct::{Search, invert_float, natural, smooth},
    },
    error::Result,
};
use snnc_kernels::neuron::{Derivation, Surrogate};
use snnc_runtime::Code;

/// Differentiates through spikes.
pub struct ThroughTime;

/// One way to differentiate through spikes.
struct Variant {
    name: &'static str,
    surrogate: Surrogate,
    /// Draws of pixel noise over which a gradient is smoothed; none where it is taken as it is.
    smoothed: Option<usize>,
}

const fn variant(name: &'static str, surrogate: Surrogate, smoothed: Option<usize>) -> Variant {
    Variant { name, surrogate, smoothed }
}

const TRIANGLE: Surrogate = Surrogate::Triangle { height: 1.0 };

/// Of the rate code. Wide surrogates see neurons that are far from firing, which narrow ones, as networks are trained with, do not.
const RATE: [Variant; 6] = [
    variant("triangle", TRIANGLE, None),
    variant("triangle, smoothed", TRIANGLE, Some(4)),
    variant("arctangent", Surrogate::Atan { slope: 2.0 }, None),
    variant("arctangent, wide", Surrogate::Atan { slope: 0.7 }, None),
    variant("sigmoid", Surrogate::Sigmoid { slope: 4.0 }, None),
    variant("sigmoid, narrow", Surrogate::Sigmoid { slope: 12.0 }, None),
];

/// Of the radix code, whose counts are differentiated as the line that they climb: the exact quantiser, and the gradient goes straight
/// through it.
const RADIX: [Variant; 2] = [variant("straight through", TRIANGLE, None), variant("straight through, smoothed", TRIANGLE, Some(4))];

fn variants(code: Code) -> &'static [Variant] {
    match code {
        Code::Radix => &RADIX,
        Code::Rate => &RATE,
    }
}

/// Descents from different starts, of which the one is kept that the network is surest of.
const RESTARTS: usize = 2;

/// Draws of random input whose gradients are averaged in every step.
fn draws(effort: Effort) -> usize {
    match effort {
        Effort::Quick => 1,
        Effort::Full => 4,
    }
}

fn restarts(effort: Effort) -> usize {
    match effort {
        Effort::Quick => 1,
        Effort::Full => RESTARTS,
    }
}

/// Descents through time take fewer steps: each costs as much as T through a float network.
fn steps_through_time(effort: Effort) -> usize {
    steps(effort) * 3 / 4
}

impl Attack for ThroughTime {
    fn about(&self) -> About {
        About {
            name: "through-time",
            title: "Gradient through time",
            objective: "Images of each class, by gradient descent through the time steps of the spiking network itself, with a surrogate for the derivative of \
         a spike; random input is drawn anew at every step.",
            knows: &[Knowledge::File, Knowledge::Weights, Knowledge::Thresholds],
        }
    }

    fn cells(&self, case: &Case<'_>, effort: Effort) -> Vec<Cell> {
        let all = variants(case.network.spec().code);
        let variants = if effort == Effort::Quick { &all[..1] } else { all };
        let draws = if case.units.is_some() { draws(effort) } else { 1 };
        let mut cells = Vec::new();
        for &Variant { name: variant, smoothed, .. } in variants {
            cells.push(float_cell(case, variant, Subject::Ann, "natural", steps(effort)));
            // One way at every number of steps, the others at the smallest.
            let taken = if variant == all[0].name { usize::MAX } else { 1 };
            let tries = restarts(effort) * draws * smoothed.unwrap_or(1);
            let macs = |t: usize| descent_macs(case, case.spiking_macs(t), steps_through_time(effort), tries);
            for steps in timesteps(case, effort, macs(case.timesteps())).into_iter().take(taken) {
                cells.push(Cell {
                    variant,
                    subject: Subject::Snn,
                    timesteps: Some(steps),
                    work: format!("through-time/{variant}/{steps}"),
                    macs: macs(steps),
                });
            }
            cells.push(float_cell(case, variant, Subject::Control, "natural", steps(effort)));
        }
        cells
    }

    fn run(&self, case: &Case<'_>, cell: &Cell, effort: Effort) -> Result<Loot> {
        let all = variants(case.network.spec().code);
        let &Variant { surrogate, smoothed, .. } = all.iter().find(|v| v.name == cell.variant).unwrap_or(&all[0]);
        let Some(timesteps) = cell.timesteps else {
            return Ok(Loot { stages: invert_float(case, cell.subject, natural(steps(effort)))?, ..Loot::default() });
        };
        let plan = case.plan(timesteps)?;
        let values = plan.values(&case.spiking);
        let draws = draws(effort);
        let model = Planned::new(case, &plan, &values, Derivation { surrogate, through_reset: false }, Some((case.given.seed, draws)));
        let steps = steps_through_time(effort);
        let way = smoothed.map_or_else(|| natural(steps), |draws| smooth(steps, draws));
        let draws = if case.units.is_some() { draws } else { 1 };
        let stages = Search { restarts: restarts(effort), draws, ..Search::new(case, &model, way) }.run(case)?;
        Ok(Loot { stages, ..Loot::default() })
    }
}
