//! `snnc run MODEL.snn INPUT.npy [--raster SPIKES.svg]`, and `snnc run --explain MODEL.snn`

use super::{check_timesteps, load_network, read_artifact};
use crate::{
    cli::{
        args::{RunArgs, Simulator},
        clipped::Clipped,
        early::check,
        files,
        locked::refuse,
        numbers::table,
        outcome::{Failure, Outcome},
        output::print,
        plan,
        process::set_threads,
        progress::{Console, Verbosity},
        render::Style,
        secrets::{close, open},
        simulated::Simulated,
    },
    data::{Images, Plan, npy_bytes},
    error::{Error, Result},
    observer::Observer,
};
use snnc_export::raster;
use snnc_runtime::{Keys, Network, argmax, locked::Answers};
use std::{path::Path, process::ExitCode, time::Instant};

/// Runs the command.
pub(crate) fn run(args: &RunArgs, style: &Style) -> Outcome {
    let about = Failure::about(&args.artifact, "run");
    let mut console =
        Console::new(style.clone(), Verbosity::new(args.manner.quiet, args.manner.verbose), args.artifact.display().to_string());
    let outputs: Vec<(&str, &Path)> =
        [("-o", &args.out), ("--raster", &args.raster)].into_iter().filter_map(|(name, path)| Some((name, path.as_deref()?))).collect();
    for (_, path) in &outputs {
        files::check_target(path).map_err(&about)?;
    }
    let images = args.input.iter().map(|images| ("the images", images.as_path()));
    let keys = args.opening.files().chain(args.closing.files());
    let inputs: Vec<(&str, &Path)> = std::iter::once(("the network", args.artifact.as_path())).chain(images).chain(keys).collect();
    files::check_distinct(&inputs, &outputs).map_err(&about)?;
    if args.raster.is_some() && args.simulator == Simulator::Engine {
        return Err(about(Error::Usage("--raster draws the spikes of the runtime; leave `--simulator engine` out".into())));
    }
    if outputs.is_empty() && args.closing.is_wanted() {
        return Err(about(Error::Usage("standard output is not encrypted: name a file with -o or --raster".into())));
    }
    set_threads(args.manner.threads).map_err(&about)?;
    let recipients = args.closing.recipients().map_err(&about)?;
    let keys = args.opening.keys().map_err(&about)?;
    if args.explain {
        print(plan::text(&args.artifact, &load_network(&args.artifact, &keys).map_err(&about)?))?;
    }
    let Some(input) = &args.input else { return Ok(ExitCode::SUCCESS) };
    let mut ran = ran(args, input, &keys, &mut console).map_err(&about)?;
    drop(console);
    let mut batch = files::Batch::default();
    if let (Some(out), Some(answers)) = (&args.out, ran.answers.take()) {
        close(recipients.as_ref(), answers.to_bytes()).and_then(|bytes| files::write(out, bytes)).map_err(&about)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let (Some(path), Some(picture)) = (&args.raster, ran.picture.take()) {
        close(recipients.as_ref(), picture).and_then(|bytes| batch.add(path, bytes)).map_err(&about)?;
    }
    if let Some(out) = &args.out {
        let logits = npy_bytes(&[ran.logits.len() / ran.classes, ran.classes], &ran.logits);
        logits
            .map_err(Error::from)
            .and_then(|bytes| close(recipients.as_ref(), bytes))
            .and_then(|bytes| batch.add(out, bytes))
            .map_err(&about)?;
    }
    batch.commit().map_err(&about)?;
    if args.out.is_none() {
        let blank = if args.explain { "\n" } else { "" };
        print(format!("{blank}{}", readable(&ran)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a run came to.
pub(super) struct Ran {
    /// Of all images.
    logits: Vec<f32>,
    classes: usize,
    /// In place of the logits, where the read-out is locked.
    answers: Option<Answers>,
    /// The spikes of one image, if they are to be drawn.
    picture: Option<String>,
    /// Time steps of each image, if they differ.
    steps: Option<Vec<usize>>,
}

impl Ran {
    /// Logits and no more.
    pub(super) fn of(logits: Vec<f32>, classes: usize) -> Self {
        Self { logits, classes, answers: None, picture: None, steps: None }
    }
}

fn ran(args: &RunArgs, path: &Path, keys: &Keys, console: &mut Console) -> Result<Ran> {
    let network = load_network(&args.artifact, keys)?;
    let timesteps = args.timesteps.unwrap_or(network.spec().timesteps);
    check_timesteps(&args.artifact, &network, &[timesteps])?;
    check_lock(args, &network)?;
    let images = Images::read(path)?;
    let input = &network.spec().input;
    let plan = Plan::new(&images, &input.shape, Some(input.layout), &input.preprocess)?;
    let picture = match &args.raster {
        Some(_) => Some(picture(args, path, &network, &images, &plan, timesteps)?),
        None => None,
    };
    if let Some(confidence) = args.early_exit {
        return early(args, path, confidence, timesteps, &network, &images, &plan, picture, console);
    }
    let simulated = match args.simulator {
        Simulator::Runtime => None,
        Simulator::Engine => Some(Simulated::new(&read_artifact(&args.artifact, &open(&args.artifact, keys)?)?)?),
    };
    if simulated.as_ref().is_some_and(Simulated::leaks) {
        console.say("note: leaky neurons round down what is left of a potential, the engine does not: logits differ from the runtime's");
    }
    let batch = simulated.as_ref().map_or(network.images_at_once(), |s| s.batch(timesteps));

    let start = Instant::now();
    console.stage("run", Some(images.count as u64));
    let mut clipped = Clipped::default();
    let mut logits = Vec::with_capacity(images.count * network.classes());
    let mut answers = Vec::new();
    for first in (0..images.count).step_by(batch) {
        let end = images.count.min(first + batch);
        let input = plan.convert(&images, first..end);
        clipped.count(&network.spec().input, &input);
        // The runtime checks the values, whoever runs them.
        logits.extend(match &simulated {
            None => {
                let mut made =
                    network.answer_checkpoints(&input, &[timesteps], first as u64).map_err(|e| Error::format(path, e.to_string()))?;
                made.iter_mut().for_each(|outcome| answers.append(&mut outcome.answers));
                made.pop().map_or_else(Vec::new, |outcome| outcome.logits)
            }
            Some(_) if input.iter().any(|v| !v.is_finite()) => return Err(Error::format(path, "a value is not finite")),
            Some(simulated) => simulated.logits(&input, timesteps, first)?,
        });
        console.progress(end as u64);
    }
    console.stage_done(start.elapsed());
    clipped.warn(console);
    Ok(Ran { answers: network.answers(timesteps, answers), picture, ..Ran::of(logits, network.classes()) })
}

/// A locked network gives out answers, to a file, and what would look at its logits has nothing to look at.
fn check_lock(args: &RunArgs, network: &Network) -> Result<()> {
    let refuse = |what: &str, advice: &str| refuse(&args.artifact, network.spec(), what, advice);
    if args.out.is_none() {
        refuse("no class", "write its answers with `-o ANSWERS`, and read them with `snnc unlock ANSWERS --key KEYFILE`")?;
    }
    if args.early_exit.is_some() {
        refuse("--early-exit", "whether a class is clear, the holder of the key alone could say")?;
    }
    if args.raster.is_some() {
        refuse("--raster", "draw the network before its lock")?;
    }
    match args.simulator {
        Simulator::Engine => refuse("--simulator engine", "the runtime alone makes answers"),
        Simulator::Runtime => Ok(()),
    }
}

/// Stops every image as soon as its class is clear.
#[allow(clippy::too_many_arguments, reason = "what the run has read so far")]
fn early(
    args: &RunArgs,
    path: &Path,
    confidence: f32,
    timesteps: usize,
    network: &Network,
    images: &Images,
    plan: &Plan,
    picture: Option<String>,
    console: &mut Console,
) -> Result<Ran> {
    check(&args.artifact, network)?;
    let refused = |e: snnc_runtime::RunError| Error::format(path, e.to_string());
    let mut session = network.session().map_err(refused)?;
    let start = Instant::now();
    console.stage("run", Some(images.count as u64));
    let mut clipped = Clipped::default();
    let (mut logits, mut steps) = (Vec::with_capacity(images.count * network.classes()), Vec::with_capacity(images.count));
    for image in 0..images.count {
        let input = plan.convert(images, image..image + 1);
        clipped.count(&network.spec().input, &input);
        session.start(&network.quantise(&input).map_err(refused)?, image as u64).map_err(refused)?;
        logits.extend_from_slice(session.advance_until(confidence, timesteps).map_err(refused)?);
        steps.push(session.steps());
        console.progress(image as u64 + 1);
    }
    console.stage_done(start.elapsed());
    clipped.warn(console);
    Ok(Ran { picture, steps: Some(steps), ..Ran::of(logits, network.classes()) })
}

/// Draws the spikes of the image that is asked for.
fn picture(args: &RunArgs, path: &Path, network: &Network, images: &Images, plan: &Plan, timesteps: usize) -> Result<String> {
    let (image, count) = (args.image.unwrap_or(0), images.count);
    if image >= count {
        let input = path.display();
        return Err(Error::Usage(match count.checked_sub(1) {
            Some(last) => format!("--image {image}: `{input}` has {count} images, counted from 0 to {last}"),
            None => format!("--raster: `{input}` has no image to draw"),
        }));
    }
    let refused = |e: snnc_runtime::RunError| Error::format(path, e.to_string());
    let quantised = network.quantise(&plan.convert(images, image..image + 1)).map_err(refused)?;
    let trace = network.trace(&quantised, timesteps, image as u64).map_err(refused)?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(raster::svg(network, &trace, 0, &format!("{}, image {image} of {}", name(&args.artifact), name(path))))
}

pub(super) fn readable(ran: &Ran) -> String {
    let with_steps = |mut row: Vec<String>, steps: String| {
        if ran.steps.is_some() {
            row.push(steps);
        }
        row
    };
    let mut rows = vec![with_steps(["image", "class", "logit"].map(str::to_owned).to_vec(), "time steps".to_owned())];
    for (image, row) in ran.logits.chunks(ran.classes).enumerate() {
        let class = argmax(row);
        let steps = ran.steps.as_ref().map_or_else(String::new, |steps| steps[image].to_string());
        rows.push(with_steps(vec![image.to_string(), class.to_string(), format!("{:.4}", row[class])], steps));
    }
    table(&rows)
}
