//! What the float network said, so that agreement with it can be looked at without it.

use serde::{Deserialize, Serialize};

/// The answers of the float network to the images of a golden file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ann {
    /// SHA-256 of its file.
    pub sha256: String,
    /// Images whose class is the same in the spiking network.
    pub agreeing: usize,
    /// Its class of each image.
    pub classes: Vec<usize>,
}
