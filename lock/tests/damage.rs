//! Damaged layers and answers: nothing panics, and what is accepted is whole, with every number in its range. That an answer was changed cannot be
//! seen: ciphertexts can be computed with, by anybody.
#![allow(clippy::unwrap_used, reason = "tests")]

use rand::{Rng, SeedableRng, rngs::StdRng};
use snnc_lock::{Answer, Bound, Key, LockedLayer, Open, Opener, Reader};

const DAMAGED: usize = 10_000;

fn layer(key: &Key) -> LockedLayer {
    let weight: Vec<i32> = (0..24).map(|at| at * 5 - 60).collect();
    LockedLayer::lock(key, &Open { classes: 3, weight: &weight, bias: &[1, -2, 3], reach: &[255; 8], steps: 4 }).unwrap()
}

/// Flips bits, overwrites, cuts off, appends; often among the numbers at the front.
fn damage(bytes: &mut Vec<u8>, random: &mut StdRng) {
    for _ in 0..random.random_range(1..4) {
        let front = if random.random() { 64 } else { bytes.len() };
        let at = random.random_range(0..front.min(bytes.len()).max(1));
        match random.random_range(0..8) {
            0 => bytes.truncate(at),
            1 => bytes.extend((0..random.random_range(1..9)).map(|_| random.random::<u8>())),
            2 => bytes[at..].iter_mut().take(8).for_each(|byte| *byte = u8::MAX),
            3 => bytes[at..].iter_mut().take(8).for_each(|byte| *byte = 0),
            4 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = random.random()),
            _ => bytes[at] ^= 1 << random.random_range(0..8),
        }
        if bytes.is_empty() {
            break;
        }
    }
}

#[test]
fn damaged_layers() {
    let key = Key::generate();
    let bytes = layer(&key).to_bytes();
    let mut random = StdRng::seed_from_u64(5);
    let mut accepted = 0;
    for _ in 0..DAMAGED {
        let mut damaged = bytes.clone();
        damage(&mut damaged, &mut random);
        let Ok(layer) = LockedLayer::from_bytes(&damaged) else { continue };
        accepted += 1;
        assert_eq!(layer.to_bytes(), damaged, "all of it was read");
        assert_eq!(Bound::prove(&layer.terms(), layer.sum()).unwrap(), layer.bound());
        if accepted % 20 == 0 {
            let counts = vec![1; layer.features()];
            match layer.answer(&counts, 1) {
                Ok(answer) => assert_eq!(answer.classes(), layer.terms().classes),
                Err(_) => assert!(layer.sum() <= counts.len() as u64),
            }
        }
    }
    assert!((1000..9000).contains(&accepted), "{accepted} of {DAMAGED} were accepted");
}

#[test]
fn damaged_answers() {
    let key = Key::generate();
    let layer = layer(&key);
    let opener = Opener::new(&key, &layer.terms()).unwrap();
    let mut bytes = Vec::new();
    layer.answer(&[200; 8], 2).unwrap().write(&mut bytes);
    assert_eq!(bytes.len(), Answer::len(3));
    let mut random = StdRng::seed_from_u64(6);
    let mut accepted = 0;
    for _ in 0..DAMAGED {
        let mut damaged = bytes.clone();
        damage(&mut damaged, &mut random);
        let mut reader = Reader::new(&damaged, "an answer");
        let Ok(answer) = Answer::read(&mut reader, 3) else { continue };
        if reader.end().is_err() {
            continue;
        }
        accepted += 1;
        let mut again = Vec::new();
        answer.write(&mut again);
        assert_eq!(again, damaged, "all of it was read");
        if accepted % 20 == 0 {
            let sums = opener.open(&answer).unwrap();
            assert!(sums.iter().all(|sum| sum.unsigned_abs() <= 1 << (layer.terms().plain_bits - 1)));
        }
    }
    assert!((1000..9500).contains(&accepted), "{accepted} of {DAMAGED} were accepted");
}
