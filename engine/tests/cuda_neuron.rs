//! The neuron kernel of graphics cards, compiled for the processor, against [`snnc_kernels::neuron`]: spikes and every gradient.
//!
//! The harness gives the kernel's text what a host compiler does not have (qualifiers, the number of a thread) and runs its threads one
//! after the other. What this leaves unchecked is how the kernel is launched.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use snnc_ir::text::noise;
use snnc_kernels::neuron::{Derivation, NeuronGradients, Neurons, Reset, Surrogate};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const HARNESS: &str = r#"
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vector>

#define __host__
#define __device__
#define __global__
#define __forceinline__ inline
struct Place { unsigned int x; };
static Place blockIdx, blockDim, threadIdx;
#include NEURON_CU

#define BLOCK 4

template <typename Kernel, typename... Arguments> void launch(size_t threads, Kernel kernel, Arguments... arguments) {
    blockDim.x = BLOCK;
    for (blockIdx.x = 0; blockIdx.x * BLOCK < threads; blockIdx.x++) {
        for (threadIdx.x = 0; threadIdx.x < BLOCK; threadIdx.x++) {
            kernel(arguments...);
        }
    }
}

static std::vector<float> take(size_t count) {
    std::vector<float> values(count);
    if (fread(values.data(), sizeof(float), count, stdin) != count) exit(2);
    return values;
}

static void give(const std::vector<float> &values) { fwrite(values.data(), sizeof(float), values.size(), stdout); }

int main(int count, char **words) {
    if (count != 11) return 1;
    const char *reset = words[1];
    const int room = atoi(words[2]), steps = atoi(words[3]), varies = atoi(words[4]), surrogate = atoi(words[5]);
    const float strength = (float)atof(words[6]), through = (float)atof(words[7]);
    const size_t images = atoi(words[8]), len = atoi(words[9]), parts = atoi(words[10]);
    const size_t layer = images * len, threads = parts * len;
    const std::vector<float> x = take(varies ? steps * layer : layer), parameters = take(3 * len), gradient = take(steps * layer);
    const float never = NAN;
    std::vector<float> spikes(steps * layer, never), dx(x.size(), never), sums(3 * threads, never), total(3 * len, never);
    std::vector<float> marks(2 * ((steps - 1) / room) * threads, never);
    auto forward = !strcmp(reset, "soft") ? forward_soft : !strcmp(reset, "hard") ? forward_hard : forward_signed;
    auto backward = !strcmp(reset, "soft")   ? (room == 8 ? backward_soft_8 : backward_soft_16)
                    : !strcmp(reset, "hard") ? (room == 8 ? backward_hard_8 : backward_hard_16)
                                             : (room == 8 ? backward_signed_8 : backward_signed_16);
    launch(layer, forward, x.data(), parameters.data(), spikes.data(), images, len, steps, varies);
    launch(threads, backward, x.data(), parameters.data(), gradient.data(), dx.data(), marks.data(), sums.data(), images, len, parts, steps,
           varies, surrogate, strength, through);
    launch(3 * len, add_parts, sums.data(), total.data(), parts, 3 * len);
    give(spikes);
    give(dx);
    give(total);
    return 0;
}
"#;

/// The harness as a program in a folder; none where there is no compiler.
fn harness(folder: &Path) -> Option<PathBuf> {
    let source = folder.join("harness.cpp");
    std::fs::write(&source, HARNESS).unwrap();
    let program = folder.join("harness");
    let kernel = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cuda/neuron.cu");
    let own = std::env::var("CXX").ok();
    for compiler in own.as_deref().into_iter().chain(["c++", "g++", "clang++"]) {
        let mut command = Command::new(compiler);
        command.args(["-std=c++17", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"]);
        // An address that is out of bounds should be seen where the compiler can.
        command.arg("-D_GLIBCXX_ASSERTIONS").arg(format!("-DNEURON_CU=\"{}\"", kernel.display()));
        let Ok(output) = command.arg(&source).arg("-o").arg(&program).output() else { continue };
        assert!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
        return Some(program);
    }
    None
}

struct Case {
    reset: Reset,
    derivation: Derivation,
    steps: usize,
    images: usize,
    len: usize,
    varies: bool,
}

fn close(what: &str, ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let error = |(a, b): (&f32, &f32)| (a - b).abs() / b.abs().max(1.0);
    let worst = ours.iter().zip(theirs).map(error).fold(0.0, |worst: f32, e| if e.is_nan() { f32::NAN } else { worst.max(e) });
    assert!(worst <= 1e-5, "{what}: {worst}");
    worst
}

impl Case {
    fn run(&self, program: &Path, seed: u64, room: usize, parts: usize) -> f32 {
        let &Self { reset, derivation, steps, images, len, varies } = self;
        let layer = images * len;
        let x: Vec<f32> = noise(if varies { steps * layer } else { layer }, seed, 1.0).iter().map(|x| x + 0.3).collect();
        let threshold: Vec<f32> = noise(len, seed + 1, 0.4).iter().map(|x| x + 0.9).collect();
        let initial = noise(len, seed + 2, 0.5);
        let leak: Vec<f32> = noise(len, seed + 3, 0.3).iter().enumerate().map(|(i, x)| if i % 3 == 0 { 1.0 } else { x + 0.7 }).collect();
        let gradient = noise(steps * layer, seed + 4, 1.0);

        let neurons = Neurons { threshold: &threshold, initial: &initial, leak: &leak, reset, is_whole: false };
        let mut spikes = vec![0i8; steps * layer];
        neurons.forward(&x, images, &mut spikes);
        let mut dx = gradient.clone();
        let mut sums = [(); 3].map(|()| vec![0.0; len]);
        let [of_threshold, of_initial, of_leak] = &mut sums;
        let parameters = NeuronGradients { threshold: of_threshold, initial: of_initial, leak: of_leak };
        neurons.backward(&x, images, derivation, &mut dx, parameters);
        if !varies {
            dx = (0..layer).map(|i| (0..steps).map(|t| dx[t * layer + i]).sum()).collect();
        }

        let reset = match reset {
            Reset::Soft => "soft",
            Reset::Hard => "hard",
            Reset::Signed => "signed",
        };
        let (surrogate, strength) = match derivation.surrogate {
            Surrogate::Triangle { height } => ("0", height),
            Surrogate::Atan { slope } => ("1", slope),
            Surrogate::Sigmoid { slope } => ("2", slope),
        };
        let mut command = Command::new(program);
        command.args([reset, &room.to_string(), &steps.to_string(), if varies { "1" } else { "0" }, surrogate, &strength.to_string()]);
        command.arg(if derivation.through_reset { "1" } else { "0" });
        command.args([images, len, parts].map(|n| n.to_string()));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let sent: Vec<f32> = [&x[..], &threshold, &initial, &leak, &gradient].concat();
        let bytes: Vec<u8> = sent.iter().flat_map(|v| v.to_le_bytes()).collect();
        // It reads all before it writes.
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", output.status);
        let got: Vec<f32> = output.stdout.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(got.len(), steps * layer + dx.len() + 3 * len);

        let expected: Vec<f32> = spikes.iter().map(|&s| f32::from(s)).collect();
        let (got_spikes, rest) = got.split_at(steps * layer);
        let (got_dx, got_sums) = rest.split_at(dx.len());
        assert!(got_spikes == expected, "spikes: {self:?}, {room} steps a block, {parts} parts");
        let mut worst = close(&format!("current: {self:?}, {room} steps a block, {parts} parts"), got_dx, &dx);
        for (k, name) in ["threshold", "initial", "leak"].into_iter().enumerate() {
            let got = &got_sums[k * len..][..len];
            worst = worst.max(close(&format!("{name}: {self:?}, {room} steps a block, {parts} parts"), got, &sums[k]));
        }
        worst
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { reset, derivation, steps, images, len, varies } = self;
        write!(f, "{reset:?} {derivation:?} T={steps} N={images} len={len} varies={varies}")
    }
}

#[test]
fn the_kernel_does_what_the_processor_does() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = harness(folder.path()) else {
        eprintln!("skipped: there is no C++ compiler to compile the kernel with (CXX says which to use)");
        return;
    };
    let surrogates = [Surrogate::Triangle { height: 0.3 }, Surrogate::Atan { slope: 2.0 }, Surrogate::Sigmoid { slope: 4.0 }];
    // Fewer steps than a block, as many, one more, and several blocks with a rest.
    let shapes = [(1, 2, 3), (5, 3, 7), (8, 1, 9), (9, 4, 5), (16, 2, 5), (37, 3, 6)];
    let (mut count, mut worst) = (0, 0.0f32);
    for reset in [Reset::Soft, Reset::Hard, Reset::Signed] {
        for surrogate in surrogates {
            for through_reset in [false, true] {
                for (steps, images, len) in shapes {
                    for varies in [false, true] {
                        let derivation = Derivation { surrogate, through_reset };
                        let case = Case { reset, derivation, steps, images, len, varies };
                        for (room, parts) in [(8, 1), (16, images), (8, 2.min(images))] {
                            count += 1;
                            worst = worst.max(case.run(&program, 10 * count, room, parts));
                        }
                    }
                }
            }
        }
    }
    println!("{count} cases, largest error {worst:e}");
}
