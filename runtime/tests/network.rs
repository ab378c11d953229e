//! The runtime against a naive reading of the specification, and against itself.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod common;

use common::{Builder, Random, random_images, random_network, reference};
use snnc_runtime::{Artifact, Coding, Drive, Energy, Head, Layout, Network, OpSpec, Outcome, Reset, RunError, Tensor};
use std::collections::{BTreeMap, BTreeSet};

/// Compares an outcome with the reference, image by image.
fn compare(artifact: &Artifact, network: &Network, images: &[f32], outcome: &Outcome, first: u64, what: &str) {
    let classes = network.classes();
    for (index, image) in images.chunks(network.image_len()).enumerate() {
        let expected = reference::run(artifact, image, outcome.timesteps, first + index as u64);
        // A mean over a number that is no power of two rounds, and no spike follows it: only logits may differ, in the last bits.
        for (ours, theirs) in outcome.logits[index * classes..][..classes].iter().zip(&expected.logits) {
            assert!((ours - theirs).abs() <= 1e-5 * theirs.abs().max(1.0), "{what}, image {index}: logit {ours}, not {theirs}");
        }
        for (population, &spikes) in network.populations().iter().zip(&outcome.spikes[index * network.populations().len()..]) {
            assert_eq!(spikes, expected.spikes[&population.name], "{what}, image {index}: spikes of {}", population.name);
        }
        for (population, &corrections) in network.populations().iter().zip(&outcome.corrections[index * network.populations().len()..]) {
            let expected = expected.corrections.get(&population.name).copied().unwrap_or(0);
            assert_eq!(corrections, expected, "{what}, image {index}: corrections of {}", population.name);
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
        let outcome = network.run(&images, 5, 40).unwrap();
        compare(&artifact, &network, &images, &outcome, 40, &format!("seed {seed}"));
        corrections += outcome.corrections.iter().sum::<u64>();
    }
    assert!(corrections > 1000, "spikes are taken back: {corrections}");
    assert_eq!(operators.len(), 15, "every operator occurs: {operators:?}");
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
        let images = random_images(&artifact, 7, seed + 1);
        let network = Network::new(artifact).unwrap();
        let whole = network.clone().with_batch(7).run(&images, 4, 10).unwrap();
        for batch in [1, 2, 3, 32] {
            let other = network.clone().with_batch(batch).run(&images, 4, 10).unwrap();
            assert_eq!(other, whole, "seed {seed}, batch {batch}");
        }
        let mut parts = Outcome::default();
        let (head, tail) = images.split_at(3 * network.image_len());
        parts.append(&network.run(head, 4, 10).unwrap());
        parts.append(&network.run(tail, 4, 13).unwrap());
        assert_eq!(parts, whole, "seed {seed}, in two runs");
    }
}

/// A network with work enough that several threads take part, and with numbers that are not exact.
fn wide_network() -> Artifact {
    let r = &mut Random(99);
    let mut real = |dims: &[usize], size: f32| {
        let data: Vec<f32> = (0..dims.iter().product()).map(|_| (r.below(1 << 20) as f32 / (1 << 19) as f32 - 1.0) * size).collect();
        Tensor::new(dims, data)
    };
    let mut b = Builder::new(&[1, 3, 32, 32], Layout::Nchw, Coding::Direct);
    let x = b.conv("x", real(&[32, 3, 3, 3], 0.4), Some(real(&[32], 0.1)), [1, 1], [1, 1], [1; 4], 1);
    let x = b.if_neuron(&x, Tensor::new([], [0.37]), Tensor::new([], [0.11]), Reset::Soft);
    let x = b.conv(&x, real(&[48, 32, 3, 3], 0.2), Some(real(&[48], 0.1)), [2, 2], [1, 1], [1; 4], 1);
    let x = b.lif_neuron(&x, Tensor::new([], [0.53]), Tensor::new([], [0.0]), Tensor::new([], [0.9]), Reset::Soft);
    let x = b.average_pool(&x, [3, 3], [2, 2], [1; 4], false, false);
    let x = b.flatten(&x);
    let inputs = b.shape(&x)[1];
    let x = b.linear(&x, real(&[10, inputs], 0.1), None);
    b.finish(&x, Head::None)
}

#[test]
fn results_depend_on_neither_threads_nor_batch() {
    let artifact = wide_network();
    let images = random_images(&artifact, 6, 5);
    let network = Network::new(artifact).unwrap();
    let run = |threads: usize, batch: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| network.clone().with_batch(batch).run(&images, 6, 0).unwrap())
    };
    let alone = run(1, 6);
    for (threads, batch) in [(2, 6), (4, 6), (1, 1), (3, 4)] {
        assert_eq!(run(threads, batch), alone, "{threads} threads, batch {batch}");
    }
}

#[test]
fn inexact_numbers_come_close_to_the_reference() {
    let artifact = wide_network();
    let images = random_images(&artifact, 1, 5);
    let network = Network::new(artifact.clone()).unwrap();
    let outcome = network.run(&images, 3, 0).unwrap();
    let expected = reference::run(&artifact, &images, 3, 0);
    let largest = expected.logits.iter().fold(0.0f32, |a, v| a.max(v.abs()));
    for (ours, theirs) in outcome.logits.iter().zip(&expected.logits) {
        // A spike that rounding moved may show; a wrong operator would show more.
        assert!((ours - theirs).abs() < 0.01 * largest, "{ours} against {theirs}");
    }
}

#[test]
fn checkpoints_are_separate_runs() {
    for seed in 0..60 {
        let artifact = random_network(seed);
        let images = random_images(&artifact, 2, seed);
        let network = Network::new(artifact).unwrap();
        let together = network.run_checkpoints(&images, &[1, 2, 5, 7], 3).unwrap();
        for outcome in together {
            assert_eq!(outcome, network.run(&images, outcome.timesteps, 3).unwrap(), "seed {seed}, {} steps", outcome.timesteps);
        }
    }
}

#[test]
fn wrong_calls_are_refused() {
    let network = Network::new(random_network(1)).unwrap();
    let image = network.image_len();
    let images = vec![0.5; 2 * image];
    assert_eq!(network.run(&images[1..], 4, 0), Err(RunError::Images { got: 2 * image - 1, image }));
    for steps in [&[][..], &[0], &[2, 2], &[3, 2], &[1, usize::MAX]] {
        assert_eq!(network.run_checkpoints(&images, steps, 0), Err(RunError::Timesteps { got: steps.to_vec() }));
    }
    let mut broken = images.clone();
    broken[image + 1] = f32::NAN;
    assert_eq!(network.run(&broken, 4, 0), Err(RunError::NotFinite { image: 1, index: 1 }));
    let nothing = network.run(&[], 4, 0).unwrap();
    assert_eq!((nothing.images, nothing.logits.len(), nothing.predictions().len()), (0, 0, 0));
}

#[test]
fn costs_count_what_happens() {
    // Four analog inputs, two of three neurons fire at every step, each to two outputs.
    let mut b = Builder::new(&[1, 4], Layout::Flat, Coding::Direct);
    let x = b.linear("x", Tensor::new([3, 4], vec![0.25; 12]), Some(Tensor::new([3], [0.0, 0.0, -9.0])));
    let x = b.if_neuron(&x, Tensor::new([], [1.0]), Tensor::new([], [0.0]), Reset::Soft);
    let x = b.linear(&x, Tensor::new([2, 3], vec![1.0; 6]), None);
    let x = b.linear(&x, Tensor::new([2, 2], vec![1.0; 4]), None);
    let network = Network::new(b.finish(&x, Head::None)).unwrap();
    let outcome = network.run(&[1.0; 8], 5, 0).unwrap();
    let cost = network.cost(&outcome);
    assert_eq!((cost.images, cost.timesteps, cost.neurons), (2, 5, 3));
    assert_eq!((cost.spikes, cost.synaptic_ops), (10.0, 20.0));
    assert_eq!((cost.input_macs_once, cost.current_macs_per_step, cost.ann_macs), (12, 4, 12 + 6 + 4));
    assert_eq!(cost.layers.iter().map(|l| l.drive).collect::<Vec<_>>(), [Drive::Analog, Drive::Spikes, Drive::Current]);
    assert!((cost.rates[0].rate - 2.0 / 3.0).abs() < 1e-12);
    assert!((cost.spikes_per_neuron() - 10.0 / 3.0).abs() < 1e-12);
    let energy = Energy { mac: 2.0, ac: 1.0 };
    assert_eq!(cost.energy_pj(energy), 2.0 * (12.0 + 20.0) + 20.0);
    assert_eq!(cost.energy_pj_without_reuse(energy), cost.energy_pj(energy) + 2.0 * 12.0 * 4.0);
    assert_eq!(cost.ann_energy_pj(energy), 44.0);
}

#[test]
fn signed_neurons_by_hand() {
    // Two neurons with θ = 1 and θ = 4 fire into two signed ones with θ = 1, whose currents are
    //     a(t) = 0.75 · first - 2 · second,  b(t) = 1.5 · first - 3 · second.
    // `first` fires at every step; `second`, with a current of 1 and no head start, at the fourth and the eighth.
    let neurons = |b: &mut Builder, x: &str, theta: [f32; 2], reset| b.if_neuron(x, Tensor::new([2], theta), Tensor::new([], [0.0]), reset);
    let mut b = Builder::new(&[1, 2], Layout::Flat, Coding::Direct);
    let x = neurons(&mut b, "x", [1.0, 4.0], Reset::Soft);
    let x = b.linear(&x, Tensor::new([2, 2], [0.75, -2.0, 1.5, -3.0]), None);
    let signed = neurons(&mut b, &x, [1.0, 1.0], Reset::Signed);
    // Pooled, moved and padded, the spikes are still counted: each has one connection to `pooled`, and b's, which is the larger
    // at every step, is what the maximum hands on.
    let x = b.reshape(&signed, &[1, 1, 1, 2]);
    let pooled = b.count_max_pool(&x, [1, 2], [1, 1], [0; 4], false);
    let x = b.pad(&pooled, &[(0, 0), (0, 0), (0, 0), (1, 0)]);
    let x = b.concat(&[&x, &x], 1);
    let x = b.slice(&x, &[(0, 1, 1), (1, 1, 1), (0, 1, 1), (1, -1, 2)]);
    let x = b.flatten(&x);
    let x = b.concat(&[&x, &signed], 1);
    let x = b.linear(&x, Tensor::new([3, 4], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]), None);
    let artifact = b.finish(&x, Head::None);
    let network = Network::new(artifact.clone()).unwrap();
    // t            1      2      3      4      5      6      7      8      9
    // a: current   0.75   0.75   0.75  -1.25   0.75   0.75   0.75  -1.25   0.75
    // a: v         0.75   1.5    1.25  -1      0.75   1.5    1.25  -1      0.75
    // a: spike     0      1      1     -1      0      1      1     -1      0
    // a: v after   0.75   0.5    0.25   0      0.75   0.5    0.25   0      0.75
    // b: current   1.5    1.5    1.5   -1.5    1.5    1.5    1.5   -1.5    1.5
    // b: v         1.5    2      2.5    0      1.5    2      2.5    0      1.5
    // b: spike     1      1      1      0      1      1      1      0      1
    // b: v after   0.5    1      1.5    0      0.5    1      1.5    0      0.5
    let outcomes = network.run_checkpoints(&[1.0, 1.0], &[3, 4, 9], 0).unwrap();
    let logits: Vec<Vec<f32>> = [[3.0, 2.0, 3.0], [3.0, 1.0, 3.0], [7.0, 2.0, 7.0]]
        .iter()
        .zip([3.0f32, 4.0, 9.0])
        .map(|(net, steps)| net.iter().map(|net| net / steps).collect())
        .collect();
    for (outcome, logits) in outcomes.iter().zip(&logits) {
        assert_eq!(&outcome.logits, logits);
        compare(&artifact, &network, &[1.0, 1.0], outcome, 0, "signed neurons");
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
fn every_average_pool_is_what_the_specification_says() {
    let r = &mut Random(21);
    for case in 0..300 {
        let mut b = Builder::new(&[1, 2, 3 + r.below(6), 3 + r.below(6)], Layout::Nchw, Coding::Direct);
        let kernel = [1 + r.below(3), 1 + r.below(3)];
        let pads = [r.below(kernel[0]), r.below(kernel[1]), r.below(kernel[0]), r.below(kernel[1])];
        let neurons = b.if_neuron("x", Tensor::new([], [1.0]), Tensor::new([], [0.5]), Reset::Soft);
        let x = b.average_pool(&neurons, kernel, [1 + r.below(4), 1 + r.below(4)], pads, r.below(2) == 0, r.below(2) == 0);
        let x = b.flatten(&x);
        let inputs = b.shape(&x)[1];
        let x = b.linear(&x, Tensor::new([3, inputs], r.dyadics(3 * inputs, 1)), None);
        let artifact = b.finish(&x, Head::None);
        let images = random_images(&artifact, 1, case);
        let network = Network::new(artifact.clone()).unwrap();
        let outcome = network.run(&images, 4, 0).unwrap();
        compare(&artifact, &network, &images, &outcome, 0, &format!("case {case}"));
    }
}

#[test]
fn buffers_are_shared() {
    // A chain of equal layers lives in few buffers, so that the batch can be large; it still computes the right thing.
    let mut b = Builder::new(&[1, 8, 16, 16], Layout::Nchw, Coding::Direct);
    let mut x = "x".to_owned();
    for _ in 0..12 {
        let weight = Tensor::new([8, 8, 1, 1], Random(3).dyadics(64, 1));
        x = b.conv(&x, weight, None, [1, 1], [1, 1], [0; 4], 1);
        x = b.if_neuron(&x, Tensor::new([], [1.0]), Tensor::new([], [0.5]), Reset::Soft);
    }
    let artifact = b.finish(&x, Head::None);
    let images = random_images(&artifact, 1, 1);
    let network = Network::new(artifact.clone()).unwrap();
    let outcome = network.run(&images, 4, 0).unwrap();
    compare(&artifact, &network, &images, &outcome, 0, "chain");
}

#[test]
fn silent_images_get_the_bias() {
    let mut b = Builder::new(&[1, 1, 4, 4], Layout::Nchw, Coding::Direct);
    let x = b.if_neuron("x", Tensor::new([], [1.0]), Tensor::new([], [0.0]), Reset::Soft);
    let weight = Tensor::new([2, 1, 3, 3], Random(4).dyadics(18, 1));
    let x = b.conv(&x, weight, Some(Tensor::new([2], [0.5, -0.25])), [1, 1], [1, 1], [1; 4], 1);
    let artifact = b.finish(&x, Head::None);
    // Images 1 and 2 stay silent; image 0 fires from the first step, image 3 only at the third.
    let images: Vec<f32> = [1.0, 0.0, -1.0, 0.375].iter().flat_map(|&v| vec![v; 16]).collect();
    let network = Network::new(artifact.clone()).unwrap();
    for outcome in network.run_checkpoints(&images, &[1, 2, 3, 6], 0).unwrap() {
        compare(&artifact, &network, &images, &outcome, 0, "silence");
    }
    assert!(matches!(artifact.graph.nodes[0].op, OpSpec::IfNeuron { .. }));
}
