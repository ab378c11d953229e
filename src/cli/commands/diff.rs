//! `snnc diff A.snn B.snn`

use super::{load_subject, read_artifact};
use crate::{
    cli::{
        args::DiffArgs,
        outcome::{Failure, Outcome, REFUSED},
        output::print,
        process::set_threads,
        progress::{Console, Verbosity},
        render::Style,
    },
    data::Images,
    error::{Error, Result},
    observer::Observer,
};
use snnc_golden::diff::{Diff, diff};
use std::{ops::ControlFlow, path::Path, process::ExitCode, time::Instant};

/// Runs the command.
pub(crate) fn run(args: &DiffArgs, style: &Style) -> Outcome {
    let about = Failure::about(&args.b, "compare");
    set_threads(args.manner.threads).map_err(&about)?;
    let mut console = Console::new(style.clone(), Verbosity::new(args.manner.quiet, args.manner.verbose), args.b.display().to_string());
    let found = compare(args, &mut console).map_err(&about)?;
    drop(console);
    if args.json {
        let text = serde_json::to_string(&found).map_err(|e| Error::Internal(format!("the result is no JSON: {e}")))?;
        print(text + "\n")?;
    } else {
        print(found.to_text(&args.a, &args.b))?;
    }
    Ok(if found.same { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}

fn compare(args: &DiffArgs, console: &mut Console) -> Result<Diff> {
    let keys = args.opening.keys()?;
    let open = |path: &Path| {
        let (bytes, subject) = load_subject(path, &keys)?;
        Ok::<_, Error>((read_artifact(path, &bytes)?, subject))
    };
    let ((artifact_a, a), (artifact_b, b)) = (open(&args.a)?, open(&args.b)?);
    let images = args.data.as_deref().map(Images::read_with_any_labels).transpose()?;
    let images = images.map(|images| images.take(args.limit.unwrap_or(usize::MAX)));
    let start = Instant::now();
    if let Some(images) = &images {
        console.stage("run both", Some(images.count as u64));
    }
    let watch = &mut |done| {
        console.progress(done as u64);
        ControlFlow::Continue(())
    };
    let found = diff([(&artifact_a, &a), (&artifact_b, &b)], images.as_ref(), &args.tolerance, watch)?;
    if images.is_some() {
        console.stage_done(start.elapsed());
    }
    Ok(found)
}
