//! Networks whose read-out is locked: what the holder of the key reads is to the last bit what the open network says; what is broken, or too much for
//! the lock, is refused.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Builder, Random, random_images, weight};
use snnc_runtime::{
    Artifact, Code, Coding, Head, Layout, LoadError, Lock, Network, Reset, RunError, Tensor,
    locked::{Answers, Error, Key, LockedLayer, Open},
};

const CLASSES: usize = 5;

/// A network up to its features, with and without the linear layer behind them.
struct Pair {
    features: Artifact,
    open: Artifact,
    weight: Vec<i32>,
    bias: Vec<i32>,
}

fn pair(code: Code, head: Head) -> Pair {
    let random = &mut Random(9);
    let build = |with: Option<(&[i32], &[i32])>| {
        let mut b = Builder::new(&[1, 2, 8, 8], Layout::Nchw, if code == Code::Radix { Coding::Digits } else { Coding::Direct });
        let entries: Vec<i32> = (0..108).map(|at| at * 37 % 255 - 127).collect();
        let x = b.conv("x", weight(&[6, 2, 3, 3], &entries), None, [1, 1], [1, 1], [1; 4], 1);
        let x = match code {
            Code::Radix => b.radix_neuron(&x, Tensor::new([], [900]), Tensor::new([], [450]), 8, 255),
            Code::Rate => b.if_neuron(&x, Tensor::new([], [20_000]), Tensor::new([], [10_000]), Reset::Signed),
        };
        let x = b.sum_pool(&x, [4, 4], [4, 4], [0; 4], false);
        let x = b.flatten(&x);
        let x = match with {
            None => x,
            Some((w, bias)) => b.linear(&x, weight(&[CLASSES, 24], w), Some(Tensor::new([CLASSES], bias.to_vec()))),
        };
        let mut artifact = b.finish(&x, head);
        artifact.graph.output.scale = 0.0125;
        artifact
    };
    let weight: Vec<i32> = (0..CLASSES * 24).map(|_| random.below(255) as i32 - 127).collect();
    let bias: Vec<i32> = (0..CLASSES).map(|_| random.below(20_000) as i32 - 10_000).collect();
    Pair { features: build(None), open: build(Some((&weight, &bias))), weight, bias }
}

fn steps(artifact: &Artifact) -> usize {
    if artifact.graph.code == Code::Radix { 1 } else { artifact.graph.timesteps }
}

fn locked(pair: &Pair, key: &Key) -> Artifact {
    let steps = steps(&pair.features);
    let reach = pair.features.reach(steps).unwrap();
    let open = Open { classes: CLASSES, weight: &pair.weight, bias: &pair.bias, reach: &reach, steps: steps as u32 };
    let mut artifact = pair.features.clone();
    artifact.graph.output.lock = Some(Lock { tensor: "lock".into(), classes: CLASSES });
    artifact.lock = Some(LockedLayer::lock(key, &open).unwrap().to_bytes());
    artifact
}

#[test]
fn the_key_reads_what_the_open_network_says() {
    let key = Key::generate();
    for (code, head) in [(Code::Radix, Head::Softmax), (Code::Rate, Head::None), (Code::Rate, Head::Relu)] {
        let pair = pair(code, head);
        let file = locked(&pair, &key).to_bytes().unwrap();
        assert_eq!(file, Artifact::from_bytes(&file).unwrap().to_bytes().unwrap());
        let (network, open) = (Network::load(&file).unwrap(), Network::new(pair.open.clone()).unwrap());
        let images = random_images(&pair.open, 9, 3);
        let all = pair.open.graph.timesteps;
        let checkpoints = if code == Code::Radix { vec![all] } else { vec![1, 3, all] };
        let outcomes = network.answer_quantised_checkpoints(&images, &checkpoints, 0).unwrap();
        let expected = open.run_quantised_checkpoints(&images, &checkpoints, 0).unwrap();
        for (outcome, expected) in outcomes.iter().zip(&expected) {
            assert!(outcome.logits.is_empty() && outcome.predictions().is_empty());
            assert_eq!(outcome.spikes, expected.spikes);
            let answers = network.answers(outcome.timesteps, outcome.answers.clone()).unwrap();
            assert_eq!(answers.len(), 9);
            let read = Answers::from_bytes(&answers.to_bytes()).unwrap();
            assert_eq!(read, answers);
            let opened = read.open(&key).unwrap();
            assert_eq!(opened.logits, expected.logits, "{code:?}, {} steps", outcome.timesteps);
        }
        assert!(expected.iter().any(|outcome| outcome.logits.iter().any(|&logit| logit != 0.0)));
        assert_eq!(network.classes(), CLASSES);
        assert!(network.memory().0 > open.memory().0 + 200_000, "the lock is counted");
    }
}

#[test]
fn the_file_is_the_open_one_but_for_the_lock() {
    let pair = pair(Code::Radix, Head::None);
    let mut artifact = locked(&pair, &Key::generate());
    let lock = artifact.lock.take().unwrap();
    assert!(lock.len() > 100_000);
    artifact.graph.output.lock = None;
    assert_eq!(artifact, pair.features);
}

#[test]
fn runs_that_the_lock_is_not_for_are_refused() {
    let network = Network::new(locked(&pair(Code::Rate, Head::None), &Key::generate())).unwrap();
    let images = vec![0; network.image_len()];
    assert_eq!(network.max_timesteps(), 8);
    assert_eq!(network.answer_quantised_checkpoints(&images, &[9], 0).unwrap_err(), RunError::LockedSteps { got: 9, max: 8 });
    // Whoever does not know of locks gets an error, and never logits that are none.
    assert_eq!(network.run_quantised(&images, 8, 0).unwrap_err(), RunError::Locked);
    assert_eq!(network.run_quantised_checkpoints(&images, &[2, 8], 0).unwrap_err(), RunError::Locked);
    assert_eq!(network.trace(&images, 8, 0).unwrap_err(), RunError::Locked);
    assert_eq!(network.profile(&images, 8).unwrap_err(), RunError::Locked);
    assert_eq!(network.session().err(), Some(RunError::Locked));
    let open = Network::new(pair(Code::Rate, Head::None).open).unwrap();
    assert!(open.lock().is_none() && open.answers(8, Vec::new()).is_none());
}

#[test]
fn locks_that_do_not_fit_are_refused() {
    let pair = pair(Code::Rate, Head::None);
    let key = Key::generate();
    let refused = |change: &dyn Fn(&mut Artifact)| {
        let mut artifact = locked(&pair, &key);
        change(&mut artifact);
        Network::new(artifact).unwrap_err()
    };
    let lock = |error: LoadError, words: &str| assert!(matches!(&error, LoadError::Lock(p) if p.contains(words)), "{error}");
    lock(refused(&|artifact| artifact.graph.output.lock.as_mut().unwrap().classes = 4), "classes");
    lock(refused(&|artifact| artifact.graph.timesteps = 7), "time steps");
    lock(
        refused(&|artifact| artifact.graph.output.lock.as_mut().unwrap().tensor = artifact.tensors.keys().next().unwrap().clone()),
        "taken",
    );
    lock(refused(&|artifact| artifact.lock.as_mut().unwrap().truncate(1000)), "not a locked layer");
    // Numbers in front of the layer that say that its noise is more than it has room for, and less than these features make.
    lock(refused(&|artifact| artifact.lock.as_mut().unwrap()[46] = 0x7f), "noise of up to");
    lock(refused(&|artifact| artifact.lock.as_mut().unwrap()[41] ^= 1), "counts up to");
    // A field without bytes, and bytes without a field.
    assert!(matches!(refused(&|artifact| artifact.lock = None), LoadError::Field { field: "output.lock", .. }));
    assert!(matches!(refused(&|artifact| artifact.graph.output.lock = None), LoadError::Field { field: "output.lock", .. }));
}

#[test]
fn damaged_answers_are_refused_or_whole() {
    let pair = pair(Code::Radix, Head::None);
    let key = Key::generate();
    let network = Network::new(locked(&pair, &key)).unwrap();
    let images = random_images(&pair.open, 2, 3);
    let outcome = network.answer_quantised_checkpoints(&images, &[8], 0).unwrap().remove(0);
    let bytes = network.answers(8, outcome.answers).unwrap().to_bytes();
    assert!(matches!(Answers::from_bytes(&bytes).unwrap().open(&Key::generate()), Err(Error::OtherKey { .. })));
    let random = &mut Random(4);
    let (mut refused, mut accepted) = (0, 0);
    for _ in 0..500 {
        let mut damaged = bytes.clone();
        let front = random.below(2) == 0;
        let at = random.below(if front { 49 } else { bytes.len() });
        match random.below(4) {
            0 => damaged.truncate(at),
            1 => damaged.push(7),
            _ => damaged[at] ^= 1 << random.below(8),
        }
        match Answers::from_bytes(&damaged) {
            Ok(answers) => {
                accepted += 1;
                assert_eq!(answers.to_bytes(), damaged);
                let _ = answers.open(&key);
            }
            Err(error) => {
                refused += 1;
                assert!(matches!(error, Error::Format { .. }), "{error}");
            }
        }
    }
    assert!(refused > 100 && accepted > 50, "{refused} refused, {accepted} accepted");
}
