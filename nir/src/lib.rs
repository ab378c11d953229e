//! A spiking network as a file of the [Neuromorphic Intermediate Representation](https://neuroir.org) (NIR), which simulators and chips read.
//!
//! [`export`] turns an artifact into a [`Graph`] of NIR's nodes, with a [`Remark`] for everything that NIR cannot say; [`write`] makes HDF5 of
//! it, with the layout of the Python package `nir`. Weights, thresholds and start potentials stay the whole numbers of the artifact, which
//! `f32` holds exactly: a simulator with the same neurons makes the same spikes, step by step. [`read`] makes the artifact of such a file again, to
//! the last byte, or refuses the file.
//!
//! | file | content |
//! |---|---|
//! | `node` | nodes, edges and metadata, as typed values |
//! | `remark` | what NIR cannot say |
//! | `lower` | from an artifact to the graph, and where in it each parameter stands |
//! | `describe` | the metadata: what NIR cannot say, for who reads it by hand, and for `restore` |
//! | `unit` | thresholds of 1, for simulators that want one threshold for all neurons of a layer |
//! | `file` | the graph as HDF5, and HDF5 as fields |
//! | `restore` | from a file to the artifact that it was made of |
//!
//! `docs/nir.md` has the mapping, and says what simulators make of it.

mod describe;
mod error;
mod file;
mod lower;
mod node;
mod remark;
mod restore;
mod unit;

pub use error::{Error, Unsayable};
pub use file::write;
pub use node::{Array, Graph, Node, Value};
pub use remark::{Remark, Subject};
pub use restore::read;

use snnc_runtime::Artifact;

/// Most entries that the arrays of a graph may have together: 512 MiB of `f32`. NIR has no groups that all simulators read, so that convolutions
/// in groups become dense ones, which can be much larger than in the artifact.
pub const MAX_ENTRIES: usize = 1 << 27;

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
    let lowered = lower::lower(artifact)?;
    let remarks = remark::remarks(artifact, &magnitudes, &lowered);
    let mut graph = lowered.graph;
    describe::describe(artifact, &remarks, &mut graph)?;
    match thresholds {
        Thresholds::Whole if remark::is_exact(artifact) => describe::seal(artifact, &mut graph)?,
        Thresholds::Whole => {}
        Thresholds::One => unit::divide(&mut graph)?,
    }
    Ok(Export { graph, remarks })
}
