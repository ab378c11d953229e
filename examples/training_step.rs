//! What a step of the temporal training costs: forward through time, backward, AdamW.
//!
//! The network is the one that `peer_training.py` times in other frameworks: 6 convolutions and 3 linear layers for 32x32 images,
//! average pooling, integrate-and-fire neurons with soft reset, arcus-tangent surrogate; batch 16, T = 8, one thread. `vgg16` has the
//! 13 convolutions of that network in place of the 6.
//!
//! `cargo run --example training_step [ROUNDS] [--batch N] [--network peer|vgg16] [--device cpu|cuda]` prints one JSON line: CPU
//! seconds of the fastest step, and MiB beyond what the process had before the first. On a graphics card (of a build with `--features
//! cuda`) seconds of the clock on the wall, with all that goes to the card and comes back; AdamW runs on the processor.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

#[path = "common/network.rs"]
mod network;

use network::{Activation, PEER, VGG16};
use snnc::{
    options,
    train::{
        device,
        optimiser::{Descent, Optimiser},
    },
};
use snnc_engine::{Buffers, Device, Losses, Network, Plan, TensorNetwork, Wanted, loss::Distillation, plan::Tail};
use snnc_kernels::neuron::{Derivation, Surrogate};
use std::time::Instant;

const TIMESTEPS: usize = 8;

struct Options {
    rounds: usize,
    batch: usize,
    layers: &'static [usize],
    device: options::Device,
}

fn main() {
    snnc::cli::process::prepare();
    let Some(options) = options() else {
        eprintln!("usage: training_step [ROUNDS] [--batch N] [--network peer|vgg16] [--device cpu|cuda]");
        std::process::exit(2);
    };
    let device = device::open(options.device).unwrap_or_else(|e| {
        eprintln!("{e}");
        std::process::exit(2);
    });
    // One thread that is this thread: the clock below is per thread.
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().expect("no pool was built before");
    measure(&options, &device);
}

/// What the command line asks for; none where it cannot be understood.
fn options() -> Option<Options> {
    let mut options = Options { rounds: 4, batch: 16, layers: PEER, device: options::Device::Cpu };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--batch" => options.batch = words.next()?.parse().ok().filter(|&n| n > 0)?,
            "--network" => {
                options.layers = match words.next()?.as_str() {
                    "peer" => PEER,
                    "vgg16" => VGG16,
                    _ => return None,
                }
            }
            "--device" => {
                options.device = match words.next()?.as_str() {
                    "cpu" => options::Device::Cpu,
                    "cuda" => options::Device::Cuda(0),
                    _ => return None,
                }
            }
            number => options.rounds = number.parse().ok()?,
        }
    }
    Some(options)
}

fn measure(options: &Options, device: &Device) {
    let &Options { rounds, batch, layers, .. } = options;
    let graph = snnc_ir::text::parse(&network::text(layers, Activation::Spikes)).expect("the network is well formed");
    let plan = Plan::spiking(&graph, TIMESTEPS, true, Tail::OnMean).expect("the network can be planned");
    let mut values = plan.values(&graph);
    drop(graph);
    let trained = vec![true; values.len()];
    let descent = Descent { rate: 1e-3, weight_decay: 0.0, clip: 1.0 };
    let mut optimiser = Optimiser::new(descent, rounds, &plan.parameters, &values, &trained);
    let wanted = Wanted { parameters: trained, input: false };
    let how = Derivation { surrogate: Surrogate::Atan { slope: 2.0 }, through_reset: false };
    let images: Vec<f32> = (0..batch * 3 * 32 * 32).map(|i| (i * 7919 % 1000) as f32 / 1000.0).collect();
    let teacher: Vec<f32> = (0..batch * 10).map(|i| if i % 10 == i / 10 % 10 { 8.0 } else { 0.0 }).collect();
    let loss = Distillation { temperature: 1.0, cross_entropy: 1.0 };
    let loss = |logits: &[f32]| {
        let (loss, mut gradient) = loss.of(logits, &teacher, 10);
        gradient.iter_mut().for_each(|g| *g /= batch as f32);
        (loss / batch as f64, gradient)
    };
    let mut buffers = Buffers::default();
    let before = memory("VmRSS:");
    let mut least = f64::INFINITY;
    for _ in 0..rounds {
        let (start, start_wall) = (cpu_seconds(), Instant::now());
        let losses = Losses { output: &loss, inside: &[] };
        let gradients = match device {
            Device::Cpu => {
                let network = Network::new(&plan, &values);
                network.gradients(&images, batch, &wanted, how, &losses, &mut buffers)
            }
            Device::Card(card) => {
                let network = TensorNetwork::on_card(&plan, card, how).expect("candle has these convolutions");
                network.gradients(&values, &images, batch, &wanted, &losses).expect("the card works")
            }
        };
        optimiser.step(&plan.parameters, &mut values, &gradients.parameters);
        assert!(gradients.loss.is_finite());
        least = least.min(match device {
            Device::Cpu => cpu_seconds() - start,
            Device::Card(_) => start_wall.elapsed().as_secs_f64(),
        });
    }
    let name = device.name();
    let cost = match device {
        Device::Cpu => format!("\"step_cpu_s\": {least:.3}, \"extra_mib\": {:.0}", memory("VmHWM:") - before),
        Device::Card(_) => format!("\"step_wall_s\": {least:.4}"),
    };
    println!("{{\"backend\": \"snnc\", \"device\": \"{name}\", \"batch\": {batch}, \"steps\": {TIMESTEPS}, {cost}}}");
}

/// A line of the kernel's account of this process, in MiB.
fn memory(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let value = status.lines().find_map(|l| l.strip_prefix(line)).expect("the line is there");
    value.trim().trim_end_matches(" kB").parse::<f64>().expect("a number of kB") / 1024.0
}

/// CPU seconds of this thread.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells");
    text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).expect("a number of ns") / 1e9
}
