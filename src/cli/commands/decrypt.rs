//! `snnc decrypt FILE -o OUT --identity KEYFILE`

use crate::{
    cli::{
        args::DecryptArgs,
        files,
        outcome::{Failure, Outcome},
        secrets::open,
    },
    error::Error,
};
use snnc_vault::is_encrypted;
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn run(args: &DecryptArgs) -> Outcome {
    let about = Failure::about(&args.file, "decrypt");
    files::check_target(&args.out).map_err(&about)?;
    let inputs: Vec<_> = std::iter::once(("the file", args.file.as_path())).chain(args.opening.files()).collect();
    files::check_distinct(&inputs, &[("-o", &args.out)]).map_err(&about)?;
    if !is_encrypted(&files::read(&args.file).map_err(&about)?) {
        return Err(about(Error::format(&args.file, "it is not encrypted")));
    }
    let inside = args.opening.keys().and_then(|keys| open(&args.file, &keys)).map_err(&about)?;
    files::write(&args.out, inside.as_slice()).map_err(&about)?;
    Ok(ExitCode::SUCCESS)
}
