//! What networks mean to the compiler, stage by stage: the program that the judges of the importer drive.
//!
//! Reads lines `{"model": "a.onnx", "input": "x.npy", "output": null, "rates": false}` from standard input; the input is float32 in the
//! model's own shape, batch first, and `output` the name of a tensor as for `--output`. For each it prints one line of JSON:
//!
//! - `{"refused": [{"code": "E0102", "text": ".."}, ..]}`: every diagnostic of the importer or of a pass;
//! - `{"imported": [..], "canonical": [..], "float": [..], "shape": [..]}`: the scores by the reference evaluator of the graph as
//!   imported and of the canonical graph, and by the compiler's float network, each with its head, `shape` being that of the first. Where
//!   a network with one score became one with two classes, the canonical ones are those of the second class. On demand also `"rates"`,
//!   the scores that firing rates tend to: those of the rate twin of the graph in which neurons stand for the rectifiers;
//! - `{"crash": ".."}`: a panic or an internal error, which no file may cause;
//! - `{"error": ".."}`: the line itself, or its input, is wrong.
//!
//! `cargo run --example meaning < LINES`

#![allow(clippy::print_stdout, reason = "an example prints")]

use ndarray::ArrayD;
use ndarray_npy::ReadNpyExt;
use serde::Deserialize;
use serde_json::{Value, json};
use snnc::{error::Error, float::canonical, observer::Silent};
use snnc_engine::Network;
use snnc_ir::{
    Graph, Phase, Tensor,
    eval::{self, EvalError, Mode},
};
use snnc_passes::{BOUND, PassCx, RECTIFY, Ranges, SPIKE, Settings, manager};
use std::{
    cell::Cell,
    fs::File,
    io::{self, BufRead, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

thread_local! {
    /// The last panic's message and place.
    static PANIC: Cell<Option<String>> = const { Cell::new(None) };
}

#[derive(Deserialize)]
struct Case {
    model: PathBuf,
    input: PathBuf,
    output: Option<String>,
    #[serde(default)]
    rates: bool,
}

fn main() -> io::Result<()> {
    // What panicked goes into the answer, with its place.
    std::panic::set_hook(Box::new(|info| PANIC.set(Some(info.to_string()))));
    for line in io::stdin().lock().lines() {
        let answer = match serde_json::from_str::<Case>(&line?) {
            Ok(case) => answer(&case),
            Err(error) => json!({ "error": error.to_string() }),
        };
        println!("{answer}");
        io::stdout().flush()?;
    }
    Ok(())
}

fn answer(case: &Case) -> Value {
    match catch_unwind(AssertUnwindSafe(|| meaning(case))) {
        Ok(Ok(value)) => value,
        Ok(Err(Error::Diagnostics(list))) => {
            json!({ "refused": list.iter().map(|d| json!({ "code": d.code, "text": d.to_string() })).collect::<Vec<_>>() })
        }
        Ok(Err(error @ Error::Internal(_))) => json!({ "crash": error.to_string() }),
        Ok(Err(error)) => json!({ "error": error.to_string() }),
        Err(_) => json!({ "crash": PANIC.take().unwrap_or_else(|| "a panic".to_owned()) }),
    }
}

fn meaning(case: &Case) -> Result<Value, Error> {
    let (imported, float) = canonical(&case.model, case.output.as_deref(), &mut Silent)?;
    let file = File::open(&case.input).map_err(|error| Error::io(&case.input, error))?;
    let images = ArrayD::<f32>::read_npy(file).map_err(|error| Error::format(&case.input, error.to_string()))?;
    let images = Tensor::new(images.shape().to_vec(), images.iter().copied().collect());
    let of_imported = evaluated(&imported.graph, &images)?;
    let of_canonical = evaluated(&float, &images)?;
    let network = Network::float(&float, &[])?;
    let by_kernels = network.head(&network.all_logits(&images.data));
    // One score has become two, of which the file knows the second.
    let is_split = of_canonical.data.len() == 2 * of_imported.data.len();
    let of_file = |scores: &[f32]| -> Vec<f32> { if is_split { scores.chunks(2).map(|pair| pair[1]).collect() } else { scores.to_vec() } };
    let mut answer = json!({
        "imported": numbers(&of_imported.data),
        "canonical": numbers(&of_file(&of_canonical.data)),
        "float": numbers(&of_file(&by_kernels)),
        "shape": of_imported.dims,
    });
    if case.rates {
        answer["rates"] = numbers(&of_file(&evaluated(&spiking(float, &images)?, &images)?.data)).into();
    }
    Ok(answer)
}

/// The scores of a graph, its head applied.
fn evaluated(graph: &Graph, images: &Tensor) -> Result<Tensor, Error> {
    let scores = eval::run(graph, images, Mode::Float).map_err(|error| match error {
        EvalError::Input(message) => Error::Usage(message),
        other => Error::Internal(other.to_string()),
    })?;
    let head = graph.output().ok_or_else(|| Error::Internal("a verified graph has an output".into()))?.head;
    Ok(eval::apply_head(head, &scores))
}

/// The graph with neurons in the place of its rectifiers, the images being its samples.
fn spiking(mut graph: Graph, images: &Tensor) -> Result<Graph, Error> {
    let settings = Settings::default();
    let values = eval::run_all(&graph, images, Mode::Float).map_err(|error| Error::Internal(error.to_string()))?;
    let range = |data: &[f32]| data.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    let ranges: Ranges = values.iter().map(|(&node, tensor)| (node, vec![range(&tensor.data); graph[node].ty.channels()])).collect();
    for (stage, phase) in [(BOUND, Phase::Canonical), (RECTIFY, Phase::Canonical), (SPIKE, Phase::Spiking)] {
        let mut cx = PassCx::new(&settings).with_ranges(Some(&ranges));
        manager::run_stage(stage, phase, &mut graph, &mut cx, &mut |_, _, _, _| ())?;
    }
    Ok(graph)
}

/// JSON has no infinities: they are words.
fn numbers(values: &[f32]) -> Vec<Value> {
    values.iter().map(|&v| if v.is_finite() { json!(v) } else { json!(v.to_string()) }).collect()
}
