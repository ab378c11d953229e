//! Every good fixture is compiled, in process and quickly, and the runtime computes what the emitted graph means.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use ndarray::ArrayD;
use ndarray_npy::NpzReader;
use serde_json::Value;
use snnc::{
    compile::{Compiled, compile},
    observer::Silent,
    options::{Calibration, Options, Spikes, Synthesis, Timesteps, Train, Training},
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

fn compiled(entry: &Value) -> Result<Compiled, String> {
    // Both kinds of neurons, each on half of the fixtures.
    let even = entry["file"].as_str().unwrap().len().is_multiple_of(2);
    let options = Options {
        spikes: if even { Spikes::Binary } else { Spikes::Signed },
        samples: 4,
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

/// The largest difference between the runtime and the meaning of the graph, in shares of the range of the latter.
fn difference(entry: &Value) -> Result<f32, String> {
    let compiled = compiled(entry)?;
    let head = compiled.graph.output().ok_or("no output")?.head;
    let network = Network::load(&compiled.artifact.to_bytes().map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
    let images = images(entry);
    let found = network.run(&images.data, TIMESTEPS, 0).map_err(|e| e.to_string())?.logits;
    let meant = eval::run(&compiled.graph, &images, Mode::Spiking { timesteps: TIMESTEPS }).map_err(|e| e.to_string())?;
    let meant = if head == Head::Relu { eval::apply_head(head, &meant) } else { meant };
    assert_eq!(found.len(), meant.data.len());
    let (low, high) = meant.data.iter().fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
    Ok(found.iter().zip(&meant.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / (high - low).max(1e-6))
}

#[test]
fn the_runtime_computes_what_the_graph_means() {
    let good = good();
    assert!(good.len() > 100, "the index lists the fixtures");
    let differences = snnc_engine::parallel::over(good.iter().collect(), |_, entry| difference(entry));
    let failures: Vec<String> = good
        .iter()
        .zip(differences)
        .filter_map(|(entry, difference)| match difference {
            Ok(difference) if difference <= 1e-4 => None,
            Ok(difference) => Some(format!("{}: differs by {difference}", entry["name"])),
            Err(message) => Some(format!("{}: {message}", entry["name"])),
        })
        .collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), good.len(), failures.join("\n"));
}

#[test]
fn artifacts_do_not_depend_on_the_number_of_threads() {
    let names = ["opset10_slice_dropout_mask", "conv1d_network", "mlp_flat", "maxpool_chain", "conv_depthwise", "concat_branches"];
    let good = good();
    for name in names {
        let entry = good.iter().find(|entry| entry["name"] == name).unwrap();
        let [one, two] = [1, 2].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let compiled = pool.install(|| compiled(entry)).unwrap();
            (compiled.artifact.to_bytes().unwrap(), compiled.report)
        });
        assert!(one.0 == two.0, "{name}: other bytes with two threads");
        assert_eq!(one.1, two.1, "{name}");
    }
}
