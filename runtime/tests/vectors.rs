//! The test vectors of `fixtures/vectors`, from which readers in other languages are checked.
//!
//! `SNNC_BLESS=1 cargo test -p snnc-runtime --test vectors` writes them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{reference, vectors};
use serde_json::{Value, json};
use snnc_runtime::{Artifact, Network, Pixels};
use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/vectors"))
}

/// One JSON value a line, so that a change shows as one.
fn lines(value: &Value) -> String {
    let fields = value.as_object().unwrap().iter().map(|(key, value)| format!("  {}: {value}", json!(key)));
    format!("{{\n{}\n}}\n", fields.collect::<Vec<_>>().join(",\n"))
}

#[test]
fn vectors_are_what_both_readers_say() {
    let bless = std::env::var_os("SNNC_BLESS").is_some();
    for mut vector in vectors::all() {
        let name = vector.name;
        let network = Network::new(vector.artifact.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        if let Some(pixels) = &vector.pixels {
            let shape = &network.spec().input.shape;
            let [height, width, channels] = match shape[..] {
                [_, channels, height, width] => [height, width, channels],
                [_, length, channels] => [1, length, channels],
                _ => panic!("{name}: no image"),
            };
            let pixels = Pixels { data: pixels, count: vector.images, height, width, channels };
            vector.input = network.preprocess(&pixels).unwrap();
        }
        let image = network.image_len();
        assert_eq!(vector.input.len(), vector.images * image, "{name}");
        let outcomes = network.run_checkpoints(&vector.input, &vector.timesteps, vector.first_image_index).unwrap();
        let mut runs = Vec::new();
        for outcome in &outcomes {
            let column =
                |table: &[u64], columns: usize, place: usize| -> Vec<u64> { table.chunks(columns).map(|row| row[place]).collect() };
            let spikes = network.populations().iter().enumerate();
            let spikes: BTreeMap<&str, Vec<u64>> =
                spikes.map(|(i, p)| (p.name.as_str(), column(&outcome.spikes, network.populations().len(), i))).collect();
            let operations = network.layers().iter().enumerate();
            let operations: BTreeMap<&str, Vec<u64>> =
                operations.map(|(i, l)| (l.name.as_str(), column(&outcome.synaptic_ops, network.layers().len(), i))).collect();
            let corrections = network.populations().iter().enumerate();
            let corrections: BTreeMap<&str, Vec<u64>> = corrections
                .map(|(i, p)| (p.name.as_str(), column(&outcome.corrections, network.populations().len(), i)))
                .filter(|(_, counts)| counts.iter().any(|&count| count > 0))
                .collect();
            let logits: Vec<&[f32]> = outcome.logits.chunks(network.classes()).collect();
            for (index, input) in vector.input.chunks(image).enumerate() {
                let expected = reference::run(&vector.artifact, input, outcome.timesteps, vector.first_image_index + index as u64);
                assert_eq!(logits[index], expected.logits, "{name}, image {index}");
                for (node, counts) in &spikes {
                    assert_eq!(counts[index], expected.spikes[*node], "{name}, image {index}, spikes of {node}");
                }
                for (node, &expected) in &expected.corrections {
                    let count = corrections.get(node.as_str()).map_or(0, |counts| counts[index]);
                    assert_eq!(count, expected, "{name}, image {index}, corrections of {node}");
                }
                for (node, counts) in &operations {
                    assert_eq!(counts[index], expected.synaptic_ops[*node], "{name}, image {index}, operations of {node}");
                }
            }
            let fired: u64 = outcome.spikes.iter().sum();
            assert!(fired > 0, "{name} fires");
            let mut run = json!({"timesteps": outcome.timesteps, "logits": logits, "spikes": spikes, "synaptic_ops": operations});
            if !corrections.is_empty() {
                run["corrections"] = json!(corrections);
            }
            runs.push(run);
        }
        let mut text = json!({
            "about": vector.about,
            "images": vector.images,
            "first_image_index": vector.first_image_index,
            "input": vector.input,
            "runs": runs,
        });
        if let Some(pixels) = &vector.pixels {
            text["pixels"] = json!(pixels);
        }
        let (bytes, text) = (vector.artifact.to_bytes().unwrap(), lines(&text));
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
