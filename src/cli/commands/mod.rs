//! One file, one command.

pub(super) mod audit;
pub(super) mod bench;
pub(super) mod compile;
pub(super) mod emit;
pub(super) mod eval;
pub(super) mod explain;
pub(super) mod inspect;
pub(super) mod keygen;
pub(super) mod lock;
pub(super) mod opt;
pub(super) mod run;
pub(super) mod unlock;

use crate::error::{Error, Result};
use snnc_runtime::{Code, LoadError, Network};
use std::path::Path;

/// Reads an artifact and makes it ready to run.
fn load_network(path: &Path) -> Result<Network> {
    Network::open(path).map_err(|error| match error {
        LoadError::File(error) => Error::io(path, error),
        error => Error::format(path, error.to_string()),
    })
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
