//! What a step of the temporal training costs: forward through time, backward, AdamW.
//!
//! The network is the one that `peer_training.py` times in other frameworks: 6 convolutions and 3 linear layers for 32x32 images,
//! average pooling, integrate-and-fire neurons with soft reset, arcus-tangent surrogate; batch 16, T = 8, one thread.
//!
//! `cargo run --example training_step [ROUNDS]` prints one JSON line: CPU seconds of the fastest step, and MiB beyond what the
//! process had before the first.

use snnc::train::{
    loss::Distillation,
    network::{Buffers, Hints, Network, Wanted},
    optimiser::{Descent, Optimiser},
    plan::Plan,
};
use snnc_kernels::neuron::{Derivation, Surrogate};
use std::fmt::Write;

const BATCH: usize = 16;
const TIMESTEPS: usize = 8;

fn main() {
    snnc::process::prepare();
    let rounds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(4);
    // One thread that is this thread: the clock below is per thread.
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().expect("no pool was built before");
    measure(rounds);
}

fn measure(rounds: usize) {
    let graph = snnc_ir::text::parse(&network()).expect("the network is well formed");
    let plan = Plan::new(&graph, TIMESTEPS, true).expect("the network can be planned");
    let mut values = plan.values(&graph);
    drop(graph);
    let trained = vec![true; values.len()];
    let descent = Descent { rate: 1e-3, weight_decay: 0.0, clip: 1.0 };
    let mut optimiser = Optimiser::new(descent, rounds, &plan.parameters, &values, &trained);
    let wanted = Wanted { parameters: trained, input: false };
    let how = Derivation { surrogate: Surrogate::Atan { slope: 2.0 }, through_reset: false };
    let images: Vec<f32> = (0..BATCH * 3 * 32 * 32).map(|i| (i * 7919 % 1000) as f32 / 1000.0).collect();
    let teacher: Vec<f32> = (0..BATCH * 10).map(|i| if i % 10 == i / 10 % 10 { 8.0 } else { 0.0 }).collect();
    let loss = Distillation { temperature: 1.0, cross_entropy: 1.0 };
    let loss = |logits: &[f32]| {
        let (loss, mut gradient) = loss.of(logits, &teacher, 10);
        gradient.iter_mut().for_each(|g| *g /= BATCH as f32);
        (loss / BATCH as f64, gradient)
    };
    let mut buffers = Buffers::default();
    let before = memory("VmRSS:");
    let mut least = f64::INFINITY;
    for _ in 0..rounds {
        let start = cpu_seconds();
        let network = Network::new(&plan, &values);
        let gradients = network.gradients(&images, BATCH, &wanted, how, (&loss, &Hints::default()), &mut buffers);
        optimiser.step(&plan.parameters, &mut values, &gradients.parameters);
        assert!(gradients.loss.is_finite());
        least = least.min(cpu_seconds() - start);
    }
    println!(
        "{{\"backend\": \"snnc\", \"batch\": {BATCH}, \"steps\": {TIMESTEPS}, \"step_cpu_s\": {least:.3}, \"extra_mib\": {:.0}}}",
        memory("VmHWM:") - before
    );
}

/// The network as text.
fn network() -> String {
    let mut text = String::from("graph @peer calibrated {\n  %0 = input : f32[1x3x32x32] \"x\"\n");
    let mut parameters = String::new();
    let (mut at, mut width, mut side) = (0, 3, 32);
    let mut node = |line: String| {
        at += 1;
        writeln!(text, "  %{at} = {line}").expect("text grows");
        at
    };
    let mut last = 0;
    let mut neurons =
        |node: &mut dyn FnMut(String) -> usize, parameters: &mut String, operand: usize, shape: &str, per: &str, name: &str| {
            writeln!(parameters, "  @{name}t : f32[{per}] = splat(1) derived\n  @{name}v : f32[{per}] = splat(0) derived")
                .expect("text grows");
            node(format!("if_neuron %{operand}, @{name}t, @{name}v {{reset=soft}} : spike[{shape}] \"{name}\""))
        };
    for (k, layer) in [64, 64, 0, 128, 128, 0, 256, 256, 0].into_iter().enumerate() {
        if layer == 0 {
            side /= 2;
            last = node(format!("average_pool2d %{last} {{kernel=[2, 2], stride=2}} : f32[1x{width}x{side}x{side}] \"/pool{k}\""));
            continue;
        }
        // Kaiming's uniform bound, as PyTorch's layers start.
        let bound = 1.0 / ((width * 9) as f32).sqrt();
        let (seed, seed_b) = (k + 1, k + 101);
        writeln!(parameters, "  @w{k} : f32[{layer}x{width}x3x3] = noise({seed}, {bound}) derived").expect("text grows");
        writeln!(parameters, "  @b{k} : f32[{layer}] = noise({seed_b}, {bound}) derived").expect("text grows");
        width = layer;
        let shape = format!("1x{width}x{side}x{side}");
        last = node(format!("conv2d %{last}, @w{k}, @b{k} {{pads=1}} : f32[{shape}] \"/conv{k}\""));
        last = neurons(&mut node, &mut parameters, last, &shape, &format!("1x{width}x1x1"), &format!("n{k}"));
    }
    let mut inputs = width * side * side;
    last = node(format!("reshape %{last} : f32[1x{inputs}] \"/flatten\""));
    for (k, outputs) in [512, 512, 10].into_iter().enumerate() {
        let bound = 1.0 / (inputs as f32).sqrt();
        let (seed, seed_b) = (k + 51, k + 151);
        writeln!(parameters, "  @f{k} : f32[{outputs}x{inputs}] = noise({seed}, {bound}) derived").expect("text grows");
        writeln!(parameters, "  @fb{k} : f32[{outputs}] = noise({seed_b}, {bound}) derived").expect("text grows");
        last = node(format!("linear %{last}, @f{k}, @fb{k} : f32[1x{outputs}] \"/fc{k}\""));
        inputs = outputs;
        if k < 2 {
            last = neurons(&mut node, &mut parameters, last, &format!("1x{outputs}"), &format!("1x{outputs}"), &format!("m{k}"));
        }
    }
    let mut lines: Vec<&str> = parameters.lines().collect();
    lines.sort_unstable();
    format!("{text}  output %{last} \"y\"\n{}\n}}\n", lines.join("\n"))
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
