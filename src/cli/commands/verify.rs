//! `snnc verify FILE --key PUBKEY`

use crate::{
    cli::{
        args::VerifyArgs,
        files,
        outcome::{Failure, Outcome, REFUSED},
        output::{print, print_error},
        secrets::public_key,
    },
    error::Error,
};
use snnc_vault::{Error as Reason, signature_path};
use std::{io, process::ExitCode};

/// Runs the command.
pub(crate) fn run(args: &VerifyArgs) -> Outcome {
    let about = Failure::about(&args.file, "verify");
    let key = public_key(&args.key).map_err(&about)?;
    let bytes = files::read(&args.file).map_err(&about)?;
    let path = signature_path(&args.file);
    let verified = match std::fs::read(&path) {
        Ok(text) => String::from_utf8(text).map_err(|_| Reason::NoSignature).and_then(|text| key.verify(&bytes, &text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Reason::Unsigned(Some(path))),
        Err(error) => return Err(about(Error::io(&path, error))),
    };
    match verified {
        Ok(comment) => {
            print(format!("{}: signed: {comment}\n", args.file.display()))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            print_error(&format!("{}: not verified: {reason}", args.file.display()));
            Ok(ExitCode::from(REFUSED))
        }
    }
}
