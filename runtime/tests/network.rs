//! The runtime against a naive reading of the specification, and against itself.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod common;

use common::{Builder, Random, random_images, random_network, reference, weight, wide_network};
use snnc_runtime::{Artifact, Code, Coding, Drive, Energy, Head, Isa, Layout, Network, OpSpec, Outcome, Reset, RunError, Tensor, Totals};
use std::collections::{BTreeMap, BTreeSet};

/// The number of steps to run a network for: its own, or any in the rate code.
fn steps(artifact: &Artifact, any: usize) -> usize {
    if artifact.graph.code == Code::Rate { any } else { artifact.graph.timesteps }
}

/// Compares a run with the reference, image by image: every spike, every value and what is counted.
fn compare(artifact: &Artifact, network: &Network, images: &[u16], outcome: &Outcome, first: u64, what: &str) {
    let trace = network.trace(images, outcome.timesteps, first).unwrap();
    assert_eq!(&trace.outcome, outcome, "{what}: traced");
    let (count, classes) = (outcome.images, network.classes());
    for (index, image) in images.chunks(network.image_len()).enumerate() {
        let expected = reference::run(artifact, image, outcome.timesteps, first + index as u64);
        assert_eq!(outcome.logits[index * classes..][..classes], expected.logits, "{what}, image {index}: logits");
        let names = std::iter::once("x").chain(artifact.graph.nodes.iter().map(|node| node.name.as_str()));
        for (name, values) in names.zip(&trace.values) {
            let len = expected.values[name][0].len();
            let ours: Vec<&[i32]> = values.chunks(len * count).map(|step| &step[index * len..][..len]).collect();
            assert_eq!(ours, expected.values[name], "{what}, image {index}: values of {name}");
        }
        for (population, spikes) in network.populations().iter().zip(&trace.spikes) {
            let ours: Vec<&[i8]> =
                spikes.chunks(population.size * count).map(|step| &step[index * population.size..][..population.size]).collect();
            assert_eq!(ours, expected.trains[&population.name], "{what}, image {index}: spikes of {}", population.name);
        }
        for (place, population) in network.populations().iter().enumerate() {
            let at = index * network.populations().len() + place;
            let ours = (outcome.spikes[at], outcome.corrections[at]);
            let expected = (expected.spikes[&population.name], expected.corrections[&population.name]);
            assert_eq!(ours, expected, "{what}, image {index}: spikes and corrections of {}", population.name);
        }
        for (layer, &operations) in network.layers().iter().zip(&outcome.synaptic_ops[index * network.layers().len()..]) {
            assert_eq!(operations, expected.synaptic_ops[&layer.name], "{what}, image {index}: operations of {}", layer.name);
        }
        assert_eq!(network.populations().len(), expected.spikes.len(), "{what}: populations");
    }
}

#[test]
fn random_networks_are_what_the_specification_says() {
    let mut operators = BTreeMap::<&str, usize>::new();
    let mut drives = BTreeSet::new();
    let mut corrections = 0;
    for seed in 0..400 {
        let artifact = random_network(seed);
        for node in &artifact.graph.nodes {
            *operators.entry(node.op.name()).or_default() += 1;
        }
        let network = Network::new(artifact.clone()).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{:#?}", artifact.graph));
        drives.extend(network.layers().iter().map(|layer| format!("{:?}", layer.drive)));
        let images = random_images(&artifact, 3, seed);
        let outcome = network.run_quantised(&images, steps(&artifact, 5), 40).unwrap();
        compare(&artifact, &network, &images, &outcome, 40, &format!("seed {seed}"));
        corrections += outcome.corrections.iter().sum::<u64>();
    }
    assert!(corrections > 500, "spikes are taken back: {corrections}");
    assert_eq!(operators.len(), 17, "every operator occurs: {operators:?}");
    assert_eq!(drives.len(), 3, "every drive occurs: {drives:?}");
}

#[test]
fn bytes_come_back_and_are_the_same() {
    for seed in 0..50 {
        let artifact = random_network(seed);
        let bytes = artifact.to_bytes().unwrap();
        let read = Artifact::from_bytes(&bytes).unwrap();
        assert_eq!(read, artifact, "seed {seed}");
        assert_eq!(read.to_bytes().unwrap(), bytes, "seed {seed}");
    }
}

#[test]
fn results_depend_on_neither_batch_nor_place() {
    for seed in 0..60 {
        let artifact = random_network(seed);
        let (images, steps) = (random_images(&artifact, 7, seed + 1), steps(&artifact, 4));
        let network = Network::new(artifact).unwrap();
        let whole = network.clone().with_batch(7).run_quantised(&images, steps, 10).unwrap();
        for batch in [1, 2, 3, 32] {
            let other = network.clone().with_batch(batch).run_quantised(&images, steps, 10).unwrap();
            assert_eq!(other, whole, "seed {seed}, batch {batch}");
        }
        let mut parts = Outcome::default();
        let (head, tail) = images.split_at(3 * network.image_len());
        parts.append(&network.run_quantised(head, steps, 10).unwrap());
        parts.append(&network.run_quantised(tail, steps, 13).unwrap());
        assert_eq!(parts, whole, "seed {seed}, in two runs");
        // Means of parts would not add up to the last digit.
        let mut totals = Totals::default();
        for (index, images) in images.chunks(2 * network.image_len()).enumerate() {
            totals.add(&network.run_quantised(images, steps, 10 + 2 * index as u64).unwrap());
        }
        assert_eq!(network.cost_of(&totals), network.cost(&whole), "seed {seed}, two images a run");
    }
}

#[test]
fn results_depend_on_neither_threads_nor_batch_nor_instructions() {
    for coding in [Coding::Digits, Coding::Direct, Coding::Poisson] {
        let artifact = wide_network(coding);
        let images = random_images(&artifact, 6, 5);
        let steps = steps(&artifact, 3);
        let network = Network::new(artifact.clone()).unwrap();
        let run = |threads: usize, batch: usize, isa: Isa| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let network = Network::with_isa(artifact.clone(), isa).unwrap().with_batch(batch);
            pool.install(|| network.run_quantised(&images, steps, 0).unwrap())
        };
        let alone = run(1, 6, Isa::Portable);
        for isa in Isa::available() {
            for (threads, batch) in [(1, 6), (2, 6), (4, 6), (1, 1), (3, 1), (3, 4)] {
                assert_eq!(run(threads, batch, isa), alone, "{coding:?}, {isa:?}, {threads} threads, batch {batch}");
            }
        }
        let fired: u64 = alone.spikes.iter().sum();
        assert!(alone.spikes.iter().all(|&spikes| spikes > 0) && fired > 10_000, "{coding:?} fires: {:?}", alone.spikes);
        if coding == Coding::Digits {
            let image = &images[..network.image_len()];
            let outcome = network.run_quantised(image, steps, 0).unwrap();
            compare(&artifact, &network, image, &outcome, 0, "wide");
        }
    }
}

#[test]
fn random_networks_are_the_same_with_all_instructions() {
    for seed in 0..100 {
        let artifact = random_network(seed);
        let images = random_images(&artifact, 3, seed);
        let steps = steps(&artifact, 4);
        let trace = |isa: Isa| Network::with_isa(artifact.clone(), isa).unwrap().trace(&images, steps, 0).unwrap();
        let portable = trace(Isa::Portable);
        for isa in Isa::available() {
            assert_eq!(trace(isa), portable, "seed {seed}, {isa:?}");
        }
    }
}

#[test]
fn checkpoints_are_separate_runs() {
    for seed in 0..60 {
        let artifact = random_network(seed);
        let images = random_images(&artifact, 2, seed);
        let is_rate = artifact.graph.code == Code::Rate;
        let network = Network::new(artifact).unwrap();
        let together = network.run_quantised_checkpoints(&images, &[1, 2, 5, 7], 3);
        if !is_rate {
            assert!(matches!(together, Err(RunError::Digits { .. })), "seed {seed}: digits cannot be left out");
            continue;
        }
        for outcome in together.unwrap() {
            let alone = network.run_quantised(&images, outcome.timesteps, 3).unwrap();
            assert_eq!(outcome, alone, "seed {seed}, {} steps", outcome.timesteps);
        }
    }
}

#[test]
fn wrong_calls_are_refused() {
    let rate = (0..).map(random_network).find(|artifact| artifact.graph.code == Code::Rate).unwrap();
    let network = Network::new(rate).unwrap();
    let image = network.image_len();
    let images = vec![0.5; 2 * image];
    assert_eq!(network.run(&images[1..], 4, 0), Err(RunError::Images { got: 2 * image - 1, image }));
    for steps in [&[][..], &[0], &[2, 2], &[3, 2], &[1, usize::MAX]] {
        assert_eq!(network.run_checkpoints(&images, steps, 0), Err(RunError::Timesteps { got: steps.to_vec() }));
    }
    let mut broken = images.clone();
    broken[image + 1] = f32::NAN;
    assert_eq!(network.run(&broken, 4, 0), Err(RunError::NotFinite { image: 1, index: 1 }));
    let top = network.spec().input.quantiser.top();
    let mut large = vec![top; 2 * image];
    network.run_quantised(&large, 4, 0).unwrap();
    large[image + 2] = top + 1;
    assert_eq!(network.run_quantised(&large, 4, 0), Err(RunError::Range { image: 1, index: 2, max: top }));
    assert_eq!(network.trace(&large, 4, 0), Err(RunError::Range { image: 1, index: 2, max: top }));
    let nothing = network.run(&[], 4, 0).unwrap();
    assert_eq!((nothing.images, nothing.logits.len(), nothing.predictions().len()), (0, 0, 0));
    assert_eq!(network.trace(&[], 4, 0).unwrap().outcome, nothing);

    let radix = (0..).map(random_network).find(|artifact| artifact.graph.code == Code::Radix).unwrap();
    let digits = radix.graph.timesteps;
    let network = Network::new(radix).unwrap();
    let images = vec![0; network.image_len()];
    for steps in [&[][..], &[digits + 1], &[digits - 1, digits], &[digits, digits]] {
        let refused = network.run_quantised_checkpoints(&images, steps, 0);
        assert_eq!(refused, Err(RunError::Digits { got: steps.to_vec(), digits }));
    }
    assert_eq!(network.run_quantised_checkpoints(&images, &[digits], 0).unwrap().len(), 1);
}

#[test]
fn costs_count_what_happens() {
    // Four analog inputs, two of three neurons fire at every step, each to two outputs.
    let mut b = Builder::new(&[1, 4], Layout::Flat, Coding::Direct);
    let x = b.linear("x", weight(&[3, 4], &[1; 12]), Some(Tensor::new([3], [0, 0, -36])));
    let x = b.if_neuron(&x, Tensor::new([], [4]), Tensor::new([], [0]), Reset::Soft);
    let x = b.linear(&x, weight(&[2, 3], &[1; 6]), None);
    let x = b.linear(&x, weight(&[2, 2], &[1; 4]), None);
    let network = Network::new(b.finish(&x, Head::None)).unwrap();
    let outcome = network.run(&[1.0; 8], 5, 0).unwrap();
    let cost = network.cost(&outcome);
    assert_eq!((cost.images, cost.timesteps, cost.neurons), (2, 5, 3));
    assert_eq!((cost.latency, cost.interval, cost.delay_bits), (5, 5, 0));
    assert_eq!((cost.spikes, cost.synaptic_ops), (10.0, 20.0));
    assert_eq!((cost.input_macs_once, cost.current_macs_per_step, cost.current_macs, cost.ann_macs), (12, 4, 20, 12 + 6 + 4));
    assert_eq!(cost.layers.iter().map(|l| l.drive).collect::<Vec<_>>(), [Drive::Analog, Drive::Spikes, Drive::Current]);
    assert_eq!(cost.layers.iter().map(|l| (l.is_input, l.macs)).collect::<Vec<_>>(), [(true, 12), (false, 0), (false, 20)]);
    assert!((cost.rates[0].rate - 2.0 / 3.0).abs() < 1e-12);
    assert!((cost.spikes_per_neuron() - 10.0 / 3.0).abs() < 1e-12);
    let energy = Energy { mac: 2.0, ac: 1.0 };
    assert_eq!(cost.energy_pj(energy), 2.0 * (12.0 + 20.0) + 20.0);
    assert_eq!(cost.energy_pj_behind_input(energy), 2.0 * 20.0 + 20.0);
    assert_eq!(cost.energy_pj_without_reuse(energy), cost.energy_pj(energy) + 2.0 * 12.0 * 4.0);
    assert_eq!((cost.ann_energy_pj(energy), cost.ann_energy_pj_behind_input(energy)), (44.0, 20.0));
}

#[test]
fn costs_of_digits() {
    // The pixels 5 = 0b101 and 3 = 0b011 have two spikes each, to three neurons; these say 4, 7 and 0 in three digits.
    let mut b = Builder::new(&[1, 2], Layout::Flat, Coding::Digits);
    b.artifact.graph.input.quantiser.digits = 3;
    let x = b.linear("x", weight(&[3, 2], &[1, 1, 9, 9, -1, 0]), None);
    let x = b.radix_neuron(&x, Tensor::new([], [2]), Tensor::new([], [1]), 3, 7);
    let x = b.linear(&x, weight(&[2, 3], &[1; 6]), None);
    let x = b.linear(&x, weight(&[1, 2], &[1, 2]), Some(Tensor::new([1], [100])));
    b.artifact.graph.output.scale = 0.5;
    let network = Network::new(b.finish(&x, Head::None)).unwrap();
    let outcome = network.run(&[5.0, 3.0], 3, 0).unwrap();
    assert_eq!(outcome.logits, [(100.0 + 3.0 * 11.0) / 2.0]);
    assert_eq!(outcome.spikes, [4, 1 + 3]);
    assert_eq!(outcome.synaptic_ops, [4 * 3, 4 * 2, 0]);
    let cost = network.cost(&outcome);
    assert_eq!((cost.timesteps, cost.latency, cost.interval, cost.delay_bits), (3, 6, 3, 0));
    assert_eq!((cost.spikes, cost.input_macs_once, cost.current_macs_per_step, cost.current_macs), (4.0, 0, 2, 6));
    assert_eq!(cost.rates.iter().map(|rate| rate.rate).collect::<Vec<_>>(), [4.0 / 6.0, 4.0 / 9.0]);
    let energy = Energy { mac: 2.0, ac: 1.0 };
    assert_eq!((cost.energy_pj(energy), cost.energy_pj_behind_input(energy)), (12.0 + 20.0, 12.0 + 8.0));
    assert_eq!((cost.ann_energy_pj(energy), cost.ann_energy_pj_behind_input(energy)), (28.0, 16.0));
}

#[test]
fn a_schedule_by_hand() {
    // x: 1..=4 -> a: 5..=12 (8 digits) -> c: 13..=15 (3 digits); the shortcut takes x and a to what c leads to.
    let mut b = Builder::new(&[1, 2, 4, 4], Layout::Nchw, Coding::Digits);
    b.artifact.graph.input.quantiser.digits = 4;
    let one = || Tensor::new([], [1]);
    let a = b.radix_neuron("x", one(), Tensor::new([], [0]), 8, 255);
    let pooled = b.max_pool(&a, [2, 2], [2, 2], [0; 4], false);
    let c = b.radix_neuron(&pooled, one(), Tensor::new([], [0]), 3, 7);
    let shortcut = b.slice(&a, &[(0, 1, 1), (0, 1, 2), (0, 2, 2), (0, 2, 2)]);
    let sum = b.add(&[&c, &shortcut]);
    let image = b.sum_pool("x", [2, 2], [2, 2], [0; 4], false);
    let sum = b.add(&[&sum, &image]);
    let x = b.flatten(&sum);
    let x = b.linear(&x, weight(&[1, 8], &[1; 8]), None);
    let network = Network::new(b.finish(&x, Head::None)).unwrap();
    let schedule = network.schedule();
    let windows: Vec<(usize, usize)> = schedule.windows.iter().map(|window| (window.first, window.last)).collect();
    assert_eq!(windows, [(1, 4), (5, 12), (5, 12), (13, 15), (5, 12), (8, 15), (1, 4), (8, 15), (8, 15), (8, 15)]);
    assert_eq!((schedule.latency, schedule.interval), (15, 8));
    // x waits from 4 to 15 for its latest reader, a from 12 to 15; what the pooling and c say is read at once.
    assert_eq!(schedule.delay_bits, 32 * 11 + 32 * 3);
}

#[test]
fn signed_neurons_by_hand() {
    // Two neurons with θ = 4 and θ = 16 fire into two signed ones with θ = 4, whose currents are
    //     a(t) = 3 · first - 8 · second,  b(t) = 6 · first - 12 · second.
    // `first` fires at every step; `second`, with a current of 4 and no head start, at the fourth and the eighth.
    let neurons = |b: &mut Builder, x: &str, theta: [i32; 2], reset| b.if_neuron(x, Tensor::new([2], theta), Tensor::new([], [0]), reset);
    let mut b = Builder::new(&[1, 2], Layout::Flat, Coding::Direct);
    let x = neurons(&mut b, "x", [4, 16], Reset::Soft);
    let x = b.linear(&x, weight(&[2, 2], &[3, -8, 6, -12]), None);
    let signed = neurons(&mut b, &x, [4, 4], Reset::Signed);
    // Pooled, moved and padded, the spikes are still counted: each has one connection to `pooled`, and b's, which is the larger
    // at every step, is what the maximum hands on.
    let x = b.reshape(&signed, &[1, 1, 1, 2]);
    let pooled = b.max_pool(&x, [1, 2], [1, 1], [0; 4], false);
    let x = b.pad(&pooled, &[(0, 0), (0, 0), (0, 0), (1, 0)]);
    let x = b.concat(&[&x, &x], 1);
    let x = b.slice(&x, &[(0, 1, 1), (1, 1, 1), (0, 1, 1), (1, -1, 2)]);
    let x = b.flatten(&x);
    let x = b.concat(&[&x, &signed], 1);
    let x = b.linear(&x, weight(&[3, 4], &[1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]), None);
    let artifact = b.finish(&x, Head::None);
    let network = Network::new(artifact.clone()).unwrap();
    // t            1   2   3   4   5   6   7   8   9
    // a: current   3   3   3  -5   3   3   3  -5   3
    // a: v         3   6   5  -4   3   6   5  -4   3
    // a: spike     0   1   1  -1   0   1   1  -1   0
    // a: v after   3   2   1   0   3   2   1   0   3
    // b: current   6   6   6  -6   6   6   6  -6   6
    // b: v         6   8  10   0   6   8  10   0   6
    // b: spike     1   1   1   0   1   1   1   0   1
    // b: v after   2   4   6   0   2   4   6   0   2
    let outcomes = network.run_checkpoints(&[4.0, 4.0], &[3, 4, 9], 0).unwrap();
    let logits: Vec<Vec<f32>> = [[3.0, 2.0, 3.0], [3.0, 1.0, 3.0], [7.0, 2.0, 7.0]]
        .iter()
        .zip([3.0f32, 4.0, 9.0])
        .map(|(net, steps)| net.iter().map(|net| net / steps).collect())
        .collect();
    for (outcome, logits) in outcomes.iter().zip(&logits) {
        assert_eq!(&outcome.logits, logits);
        compare(&artifact, &network, &[4, 4], outcome, 0, "signed neurons");
    }
    // Populations: the first neurons, the signed ones, the pooling.
    assert_eq!(outcomes[1].spikes, [4 + 1, 3 + 3, 3]);
    assert_eq!(outcomes[1].corrections, [0, 1, 0]);
    assert_eq!(outcomes[2].spikes, [9 + 2, 6 + 7, 7]);
    assert_eq!(outcomes[2].corrections, [0, 2, 0]);
    // To two signed neurons; then to three outputs.
    assert_eq!(outcomes[2].synaptic_ops, [2 * 11, 3 * (7 + 13)]);
    let cost = network.cost(&outcomes[2]);
    assert_eq!((cost.neurons, cost.spikes, cost.corrections, cost.synaptic_ops), (4, 24.0, 2.0, 82.0));
    assert_eq!(cost.rates[1].rate, 13.0 / 18.0);
}

#[test]
fn leaks_round_down() {
    // λ = 1/2: from 7 to 3, from -7 to -4.
    let mut b = Builder::new(&[1, 2], Layout::Flat, Coding::Direct);
    let x = b.scale("x", Tensor::new([2], [1, -1]));
    let x = b.lif_neuron(&x, Tensor::new([], [100]), Tensor::new([], [0]), Tensor::new([], [1 << 15]), Reset::Soft);
    let artifact = b.finish(&x, Head::None);
    let network = Network::new(artifact.clone()).unwrap();
    for image in [[7, 7], [1, 1], [57, 50]] {
        let outcome = network.run_quantised(&image, 8, 0).unwrap();
        compare(&artifact, &network, &image, &outcome, 0, "leak");
    }
    // 57, 57 + 28 = 85, 57 + 42 = 99, 57 + 49 = 106: a spike, 6 are left. 60, 87, 57 + 43 = 100: a spike, nothing is left. Rounded to the
    // nearest, the first would come at the third step: 57, 86, 100.
    let trace = network.trace(&[57, 0], 8, 0).unwrap();
    let spikes: Vec<i8> = trace.spikes[0].iter().step_by(2).copied().collect();
    assert_eq!(spikes, [0, 0, 0, 1, 0, 0, 1, 0]);
}

#[test]
fn every_pool_is_what_the_specification_says() {
    let r = &mut Random(21);
    for case in 0..300 {
        let coding = [Coding::Digits, Coding::Direct][case as usize % 2];
        let mut b = Builder::new(&[1, 2, 3 + r.below(6), 3 + r.below(6)], Layout::Nchw, coding);
        let kernel = [1 + r.below(3), 1 + r.below(3)];
        let (stride, ceil) = ([1 + r.below(4), 1 + r.below(4)], r.below(2) == 0);
        let pads = [r.below(kernel[0]), r.below(kernel[1]), r.below(kernel[0]), r.below(kernel[1])];
        let neurons = match coding {
            Coding::Digits => "x".to_owned(),
            _ => b.if_neuron("x", Tensor::new([], [200]), Tensor::new([], [100]), Reset::Soft),
        };
        let sum = b.sum_pool(&neurons, kernel, stride, pads, ceil);
        let most = b.max_pool(&neurons, kernel, stride, pads, ceil);
        let x = b.concat(&[&sum, &most], 1);
        let x = b.flatten(&x);
        let inputs = b.shape(&x)[1];
        let w = r.weight(&[3, inputs], 9);
        let x = b.linear(&x, w, None);
        let artifact = b.finish(&x, Head::None);
        let images = random_images(&artifact, 2, case);
        let network = Network::new(artifact.clone()).unwrap();
        let outcome = network.run_quantised(&images, steps(&artifact, 4), 0).unwrap();
        compare(&artifact, &network, &images, &outcome, 0, &format!("case {case}"));
    }
}

/// A layer that reads bytes from a slice of two values does not make bytes of the other, whose numbers are larger.
#[test]
fn what_a_slice_leaves_out_keeps_its_numbers() {
    let mut b = Builder::new(&[1, 2, 4, 4], Layout::Nchw, Coding::Direct);
    let spikes = b.if_neuron("x", Tensor::new([], [200]), Tensor::new([], [100]), Reset::Soft);
    let w = weight(&[2, 2, 1, 1], &[100, 100, -100, -100]);
    let large = b.conv(&spikes, w, None, [1, 1], [1, 1], [0; 4], 1);
    let fired = b.if_neuron(&large, Tensor::new([], [150]), Tensor::new([], [0]), Reset::Signed);
    let both = b.concat(&[&fired, &large], 1);
    let x = b.slice(&both, &[(0, 1, 1), (0, 1, 2), (0, 1, 4), (0, 1, 4)]);
    let x = b.flatten(&x);
    let w = Random(5).weight(&[3, 32], 9);
    let x = b.linear(&x, w, None);
    let artifact = b.finish(&x, Head::None);
    let images = random_images(&artifact, 4, 1);
    for isa in Isa::available() {
        let network = Network::with_isa(artifact.clone(), isa).unwrap();
        let outcome = network.run_quantised(&images, 4, 0).unwrap();
        compare(&artifact, &network, &images, &outcome, 0, isa.name());
    }
}

#[test]
fn buffers_are_shared() {
    // A chain of equal layers lives in few buffers, so that the batch can be large; it still computes the right thing.
    let mut b = Builder::new(&[1, 8, 16, 16], Layout::Nchw, Coding::Digits);
    let mut x = "x".to_owned();
    for _ in 0..12 {
        let w = Random(3).weight(&[8, 8, 1, 1], 9);
        x = b.conv(&x, w, None, [1, 1], [1, 1], [0; 4], 1);
        x = b.radix_neuron(&x, Tensor::new([], [20]), Tensor::new([], [10]), 8, 255);
    }
    let artifact = b.finish(&x, Head::None);
    let images = random_images(&artifact, 1, 1);
    let network = Network::new(artifact.clone()).unwrap();
    let outcome = network.run_quantised(&images, 8, 0).unwrap();
    compare(&artifact, &network, &images, &outcome, 0, "chain");
}

#[test]
fn silent_images_get_the_bias() {
    let mut b = Builder::new(&[1, 1, 4, 4], Layout::Nchw, Coding::Direct);
    let x = b.if_neuron("x", Tensor::new([], [16]), Tensor::new([], [0]), Reset::Soft);
    let w = Random(4).weight(&[2, 1, 3, 3], 20);
    let x = b.conv(&x, w, Some(Tensor::new([2], [8, -4])), [1, 1], [1, 1], [1; 4], 1);
    let artifact = b.finish(&x, Head::None);
    // Images 1 and 2 stay silent; image 0 fires from the first step, image 3 only at the third.
    let images: Vec<u16> = [16, 0, 0, 6].iter().flat_map(|&v| vec![v; 16]).collect();
    let network = Network::new(artifact.clone()).unwrap();
    for outcome in network.run_quantised_checkpoints(&images, &[1, 2, 3, 6], 0).unwrap() {
        compare(&artifact, &network, &images, &outcome, 0, "silence");
    }
    assert!(matches!(artifact.graph.nodes[0].op, OpSpec::IfNeuron { .. }));
}

#[test]
fn the_environment_chooses_the_instructions() {
    // In a process of its own, since the environment is that of all tests.
    let run = |isa: &str| {
        let tests = std::env::current_exe().unwrap();
        // In emulation a program is started by the emulator.
        let runner = std::env::var("SNNC_RUNNER").unwrap_or_default();
        let words: Vec<&str> = runner.split_whitespace().chain([tests.to_str().unwrap()]).collect();
        let mut command = std::process::Command::new(words[0]);
        let output = command.args(&words[1..]).args(["--exact", "signed_neurons_by_hand"]).env("SNNC_ISA", isa).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for isa in Isa::ALL {
        assert_eq!(run(isa.name()).0, isa.is_available(), "{}", isa.name());
    }
    let (is_sound, text) = run("sse9");
    assert!(!is_sound && text.contains("sse9"), "{text}");
    let network = Network::new(random_network(0)).unwrap();
    assert!(network.isa().is_available());
    assert_eq!(Network::with_isa(random_network(0), Isa::Portable).unwrap().isa(), Isa::Portable);
}
