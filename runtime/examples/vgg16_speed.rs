//! How fast a network of the size of VGG-16 for 32x32 images runs: random weights, thresholds that make neurons fire now
//! and then.
//!
//! `cargo run --release -p snnc-runtime --example vgg16_speed -- [images] [steps]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use snnc_runtime::{
    Artifact, Coding, Energy, Head, InputSpec, Layout, Network, NetworkSpec, NodeSpec, OpSpec, OutputSpec, Phase, Preprocess, Reset,
    Source, Tensor,
};
use std::{collections::BTreeMap, time::Instant};

struct Vgg {
    artifact: Artifact,
    seed: u64,
}

impl Vgg {
    fn random(&mut self, dims: &[usize], size: f32) -> Tensor {
        let mut next = || {
            self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((self.seed >> 40) as f32 / (1 << 23) as f32 - 1.0) * size
        };
        Tensor { dims: dims.to_vec(), data: (0..dims.iter().product()).map(|_| next()).collect() }
    }

    fn push(&mut self, name: &str, op: OpSpec, shape: &[usize], spikes: bool, tensors: Vec<(&str, Tensor)>) {
        let graph = &mut self.artifact.graph;
        let input = graph.nodes.last().map_or("x", |node| &node.name).to_owned();
        let tensors = tensors.into_iter().map(|(role, tensor)| {
            self.artifact.tensors.insert(format!("{name}.{role}"), tensor);
            (role.to_owned(), format!("{name}.{role}"))
        });
        let tensors = tensors.collect();
        graph.nodes.push(NodeSpec { name: name.into(), op, inputs: vec![input], shape: shape.to_vec(), spikes, tensors, origin: vec![] });
    }

    fn neurons(&mut self, name: &str, shape: &[usize]) {
        let tensors = vec![("threshold", Tensor::new([], [1.0])), ("initial", Tensor::new([], [0.5]))];
        self.push(name, OpSpec::IfNeuron { reset: Reset::Soft }, shape, true, tensors);
    }
}

fn vgg16() -> Artifact {
    let graph = NetworkSpec {
        format: "snnc".into(),
        format_version: 1,
        compiler: "example".into(),
        source: Source { sha256: "0".repeat(64) },
        phase: Phase::Calibrated,
        options: BTreeMap::new(),
        seed: 0,
        timesteps: 32,
        input: InputSpec {
            name: "x".into(),
            shape: vec![1, 3, 32, 32],
            layout: Layout::Nchw,
            coding: Coding::Direct,
            preprocess: Preprocess::scale(255.0),
        },
        nodes: vec![],
        output: OutputSpec { node: "fc".into(), name: "logits".into(), head: Head::None },
    };
    let mut vgg = Vgg { artifact: Artifact { graph, tensors: BTreeMap::new() }, seed: 1 };
    let (mut channels, mut side) = (3, 32);
    let blocks: [&[usize]; 5] = [&[64, 64], &[128, 128], &[256, 256, 256], &[512, 512, 512], &[512, 512, 512]];
    for (block, widths) in blocks.iter().enumerate() {
        for (layer, &width) in widths.iter().enumerate() {
            let name = format!("{block}.{layer}");
            // Sparse input of about a tenth: some neurons reach their threshold at a step, most do not.
            let size = 3.0 / ((channels * 9) as f32).sqrt() * if block + layer == 0 { 1.0 } else { 1.4 };
            let weight = vgg.random(&[width, channels, 3, 3], size);
            let bias = vgg.random(&[width], 0.1);
            let conv = OpSpec::Conv2d { stride: [1, 1], dilation: [1, 1], pads: [1; 4], groups: 1 };
            vgg.push(&format!("conv{name}"), conv, &[1, width, side, side], false, vec![("weight", weight), ("bias", bias)]);
            vgg.neurons(&format!("if{name}"), &[1, width, side, side]);
            channels = width;
        }
        side /= 2;
        let pool = OpSpec::CountMaxPool2d { kernel: [2, 2], stride: [2, 2], pads: [0; 4], ceil: false };
        vgg.push(&format!("pool{block}"), pool, &[1, channels, side, side], true, vec![]);
    }
    vgg.push("flatten", OpSpec::Reshape, &[1, 512], true, vec![]);
    let weight = vgg.random(&[10, 512], 0.1);
    vgg.push("fc", OpSpec::Linear, &[1, 10], false, vec![("weight", weight)]);
    vgg.artifact
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().unwrap());
    let (images, steps) = (arguments.next().unwrap_or(32), arguments.next().unwrap_or(8));
    let bytes = vgg16().to_bytes().unwrap();
    let start = Instant::now();
    let network = Network::load(&bytes).unwrap();
    println!("load {:.0} ms, {} MB, batch {}", start.elapsed().as_secs_f64() * 1e3, bytes.len() >> 20, network.batch());
    let pixels = vec![0.7; images * network.image_len()];
    let pixels: Vec<f32> = pixels.iter().enumerate().map(|(i, v)| v * ((i * 7919) % 101) as f32 / 50.0 - 0.7).collect();
    network.run(&pixels, 1, 0).unwrap();
    let start = Instant::now();
    let outcome = network.run(&pixels, steps, 0).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let cost = network.cost(&outcome);
    let repeated = (cost.ann_macs - cost.input_macs_once) as f64 * steps as f64 * images as f64;
    println!("{:.1} ms an image and step, {:.1} GMAC/s", seconds * 1e3 / (images * steps) as f64, repeated / seconds / 1e9);
    println!("{:.0} images/s at {steps} steps", images as f64 / seconds);
    println!("{:.3} spikes per neuron and step", cost.spikes_per_neuron() / steps as f64);
    println!("{:.3} G accumulations an image; the float network {:.3} G MAC", cost.synaptic_ops / 1e9, cost.ann_macs as f64 / 1e9);
    let energy = Energy::FLOAT32_45NM;
    println!("{:.2} mJ against {:.2} mJ", cost.energy_pj(energy) / 1e9, cost.ann_energy_pj(energy) / 1e9);
    for rate in &cost.rates {
        println!("  {:8} {:.3}", rate.name, rate.rate);
    }
}
