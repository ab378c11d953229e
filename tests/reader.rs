//! Freshly compiled artifacts in the independent reader, which was written from `docs/artifact.md` in numpy: it and the runtime see the
//! same spikes.
//!
//! Needs Python 3 with numpy; says that it was skipped without.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "who runs the tests should know what was skipped")]

use serde_json::Value;
use snnc::{
    artifact::lock,
    compile::compile,
    data::{Images, Pixels},
    observer::Silent,
    options::{Code, Coding, Options, Spikes, Timesteps, Train, Training},
};
use snnc_runtime::{Artifact, Network, Pixels as Pictures, locked::Key};
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// Images that are compared.
const IMAGES: usize = 6;

fn has_numpy() -> bool {
    let tried = Command::new("python3").args(["-c", "import numpy"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

/// The spikes of a step, as the reader writes them.
fn signs(spikes: &[i8]) -> String {
    let sign = |&spike: &i8| match spike {
        0 => '0',
        1.. => '1',
        _ => '-',
    };
    spikes.iter().map(sign).collect()
}

#[test]
fn the_reader_and_the_runtime_see_the_same_spikes() {
    if !has_numpy() {
        eprintln!("skipped: there is no Python with numpy");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let digits = root.join("fixtures/digits");
    let images = Images::read(&digits.join("digits_test.npz")).unwrap().take(IMAGES);
    let Pixels::U8 { data: pixels, .. } = &images.pixels else { panic!("the fixture holds pixels") };
    let folder = tempfile::tempdir().unwrap();
    let (artifact, file) = (folder.path().join("m.snn"), folder.path().join("x.npy"));
    ndarray_npy::write_npy(&file, &ndarray::Array3::from_shape_vec((IMAGES, 8, 8), pixels.clone()).unwrap()).unwrap();

    let plain = Options { samples: Some(16), training: Training { train: Train::None, ..Training::default() }, ..Options::default() };
    let rate = Options { code: Code::Rate, timesteps: Timesteps::Fixed(6), ..plain.clone() };
    for options in [
        plain.clone(),
        Options { timesteps: Timesteps::Fixed(5), keep_names: true, ..plain },
        rate.clone(),
        Options { spikes: Spikes::Binary, leak: Some(0.9), ..rate.clone() },
        Options { coding: Coding::Poisson, ..rate },
    ] {
        let what = format!("{:?}, {:?}, {:?}", options.code, options.timesteps, options.coding);
        let bytes = compile(&digits.join("digits.onnx"), &options, &mut Silent).unwrap().artifact.to_bytes().unwrap();
        std::fs::write(&artifact, &bytes).unwrap();
        let network = Network::load(&bytes).unwrap();
        let pictures = Pictures { data: pixels, count: IMAGES, height: 8, width: 8, channels: 1 };
        let numbers = network.quantise_pixels(&pictures).unwrap();
        let trace = network.trace(&numbers, network.spec().timesteps, 0).unwrap();

        let ran = Command::new("python3").arg(root.join("fixtures/vectors/reader.py")).args([&artifact, &file]).output().unwrap();
        assert!(ran.status.success(), "{what}: {}", String::from_utf8_lossy(&ran.stderr));
        let lines: Vec<Value> =
            ran.stdout.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect();
        assert_eq!(lines.len(), IMAGES);
        for (image, line) in lines.iter().enumerate() {
            let logits: Vec<f32> = line["logits"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
            assert_eq!(logits, trace.outcome.logits[image * 10..][..10], "{what}: logits of image {image}");
            let trains = line["trains"].as_object().unwrap();
            assert_eq!(trains.len(), network.populations().len(), "{what}");
            for (population, spikes) in network.populations().iter().zip(&trace.spikes) {
                let steps = spikes.chunks(population.size * IMAGES);
                let ours: Vec<String> = steps.map(|step| signs(&step[image * population.size..][..population.size])).collect();
                let theirs: Vec<&str> = trains[&population.name].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect();
                assert!(ours.iter().any(|step| step.contains('1')), "{what}: `{}` is silent", population.name);
                assert_eq!(ours, theirs, "{what}: spikes of `{}` for image {image}", population.name);
            }
        }
    }
}

#[test]
fn the_reader_refuses_what_it_cannot_read_out() {
    if !has_numpy() {
        eprintln!("skipped: there is no Python with numpy");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let open = Artifact::from_bytes(&std::fs::read(root.join("fixtures/digits/digits.snn")).unwrap()).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lock(&open, &Key::generate()).unwrap().to_bytes().unwrap()).unwrap();
    let ran = Command::new("python3").arg(root.join("fixtures/vectors/reader.py")).arg(file.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(!ran.status.success() && stderr.contains("its read-out is locked (docs/locked-readout.md)"), "{stderr}");
}
