//! Whether the holder of a key reads of a locked network exactly what the open one says, in whole numbers, and what that takes on one core: of an artifact and
//! images, as one line of JSON. `scripts/locked_table.py` compiles networks and makes a table of it.
//!
//! ```text
//! cargo run --features onnxruntime --example locked -- OPEN.snn IMAGES.npz [COUNT]
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use serde_json::json;
use snnc::{
    artifact::lock,
    data::{Images, Plan},
};
use snnc_runtime::{
    Artifact, Code, Network, Trace,
    locked::{Answer, Key, Opener},
};
use std::{path::Path, time::Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (file, images) = arguments.next().zip(arguments.next()).ok_or("usage: locked OPEN.snn IMAGES.npz [COUNT]")?;
    let count: usize = arguments.next().map_or(Ok(64), |v| v.parse())?;
    let artifact = Artifact::from_bytes(&std::fs::read(&file)?)?;
    let key = Key::generate();
    let mut under_lock = lock(&artifact, &key)?;
    let locked = Network::load(&under_lock.to_bytes()?)?;
    // What the device computes in the clear.
    (under_lock.lock, under_lock.graph.output.lock) = (None, None);
    let before = Network::new(under_lock)?;
    let open = Network::new(artifact)?;
    let layer = locked.lock().ok_or("it was locked")?;
    let spec = open.spec();
    let images = Images::read(Path::new(&images))?.take(count);
    let plan = Plan::new(&images, &spec.input.shape, Some(spec.input.layout), &spec.input.preprocess)?;
    let (mut exact, mut answering, mut opening) = (0, 0.0, 0.0);
    let opener = Opener::new(&key, &layer.terms())?;
    let steps = if spec.code == Code::Radix { 1 } else { spec.timesteps as u32 };
    for image in 0..images.count {
        let numbers = open.quantise(&plan.convert(&images, image..image + 1))?;
        let expected = sums(&open.trace(&numbers, spec.timesteps, image as u64)?, steps, open.classes());
        let features = sums(&before.trace(&numbers, spec.timesteps, image as u64)?, steps, layer.features());
        let start = Instant::now();
        let answer = layer.answer(&features, steps)?;
        answering += start.elapsed().as_secs_f64();
        let start = Instant::now();
        let opened = opener.open(&answer)?;
        opening += start.elapsed().as_secs_f64();
        // What a whole run answers, in the order of its own.
        let outcomes = locked.answer_quantised_checkpoints(&numbers, &[spec.timesteps], image as u64)?;
        let answers = outcomes.into_iter().next_back().map_or_else(Vec::new, |outcome| outcome.answers);
        let whole = locked.answers(spec.timesteps, answers).ok_or("it is locked")?.open(&key)?;
        let logits = open.run_quantised(&numbers, spec.timesteps, image as u64)?.logits;
        exact += usize::from(opened == expected && whole.sums == expected && whole.logits == logits);
    }
    let each = 1e3 / images.count as f64;
    let bound = layer.bound();
    println!(
        "{}",
        json!({
            "classes": layer.terms().classes, "features": layer.features(), "images": images.count, "exact": exact,
            "lock_bytes": layer.to_bytes().len(), "answer_bytes": Answer::len(layer.terms().classes),
            "answer_ms": answering * each, "open_ms": opening * each, "plain_bits": layer.terms().plain_bits, "hiding_bits": bound.hiding(),
        })
    );
    Ok(())
}

/// The output of an image, added up over time steps. What does not change stands there once.
fn sums(trace: &Trace, steps: u32, len: usize) -> Vec<i64> {
    let values = trace.values.last().map_or(&[][..], |values| values);
    let times = if values.len() == len { i64::from(steps) } else { 1 };
    let mut sums = vec![0; len];
    values.chunks(len).for_each(|step| sums.iter_mut().zip(step).for_each(|(sum, &value)| *sum += i64::from(value) * times));
    sums
}
