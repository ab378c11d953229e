//! `snnc check MODEL.snn --golden FILE.json [--bless]`

use super::{load_subject, open_ann};
use crate::{
    cli::{
        args::CheckArgs,
        files,
        locked::refuse,
        numbers::joules,
        outcome::{Failure, Outcome, REFUSED},
        output::print,
        process::set_threads,
        progress::{Console, Verbosity},
        render::Style,
    },
    data::Images,
    error::Result,
    observer::Observer,
};
use serde_json::json;
use snnc_golden::{Ann, Finding, Given, Golden, Subject, bless, check, measure::Inputs, text};
use snnc_runtime::argmax;
use std::{ops::ControlFlow, path::Path, process::ExitCode, time::Instant};

/// Runs the command.
pub(crate) fn run(args: &CheckArgs, style: &Style) -> Outcome {
    let about = Failure::about(&args.artifact, if args.bless { "bless" } else { "check" });
    set_threads(args.manner.threads).map_err(&about)?;
    let mut console =
        Console::new(style.clone(), Verbosity::new(args.manner.quiet, args.manner.verbose), args.artifact.display().to_string());
    let (golden, findings) = held(args, &mut console).map_err(&about)?;
    drop(console);
    if args.json {
        print(format!("{}\n", json!({"same": findings.is_empty(), "findings": findings})))?;
    } else if findings.is_empty() {
        print(summary(args, &golden))?;
    } else {
        print(text(&args.artifact, &args.golden, &findings, "`snnc check --bless` with the same files"))?;
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}

/// What the golden file says, and what is otherwise; or what it says from now on, and what cannot be blessed.
fn held(args: &CheckArgs, console: &mut Console) -> Result<(Golden, Vec<Finding>)> {
    if args.bless {
        let files = [("the images", &args.data), ("the report", &args.report), ("the model", &args.ann)];
        let given = files.into_iter().filter_map(|(name, path)| Some((name, path.as_deref()?)));
        let inputs: Vec<(&str, &Path)> =
            std::iter::once(("the network", args.artifact.as_path())).chain(given).chain(args.opening.files()).collect();
        files::check_target(&args.golden)?;
        files::check_distinct(&inputs, &[("--golden", &args.golden)])?;
    }
    let (_, subject) = load_subject(&args.artifact, &args.opening.keys()?)?;
    refuse(&args.artifact, subject.network.spec(), "no golden file", "bless the network before its lock")?;
    let given = Given { golden: &args.golden, data: args.data.as_deref(), report: args.report.as_deref() };
    let ann = match &args.ann {
        Some(model) => Some(answers(args, model, &given, &subject, console)?),
        None => None,
    };
    let start = Instant::now();
    console.stage("run", None);
    let watch = &mut |done| {
        console.progress(done as u64);
        ControlFlow::Continue(())
    };
    let held = if args.bless {
        let blessed = bless(&subject, &given, ann, watch)?;
        if blessed.findings.is_empty() {
            files::write(&args.golden, blessed.golden.to_text())?;
        }
        (blessed.golden, blessed.findings)
    } else {
        let checked = check(&subject, &given, watch)?;
        (checked.golden, checked.findings)
    };
    console.stage_done(start.elapsed());
    Ok(held)
}

/// The classes that the float network gives the images.
fn answers(args: &CheckArgs, model: &Path, given: &Given<'_>, subject: &Subject, console: &mut Console) -> Result<Ann> {
    let network = &subject.network;
    let ann = open_ann(&args.artifact, model, network, console)?;
    let data = given.data(Golden::find(given.golden)?.as_ref())?;
    let inputs = Inputs::new(Images::read(&data)?, network)?;
    let start = Instant::now();
    console.stage("run the ANN", Some(inputs.count() as u64));
    let mut classes = Vec::with_capacity(inputs.count());
    for part in inputs.parts(network) {
        let logits = ann.logits(&inputs.convert(part.clone()), part.len())?;
        classes.extend(logits.chunks(network.classes()).map(argmax));
        console.progress(part.end as u64);
    }
    console.stage_done(start.elapsed());
    Ok(Ann { sha256: ann.source_sha256().to_owned(), agreeing: 0, classes })
}

fn summary(args: &CheckArgs, golden: &Golden) -> String {
    let (artifact, file, images) = (args.artifact.display(), args.golden.display(), golden.data.images);
    let head =
        if args.bless { format!("`{file}` says of `{artifact}` from now on:") } else { format!("`{artifact}` is as `{file}` says:") };
    let agreeing = golden.ann.as_ref().map_or_else(String::new, |ann| format!(", {} as the ANN says", ann.agreeing));
    let leakage = golden.leakage.as_ref().map_or_else(String::new, |leakage| format!(", {} kinds of attack", leakage.attacks.len()));
    let energy = joules(golden.energy.total_pj as f64 / images.max(1) as f64);
    format!(
        "{head} {} of {images} images right{agreeing}, latency {} time steps, {energy} an image{leakage}\n",
        golden.correct, golden.time.latency
    )
}
