//! Measures a training step on a graphics card: what it costs, where the time goes, and what products in fewer bits change.
//!
//! `card PART [--network tiny|peer|vgg16] [--batch N] [--timesteps T] [--products f32|tf32|bf16] [--keep-memory] [--rounds N]
//! [--seconds S]` prints one JSON line for each result, as soon as it has it:
//!
//! | part | what |
//! |---|---|
//! | `facts` | the card as its driver describes it |
//! | `step` | seconds of a step, from images on the processor to trained values on the processor, and memory |
//! | `kinds` | the same step, every launch between two events of the card: time by kind of operation and by kernel |
//! | `precision` | gradients beside those of the processor; gradients and loss curves with products in fewer bits beside those in 32 bits |
//! | `processor` | what the processor does of a step: the float network that teaches, and AdamW |
//!
//! `scripts/on_card.sh` runs all of them within a few minutes.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

#[path = "../common/network.rs"]
mod network;

mod memory;
mod precision;
mod recorder;
mod setting;

use recorder::Recorder;
use serde_json::{Value, json};
use setting::{Options, SHARD, Setting};
use snnc::{
    error::Result,
    train::{device, optimiser::Optimiser},
};
use snnc_engine::{Device, Network, Pool, parallel};
use std::time::{Duration, Instant};

fn main() {
    snnc::cli::process::prepare();
    let Some(options) = Options::read(std::env::args().skip(1)) else {
        eprintln!(
            "usage: card facts|step|kinds|precision|processor [--network tiny|peer|vgg16] [--batch N] [--timesteps T] [--products f32|tf32|bf16] \
             [--keep-memory] [--rounds N] [--seconds S]"
        );
        std::process::exit(2);
    };
    let engine = device::open(snnc::options::Device::Cuda(0)).unwrap_or_else(|e| {
        eprintln!("{e}");
        std::process::exit(2);
    });
    let Device::Card(card) = &engine else { unreachable!("a card was asked for") };
    let done = match options.part.as_str() {
        "facts" => memory::facts(card).map(|facts| print(&options, "facts", facts)).map_err(Into::into),
        "step" => step(&options, &engine),
        "kinds" => kinds(&options, &engine),
        "precision" => precision::compare(&options, &engine, &mut |what| print(&options, "precision", what)),
        "processor" => processor(&options, &engine),
        _ => unreachable!("the options were read"),
    };
    if let Err(error) = done {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

/// One line: the part, what it was asked for, and what came.
fn print(options: &Options, part: &str, found: Value) {
    let mut line = json!({"part": part});
    let asked = if part == "facts" { json!({}) } else { options.json() };
    for object in [asked, found] {
        if let (Some(line), Value::Object(entries)) = (line.as_object_mut(), object) {
            line.extend(entries);
        }
    }
    println!("{line}");
}

fn step(options: &Options, engine: &Device) -> Result<()> {
    let setting = Setting::new(options);
    let mut trainee = setting.trainee(engine)?;
    let device = trainee.device();
    memory::keep_freed(device, options.keep_memory)?;
    let before = memory::free(device)?;
    memory::forget_highest(device)?;
    let began = Instant::now();
    let (mut walls, mut forwards, mut sweeps) = (Vec::new(), Vec::new(), Vec::new());
    // The first step loads kernels.
    let first = trainee.step()?.wall;
    while walls.len() < options.rounds && (walls.is_empty() || began.elapsed() < options.seconds) {
        let times = trainee.step()?;
        walls.push(times.wall);
        forwards.push(times.forward);
        sweeps.push(times.adamw);
    }
    let least = walls.iter().min().copied().unwrap_or_default();
    let (used, held) = memory::highest(device)?;
    let mib = |bytes: usize| bytes >> 20;
    let found = json!({
        "parts": setting.batch.div_ceil(trainee.part),
        "images_at_once": trainee.part,
        "first_s": seconds(first),
        "seconds": seconds(least),
        "median_s": seconds(median(&mut walls)),
        "forward_s": seconds(median(&mut forwards)),
        "adamw_s": seconds(median(&mut sweeps)),
        "rounds": walls.len(),
        "samples_per_second": (setting.batch as f64 / least.as_secs_f64().max(1e-9)).round(),
        "free_before_mib": mib(before),
        "free_after_mib": mib(memory::free(device)?),
        "highest_used_mib": mib(used),
        "highest_held_mib": mib(held),
        "loss": trainee.loss,
    });
    print(options, "step", found);
    Ok(())
}

fn kinds(options: &Options, engine: &Device) -> Result<()> {
    let setting = Setting::new(options);
    let mut trainee = setting.trainee(engine)?;
    memory::keep_freed(trainee.device(), options.keep_memory)?;
    trainee.step()?;
    let plain = trainee.step()?;
    Recorder::start();
    let watched = trainee.step()?;
    let account = Recorder::stop(trainee.device())?;
    let found = json!({
        "step_s": seconds(plain.wall),
        "watched_step_s": seconds(watched.wall),
        "adamw_s": seconds(plain.adamw),
        "launches": account.launches,
        "recorded_ms": account.total,
        "kinds": account.kinds,
        "kernels": account.kernels,
    });
    print(options, "kinds", found);
    Ok(())
}

/// What the processor does of a step, with all of its cores.
fn processor(options: &Options, engine: &Device) -> Result<()> {
    let setting = Setting::new(options);
    let graph = setting.float_graph();
    let (teacher, pool) = (Network::float(&graph, &[])?, Pool::default());
    let mut least = [Duration::MAX; 2];
    let zeros: Vec<Vec<f32>> = setting.values.iter().map(|v| vec![1e-4; v.len()]).collect();
    let mut values = setting.values.clone();
    let mut optimiser: Optimiser = setting.optimiser();
    let image = setting.images.len() / setting.batch;
    let began = Instant::now();
    for round in 0..options.rounds {
        if round > 0 && began.elapsed() > options.seconds {
            break;
        }
        let start = Instant::now();
        let shards: Vec<&[f32]> = setting.images.chunks(SHARD * image).collect();
        drop(parallel::over(shards, |_, images| pool.with(|buffers| teacher.logits(images, images.len() / image, buffers))));
        least[0] = least[0].min(start.elapsed());
        let start = Instant::now();
        optimiser.step(&setting.plan.parameters, &mut values, &zeros);
        least[1] = least[1].min(start.elapsed());
    }
    let found = json!({
        "teacher_s": seconds(least[0]),
        "adamw_s": seconds(least[1]),
        "threads": rayon::current_num_threads(),
        "engine": engine.name(),
        "parameters": setting.values.iter().map(Vec::len).sum::<usize>(),
    });
    print(options, "processor", found);
    Ok(())
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 1e5
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
