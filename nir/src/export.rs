//! From an artifact to a graph with its metadata.

use crate::{
    describe::{describe, seal},
    error::Error,
    lower::lower,
    node::Graph,
    remark::{Remark, is_exact, remarks},
    unit::divide,
};
use snnc_runtime::Artifact;

/// In which unit potentials are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Thresholds {
    /// The artifact's: everything is whole numbers, and exact. Thresholds differ from channel to channel.
    #[default]
    Whole,
    /// One threshold: weights, biases and start potentials are divided by it, and rounded to `f32`.
    One,
}

/// A network in NIR.
#[derive(Clone, Debug)]
pub struct Export {
    /// The nodes.
    pub graph: Graph,
    /// What the nodes leave unsaid, and the metadata says.
    pub remarks: Vec<Remark>,
}

/// An artifact as a graph of NIR.
///
/// # Errors
/// If the artifact violates the specification or its read-out is locked, or NIR has nothing for a node; all such nodes are listed.
pub fn export(artifact: &Artifact, thresholds: Thresholds) -> Result<Export, Error> {
    let magnitudes = artifact.magnitudes()?;
    if artifact.graph.output.lock.is_some() {
        return Err(Error::Locked);
    }
    let lowered = lower(artifact)?;
    let remarks = remarks(artifact, &magnitudes, &lowered);
    let mut graph = lowered.graph;
    describe(artifact, &remarks, &mut graph);
    match thresholds {
        Thresholds::Whole if is_exact(artifact) => seal(artifact, &mut graph)?,
        Thresholds::Whole => {}
        Thresholds::One => divide(&mut graph)?,
    }
    Ok(Export { graph, remarks })
}
