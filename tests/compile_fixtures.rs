//! Every good fixture is compiled, in process and quickly, and the runtime computes what the emitted graph means.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use ndarray::ArrayD;
use ndarray_npy::NpzReader;
use serde_json::Value;
use snnc::{
    compile::{Compiled, compile},
    observer::Silent,
    options::{Calibration, Code, Options, Spikes, Synthesis, Timesteps, Train, Training},
};
use snnc_ir::{
    Head, Tensor,
    eval::{self, Mode},
};
use snnc_runtime::Network;
use std::{
    fs::File,
    path::{Path, PathBuf},
};

const TIMESTEPS: usize = 8;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/onnx")
}

fn good() -> Vec<Value> {
    let index: Value = serde_json::from_reader(File::open(fixtures().join("index.json")).unwrap()).unwrap();
    index["good"].as_array().unwrap().clone()
}

fn compiled(entry: &Value, code: Code) -> Result<Compiled, String> {
    // Both kinds of neurons of the rate code, each on half of the fixtures.
    let even = entry["file"].as_str().unwrap().len().is_multiple_of(2);
    let options = Options {
        code,
        spikes: if even { Spikes::Binary } else { Spikes::Signed },
        samples: Some(4),
        timesteps: Timesteps::Fixed(TIMESTEPS),
        calibration: Calibration::Synthetic(Synthesis::Prior),
        output: entry["output"].as_str().map(str::to_owned),
        // A little training, so that every operator is trained through.
        training: Training { train: Train::Temporal, samples: 4, epochs: 1, batch: 4, ..Training::default() },
        ..Options::default()
    };
    compile(&fixtures().join(entry["file"].as_str().unwrap()), &options, &mut Silent).map_err(|e| e.to_string())
}

/// The images of a fixture.
fn images(entry: &Value) -> Tensor {
    let mut npz = NpzReader::new(File::open(fixtures().join(entry["data"].as_str().unwrap())).unwrap()).unwrap();
    let array: ArrayD<f32> = npz.by_name("x").unwrap();
    Tensor::new(array.shape().to_vec(), array.iter().copied().collect())
}

/// The largest difference between the runtime and the meaning of the graph, in shares of the largest of the latter.
fn difference(entry: &Value, code: Code) -> Result<f32, String> {
    let compiled = compiled(entry, code)?;
    let head = compiled.graph.output().ok_or("no output")?.head;
    let network = Network::load(&compiled.artifact.to_bytes().map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
    let images = images(entry);
    let found = network.run(&images.data, network.spec().timesteps, 0).map_err(|e| e.to_string())?.logits;
    // The graph is one of whole numbers, and so is its input.
    let (input, len) = (&network.spec().input, network.image_len());
    let number = |(k, &x): (usize, &f32)| f32::from(input.quantiser.apply(input.channel_of(k % len), x));
    let numbers = Tensor::new(images.dims.clone(), images.data.iter().enumerate().map(number).collect());
    let mode = match code {
        Code::Radix => Mode::Radix,
        Code::Rate => Mode::Spiking { timesteps: TIMESTEPS },
    };
    let mut meant = eval::run(&compiled.graph, &numbers, mode).map_err(|e| e.to_string())?;
    let scale = compiled.graph.output().map_or(1.0, |output| output.scale);
    meant.data.iter_mut().for_each(|v| *v *= scale);
    let meant = if head == Head::Relu { eval::apply_head(head, &meant) } else { meant };
    assert_eq!(found.len(), meant.data.len());
    let largest = meant.data.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    Ok(found.iter().zip(&meant.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest.max(f32::MIN_POSITIVE))
}

/// Whole numbers are the same in both: what may differ is the rounding at the end.
const ROUNDING: f32 = 4.0 * f32::EPSILON;

fn the_runtime_computes_what_the_graph_means(code: Code) {
    let good = good();
    assert!(good.len() > 100, "the index lists the fixtures");
    let differences = snnc_engine::parallel::over(good.iter().collect(), |_, entry| difference(entry, code));
    let failures: Vec<String> = good
        .iter()
        .zip(differences)
        .filter_map(|(entry, difference)| match difference {
            Ok(difference) if difference <= ROUNDING => None,
            Ok(difference) => Some(format!("{}: differs by {difference}", entry["name"])),
            Err(message) => Some(format!("{}: {message}", entry["name"])),
        })
        .collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), good.len(), failures.join("\n"));
}

#[test]
fn radix_artifacts_compute_what_their_graphs_mean() {
    the_runtime_computes_what_the_graph_means(Code::Radix);
}

#[test]
fn rate_artifacts_compute_what_their_graphs_mean() {
    the_runtime_computes_what_the_graph_means(Code::Rate);
}

#[test]
fn artifacts_do_not_depend_on_the_number_of_threads() {
    let names = ["opset10_slice_dropout_mask", "conv1d_network", "mlp_flat", "maxpool_chain", "conv_depthwise", "concat_branches"];
    let good = good();
    for (name, code) in names.into_iter().flat_map(|name| [(name, Code::Radix), (name, Code::Rate)]) {
        let entry = good.iter().find(|entry| entry["name"] == name).unwrap();
        let [one, two] = [1, 2].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let compiled = pool.install(|| compiled(entry, code)).unwrap();
            (compiled.artifact.to_bytes().unwrap(), compiled.report)
        });
        assert!(one.0 == two.0, "{name}, {code:?}: other bytes with two threads");
        assert_eq!(one.1, two.1, "{name}, {code:?}");
    }
}
