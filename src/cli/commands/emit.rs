//! `snnc emit c MODEL.snn -o MODEL.h`

use super::read_artifact;
use crate::{
    cli::{
        args::{ArtifactForm, EmitArgs},
        files,
        locked::refuse,
        numbers::si,
        outcome::{Failure, Outcome},
        output::{print, print_error},
        secrets::{close, open},
    },
    error::{Error, Result},
};
use snnc_export::c;
use snnc_runtime::Artifact;
use std::{path::Path, process::ExitCode};

/// Runs the command.
pub(crate) fn run(args: &EmitArgs) -> Outcome {
    let about = Failure::about(&args.artifact, "emit");
    if let Some(out) = &args.out {
        files::check_target(out).map_err(&about)?;
        let inputs = std::iter::once(("the network", args.artifact.as_path())).chain(args.opening.files()).chain(args.closing.files());
        files::check_distinct(&inputs.collect::<Vec<_>>(), &[("-o", out)]).map_err(&about)?;
    }
    if args.out.is_none() && args.closing.is_wanted() {
        return Err(about(Error::Usage("standard output is not encrypted: name a file with -o".into())));
    }
    let recipients = args.closing.recipients().map_err(&about)?;
    let bytes = args.opening.keys().and_then(|keys| open(&args.artifact, &keys)).map_err(&about)?;
    let artifact = read_artifact(&args.artifact, &bytes).map_err(&about)?;
    refuse(&args.artifact, &artifact.graph, "no C", "emit the network before its lock: C has no part for ciphertexts").map_err(&about)?;
    let named = args.out.as_ref().unwrap_or(&args.artifact);
    let source = match args.form {
        ArtifactForm::C => {
            c_source(&artifact, named, args.name.as_deref(), args.max_flash, "; `--max-flash` allows more").map_err(&about)?
        }
    };
    match &args.out {
        Some(out) => close(recipients.as_ref(), source.text).and_then(|bytes| files::write(out, bytes)).map_err(&about)?,
        None => print(&source.text)?,
    }
    if !args.quiet {
        let to = args.out.as_ref().map_or_else(String::new, |out| format!(" in `{}`", out.display()));
        let (flash, ram) = (si(source.flash as f64), si(source.ram as f64));
        print_error(&format!("C99{to}: {flash}B of tables in flash, {ram}B of static RAM; the code comes on top"));
    }
    Ok(ExitCode::SUCCESS)
}

/// An artifact as C, with names after `name` or after that of a file. `advice` is what follows where it is too large.
pub(super) fn c_source(artifact: &Artifact, file: &Path, name: Option<&str>, max_flash: usize, advice: &str) -> Result<c::Source> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let limit = max_flash.saturating_mul(1024);
    c::source(artifact, name.unwrap_or(&stem), limit).map_err(|error| match error {
        c::Error::Size { .. } => Error::Usage(format!("no C of `{}`: {error}{advice}", file.display())),
        other => Error::Internal(format!("no C of an artifact that was checked: {other}")),
    })
}
