//! Artifact hygiene: what should not be in the file at all.

use crate::{
    audit::{
        attack::{About, Attack, Cell, Knowledge, Loot, Subject},
        case::{Case, Effort},
        hygiene::{Sample, Source, Words, inspect},
        metrics::{Metric, Unit},
    },
    error::Result,
};
use std::collections::BTreeMap;

/// Reads the file, byte by byte.
pub struct Hygiene;

impl Attack for Hygiene {
    fn about(&self) -> About {
        About {
            name: "hygiene",
            title: "Artifact hygiene",
            objective: "Samples, names of labels, paths and users, and tensors of the source network in the file: also scaled, permuted, or in another number \
         format.",
            knows: &[Knowledge::File, Knowledge::OriginalAnn, Knowledge::ReferenceImages],
        }
    }

    fn cells(&self, _: &Case<'_>, _: Effort) -> Vec<Cell> {
        vec![Cell { variant: "file", subject: Subject::Snn, timesteps: None, work: "hygiene".to_owned(), macs: 0.0 }]
    }

    fn run(&self, case: &Case<'_>, _: &Cell, _: Effort) -> Result<Loot> {
        let given = &case.given;
        // Both as the file has them and, where it changed them, as the compiler folded them.
        let raw: Vec<&snnc_ir::Param> = given.imported.graph.params().map(|(_, p)| p).collect();
        let is_new = |p: &&snnc_ir::Param| !raw.iter().any(|r| r.name == p.name && r.tensor.data == p.tensor.data);
        let folded = given.float.params().map(|(_, p)| p).filter(is_new);
        let sources: Vec<Source<'_>> =
            raw.iter().copied().chain(folded).map(|p| Source { name: &p.name, dims: &p.tensor.dims, values: &p.tensor.data }).collect();
        let mut samples = Vec::new();
        let material = &given.material;
        let sets = [("reference", &material.reference), ("member", &material.members), ("non-member", &material.nonmembers)];
        let sets = sets.into_iter().filter_map(|(what, set)| set.as_ref().map(|set| (what, &set.pictures)));
        let sets: Vec<_> = sets.chain([("calibration", &material.calibration)]).filter(|(_, p)| !p.is_empty()).collect();
        let in_model: Vec<Vec<f32>> =
            sets.iter().map(|(_, pictures)| pictures.to_model("images", case.dims(), &case.preprocess)).collect::<Result<_>>()?;
        for ((what, pictures), values) in sets.iter().zip(&in_model) {
            let len = values.len() / pictures.count;
            for k in 0..pictures.count.min(SAMPLES) {
                let pixels = Some(&pictures.pixels[k * pictures.len()..][..pictures.len()]);
                samples.push(Sample { name: format!("{what} image {k}"), pixels, values: &values[k * len..][..len] });
            }
        }
        let found = inspect(given.bytes, given.artifact, &sources, &samples, &Words { forbidden: &given.words });
        let copied = Metric { chance: Some(0.0), ..Metric::plain("copied_tensors", copied(&found), found.sources, Unit::Share) };
        Ok(Loot { metrics: vec![copied], findings: found.findings, ..Loot::default() })
    }
}

/// Images of each set that are looked for.
const SAMPLES: usize = 256;

/// The share of the source network's tensors that the file holds: a tensor of which some channels are there counts by their share.
fn copied(found: &crate::audit::hygiene::Hygiene) -> f64 {
    let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
    for copy in &found.copies {
        let share = shares.entry(&copy.source).or_default();
        *share = share.max(copy.how.share());
    }
    // Not `sum`: that of nothing is -0.
    shares.values().fold(0.0, |sum, share| sum + share) / found.sources.max(1) as f64
}
