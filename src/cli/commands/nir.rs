//! `snnc nir MODEL.snn -o MODEL.nir`, and back.

use super::read_artifact;
use crate::{
    cli::{
        files,
        locked::refuse,
        nir_args::{NirArgs, ThresholdsArg},
        numbers::si,
        outcome::{Failure, Outcome},
        output::print_error,
        render::Style,
        secrets::{close, open},
    },
    error::{Error, Result},
};
use snnc_ir::diagnostic::Severity;
use snnc_nir::{Export, Thresholds, is_hdf5};
use snnc_runtime::Artifact;
use std::{path::Path, process::ExitCode};

/// Runs the command.
pub(crate) fn run(args: &NirArgs, style: &Style) -> Outcome {
    let about = Failure::about(&args.file, "convert");
    let inputs = std::iter::once(("the network", args.file.as_path())).chain(args.opening.files()).chain(args.closing.files());
    files::check_target(&args.out)
        .and_then(|()| files::check_distinct(&inputs.collect::<Vec<_>>(), &[("-o", &args.out)]))
        .map_err(&about)?;
    let recipients = args.closing.recipients().map_err(&about)?;
    let bytes = args.opening.keys().and_then(|keys| open(&args.file, &keys)).map_err(&about)?;
    let is_back = is_hdf5(&bytes);
    let (written, said) = if is_back { artifact_of(args, &bytes) } else { graph_of(args, &bytes, style) }.map_err(&about)?;
    close(recipients.as_ref(), written).and_then(|bytes| files::write(&args.out, bytes)).map_err(&about)?;
    if !args.quiet {
        print_error(&said);
    }
    Ok(ExitCode::SUCCESS)
}

/// A `.nir` file as an artifact, and what there is to say.
fn artifact_of(args: &NirArgs, bytes: &[u8]) -> Result<(Vec<u8>, String)> {
    if args.strict || args.thresholds != ThresholdsArg::Whole {
        return Err(Error::Usage("--strict and --thresholds say how NIR is written: they do not go with a file of NIR to read".into()));
    }
    let artifact = snnc_nir::read(bytes).map_err(|error| Error::format(&args.file, error.to_string()))?;
    let bytes = artifact.to_bytes().map_err(|e| Error::Internal(format!("the artifact cannot be written: {e}")))?;
    let said = format!("`{}`: the network that the file was made of, {}B", args.out.display(), si(bytes.len() as f64));
    Ok((bytes, said))
}

/// An artifact as a `.nir` file, and what there is to say.
fn graph_of(args: &NirArgs, bytes: &[u8], style: &Style) -> Result<(Vec<u8>, String)> {
    let artifact = read_artifact(&args.file, bytes)?;
    refuse(&args.file, &artifact.graph, "no NIR", "export the network before its lock: NIR has no part for ciphertexts")?;
    let thresholds = match args.thresholds {
        ThresholdsArg::Whole => Thresholds::Whole,
        ThresholdsArg::One => Thresholds::One,
    };
    let (exported, bytes) = nir_of(&artifact, &args.file, thresholds, args.strict)?;
    if !args.quiet {
        warnings(&exported, style).iter().for_each(|warning| print_error(warning));
    }
    let nodes = exported.graph.nodes.len();
    let said = format!("NIR in `{}`: {nodes} nodes, {}B", args.out.display(), si(bytes.len() as f64));
    Ok((bytes, said))
}

/// An artifact that was checked as a graph of NIR, and the bytes of its file. `file` is where it comes from.
pub(super) fn nir_of(artifact: &Artifact, file: &Path, thresholds: Thresholds, is_strict: bool) -> Result<(Export, Vec<u8>)> {
    let refused = |error: snnc_nir::Error| match error {
        snnc_nir::Error::Artifact(error) => Error::Internal(format!("no NIR of an artifact that was checked: {error}")),
        other => Error::Usage(format!("no NIR of `{}`: {other}", file.display())),
    };
    let exported = snnc_nir::export(artifact, thresholds).map_err(refused)?;
    if is_strict && !exported.remarks.is_empty() {
        let lines: Vec<String> = exported.remarks.iter().map(|remark| format!("\n  {remark}")).collect();
        return Err(Error::Usage(format!("--strict: NIR cannot say all of `{}`:{}", file.display(), lines.concat())));
    }
    let bytes = snnc_nir::write(&exported.graph).map_err(refused)?;
    Ok((exported, bytes))
}

/// What NIR leaves unsaid, for people.
pub(super) fn warnings(exported: &Export, style: &Style) -> Vec<String> {
    exported.remarks.iter().map(|remark| style.line(Severity::Warning, &format!("NIR: {remark}"))).collect()
}
