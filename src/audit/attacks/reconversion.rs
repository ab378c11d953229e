//! Reconversion and class impressions: the PrivateSNN paper's attack 1, with the whole family of twins.

use super::cells::{descent_macs, float_cell, steps, timesteps_of_twins};
use crate::{
    audit::{
        attack::{About, Attack, Cell, Knowledge, Loot, Subject},
        case::{Case, Effort},
        models::Planned,
        reconstruct::{Search, impressions, invert_float, natural},
    },
    error::Result,
};
use snnc_engine::plan::Twin;
use snnc_kernels::neuron::{Derivation, Surrogate};

/// Puts static activations in the place of neurons and inverts the float network that results.
pub struct Reconversion;

/// The paper's way, by its own class impressions.
const PAPER: &str = "relu, class impressions";

fn twin(variant: &str) -> Twin {
    Twin::ATTACKS.into_iter().find(|twin| twin.name() == variant).unwrap_or(Twin::Relu)
}

impl Attack for Reconversion {
    fn about(&self) -> About {
        About {
            name: "reconversion",
            title: "Reconversion and class impressions",
            objective: "Images of each class, by gradient descent on a float network that is made from the artifact: a rectifier, a clipped one or a counting \
         one stands in for every neuron.",
            knows: &[Knowledge::File, Knowledge::Weights, Knowledge::Thresholds],
        }
    }

    fn cells(&self, case: &Case<'_>, effort: Effort) -> Vec<Cell> {
        let steps = steps(effort);
        let mut variants = vec![Twin::Relu.name(), Twin::Clipped.name(), Twin::Quantised.name()];
        if effort == Effort::Full {
            variants.push(PAPER);
        }
        let mut cells = Vec::new();
        for variant in variants {
            let way = if variant == PAPER { "impressions" } else { "natural" };
            for subject in Subject::ALL {
                if subject != Subject::Snn {
                    cells.push(float_cell(case, variant, subject, way, steps));
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
        let steps = steps(effort);
        let way = if cell.variant == PAPER { impressions(steps) } else { natural(steps) };
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
