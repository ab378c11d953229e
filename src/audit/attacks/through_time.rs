//! The gradient through the spiking network itself: the PrivateSNN paper's attack 2, with several surrogates, restarts, and the
//! expectation over random input.

use super::cells::{descent_macs, float_cell, steps, timesteps};
use crate::{
    audit::{
        attack::{About, Attack, Cell, Knowledge, Loot, Subject},
        case::{Case, Effort},
        models::Planned,
        reconstruct::{invert_float, natural, reconstruct},
    },
    error::Result,
};
use snnc_kernels::neuron::{Derivation, Surrogate};

/// Differentiates through spikes.
pub struct ThroughTime;

/// Surrogates by name. Wide ones see neurons that are far from firing, which a narrow one, as networks are trained with, does not.
const SURROGATES: [(&str, Surrogate); 3] = [
    ("triangle", Surrogate::Triangle { height: 1.0 }),
    ("arctangent", Surrogate::Atan { slope: 2.0 }),
    ("sigmoid", Surrogate::Sigmoid { slope: 4.0 }),
];

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
        let surrogates = if effort == Effort::Quick { &SURROGATES[..1] } else { &SURROGATES[..] };
        let draws = if case.units.is_some() { draws(effort) } else { 1 };
        let mut cells = Vec::new();
        for &(variant, _) in surrogates {
            cells.push(float_cell(case, variant, Subject::Ann, "natural", steps(effort)));
            // One surrogate at every number of steps, the others at the smallest.
            let taken = if variant == SURROGATES[0].0 { usize::MAX } else { 1 };
            for steps in timesteps(case, effort).into_iter().take(taken) {
                let tries = restarts(effort) * draws;
                cells.push(Cell {
                    variant,
                    subject: Subject::Snn,
                    timesteps: Some(steps),
                    work: format!("through-time/{variant}/{steps}"),
                    macs: descent_macs(case, case.spiking_macs(steps), steps_through_time(effort), tries),
                });
            }
            cells.push(float_cell(case, variant, Subject::Control, "natural", steps(effort)));
        }
        cells
    }

    fn run(&self, case: &Case<'_>, cell: &Cell, effort: Effort) -> Result<Loot> {
        let Some(timesteps) = cell.timesteps else {
            let pictures = invert_float(case, cell.subject, &natural(steps(effort)))?;
            return Ok(Loot { pictures: Some(pictures), ..Loot::default() });
        };
        let plan = case.plan(timesteps)?;
        let values = plan.values(&case.spiking);
        let surrogate = SURROGATES.iter().find(|(name, _)| *name == cell.variant).map_or(SURROGATES[0].1, |(_, s)| *s);
        let derivation = Derivation { surrogate, through_reset: false };
        let model = Planned::new(case, &plan, &values, derivation, Some((case.given.seed, draws(effort))));
        let pictures = reconstruct(case, &model, &natural(steps_through_time(effort)), restarts(effort))?;
        Ok(Loot { pictures: Some(pictures), ..Loot::default() })
    }
}
