//! `snnc unlock ANSWERS --key KEYFILE`

use super::run::{Ran, readable};
use crate::{
    cli::{
        files,
        lock_args::UnlockArgs,
        locked::read_key,
        outcome::{Failure, Outcome},
        output::print,
    },
    data::npy_bytes,
    error::Error,
};
use snnc_runtime::locked::{self, Answers};
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn run(args: &UnlockArgs) -> Outcome {
    let about = Failure::about(&args.answers, "unlock");
    if let Some(out) = &args.out {
        let inputs = [("the answers", args.answers.as_path()), ("the key", args.key.as_path())];
        files::check_target(out).and_then(|()| files::check_distinct(&inputs, &[("-o", out)])).map_err(&about)?;
    }
    let key = read_key(&args.key).map_err(&about)?;
    let broken = |error: locked::Error| match error {
        locked::Error::Library(reason) => Error::Internal(reason),
        error => Error::format(&args.answers, error.to_string()),
    };
    let bytes = files::read(&args.answers).map_err(&about)?;
    let opened = Answers::from_bytes(&bytes).and_then(|answers| answers.open(&key)).map_err(|e| about(broken(e)))?;
    match &args.out {
        Some(out) => npy_bytes(&[opened.logits.len() / opened.classes, opened.classes], &opened.logits)
            .map_err(Error::from)
            .and_then(|bytes| files::write(out, bytes))
            .map_err(&about)?,
        None => print(readable(&Ran::of(opened.logits, opened.classes)))?,
    }
    Ok(ExitCode::SUCCESS)
}
