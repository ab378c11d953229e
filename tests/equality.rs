//! Our float forward against ONNX Runtime: every good fixture, and every convertible model of `../shared/models` where that
//! folder exists. The largest error is at most 1e-4 of the range of the outputs.
//!
//! Needs the feature `onnxruntime` and `ORT_DYLIB_PATH`; says that it was skipped without.

#![cfg(feature = "onnxruntime")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that fails may panic, and says what it measured and what it skips"
)]

use ndarray::ArrayD;
use ndarray_npy::NpzReader;
use snnc::{
    compile::compile,
    data::judge::Judge,
    float::Ann,
    observer::Silent,
    options::{Options, Pixels},
};
use snnc_ir::{Tensor, eval};
use snnc_runtime::{Network, artifact::Code};
use std::{
    fs::File,
    path::{Path, PathBuf},
};

const TOLERANCE: f32 = 1e-4;

fn library() -> Option<PathBuf> {
    let path = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from);
    if path.is_none() {
        eprintln!("skipped: ORT_DYLIB_PATH names no ONNX Runtime");
    }
    path
}

/// Deterministic images in the range that the model's preprocessing gives.
fn images(dims: &[usize], low: f32, high: f32) -> Vec<f32> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    (0..dims.iter().product())
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            low + (high - low) * (state >> 40) as f32 / (1 << 24) as f32
        })
        .collect()
}

/// Largest error in shares of the range of the judge's outputs.
fn error(library: &Path, model: &Path, output: Option<&str>, low: f32, high: f32) -> Result<f32, String> {
    let ann = Ann::open(model, output).map_err(|e| e.to_string())?;
    let mut judge = Judge::open(library, model).map_err(|e| e.to_string())?;
    let dims = ann.input_dims().to_vec();
    let mut x = images(&dims, low, high);
    if let Some([least, most]) = judge.integers() {
        x.iter_mut().for_each(|v| *v = (least + (most - least) * (*v - low) / (high - low)).round());
    }
    let ours = ann.outputs(&x, 1).map_err(|e| e.to_string())?;
    // A file with a fixed batch gets the image that often; the first answer counts.
    let batch = judge.batch().unwrap_or(1);
    let mut shape = dims;
    shape[0] = batch;
    let theirs = judge.outputs(output, &shape, &x.repeat(batch)).map_err(|e| e.to_string())?;
    let classes = theirs.len() / batch;
    let theirs = &theirs[..classes];
    // Where the model has one score, ours is that of the second of two classes.
    let ours = &ours[ours.len() - classes..];
    // One score has no range: it is compared with what it is.
    let least = if classes == 1 { 0.0f32 } else { f32::INFINITY };
    let most = if classes == 1 { 0.0f32 } else { f32::NEG_INFINITY };
    let range = theirs.iter().fold(most, |m, &v| m.max(v)) - theirs.iter().fold(least, |m, &v| m.min(v));
    let worst = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    Ok(worst / range.max(1e-3))
}

fn check(failures: &mut Vec<String>, name: &str, result: Result<f32, String>, tolerance: f32) {
    match result {
        Ok(error) if error <= tolerance => println!("{name:40} {error:.1e}"),
        Ok(error) => failures.push(format!("{name}: error {error:.1e} of the range")),
        Err(message) => failures.push(format!("{name}: {message}")),
    }
}

#[test]
fn fixtures() {
    let Some(library) = library() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/onnx");
    let index: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(folder.join("index.json")).unwrap()).unwrap();
    let mut failures = Vec::new();
    let mut count = 0;
    for entry in index["good"].as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        // Half precision rounds differently in every implementation; the index says how far.
        let tolerance = entry["tolerance"].as_f64().map_or(TOLERANCE, |t| t as f32);
        let model = folder.join(entry["file"].as_str().unwrap());
        let output = entry["output"].as_str();
        // Scores with names beside them are no tensor, a factor behind the head is left out, and ONNX Runtime gives out no tensor that is
        // inside of the network.
        if entry["maps"].is_null() && entry["factor"].is_null() && entry["inside"].is_null() {
            check(&mut failures, name, error(&library, &model, output, 0.0, 1.0), tolerance);
            count += 1;
        }
    }
    let digits = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/digits/digits.onnx");
    check(&mut failures, "digits", error(&library, &digits, None, 0.0, 1.0), TOLERANCE);
    assert!(count > 100, "the index lists the fixtures");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// How far scores of a quantised network are from ONNX Runtime's.
#[derive(Debug)]
struct Apart {
    /// Scores that are at least half a step apart.
    some: usize,
    /// Scores that are at least a step and a half apart.
    more: usize,
    /// The most steps.
    most: f32,
}

/// Compares the scores of a quantised network, and those of the spiking network that it becomes by itself, with ONNX Runtime's, of which
/// `score` makes ours, in steps: the class must be the same for every image, which is made of whole numbers by `pixels`.
fn quantised(library: &Path, model: &Path, pixels: Pixels, images: &[f32], step: f32, score: impl Fn(f32) -> f32) -> [Apart; 2] {
    let ann = Ann::open(model, None).unwrap();
    let mut judge = Judge::open(library, model).unwrap();
    let mut dims = ann.input_dims().to_vec();
    dims[0] = images.len() / dims[1..].iter().product::<usize>();
    let classes = ann.classes();
    let theirs: Vec<f32> = judge.outputs(None, &dims, images).unwrap().into_iter().map(score).collect();
    let compiled = compile(model, &Options { pixels, ..Options::default() }, &mut Silent).unwrap();
    let network = Network::load(&compiled.artifact.to_bytes().unwrap()).unwrap();
    assert_eq!(network.spec().code, Code::Radix);
    let spiking = Tensor::new(vec![dims[0], classes], network.run(images, network.spec().timesteps, 0).unwrap().logits);
    let spiking = eval::apply_head(compiled.graph.output().unwrap().head, &spiking).data;
    let compare = |what: &str, ours: &[f32]| {
        assert_eq!(ours.len(), theirs.len());
        let class = |scores: &[f32]| scores.iter().enumerate().fold(0, |best, (k, &score)| if score > scores[best] { k } else { best });
        let others = ours.chunks(classes).zip(theirs.chunks(classes)).filter(|(a, b)| class(a) != class(b)).count();
        assert_eq!(others, 0, "{}, {what}: {others} of {} images have another class", model.display(), dims[0]);
        let steps: Vec<f32> = ours.iter().zip(&theirs).map(|(a, b)| ((a - b) / step).abs().round()).collect();
        let count = |least: f32| steps.iter().filter(|&&steps| steps >= least).count();
        let apart = Apart { some: count(1.0), more: count(2.0), most: steps.iter().copied().fold(0.0, f32::max) };
        let Apart { some, more, most } = apart;
        println!("{}, {what}: {some} of {} scores differ, {more} by more than one step, by up to {most}", model.display(), steps.len());
        apart
    };
    [compare("float network", &ann.outputs(images, dims[0]).unwrap()), compare("spiking network", &spiking)]
}

/// The images of a file.
fn pixels(path: &Path) -> Vec<f32> {
    let x: ArrayD<u8> = NpzReader::new(File::open(path).unwrap()).unwrap().by_name("x").unwrap();
    x.iter().map(|&pixel| f32::from(pixel)).collect()
}

/// Means of four steps lie half-way between two of them at every fourth place. There we take the lower step, ONNX the even one, and ONNX Runtime
/// what its rounding errors say: an exact evaluation of the file differs from it in as many scores.
#[test]
fn digits_in_8_bits() {
    let Some(library) = library() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/digits");
    let images: Vec<f32> = pixels(&folder.join("digits_test.npz")).into_iter().map(|pixel| pixel / 255.0).collect();
    // The step of the scores in the file.
    for apart in quantised(&library, &folder.join("digits_int8.onnx"), Pixels::default(), &images, 0.118_325_59, |v| v) {
        assert!(apart.some < 1500 && apart.more <= 5 && apart.most <= 2.0, "{apart:?} of 5000 scores");
    }
}

#[test]
fn a_third_party_model_in_8_bits() {
    let Some(library) = library() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let model = folder.join("models/mlc_resnet8_int8_qdq.onnx");
    if !model.is_file() {
        eprintln!("skipped: {} is absent", model.display());
        return;
    }
    let images: Vec<f32> = pixels(&folder.join("data/cifar10_lossless_256.npz")).into_iter().map(|pixel| pixel - 128.0).collect();
    // Its probabilities are multiples of 1/256; ours, of steps of the scores before, are not rounded again.
    let pixels = Pixels { scale: Some(1.0), mean: vec![128.0], std: vec![1.0] };
    let [float, spiking] = quantised(&library, &model, pixels, &images, 1.0 / 256.0, |v| (v + 128.0) / 256.0);
    assert!(float.some < 256 && spiking.some < 320, "{} and {} of 2560 probabilities differ", float.some, spiking.some);
}

#[test]
fn third_party_models() {
    let Some(library) = library() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/models");
    let Ok(manifest) = std::fs::read_to_string(folder.join("manifest.json")) else {
        eprintln!("skipped: ../shared/models is absent");
        return;
    };
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let mut failures = Vec::new();
    let mut count = 0;
    for entry in manifest.as_array().unwrap() {
        if !entry["expect"].as_str().unwrap().starts_with("convert") {
            continue;
        }
        let name = entry["name"].as_str().unwrap();
        let model = folder.join(entry["file"].as_str().unwrap());
        let pre = &entry["preprocess"];
        let first = |v: &serde_json::Value| v.as_f64().or_else(|| v[0].as_f64()).unwrap() as f32;
        let (scale, mean, std) = (first(&pre["scale"]), first(&pre["mean"]), first(&pre["std"]));
        let output = entry["outputs"].as_array().filter(|o| o.len() > 1).and_then(|o| o[0]["name"].as_str());
        check(&mut failures, name, error(&library, &model, output, -mean / std, (255.0 / scale - mean) / std), TOLERANCE);
        count += 1;
    }
    assert!(count >= 24, "the manifest lists the models");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
