//! `snnc keygen KEYFILE`

use crate::{
    cli::{
        files,
        lock_args::KeygenArgs,
        outcome::{Failure, Outcome},
        output::print_error,
    },
    error::Error,
};
use snnc_runtime::locked::Key;
use std::{io::ErrorKind, process::ExitCode};

/// Runs the command.
pub(crate) fn run(args: &KeygenArgs) -> Outcome {
    let about = Failure::about(&args.key, "make");
    files::check_target(&args.key).map_err(&about)?;
    let key = Key::generate();
    key.create(&args.key).map_err(|error| {
        about(match error.kind() {
            ErrorKind::AlreadyExists => Error::Usage(format!("`{}` exists: a key that is lost cannot be made again", args.key.display())),
            _ => Error::io(&args.key, error),
        })
    })?;
    print_error(&format!("key {} in `{}`: keep it away from the devices that run what it locks", key.id(), args.key.display()));
    Ok(ExitCode::SUCCESS)
}
