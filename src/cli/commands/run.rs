//! `snnc run MODEL.snn INPUT.npy`

use super::check_timesteps;
use crate::{
    cli::{
        args::{RunArgs, Simulator},
        clipped::Clipped,
        files,
        numbers::table,
        outcome::{Failure, Outcome},
        output::print,
        process::set_threads,
        progress::{Console, Verbosity},
        render::Style,
        simulated::Simulated,
    },
    data::{Images, Plan, npy_bytes},
    error::{Error, Result},
    observer::Observer,
};
use snnc_runtime::{Artifact, Network, argmax};
use std::{process::ExitCode, time::Instant};

/// Runs the command.
pub(crate) fn run(args: &RunArgs, style: &Style) -> Outcome {
    let about = Failure::about(&args.artifact, "run");
    let mut console =
        Console::new(style.clone(), Verbosity::new(args.manner.quiet, args.manner.verbose), args.artifact.display().to_string());
    if let Some(out) = &args.out {
        files::check_target(out).map_err(&about)?;
        files::check_distinct(&[("the network", &args.artifact), ("the images", &args.input)], &[("-o", out)]).map_err(&about)?;
    }
    set_threads(args.manner.threads).map_err(&about)?;
    let (logits, classes) = logits(args, &mut console).map_err(&about)?;
    drop(console);
    match &args.out {
        Some(out) => npy_bytes(&[logits.len() / classes, classes], &logits).and_then(|bytes| files::write(out, bytes)).map_err(&about)?,
        None => print(readable(&logits, classes))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The logits of all images and the number of classes.
fn logits(args: &RunArgs, console: &mut Console) -> Result<(Vec<f32>, usize)> {
    let broken = |e: snnc_runtime::LoadError| Error::format(&args.artifact, e.to_string());
    let artifact = Artifact::from_bytes(&files::read(&args.artifact)?).map_err(broken)?;
    let network = Network::new(artifact.clone()).map_err(broken)?;
    let timesteps = args.timesteps.unwrap_or(network.spec().timesteps);
    check_timesteps(&args.artifact, &network, &[timesteps])?;
    let images = Images::read(&args.input)?;
    let input = &network.spec().input;
    let plan = Plan::new(&images, &input.shape, Some(input.layout), &input.preprocess)?;
    let simulated = match args.simulator {
        Simulator::Runtime => None,
        Simulator::Engine => Some(Simulated::new(&artifact)?),
    };
    if simulated.as_ref().is_some_and(Simulated::leaks) {
        console.say("note: leaky neurons round down what is left of a potential, the engine does not: logits differ from the runtime's");
    }
    let batch = simulated.as_ref().map_or(network.batch(), |s| s.batch(timesteps));

    let start = Instant::now();
    console.stage("run", Some(images.count as u64));
    let mut clipped = Clipped::default();
    let mut logits = Vec::with_capacity(images.count * network.classes());
    for first in (0..images.count).step_by(batch) {
        let end = images.count.min(first + batch);
        let input = plan.convert(&images, first..end);
        clipped.count(&network.spec().input, &input);
        // The runtime checks the values, whoever runs them.
        logits.extend(match &simulated {
            None => network.run(&input, timesteps, first as u64).map_err(|e| Error::format(&args.input, e.to_string()))?.logits,
            Some(_) if input.iter().any(|v| !v.is_finite()) => return Err(Error::format(&args.input, "a value is not finite")),
            Some(simulated) => simulated.logits(&input, timesteps, first)?,
        });
        console.progress(end as u64);
    }
    console.stage_done(start.elapsed());
    clipped.warn(console);
    Ok((logits, network.classes()))
}

fn readable(logits: &[f32], classes: usize) -> String {
    let mut rows = vec![["image", "class", "logit"].map(str::to_owned).to_vec()];
    for (image, row) in logits.chunks(classes).enumerate() {
        let class = argmax(row);
        rows.push(vec![image.to_string(), class.to_string(), format!("{:.4}", row[class])]);
    }
    table(&rows)
}
