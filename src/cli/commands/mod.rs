//! One file, one command.

pub(super) mod audit;
pub(super) mod compile;
pub(super) mod eval;
pub(super) mod explain;
pub(super) mod inspect;
pub(super) mod opt;
pub(super) mod run;

use super::files;
use crate::error::{Error, Result};
use snnc_runtime::Network;
use std::path::Path;

/// Reads an artifact and makes it ready to run.
fn load_network(path: &Path) -> Result<Network> {
    Network::load(&files::read(path)?).map_err(|e| Error::format(path, e.to_string()))
}

#[cfg(test)]
mod tests {
    use snnc_runtime::argmax;

    #[test]
    fn the_first_maximum_counts() {
        assert_eq!(argmax(&[0.0, 2.0, 2.0, 1.0]), 1);
        assert_eq!(argmax(&[-1.0]), 0);
    }
}
