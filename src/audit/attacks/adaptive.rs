//! The adaptive attacker: a twin is distilled from the artifact's answers before it is inverted, and every prior is used.

use super::cells::{descent_macs, float_cell, steps, timesteps_of_twins};
use crate::{
    audit::{
        attack::{About, Attack, Cell, Knowledge, Loot, Subject},
        case::{Case, Effort},
        distil::{HELD_OUT, budget, own_images, twin},
        metrics::Metric,
        models::float,
        reconstruct::{Search, natural},
        twins::Lessons,
    },
    error::{Error, Result},
    synthesize::{differentiable::Matching, statistics::Watched},
};
use snnc_engine::{Buffers, Network};
use snnc_ir::{Graph, NodeId};
use snnc_passes::threshold::Recorded;

/// Distils, then inverts.
pub struct Adaptive;

/// Natural-image priors alone.
const NATURAL: &str = "distilled";
/// The layers' statistics too.
const STATISTICS: &str = "distilled, layer statistics";
/// From a twin that was trained on adversarial images as well: it learns what the function is there, which weights alone may hide.
const ADVERSARIAL: &str = "distilled adversarially";

/// Weight of the statistics' distance beside the answer.
const WEIGHT: f64 = 0.3;
/// Own images on which statistics are recorded, where no batch norm did.
const RECORDED: usize = 64;

impl Attack for Adaptive {
    fn about(&self) -> About {
        About {
            name: "adaptive",
            title: "Adaptive: distilled twin with priors",
            objective: "Images of each class: a float twin is first trained, on procedural images and on adversarial ones, to answer like the artifact, then inverted with \
         natural-image priors and with the statistics that layers have on such images (in the ANN's column: those that its batch norms recorded, \
         where it has some).",
            knows: &[Knowledge::File, Knowledge::Weights, Knowledge::Thresholds, Knowledge::Queries],
        }
    }

    fn cells(&self, case: &Case<'_>, effort: Effort) -> Vec<Cell> {
        let steps = steps(effort);
        let variants = if effort == Effort::Quick { &[NATURAL][..] } else { &[NATURAL, STATISTICS, ADVERSARIAL][..] };
        let asked = budget(effort);
        let mut cells = Vec::new();
        for &variant in variants {
            for subject in Subject::ALL {
                if subject != Subject::Snn {
                    let mut cell = float_cell(case, variant, subject, "natural", steps);
                    if variant == STATISTICS {
                        cell.work = format!("inversion/statistics/{}", subject.name());
                    }
                    cells.push(cell);
                    continue;
                }
                for t in timesteps_of_twins(case) {
                    let training = 3.0 * case.spiking_macs(1) * (asked.queries * asked.epochs) as f64;
                    let queries = case.spiking_macs(t) * (asked.queries + HELD_OUT) as f64;
                    let distillation = match variant {
                        NATURAL => training + queries,
                        // Half of the images are asked about anew in every epoch.
                        ADVERSARIAL => 1.5 * training + queries * (1.0 + 0.5 * asked.epochs as f64),
                        // It starts from the twin of the first.
                        _ => 0.0,
                    };
                    cells.push(Cell {
                        variant,
                        subject,
                        timesteps: Some(t),
                        work: format!("adaptive/{variant}/{t}"),
                        macs: distillation + descent_macs(case, case.spiking_macs(1), steps, 1),
                    });
                }
            }
        }
        cells
    }

    fn run(&self, case: &Case<'_>, cell: &Cell, effort: Effort) -> Result<Loot> {
        let way = natural(steps(effort));
        let is_matched = cell.variant == STATISTICS;
        let weight = if is_matched { WEIGHT } else { 0.0 };
        let invert = |watched: &Watched<'_>, units: Option<&[f32]>, before: usize| {
            let model = Matching { watched, weight, units, device: &case.device };
            Search { before, ..Search::new(case, &model, way) }.run(case)
        };
        let Some(timesteps) = cell.timesteps else {
            let graph = float(case, cell.subject).ok_or_else(|| Error::Internal("the SNN is no float network".into()))?;
            let watched = match case.given.normed.filter(|_| is_matched && cell.subject == Subject::Ann) {
                Some(normed) => Watched::norms(graph, normed, &own_images(case, 1, 3))?,
                None => watched(case, graph, is_matched, false)?,
            };
            return Ok(Loot { stages: invert(&watched, None, 0)?, ..Loot::default() });
        };
        let lessons = if cell.variant == ADVERSARIAL { Lessons::Adversarial } else { Lessons::Procedural };
        let distilled = twin(case, timesteps, lessons, effort)?;
        // Answers that were asked for serve all reconstructions.
        let before = distilled.queries.div_ceil(case.shown.len());
        let stages = invert(&watched(case, &distilled.graph, is_matched, true)?, case.units.as_deref(), before)?;
        let chance = Some(1.0 / case.classes as f64);
        let [before, after] = distilled.agreeing;
        Ok(Loot {
            stages,
            metrics: vec![
                Metric::share("agreement_before_distillation", before, HELD_OUT, chance),
                Metric::share("agreement_of_twin", after, HELD_OUT, chance),
            ],
            ..Loot::default()
        })
    }
}

/// A network, with what is to be matched in it.
fn watched<'g>(case: &Case<'_>, graph: &'g Graph, is_matched: bool, is_spiking: bool) -> Result<Watched<'g>> {
    if is_matched { recorded(case, graph, is_spiking) } else { Watched::nothing(graph) }
}

/// A network with the statistics that the currents of its neurons, or the operands of its rectifiers, have on procedural images.
fn recorded<'g>(case: &Case<'_>, graph: &'g Graph, is_spiking: bool) -> Result<Watched<'g>> {
    let is_activation = |id: &NodeId| graph[*id].op.is_rectifier() || graph[*id].op.is_neuron();
    let mut kept: Vec<NodeId> = graph.topological().into_iter().filter(is_activation).filter_map(|id| graph.operand(id)).collect();
    kept.sort_unstable();
    kept.dedup();
    let network = Network::float(graph, &kept)?;
    let images = own_images(case, RECORDED, 3);
    let images = if is_spiking { case.in_units(&images) } else { images };
    let count = images.len() / network.input_len();
    let (_, results) = network.results(&images, count, &kept, &mut Buffers::default());
    let mut layers = Vec::new();
    for (node, values) in kept.into_iter().zip(results) {
        let channels = graph[node].ty.channels();
        let plane = values.len() / count / channels;
        let (mut sums, mut squares) = (vec![0.0f64; channels], vec![0.0f64; channels]);
        for (k, plane) in values.chunks(plane).enumerate() {
            sums[k % channels] += plane.iter().map(|&v| f64::from(v)).sum::<f64>();
            squares[k % channels] += plane.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
        }
        let n = (count * plane) as f64;
        let mean: Vec<f32> = sums.iter().map(|s| (s / n) as f32).collect();
        let deviation = squares.iter().zip(&sums).map(|(q, s)| ((q / n - (s / n).powi(2)).max(1e-12)).sqrt() as f32).collect();
        layers.push((node, Recorded { mean, deviation }));
    }
    Watched::nodes(graph, layers)
}
