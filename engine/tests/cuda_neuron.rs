//! The neuron kernel of graphics cards, compiled for the processor, against [`snnc_kernels::neuron`]: spikes and every gradient.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

#[path = "common/kernel.rs"]
mod kernel;

use kernel::close;
use snnc_ir::text::noise;
use snnc_kernels::neuron::{Derivation, NeuronGradients, Neurons, Reset, Surrogate};
use std::path::Path;

const MAIN: &str = r#"
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

struct Case {
    reset: Reset,
    derivation: Derivation,
    steps: usize,
    images: usize,
    len: usize,
    varies: bool,
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
        let flag = |is: bool| if is { "1" } else { "0" }.to_owned();
        let mut words =
            vec![reset.to_owned(), room.to_string(), steps.to_string(), flag(varies), surrogate.to_owned(), strength.to_string()];
        words.push(flag(derivation.through_reset));
        words.extend([images, len, parts].map(|n| n.to_string()));
        let got = kernel::run(program, &words, &[&x[..], &threshold, &initial, &leak, &gradient].concat());
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
    let Some(program) = kernel::compiled(folder.path(), "neuron", MAIN) else { return };
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
