//! A spiking network as a file of the [Neuromorphic Intermediate Representation](https://neuroir.org) (NIR), which simulators and chips read.
//!
//! [`export`] turns an artifact into a [`Graph`] of NIR's nodes, with a [`Remark`] for everything that NIR cannot say; [`write()`] makes HDF5 of
//! it, with the layout of the Python package `nir`. Weights, thresholds and start potentials stay the whole numbers of the artifact, which
//! `f32` holds exactly: a simulator with the same neurons makes the same spikes, step by step. [`read`] makes the artifact of such a file again, to
//! the last byte, or refuses the file.
//!
//! | file | content |
//! |---|---|
//! | `node` | nodes, edges and metadata, as typed values |
//! | `remark` | what NIR cannot say |
//! | `lower` | from an artifact to the graph, and where in it each parameter stands |
//! | `export` | the steps in order |
//! | `describe` | the metadata: what NIR cannot say, for who reads it by hand, and for `restore` |
//! | `unit` | thresholds of 1, for simulators that want one threshold for all neurons of a layer |
//! | `file` | the graph as HDF5, and HDF5 as fields |
//! | `restore` | from a file to the artifact that it was made of |
//!
//! `docs/nir.md` has the mapping, and says what simulators make of it.

mod describe;
mod error;
mod export;
mod file;
mod lower;
mod node;
mod remark;
mod restore;
mod unit;

pub use error::{Error, Unsayable};
pub use export::{Export, Thresholds, export};
pub use file::write;
pub use node::{Array, Graph, MAX_ENTRIES, Node, Value};
pub use remark::{Remark, Subject};
pub use restore::read;

/// Whether bytes are of HDF5, as those of a `.nir` file are.
#[must_use]
pub fn is_hdf5(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89HDF\r\n\x1a\n")
}
