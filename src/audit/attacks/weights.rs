//! Weight readability: whoever holds a candidate for the source network compares.

use super::cells::{cells_of_three, timesteps};
use crate::{
    audit::{
        attack::{About, Attack, Cell, Knowledge, Loot},
        case::{Case, Effort},
        distil::own_images,
        metrics::{Metric, Unit},
        models::float,
        similarity,
        weights::{Readability, readability},
    },
    error::Result,
};

/// Compares weights and activations.
pub struct WeightReadability;

const VARIANT: &str = "layer by layer";

impl Attack for WeightReadability {
    fn about(&self) -> About {
        About {
            name: "weights",
            title: "Weight readability",
            objective: "The source network's weights in the artifact's: layers are matched, the scales of their channels taken off, channels looked up among \
         those of the ANN whatever their order; and the similarity of both networks' layers on procedural images.",
            knows: &[Knowledge::File, Knowledge::Weights, Knowledge::OriginalAnn],
        }
    }

    fn cells(&self, case: &Case<'_>, _: Effort) -> Vec<Cell> {
        let ann = case.float_macs();
        let one = |t: Option<usize>| ann + t.map_or(ann, |t| case.spiking_macs(t));
        cells_of_three(self.name(), VARIANT, &timesteps(case, Effort::Quick, SEEN as f64 * case.spiking_macs(case.timesteps())), |t| {
            SEEN as f64 * one(t)
        })
    }

    fn run(&self, case: &Case<'_>, cell: &Cell, _: Effort) -> Result<Loot> {
        let images = own_images(case, SEEN, 5);
        let found = match float(case, cell.subject) {
            // The ANN's own column is what a plain copy would give.
            Some(graph) => {
                readability(&crate::audit::case::weights(graph), &crate::audit::case::weights(case.given.float), case.given.seed)
            }
            None => case.readability.clone(),
        };
        let mut metrics = of_weights(&found);
        if let Some((value, layers)) = similarity::mean(case, cell.subject, cell.timesteps, &images)? {
            metrics.push(Metric::plain("cka", value, layers, Unit::Cosine));
        }
        Ok(Loot { metrics, ..Loot::default() })
    }
}

/// Procedural images on which activations are compared.
const SEEN: usize = 48;

fn of_weights(found: &Readability) -> Vec<Metric> {
    let (matched, of) = found.matched;
    let (by_chance, of_chance) = found.null_matched;
    let chance = by_chance as f64 / of_chance.max(1) as f64;
    let cosine = Metric { chance: Some(found.null_cosine), ..Metric::plain("cosine", found.cosine, found.layers.len(), Unit::Cosine) };
    vec![Metric::share("matched_channels", matched, of, Some(chance)), cosine]
}
