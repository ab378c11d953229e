//! One file, one command.

pub(super) mod audit;
pub(super) mod bench;
pub(super) mod compile;
pub(super) mod decrypt;
pub(super) mod emit;
pub(super) mod eval;
pub(super) mod explain;
pub(super) mod inspect;
pub(super) mod keygen;
pub(super) mod lock;
pub(super) mod nir;
pub(super) mod opt;
pub(super) mod run;
pub(super) mod sign;
pub(super) mod unlock;
pub(super) mod verify;

use crate::{
    cli::secrets::{not_loaded, open},
    error::{Error, Result},
};
use snnc_runtime::{Artifact, Code, Keys, Network};
use std::path::Path;

/// Reads an artifact and makes it ready to run.
fn load_network(path: &Path, keys: &Keys) -> Result<Network> {
    // Without keys the file can be mapped: one that was checked must not change any more.
    let network = if keys.is_empty() { Network::open(path) } else { Network::load(&open(path, keys)?) };
    network.map_err(|error| not_loaded(path, error))
}

/// Reads an artifact from what was opened of a file.
fn read_artifact(path: &Path, bytes: &[u8]) -> Result<Artifact> {
    Artifact::from_bytes(bytes).map_err(|error| not_loaded(path, error))
}

/// Refuses numbers of time steps that an artifact does not take.
fn check_timesteps(path: &Path, network: &Network, asked: &[usize]) -> Result<()> {
    let (spec, most, path) = (network.spec(), network.max_timesteps(), path.display());
    let refused = |fits: &dyn Fn(usize) -> bool| asked.iter().copied().find(|&t| !fits(t));
    let message = match spec.code {
        Code::Radix => refused(&|t| t == spec.timesteps).map(|t| {
            format!(
                "--timesteps {t}: `{path}` says numbers by their digits, which takes {} time steps and no other number; leave the option \
                 out, or compile for other digits, or with `--code rate`",
                spec.timesteps
            )
        }),
        Code::Rate => refused(&|t| t <= most)
            .map(|t| format!("--timesteps {t}: the potentials of `{path}` are only sure to fit in 32 bits for up to {most} time steps")),
    };
    message.map_or(Ok(()), |message| Err(Error::Usage(message)))
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
