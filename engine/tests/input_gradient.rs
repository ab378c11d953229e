//! The gradient with respect to the image against central differences of the reference
//! evaluator in double-precision accumulation: non-square images, strides, asymmetric padding, groups, pools, residuals, clips.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use snnc_engine::{Buffers, Inside, Losses, Network, Plan, loss::Statistics};
use snnc_ir::{
    Graph, Tensor as Values,
    eval::{self, Mode},
    text,
};
use snnc_passes::threshold::Recorded;

const NETWORK: &str = r#"
graph @g imported {
  %0 = input : f32[1x2x7x5] "x"
  %1 = conv2d %0, @w1, @b1 {pads=[1, 0, 2, 1], stride=[2, 1]} : f32[1x4x4x4] "/conv1"
  %2 = relu %1 : f32[1x4x4x4] "/relu1"
  %3 = conv2d %2, @w2 {groups=2, pads=1} : f32[1x4x4x4] "/conv2"
  %4 = add %3, %2 : f32[1x4x4x4] "/sum"
  %5 = clip %4 {max=1.5, min=0} : f32[1x4x4x4] "/relu6"
  %6 = max_pool2d %5 {kernel=[2, 3], pads=[0, 1, 0, 1], stride=[2, 1]} : f32[1x4x2x4] "/max"
  %7 = average_pool2d %4 {kernel=3, pads=1, stride=[2, 1]} : f32[1x4x2x4] "/average"
  %8 = concat %6, %7 {axis=1} : f32[1x8x2x4] "/concat"
  %9 = batch_norm %8, @g, @h, @m, @v : f32[1x8x2x4] "/bn"
  %10 = clip %9 {max=2, min=-1} : f32[1x8x2x4] "/bounds"
  %11 = slice %10 {ranges=[0:1:1, 0:2:4, 1:-1:2, 0:1:4]} : f32[1x4x2x4] "/slice"
  %12 = pad %11 {pads=[0:0, 1:0, 0:0, 0:1]} : f32[1x5x2x5] "/pad"
  %13 = transpose %12 {permutation=[0, 2, 3, 1]} : f32[1x2x5x5] "/transpose"
  %14 = reshape %13 : f32[1x50] "/flatten"
  %15 = linear %14, @w3, @b3 : f32[1x6] "/fc"
  %16 = scale %15, @s : f32[1x6] "/mul"
  output %16 "y"
  @b1 : f32[4] = noise(1, 0.5) source
  @b3 : f32[6] = noise(2, 0.5) source
  @g : f32[8] = noise(3, 2) source
  @h : f32[8] = noise(4, 0.5) source
  @m : f32[8] = noise(5, 0.5) source
  @s : f32[1] = [1.5] source
  @v : f32[8] = ramp(0.5, 0.25) source
  @w1 : f32[4x2x3x3] = noise(6, 0.6) source
  @w2 : f32[4x2x3x3] = noise(7, 0.4) source
  @w3 : f32[6x50] = noise(8, 0.5) source
}
"#;

fn loss(graph: &Graph, x: &[f32]) -> f64 {
    let logits = eval::run(graph, &Values::new([2, 2, 7, 5], x.to_vec()), Mode::Float).unwrap();
    logits.data.iter().map(|&v| f64::from(v).powi(2)).sum()
}

#[test]
fn input_gradient_is_that_of_the_reference() {
    let graph = text::parse(NETWORK).unwrap();
    let x = text::noise(2 * 70, 11, 1.0);
    let network = Network::of(Plan::float(&graph, &[]).unwrap(), &graph);
    let squares = |logits: &[f32]| {
        let loss = logits.iter().map(|&z| f64::from(z).powi(2)).sum();
        (loss, logits.iter().map(|z| 2.0 * z).collect())
    };
    let result = network.input_gradient(&x, 2, &Losses { output: &squares, inside: &[] }, &mut Buffers::default());
    let (value, gradient) = (result.loss, result.input);
    assert!((value - loss(&graph, &x)).abs() < 1e-4 * value, "the forward agrees first: {value}");

    let largest = gradient.iter().fold(0.0f32, |m, g| m.max(g.abs()));
    let step = 2e-3f32;
    let mut kinks = 0;
    for i in 0..x.len() {
        let at = |delta: f32| {
            let mut moved = x.clone();
            moved[i] += delta;
            loss(&graph, &moved)
        };
        let (before, here, after) = (at(-step), at(0.0), at(step));
        let central = (after - before) / (2.0 * f64::from(step));
        // Where the one-sided slopes differ much, a rectifier or a maximum switched inside the step.
        let bend = ((after - here) - (here - before)).abs() / f64::from(step);
        if bend > 0.02 * f64::from(largest) {
            kinks += 1;
            continue;
        }
        let error = (central - f64::from(gradient[i])).abs();
        assert!(error < 0.01 * f64::from(largest), "pixel {i}: {central} by differences, {} by the backward pass", gradient[i]);
    }
    assert!(kinks < x.len() / 3, "most pixels are away from kinks: {kinks}");
    assert!(largest > 0.1);
}

/// The distance from recorded statistics, as its definition says it, in double precision.
fn distance(values: &[f32], watch: &Recorded, count: usize) -> f64 {
    let channels = watch.mean.len();
    let plane = values.len() / count / channels;
    let of_channel = |c: usize| {
        let all: Vec<f64> = values.chunks(plane).skip(c).step_by(channels).flatten().map(|&v| f64::from(v)).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
        let deviation = f64::from(watch.deviation[c]);
        ((mean - f64::from(watch.mean[c])) / deviation).powi(2) + (variance / deviation.powi(2) - 1.0).powi(2)
    };
    (0..channels).map(of_channel).sum::<f64>() / channels as f64
}

#[test]
fn watched_statistics_pull_the_image() {
    let graph = text::parse(NETWORK).unwrap();
    let node = |name: &str| graph.node_ids().into_iter().find(|&n| graph[n].origin.to_string() == name).unwrap();
    let conv = node("/conv2");
    let watch = Recorded { mean: vec![0.3, -0.2, 0.0, 1.0], deviation: vec![0.5, 1.0, 2.0, 0.7] };
    let network = Network::of(Plan::float(&graph, &[conv]).unwrap(), &graph);
    let x = text::noise(2 * 70, 11, 1.0);
    let nothing = |logits: &[f32]| (0.0, vec![0.0; logits.len()]);
    let watched = Statistics { recorded: &watch, weight: 3.0 };
    let inside: [(usize, &dyn Inside); 1] = [(network.plan().at(conv).unwrap(), &watched)];
    let result = network.input_gradient(&x, 2, &Losses { output: &nothing, inside: &inside }, &mut Buffers::default());
    let at = |x: &[f32]| {
        let (_, values) = network.results(x, 2, &[conv], &mut Buffers::default());
        3.0 * distance(&values[0], &watch, 2)
    };
    assert!((result.loss - at(&x)).abs() < 1e-5 * result.loss, "{} {}", result.loss, at(&x));
    let largest = result.input.iter().fold(0.0f32, |m, g| m.max(g.abs()));
    assert!(largest > 0.01);
    for i in (0..x.len()).step_by(7) {
        let moved = |h: f32| {
            let mut moved = x.clone();
            moved[i] += h;
            at(&moved)
        };
        let (step, here) = (1e-2f32, f64::from(result.input[i]));
        let central = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
        // A rectifier that switches inside the step bends the line a little.
        assert!((central - here).abs() < 0.05 * f64::from(largest), "pixel {i}: {central} by differences, {here} by the sweep");
    }
}
