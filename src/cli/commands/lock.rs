//! `snnc lock MODEL.snn --key KEYFILE -o LOCKED.snn`

use super::read_artifact;
use crate::{
    artifact::lock,
    cli::{
        files,
        lock_args::LockArgs,
        locked::read_key,
        numbers::si,
        outcome::{Failure, Outcome},
        output::print_error,
        secrets::{close, open},
    },
    error::Error,
};
use snnc_runtime::{Artifact, locked::Key};
use std::{path::Path, process::ExitCode};

/// Runs the command.
pub(crate) fn run(args: &LockArgs) -> Outcome {
    let about = Failure::about(&args.artifact, "lock");
    let inputs = [("the network", args.artifact.as_path()), ("the key", args.key.as_path())];
    let inputs: Vec<(&str, &Path)> = inputs.into_iter().chain(args.opening.files()).chain(args.closing.files()).collect();
    files::check_target(&args.out).and_then(|()| files::check_distinct(&inputs, &[("-o", &args.out)])).map_err(&about)?;
    let key = read_key(&args.key).map_err(&about)?;
    let recipients = args.closing.recipients().map_err(&about)?;
    let artifact = args
        .opening
        .keys()
        .and_then(|keys| open(&args.artifact, &keys))
        .and_then(|bytes| read_artifact(&args.artifact, &bytes))
        .map_err(&about)?;
    let locked = lock(&artifact, &key).map_err(&about)?;
    let bytes = locked.to_bytes().map_err(|e| about(Error::Internal(format!("the artifact cannot be written: {e}"))))?;
    let size = bytes.len();
    close(recipients.as_ref(), bytes).and_then(|bytes| files::write(&args.out, bytes)).map_err(&about)?;
    if !args.quiet {
        print_error(&format!("{}; {}B", said(&args.out, &locked, &key), si(size as f64)));
    }
    Ok(ExitCode::SUCCESS)
}

/// What there is to say of a network that was locked.
pub(super) fn said(out: &Path, locked: &Artifact, key: &Key) -> String {
    let lock = locked.lock.as_ref().map_or(0, Vec::len);
    format!("`{}`: the read-out is locked with the key {}, in {}B of ciphertexts", out.display(), key.id(), si(lock as f64))
}
