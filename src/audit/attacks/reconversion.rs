//! Reconversion: a float network is made of the artifact and inverted, with the whole family of twins.

use super::cells::{descent_macs, float_cell, steps, timesteps_of_twins};
use crate::{
    audit::{
        attack::{About, Attack, Cell, Knowledge, Loot, Subject},
        case::{Case, Effort},
        models::Planned,
        reconstruct::{Search, invert_float, natural},
    },
    error::Result,
};
use snnc_engine::plan::Twin;
use snnc_kernels::neuron::{Derivation, Surrogate};

/// Puts static activations in the place of neurons and inverts the float network that results.
pub struct Reconversion;

/// The float networks of an audit. Clipped ones lie between the other two and never got more than both, so a quick audit leaves them out.
fn twins(effort: Effort) -> &'static [Twin] {
    match effort {
        Effort::Quick => &[Twin::Relu, Twin::Quantised],
        Effort::Full => &Twin::ATTACKS,
    }
}

fn twin(variant: &str) -> Twin {
    Twin::ATTACKS.into_iter().find(|twin| twin.name() == variant).unwrap_or(Twin::Relu)
}

impl Attack for Reconversion {
    fn about(&self) -> About {
        About {
            name: "reconversion",
            title: "Reconversion",
            objective: "Images of each class, by gradient descent on a float network that is made from the artifact: a rectifier, a clipped one, a counting \
         one, or what a steady current is answered by, stands in for every neuron.",
            knows: &[Knowledge::File, Knowledge::Weights, Knowledge::Thresholds],
        }
    }

    fn cells(&self, case: &Case<'_>, effort: Effort) -> Vec<Cell> {
        let steps = steps(effort);
        let mut cells = Vec::new();
        for variant in twins(effort).iter().map(|twin| twin.name()) {
            for subject in Subject::ALL {
                if subject != Subject::Snn {
                    cells.push(float_cell(case, variant, subject, "natural", steps));
                    continue;
                }
                cells.extend(timesteps_of_twins(case).into_iter().map(|t| Cell {
                    variant,
                    subject,
                    timesteps: Some(t),
                    work: format!("reconversion/{variant}/{t}"),
                    macs: descent_macs(case, case.spiking_macs(1), steps, 1),
                }));
            }
        }
        cells
    }

    fn run(&self, case: &Case<'_>, cell: &Cell, effort: Effort) -> Result<Loot> {
        let way = natural(steps(effort));
        let stages = if let Some(timesteps) = cell.timesteps {
            let plan = case.plan(timesteps)?;
            let values = plan.values(&case.spiking);
            let plan = plan.twin(twin(cell.variant));
            let derivation = Derivation { surrogate: Surrogate::Triangle { height: 1.0 }, through_reset: false };
            Search::new(case, &Planned::new(case, &plan, &values, derivation, None), way).run(case)?
        } else {
            invert_float(case, cell.subject, way)?
        };
        Ok(Loot { stages, ..Loot::default() })
    }
}
