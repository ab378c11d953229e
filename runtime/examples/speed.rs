//! How fast the products of whole numbers are, and a network of the size of VGG-16 for 32x32 images in both codes: random weights,
//! thresholds that make neurons fire now and then.
//!
//! `cargo run --release -p snnc-runtime --example speed -- [images] [steps of the rate code]`; `SNNC_ISA` chooses the instructions.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use snnc_runtime::{
    Artifact, Code, Coding, Energy, Head, InputSpec, Layout, Network, NetworkSpec, NodeSpec, OpSpec, OutputSpec, Phase, Preprocess,
    Quantiser, Reset, Source, Tensor,
};
use std::{collections::BTreeMap, time::Instant};

/// A network that grows node by node, each over the one before.
struct Chain {
    artifact: Artifact,
    seed: u64,
}

impl Chain {
    fn new(shape: &[usize], code: Code) -> Self {
        let graph = NetworkSpec {
            format: "snnc".into(),
            format_version: 2,
            compiler: "example".into(),
            source: Source { sha256: "0".repeat(64) },
            phase: Phase::Calibrated,
            code,
            options: BTreeMap::new(),
            seed: 0,
            timesteps: 8,
            input: InputSpec {
                name: "x".into(),
                shape: shape.to_vec(),
                layout: Layout::Nchw,
                coding: if code == Code::Radix { Coding::Digits } else { Coding::Direct },
                quantiser: Quantiser::of_pixels(&Preprocess::scale(255.0)),
                preprocess: Preprocess::scale(255.0),
            },
            nodes: vec![],
            output: OutputSpec { node: String::new(), name: None, head: Head::None, scale: 1.0 },
        };
        Self { artifact: Artifact { graph, tensors: BTreeMap::new() }, seed: 1 }
    }

    fn shape(&self) -> Vec<usize> {
        let graph = &self.artifact.graph;
        graph.nodes.last().map_or_else(|| graph.input.shape.clone(), |node| node.shape.clone())
    }

    fn weight(&mut self, dims: &[usize]) -> Tensor {
        let mut next = || {
            self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.seed >> 56) as i8
        };
        Tensor::new(dims, (0..dims.iter().product()).map(|_| next()).collect::<Vec<i8>>())
    }

    fn push(&mut self, op: OpSpec, shape: &[usize], spikes: bool, tensors: Vec<(&str, Tensor)>) {
        let graph = &mut self.artifact.graph;
        let name = format!("n{}", graph.nodes.len() + 1);
        let input = graph.nodes.last().map_or("x", |node| &node.name).to_owned();
        let tensors = tensors.into_iter().map(|(role, tensor)| {
            self.artifact.tensors.insert(format!("{name}.{role}"), tensor);
            (role.to_owned(), format!("{name}.{role}"))
        });
        let tensors = tensors.collect();
        graph.output.node.clone_from(&name);
        graph.nodes.push(NodeSpec { name, op, inputs: vec![input], shape: shape.to_vec(), spikes, tensors, origin: vec![] });
    }

    fn conv(&mut self, outputs: usize, kernel: usize, groups: usize) {
        let dims = self.shape();
        let weight = self.weight(&[outputs, dims[1] / groups, kernel, kernel]);
        let conv = OpSpec::Conv2d { stride: [1, 1], dilation: [1, 1], pads: [kernel / 2; 4], groups };
        self.push(conv, &[1, outputs, dims[2], dims[3]], false, vec![("weight", weight)]);
    }

    /// Neurons that fire as often at every depth: thresholds go with the root of the number of inputs.
    fn neurons(&mut self, inputs: usize) {
        let dims = self.shape();
        let is_first = self.artifact.graph.nodes.len() == 1;
        let theta = (75.0 * (inputs as f64).sqrt()) as i32;
        let (op, theta) = match self.artifact.graph.code {
            Code::Radix => (OpSpec::RadixNeuron { digits: 8, levels: 255 }, theta),
            Code::Rate => (OpSpec::IfNeuron { reset: Reset::Soft }, if is_first { theta * 255 } else { theta }),
        };
        let tensors = vec![("threshold", Tensor::new([], [theta])), ("initial", Tensor::new([], [theta / 2]))];
        self.push(op, &dims, true, tensors);
    }
}

fn vgg16(code: Code) -> Artifact {
    let mut vgg = Chain::new(&[1, 3, 32, 32], code);
    let mut side = 32;
    let blocks: [&[usize]; 5] = [&[64, 64], &[128, 128], &[256, 256, 256], &[512, 512, 512], &[512, 512, 512]];
    for widths in blocks {
        for &width in widths {
            let inputs = vgg.shape()[1] * 9;
            vgg.conv(width, 3, 1);
            vgg.neurons(inputs);
        }
        side /= 2;
        let (kernel, stride, pads, ceil) = ([2, 2], [2, 2], [0; 4], false);
        let pool = match code {
            Code::Radix => OpSpec::DigitMaxPool2d { kernel, stride, pads, ceil },
            Code::Rate => OpSpec::CountMaxPool2d { kernel, stride, pads, ceil },
        };
        let channels = vgg.shape()[1];
        vgg.push(pool, &[1, channels, side, side], true, vec![]);
    }
    vgg.push(OpSpec::Reshape, &[1, 512], true, vec![]);
    let weight = vgg.weight(&[10, 512]);
    vgg.push(OpSpec::Linear, &[1, 10], false, vec![("weight", weight)]);
    vgg.artifact
}

fn image(index: usize) -> u16 {
    (index * 7919 % 256) as u16
}

/// One layer by itself: products a second.
fn layer(what: &str, dims: &[usize], images: usize, build: impl Fn(&mut Chain)) {
    let mut chain = Chain::new(dims, Code::Radix);
    build(&mut chain);
    let network = Network::new(chain.artifact).unwrap();
    let pixels: Vec<u16> = (0..images * network.image_len()).map(image).collect();
    let products: u64 = network.layers().iter().map(|layer| layer.connections).sum();
    let (mut seconds, mut runs) = (f64::INFINITY, 0);
    let start = Instant::now();
    while runs < 3 || start.elapsed().as_secs_f64() < 0.5 {
        let start = Instant::now();
        network.run_quantised(&pixels, 8, 0).unwrap();
        seconds = seconds.min(start.elapsed().as_secs_f64());
        runs += 1;
    }
    println!("{what:40} {:8.1} G products a second", products as f64 * images as f64 / seconds / 1e9);
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().unwrap());
    let (images, steps) = (arguments.next().unwrap_or(32), arguments.next().unwrap_or(8));
    layer("conv 3x3, 64 to 64, 32x32, 16 images", &[1, 64, 32, 32], 16, |c| c.conv(64, 3, 1));
    layer("conv 3x3, 64 to 64, 32x32, 1 image", &[1, 64, 32, 32], 1, |c| c.conv(64, 3, 1));
    layer("conv 3x3, 512 to 512, 4x4, 16 images", &[1, 512, 4, 4], 16, |c| c.conv(512, 3, 1));
    layer("conv 1x1, 256 to 256, 14x14, 16 images", &[1, 256, 14, 14], 16, |c| c.conv(256, 1, 1));
    layer("conv 3x3, depthwise 64, 32x32, 16 images", &[1, 64, 32, 32], 16, |c| c.conv(64, 3, 64));
    layer("linear, 1024 to 1024, 16 images", &[1, 1024, 1, 1], 16, |c| {
        c.push(OpSpec::Reshape, &[1, 1024], true, vec![]);
        let weight = c.weight(&[1024, 1024]);
        c.push(OpSpec::Linear, &[1, 1024], false, vec![("weight", weight)]);
    });
    for code in [Code::Radix, Code::Rate] {
        let bytes = vgg16(code).to_bytes().unwrap();
        let start = Instant::now();
        let network = Network::load(&bytes).unwrap();
        let load = start.elapsed().as_secs_f64() * 1e3;
        println!("{code:?}, {:?}: load {load:.0} ms, {} MB, batch {}", network.isa(), bytes.len() >> 20, network.batch());
        let steps = if code == Code::Radix { 8 } else { steps };
        let pixels: Vec<u16> = (0..images * network.image_len()).map(image).collect();
        let start = Instant::now();
        let outcome = network.run_quantised(&pixels, steps, 0).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        let cost = network.cost(&outcome);
        println!("  {:.1} images/s, latency {} steps, interval {}", images as f64 / seconds, cost.latency, cost.interval);
        println!("  {:.3} spikes per neuron, {:.3} G accumulations", cost.spikes_per_neuron(), cost.synaptic_ops / 1e9);
        let (energy, ann) = (cost.energy_pj(Energy::INT8_45NM) / 1e9, cost.ann_energy_pj(Energy::INT8_45NM) / 1e9);
        println!("  {energy:.3} mJ against {ann:.3} mJ of the same in 8 bits");
        let rates: Vec<String> = cost.rates.iter().map(|rate| format!("{:.2}", rate.rate)).collect();
        println!("  rates {}", rates.join(" "));
    }
}
