//! `snnc sign FILE --key KEYFILE`

use crate::cli::{
    args::SignArgs,
    files,
    outcome::{Failure, Outcome},
    secrets::{check_signature_target, secret_key, sign},
};
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn run(args: &SignArgs) -> Outcome {
    let about = Failure::about(&args.file, "sign");
    let target = check_signature_target(&args.file).map_err(&about)?;
    files::check_distinct(&[("the key", &args.key)], &[("the signature", &target)]).map_err(&about)?;
    let bytes = files::read(&args.file).map_err(&about)?;
    let key = secret_key(&args.key, args.password.as_deref()).map_err(&about)?;
    sign(&key, &bytes).and_then(|signature| files::write(&target, signature)).map_err(&about)?;
    Ok(ExitCode::SUCCESS)
}
