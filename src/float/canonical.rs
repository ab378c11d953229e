//! From the file to the canonical phase.

use super::passes::{self, Stage};
use crate::{
    error::Result,
    import::{ImportOptions, Imported, import},
    observer::Observer,
};
use snnc_ir::{Graph, Operator, Phase};
use snnc_passes::{PassCx, Settings};
use std::{path::Path, time::Instant};

const CANONICALISE: Stage = Stage { name: "canonicalise", passes: snnc_passes::CANONICALISE, phase: Phase::Canonical };

/// Imports a model and brings it into the canonical phase: the float network that everything is compared with.
///
/// # Errors
/// If the model cannot be read or converted.
pub fn canonical(model: &Path, output: Option<&str>, observer: &mut dyn Observer) -> Result<(Imported, Graph)> {
    let start = Instant::now();
    observer.stage("import", None);
    let imported = import(model, &ImportOptions { output: output.map(str::to_owned) })?;
    imported.warnings.iter().for_each(|w| observer.warning(w));
    observer.stage_done(start.elapsed());
    let mut graph = imported.graph.clone();
    CANONICALISE.run(&mut graph, &mut PassCx::new(&Settings::default()), model, observer)?;
    Ok((imported, graph))
}

/// The network as imported, if it has batch norms, with the classes of the canonical one and what stands in the way of running it put
/// in order: what they recorded says what the training images were like.
///
/// # Errors
/// Only on a bug.
pub fn with_batch_norms(imported: &Graph) -> Result<Option<Graph>> {
    if !imported.node_ids().into_iter().any(|n| matches!(imported[n].op, Operator::BatchNorm { .. })) {
        return Ok(None);
    }
    let mut graph = imported.clone();
    let before = CANONICALISE.passes.iter().take_while(|pass| pass.name() != "fold-batch-norm");
    let split = CANONICALISE.passes.iter().filter(|pass| pass.name() == "split-score");
    passes::run(before.chain(split), &mut graph, &mut PassCx::new(&Settings::default()))?;
    Ok(Some(graph))
}
