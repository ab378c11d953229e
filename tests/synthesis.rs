//! Samples that are made from the network: what the batch norms recorded is matched, the same with and without folding; classes
//! are shown; a step more is a step nearer.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use snnc::{
    observer::Silent,
    options::{Layout, Preprocess, Synthesis},
    synthesize::{
        Canvas, Recipe, Samples, Source,
        differentiable::{Differentiable, Matching},
        statistics::Watched,
        synthesize,
    },
};
use snnc_engine::{Buffers, Device, Network};
use snnc_ir::{Graph, text};
use snnc_passes::{CANONICALISE, PassCx, Settings, manager};

/// Two convolutions with batch norms, the second into a residual sum.
const NETWORK: &str = r#"
graph @g imported {
  %0 = input : f32[1x3x8x8] "x"
  %1 = conv2d %0, @w1 {pads=1} : f32[1x8x8x8] "/conv1"
  %2 = batch_norm %1, @g1, @h1, @m1, @v1 : f32[1x8x8x8] "/bn1"
  %3 = relu %2 : f32[1x8x8x8] "/relu1"
  %4 = conv2d %3, @w2 {pads=1} : f32[1x8x8x8] "/conv2"
  %5 = batch_norm %4, @g2, @h2, @m2, @v2 : f32[1x8x8x8] "/bn2"
  %6 = add %5, %3 : f32[1x8x8x8] "/sum"
  %7 = relu %6 : f32[1x8x8x8] "/relu2"
  %8 = mean %7 {axes=[2, 3]} : f32[1x8x1x1] "/pool"
  %9 = reshape %8 : f32[1x8] "/flatten"
  %10 = linear %9, @w3 : f32[1x5] "/fc"
  output %10 "y"
  @g1 : f32[8] = noise(1, 1) source
  @g2 : f32[8] = noise(2, 1) source
  @h1 : f32[8] = noise(3, 0.5) source
  @h2 : f32[8] = noise(4, 0.5) source
  @m1 : f32[8] = noise(5, 0.2) source
  @m2 : f32[8] = noise(6, 0.2) source
  @v1 : f32[8] = ramp(0.05, 0.02) source
  @v2 : f32[8] = ramp(0.1, 0.03) source
  @w1 : f32[8x3x3x3] = noise(7, 0.3) source
  @w2 : f32[8x8x3x3] = noise(8, 0.3) source
  @w3 : f32[5x8] = noise(9, 2) source
}
"#;

fn networks() -> (Graph, Graph, Canvas) {
    let normed = text::parse(NETWORK).unwrap();
    let mut float = normed.clone();
    let settings = Settings::default();
    let mut cx = PassCx::new(&settings);
    manager::run_stage(CANONICALISE, snnc_ir::Phase::Canonical, &mut float, &mut cx, &mut |_, _, _, _| ()).unwrap();
    let canvas = Canvas::new(&normed[normed.input().unwrap()].ty, Layout::Nchw, &Preprocess::default());
    (normed, float, canvas)
}

fn made(method: Synthesis, steps: usize, indices: &[usize]) -> Samples {
    let (normed, float, canvas) = networks();
    let recipe = Recipe { method, steps: Some(steps), budget: None, seed: 3 };
    synthesize(Source { float: &float, normed: Some(&normed), canvas: &canvas }, &recipe, indices, &mut Silent).unwrap().samples
}

/// Distance from the recorded statistics, all batch norms together.
fn distance(watched: &Watched<'_>, samples: &Samples) -> (f64, Vec<f32>) {
    let nothing = |logits: &[f32]| (0.0, vec![0.0; logits.len()]);
    // The weight is that of one image.
    let matching = Matching { watched, weight: 1.0 / samples.count as f64, units: None, device: &Device::Cpu };
    let found = matching.gradient(&samples.data, (samples.count, 0), &nothing, &mut Buffers::default()).unwrap();
    (found.loss, found.images)
}

#[test]
fn folded_and_separate_batch_norms_say_the_same() {
    let (normed, float, _) = networks();
    let samples = made(Synthesis::Prior, 0, &(0..16).collect::<Vec<_>>());
    let folded = Watched::norms(&float, &normed, &samples.data).unwrap();
    assert!(folded.layers.len() == 2, "both batch norms are watched");
    // Against themselves, nothing is folded.
    let separate = Watched::norms(&normed, &normed, &samples.data).unwrap();
    let ((a, left), (b, right)) = (distance(&folded, &samples), distance(&separate, &samples));
    assert!((a - b).abs() < 1e-4 * a, "{a} {b}");
    let largest = left.iter().fold(0.0f32, |m, g| m.max(g.abs()));
    assert!(left.iter().zip(&right).all(|(l, r)| (l - r).abs() < 1e-3 * largest));
}

#[test]
fn steps_bring_samples_nearer_to_what_was_recorded() {
    let (normed, float, _) = networks();
    let odd: Vec<usize> = (0..16).map(|k| 2 * k + 1).collect();
    let [start, end] = [0, 60].map(|steps| made(Synthesis::Natural, steps, &odd));
    let watched = Watched::norms(&float, &normed, &start.data).unwrap();
    let (before, after) = (distance(&watched, &start).0, distance(&watched, &end).0);
    assert!(after < 0.5 * before, "{before} {after}");
    assert!(end.data.iter().all(|v| (0.0..=1.0).contains(v)), "samples stay in the range of pixels");
}

#[test]
fn inverted_samples_show_their_classes() {
    let (_, float, canvas) = networks();
    let network = Network::float(&float, &[]).unwrap();
    let recipe = Recipe { method: Synthesis::Natural, steps: None, budget: None, seed: 3 };
    let indices: Vec<usize> = (0..20).map(|k| 2 * k + 1).collect();
    // Without batch norms: towards soft targets, held near the start.
    let inverted = synthesize(Source { float: &float, normed: None, canvas: &canvas }, &recipe, &indices, &mut Silent).unwrap();
    assert_eq!(inverted.steps, Some((60, 60)));
    let start = made(Synthesis::Prior, 0, &indices);
    let wanted = |samples: &Samples| -> f32 {
        let logits = network.all_logits(&samples.data);
        // The classes come in turn.
        let gap = |(k, row): (usize, &[f32])| row[k % 5] - row.iter().sum::<f32>() / 5.0;
        logits.chunks(5).enumerate().map(gap).sum::<f32>() / 20.0
    };
    assert!(wanted(&inverted.samples) > wanted(&start) + 0.1, "{} {}", wanted(&inverted.samples), wanted(&start));
}
