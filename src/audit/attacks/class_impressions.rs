//! The two attacks of the PrivateSNN paper as they stand there: class impressions, by gradient ascent from noise, smoothed every few steps.
//!
//! Attack 1 makes a float network of the weights, with rectifiers in the place of neurons. Attack 2 takes the gradient through the time steps, up to the
//! currents of the first layer and from there back to the image as if its input were no spikes but what they stand for, which is what
//! [`Planned`] does. They are made for comparison with the paper: the other attacks get far more.

use super::cells::{descent_macs, float_cell, steps, timesteps, timesteps_of_twins};
use crate::{
    audit::{
        attack::{About, Attack, Cell, Knowledge, Loot, Subject},
        case::{Case, Effort},
        models::Planned,
        reconstruct::{Search, impressions, invert_float},
    },
    error::Result,
};
use snnc_engine::plan::Twin;
use snnc_kernels::neuron::{Derivation, Surrogate};

/// Ascends as in the paper.
pub struct ClassImpressions;

const REBUILT: &str = "attack 1: rectifiers";
const THROUGH_TIME: &str = "attack 2: through time";

/// The surrogate that the paper trains with, and differentiates with.
const SURROGATE: Surrogate = Surrogate::Triangle { height: 0.3 };

impl Attack for ClassImpressions {
    fn about(&self) -> About {
        About {
            name: "class-impressions",
            title: "Class impressions: the paper's attacks",
            objective: "Images of each class as the PrivateSNN paper makes them: by gradient ascent from noise, on a float network that is made from the artifact \
         (attack 1), or through its time steps (attack 2).",
            knows: &[Knowledge::File, Knowledge::Weights, Knowledge::Thresholds],
        }
    }

    fn is_wanted(&self, case: &Case<'_>, effort: Effort) -> bool {
        case.asks_for(self.name()) && (effort == Effort::Full || !case.given.only.is_empty())
    }

    fn cells(&self, case: &Case<'_>, effort: Effort) -> Vec<Cell> {
        let steps = steps(effort);
        let mut cells = Vec::new();
        for (variant, times) in [
            (REBUILT, timesteps_of_twins(case)),
            (THROUGH_TIME, timesteps(case, effort, descent_macs(case, case.spiking_macs(case.timesteps()), steps, 1))),
        ] {
            cells.push(float_cell(case, variant, Subject::Ann, "impressions", steps));
            cells.extend(times.into_iter().map(|t| Cell {
                variant,
                subject: Subject::Snn,
                timesteps: Some(t),
                work: format!("class-impressions/{variant}/{t}"),
                macs: descent_macs(case, case.spiking_macs(if variant == REBUILT { 1 } else { t }), steps, 1),
            }));
            cells.push(float_cell(case, variant, Subject::Control, "impressions", steps));
        }
        cells
    }

    fn run(&self, case: &Case<'_>, cell: &Cell, effort: Effort) -> Result<Loot> {
        let way = impressions(steps(effort));
        let Some(timesteps) = cell.timesteps else {
            return Ok(Loot { stages: invert_float(case, cell.subject, way)?, ..Loot::default() });
        };
        let plan = case.plan(timesteps)?;
        let values = plan.values(&case.spiking);
        let is_rebuilt = cell.variant == REBUILT;
        let plan = if is_rebuilt { plan.twin(Twin::Relu) } else { plan };
        let draws = (!is_rebuilt).then_some((case.given.seed, 1));
        let derivation = Derivation { surrogate: SURROGATE, through_reset: false };
        let model = Planned::new(case, &plan, &values, derivation, draws);
        Ok(Loot { stages: Search::new(case, &model, way).run(case)?, ..Loot::default() })
    }
}
