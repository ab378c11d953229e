//! How fast networks run, and layers and products by themselves.
//!
//! `cargo run --release -p snnc-runtime --example speed -- MODEL.snn|vgg16-radix|vgg16-rate [NAME=VALUE ..]` prints one line of JSON about an artifact,
//! or about a network of the size of VGG-16 for 32x32 images with random weights: `batch=N`, `threads=N` (1), `steps=N` of the rate code,
//! `images=N` a run at least (16), `seconds=S` of measuring (1), `profile=1` for the time of each step; of VGG-16 also `digits=N` (8) and
//! `threshold=F`, by which its thresholds are higher (1). Times are those of the fastest run, images are random. Without a network: products and
//! layers by themselves. `SNNC_ISA` chooses the instructions. `scripts/performance.py` runs this; `snnc bench` says more about one artifact.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use serde_json::json;
use snnc_runtime::{
    Artifact, Code, Coding, Head, InputSpec, Isa, Layout, Network, NetworkSpec, NodeSpec, OpSpec, OutputSpec, Phase, Preprocess, Quantiser,
    Reset, Source, Tensor,
};
use std::{collections::BTreeMap, time::Instant};

/// A network that grows node by node, each over the one before.
struct Chain {
    artifact: Artifact,
    digits: u32,
    /// What thresholds are multiplied by: the higher they are, the less neurons fire.
    threshold: f64,
    seed: u64,
}

impl Chain {
    fn new(shape: &[usize], code: Code, digits: u32, threshold: f64) -> Self {
        let graph = NetworkSpec {
            format: "snnc".into(),
            format_version: 2,
            compiler: "example".into(),
            source: Source { sha256: "0".repeat(64) },
            phase: Phase::Calibrated,
            code,
            options: BTreeMap::new(),
            seed: 0,
            // Images have eight digits.
            timesteps: digits.max(8) as usize,
            input: InputSpec {
                name: "x".into(),
                shape: shape.to_vec(),
                layout: Layout::Nchw,
                coding: if code == Code::Radix { Coding::Digits } else { Coding::Direct },
                quantiser: Quantiser::of_pixels(&Preprocess::scale(255.0)),
                preprocess: Preprocess::scale(255.0),
            },
            nodes: vec![],
            output: OutputSpec { node: String::new(), name: None, head: Head::None, scale: 1.0, lock: None },
        };
        Self { artifact: Artifact { graph, tensors: BTreeMap::new(), lock: None }, digits, threshold, seed: 1 }
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
        // Behind digits a neuron says about what it reads; behind the image, which has eight of them, as much in its own digits.
        let levels = (1 << self.digits) - 1;
        let theta = self.threshold * 75.0 * (inputs as f64).sqrt();
        let (op, theta) = match self.artifact.graph.code {
            Code::Radix => {
                (OpSpec::RadixNeuron { digits: self.digits, levels }, if is_first { theta * 255.0 / f64::from(levels) } else { theta })
            }
            Code::Rate => (OpSpec::IfNeuron { reset: Reset::Soft }, if is_first { theta * 255.0 } else { theta }),
        };
        let theta = (theta as i32).max(1);
        let tensors = vec![("threshold", Tensor::new([], [theta])), ("initial", Tensor::new([], [theta / 2]))];
        self.push(op, &dims, true, tensors);
    }
}

fn vgg16(code: Code, digits: u32, threshold: f64) -> Artifact {
    let mut vgg = Chain::new(&[1, 3, 32, 32], code, digits, threshold);
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

/// Random pixels, the same every time.
fn pixels(network: &Network, images: usize) -> Vec<u16> {
    let values = u64::from(network.spec().input.quantiser.top()) + 1;
    let random = |index: usize| (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    (0..images * network.image_len()).map(|index| (random(index + 1) % values) as u16).collect()
}

/// Seconds of the processor, of all threads of this process; where the system does not tell, those of a clock.
fn processor_seconds(begin: Instant) -> f64 {
    #[cfg(unix)]
    {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: it only writes to `time`.
        if unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) } == 0 {
            return time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
        }
    }
    begin.elapsed().as_secs_f64()
}

/// Most memory so far in KiB, where Linux says so. `getrusage` would count in what the parent had before it started this.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().map_or(0, |number| number.parse().unwrap())
}

/// Seconds of the processor and of a clock that the fastest of several runs takes.
fn fastest(seconds: f64, mut run: impl FnMut()) -> [f64; 2] {
    let begin = Instant::now();
    let mut least = [f64::INFINITY; 2];
    let mut runs = 0;
    while runs < 3 || begin.elapsed().as_secs_f64() < seconds {
        let (start, processor) = (Instant::now(), processor_seconds(begin));
        run();
        least[0] = least[0].min(processor_seconds(begin) - processor);
        least[1] = least[1].min(start.elapsed().as_secs_f64());
        runs += 1;
    }
    least
}

/// One layer by itself: products a second.
fn layer(what: &str, dims: &[usize], images: usize, build: impl Fn(&mut Chain)) {
    let mut chain = Chain::new(dims, Code::Radix, 8, 1.0);
    build(&mut chain);
    let network = Network::new(chain.artifact).unwrap().with_batch(images);
    let pixels = pixels(&network, images);
    let products: u64 = network.steps().iter().map(|step| step.products).sum();
    let [seconds, _] = fastest(0.5, || {
        network.run_quantised(&pixels, 8, 0).unwrap();
    });
    println!("{what:40} {:8.1} G products a second", products as f64 * images as f64 / seconds / 1e9);
}

fn layers() {
    for isa in Isa::available() {
        let peaks = [8, 16, 32].map(|bits| format!("{:8.1}", isa.measure_peak(bits).unwrap() / 1e9));
        println!("{:40} {} G products a second of 8, 16 and 32 bits in the nearest cache", isa.name(), peaks.join(" "));
    }
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
}

/// What is said of a network in `NAME=VALUE`.
struct Settings(BTreeMap<String, f64>);

impl Settings {
    fn new(words: impl Iterator<Item = String>) -> Self {
        let setting = |word: String| word.split_once('=').map(|(name, value)| (name.to_owned(), value.parse().unwrap())).unwrap();
        Self(words.map(setting).collect())
    }

    fn get(&self, name: &str, default: f64) -> f64 {
        self.0.get(name).copied().unwrap_or(default)
    }
}

fn network(name: &str, settings: &Settings) {
    let random = |code| vgg16(code, settings.get("digits", 8.0) as u32, settings.get("threshold", 1.0)).to_bytes().unwrap();
    let made = match name {
        "vgg16-radix" => Some(random(Code::Radix)),
        "vgg16-rate" => Some(random(Code::Rate)),
        _ => None,
    };
    let start = Instant::now();
    let mut network = made.as_ref().map_or_else(|| Network::open(name), |bytes| Network::load(bytes)).unwrap();
    let load = start.elapsed().as_secs_f64();
    drop(made);
    let default = network.batch();
    network = network.with_batch(settings.get("batch", default as f64) as usize);
    let steps = settings.get("steps", network.spec().timesteps as f64) as usize;
    // In whole batches for all threads.
    let together = network.batch() * rayon::current_num_threads();
    let images = together * (settings.get("images", 16.0) as usize).div_ceil(together);
    let pixels = pixels(&network, images);
    let run = || network.run_quantised(&pixels, steps, 0).unwrap();
    let cost = network.cost(&run());
    let peak_kib = peak_kib();
    let [processor, clock] = fastest(settings.get("seconds", 1.0), || drop(run()));
    let (parameters, arena) = network.memory();
    let profiled = settings.get("profile", 0.0) > 0.0;
    let steps_us = if profiled { profile(&network, &pixels, steps) } else { json!([]) };
    let line = json!({
        "network": name, "isa": network.isa().name(), "batch": network.batch(), "threads": rayon::current_num_threads(), "steps": steps,
        "images_per_cpu_s": images as f64 / processor, "images_per_s": images as f64 / clock, "load_s": load,
        "parameter_bytes": parameters, "arena_bytes": arena, "peak_kib": peak_kib,
        "spikes_per_neuron": cost.spikes_per_neuron(), "synaptic_ops": cost.synaptic_ops, "profile": steps_us,
    });
    println!("{line}");
}

/// Each step's least time an image in microseconds, and its share of what the processor can do.
fn profile(network: &Network, pixels: &[u16], timesteps: usize) -> serde_json::Value {
    let steps = network.steps();
    let mut least = vec![f64::INFINITY; 1 + steps.len()];
    for _ in 0..20 {
        let times = network.profile(pixels, timesteps).unwrap();
        least.iter_mut().zip(times).for_each(|(least, time)| *least = least.min(time));
    }
    let images = (pixels.len() / network.image_len()) as f64;
    let peaks: BTreeMap<u32, f64> = [8, 16, 32].into_iter().map(|bits| (bits, network.isa().measure_peak(bits).unwrap())).collect();
    let lines = steps.iter().zip(&least[1..]).map(|(step, seconds)| {
        let times = if step.domain.name() == "time" { timesteps } else { 1 };
        let speed = step.products as f64 * times as f64 * images / seconds;
        let share = peaks.get(&step.product_bits).map(|peak| speed / peak);
        let operators: Vec<&str> =
            step.nodes.iter().map(|name| network.spec().nodes.iter().find(|node| node.name == *name).unwrap().op.name()).collect();
        json!({
            "nodes": step.nodes, "operators": operators, "kernel": step.kernel, "domain": step.domain.name(), "bits": step.operand_bits,
            "products": step.products, "us": seconds * 1e6 / images, "gmacs_per_s": speed / 1e9, "share_of_peak": share,
        })
    });
    lines.collect()
}

fn main() {
    let mut words = std::env::args().skip(1);
    let Some(name) = words.next() else { return layers() };
    let settings = Settings::new(words);
    // With one thread, all is done in this one.
    let threads = settings.get("threads", 1.0) as usize;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build().unwrap();
    pool.install(|| network(&name, &settings));
}
