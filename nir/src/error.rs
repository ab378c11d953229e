//! Why there is no graph, or no artifact.

use crate::node::MAX_ENTRIES;
use snnc_runtime::LoadError;
use std::fmt;

/// Why there is no graph of an artifact, or no artifact of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The artifact violates the specification.
    #[error(transparent)]
    Artifact(#[from] LoadError),
    /// The read-out is under a lock.
    #[error("its read-out is locked, and NIR has no part for ciphertexts: export the network before its lock")]
    Locked,
    /// NIR has nothing for these nodes.
    #[error("NIR cannot say {}", list(.0))]
    Unsayable(Vec<Unsayable>),
    /// The graph would be too large.
    #[error(
        "as dense arrays of NIR it has more than {} entries, most of them in node `{node}` ({entries}): use fewer groups or channels",
        MAX_ENTRIES
    )]
    Size {
        /// The node that would have the most.
        node: String,
        /// How many.
        entries: usize,
    },
    /// Thresholds that no factor of a channel makes equal.
    #[error(
        "the thresholds of node `{0}` differ within a channel, so that no weight of a convolution makes them equal: export with the network's own"
    )]
    Thresholds(String),
    /// A file that is no HDF5, or a damaged one.
    #[error("it is no NIR file: {0}")]
    Hdf5(String),
    /// A NIR file that does not hold an artifact.
    #[error("{0}")]
    Foreign(String),
    /// A NIR file that was changed after it was written.
    #[error("it was changed after `snnc` wrote it: {0}; compile the network again")]
    Changed(String),
}

/// A node that NIR has nothing for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsayable {
    /// Its name in the artifact.
    pub node: String,
    /// What of it.
    pub what: String,
}

impl fmt::Display for Unsayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (node `{}`)", self.what, self.node)
    }
}

fn list(nodes: &[Unsayable]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
