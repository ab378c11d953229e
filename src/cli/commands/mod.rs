//! One file, one command.

pub(super) mod audit;
pub(super) mod bench;
pub(super) mod build;
pub(super) mod cache;
pub(super) mod check;
pub(super) mod compile;
pub(super) mod completions;
pub(super) mod decrypt;
pub(super) mod diff;
pub(super) mod doctor;
pub(super) mod emit;
pub(super) mod eval;
pub(super) mod explain;
pub(super) mod inspect;
pub(super) mod keygen;
pub(super) mod lock;
pub(super) mod manual;
pub(super) mod nir;
pub(super) mod opt;
pub(super) mod run;
pub(super) mod sign;
pub(super) mod targets;
pub(super) mod unlock;
pub(super) mod verify;

use crate::{
    cli::{
        progress::Console,
        secrets::{not_loaded, open},
    },
    error::{Error, Result},
    float::Ann,
};
use snnc_golden::Subject;
use snnc_runtime::{Artifact, Code, Keys, Network};
use std::path::Path;
use zeroize::Zeroizing;

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

/// Reads an artifact to compare it: what was opened of the file, and the network.
fn load_subject(path: &Path, keys: &Keys) -> Result<(Zeroizing<Vec<u8>>, Subject)> {
    let bytes = open(path, keys)?;
    let subject = Subject::load(path, &bytes).map_err(|error| not_loaded(path, error))?;
    Ok((bytes, subject))
}

/// Opens the float network that an artifact is held against.
fn open_ann(artifact: &Path, model: &Path, network: &Network, console: &Console) -> Result<Ann> {
    let spec = network.spec();
    let ann = Ann::open(model, spec.output.name.as_deref())?;
    let (artifact, model) = (artifact.display(), model.display());
    if ann.source_sha256() != spec.source.sha256 {
        console.say(&format!("note: `{artifact}` was not compiled from `{model}` as it is now"));
    }
    if ann.input_dims() != spec.input.shape || ann.classes() != network.classes() {
        return Err(Error::Usage(format!(
            "`{artifact}` and `{model}` cannot be compared: inputs [{}] and [{}], {} and {} classes",
            snnc_ir::types::Dims(&spec.input.shape),
            snnc_ir::types::Dims(ann.input_dims()),
            network.classes(),
            ann.classes()
        )));
    }
    Ok(ann)
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
