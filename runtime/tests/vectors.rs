//! The test vectors of `fixtures/vectors`, from which readers in other languages are checked.
//!
//! `SNNC_BLESS=1 cargo test -p snnc-runtime --test vectors` writes them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{
    reference,
    vectors::{self, Input, Vector},
};
use serde_json::{Value, json};
use snnc_runtime::{Artifact, Code, Network, Pixels};
use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/vectors"))
}

/// One JSON value a line, so that a change shows as one.
fn lines(value: &Value) -> String {
    let fields = value.as_object().unwrap().iter().map(|(key, value)| format!("  {}: {value}", json!(key)));
    format!("{{\n{}\n}}\n", fields.collect::<Vec<_>>().join(",\n"))
}

/// Values in the units of the input.
fn input(vector: &Vector, network: &Network) -> Vec<f32> {
    let pixels = match &vector.input {
        Input::Values(values) => return values.clone(),
        Input::Pixels(pixels) => pixels,
    };
    let [height, width, channels] = match (vector.artifact.graph.input.layout, &network.spec().input.shape[..]) {
        (snnc_runtime::Layout::Nchw, &[_, channels, height, width]) => [height, width, channels],
        (snnc_runtime::Layout::Nchw, &[_, channels, length]) => [1, length, channels],
        (_, &[_, length, channels]) => [1, length, channels],
        _ => panic!("{}: no image", vector.name),
    };
    let pixels = Pixels { data: pixels, count: vector.images, height, width, channels };
    let values = network.preprocess(&pixels).unwrap();
    assert_eq!(network.quantise(&values).unwrap(), network.quantise_pixels(&pixels).unwrap(), "{}", vector.name);
    values
}

/// Spikes as a line of text: one sign an entry.
fn signs(spikes: &[i8]) -> String {
    spikes
        .iter()
        .map(|spike| {
            if *spike == 0 {
                '0'
            } else if *spike > 0 {
                '1'
            } else {
                '-'
            }
        })
        .collect()
}

/// The results of a vector, which the reference confirms.
fn results(vector: &Vector) -> Value {
    let name = vector.name;
    let network = Network::new(vector.artifact.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let values = input(vector, &network);
    let image = network.image_len();
    assert_eq!(values.len(), vector.images * image, "{name}");
    let quantised = network.quantise(&values).unwrap();
    let outcomes = network.run_checkpoints(&values, &vector.timesteps, vector.first_image_index).unwrap();
    let expected: Vec<Vec<reference::Result>> = outcomes
        .iter()
        .map(|outcome| {
            let images = quantised.chunks(image).zip(vector.first_image_index..);
            images.map(|(image, index)| reference::run(&vector.artifact, image, outcome.timesteps, index)).collect()
        })
        .collect();
    let mut runs = Vec::new();
    for (outcome, expected) in outcomes.iter().zip(&expected) {
        let column = |table: &[u64], columns: usize, place: usize| -> Vec<u64> { table.chunks(columns).map(|row| row[place]).collect() };
        let populations = || network.populations().iter().enumerate();
        let of_populations = |table: &[u64]| -> BTreeMap<&str, Vec<u64>> {
            populations().map(|(i, p)| (p.name.as_str(), column(table, network.populations().len(), i))).collect()
        };
        let spikes = of_populations(&outcome.spikes);
        let mut corrections = of_populations(&outcome.corrections);
        let operations = network.layers().iter().enumerate();
        let operations: BTreeMap<&str, Vec<u64>> =
            operations.map(|(i, l)| (l.name.as_str(), column(&outcome.synaptic_ops, network.layers().len(), i))).collect();
        let logits: Vec<&[f32]> = outcome.logits.chunks(network.classes()).collect();
        for (index, expected) in expected.iter().enumerate() {
            assert_eq!(logits[index], expected.logits, "{name}, image {index}");
            for (counts, expected) in
                [(&spikes, &expected.spikes), (&corrections, &expected.corrections), (&operations, &expected.synaptic_ops)]
            {
                let counts: BTreeMap<String, u64> = counts.iter().map(|(node, counts)| ((*node).to_owned(), counts[index])).collect();
                assert_eq!(&counts, expected, "{name}, image {index}");
            }
        }
        corrections.retain(|_, counts| counts.iter().any(|&count| count > 0));
        let mut run = json!({"timesteps": outcome.timesteps, "logits": logits, "spikes": spikes, "synaptic_ops": operations});
        if !corrections.is_empty() {
            run["corrections"] = json!(corrections);
        }
        runs.push(run);
    }
    // The longest run step by step: that of the runtime and that of the reference.
    let trace = network.trace(&quantised, vector.timesteps[vector.timesteps.len() - 1], vector.first_image_index).unwrap();
    let mut trains = BTreeMap::new();
    for (population, spikes) in network.populations().iter().zip(&trace.spikes) {
        let ours: Vec<Vec<String>> = (0..vector.images)
            .map(|index| {
                let steps = spikes.chunks(population.size * vector.images);
                steps.map(|step| signs(&step[index * population.size..][..population.size])).collect()
            })
            .collect();
        let theirs: Vec<Vec<String>> = expected[expected.len() - 1]
            .iter()
            .map(|result| result.trains[&population.name].iter().map(|step| signs(step)).collect())
            .collect();
        assert_eq!(ours, theirs, "{name}: spikes of {}", population.name);
        assert!(ours.iter().flatten().any(|step| step.contains('1')), "{name}: {} fires", population.name);
        trains.insert(population.name.clone(), ours);
    }
    let mut text = json!({
        "about": vector.about,
        "images": vector.images,
        "first_image_index": vector.first_image_index,
        "input": values,
        "quantised": quantised,
        "runs": runs,
        "trains": trains,
    });
    if let Input::Pixels(pixels) = &vector.input {
        text["pixels"] = json!(pixels);
    }
    if vector.artifact.graph.code == Code::Radix {
        let schedule = network.schedule();
        let windows: BTreeMap<String, [usize; 2]> = schedule.windows.into_iter().map(|w| (w.name, [w.first, w.last])).collect();
        let delay = schedule.delay_bits;
        text["schedule"] = json!({"windows": windows, "latency": schedule.latency, "interval": schedule.interval, "delay_bits": delay});
    }
    text
}

#[test]
fn vectors_are_what_both_readers_say() {
    let bless = std::env::var_os("SNNC_BLESS").is_some();
    for vector in vectors::all() {
        let name = vector.name;
        let (bytes, text) = (vector.artifact.to_bytes().unwrap(), lines(&results(&vector)));
        let (network_path, text_path) = (folder().join(format!("{name}.snn")), folder().join(format!("{name}.json")));
        if bless {
            fs::write(&network_path, &bytes).unwrap();
            fs::write(&text_path, &text).unwrap();
        }
        let stored = fs::read(&network_path).unwrap_or_else(|error| panic!("{}: {error}", network_path.display()));
        assert_eq!(Artifact::from_bytes(&stored).unwrap(), vector.artifact, "{name}.snn: set SNNC_BLESS=1 to write it anew");
        assert!(stored == bytes, "{name}.snn has other bytes: set SNNC_BLESS=1 to write it anew");
        assert_eq!(fs::read_to_string(&text_path).unwrap(), text, "{name}.json: set SNNC_BLESS=1 to write it anew");
    }
}

#[test]
fn vectors_show_every_operator_of_both_codes() {
    let mut seen: BTreeMap<&str, [bool; 2]> = BTreeMap::new();
    for vector in vectors::all() {
        for node in &vector.artifact.graph.nodes {
            seen.entry(node.op.name()).or_default()[usize::from(vector.artifact.graph.code == Code::Radix)] = true;
        }
    }
    assert_eq!(seen.len(), 17, "{seen:?}");
    assert!(seen.values().filter(|in_code| in_code.contains(&false)).count() == 5, "all but those of one code are in both: {seen:?}");
}

#[test]
fn no_vector_is_an_orphan() {
    let known: Vec<&str> = vectors::all().iter().map(|vector| vector.name).collect();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let is_vector = path.extension().is_some_and(|extension| extension == "snn" || extension == "json");
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(!is_vector || known.contains(&stem), "{} belongs to no vector", path.display());
    }
}

#[test]
fn an_independent_reader_agrees() {
    // Needs Python with numpy; SNNC_PYTHON names it. CI sets SNNC_REQUIRE_PYTHON, so that it is not skipped there unseen.
    let python = std::env::var("SNNC_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_numpy = Command::new(&python).args(["-c", "import numpy"]).output().is_ok_and(|output| output.status.success());
    if !has_numpy {
        assert!(std::env::var_os("SNNC_REQUIRE_PYTHON").is_none(), "{python} has no numpy");
        return;
    }
    let output = Command::new(&python).arg(folder().join("reader.py")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}
