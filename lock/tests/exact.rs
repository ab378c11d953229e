//! Sums of a locked layer are those of the open one, to the last unit: random layers and extreme ones, both widths of weights, signed counts.

use rand::{Rng, SeedableRng, rngs::StdRng};
use snnc_lock::{Error, Key, LockedLayer, Open, Opener};

/// A layer in the clear.
struct Case {
    classes: usize,
    weight: Vec<i32>,
    bias: Vec<i32>,
    reach: Vec<u64>,
    steps: u32,
}

impl Case {
    fn open(&self) -> Open<'_> {
        Open { classes: self.classes, weight: &self.weight, bias: &self.bias, reach: &self.reach, steps: self.steps }
    }

    fn sums(&self, counts: &[i64], steps: u32) -> Vec<i64> {
        let row = |(weight, &bias): (&[i32], &i32)| {
            i64::from(bias) * i64::from(steps) + weight.iter().zip(counts).map(|(&w, &q)| i64::from(w) * q).sum::<i64>()
        };
        self.weight.chunks(counts.len()).zip(&self.bias).map(row).collect()
    }
}

/// Class 0 has the most extreme weights, class 1 those of the other sign, the others random ones.
fn case(classes: usize, features: usize, bits: u32, reach: u64, steps: u32, random: &mut StdRng) -> Case {
    let most = 1i32 << (bits - 1);
    let weight = (0..classes * features).map(|at| match at / features {
        0 => -most,
        1 => most - 1,
        _ => random.random_range(-most..most),
    });
    let weight = weight.collect();
    let bias = (0..classes).map(|class| if class == 0 { i32::MIN / 2 } else { random.random_range(-1 << 20..1 << 20) }).collect();
    Case { classes, weight, bias, reach: vec![reach; features], steps }
}

#[test]
fn sums_are_exact() {
    let mut random = StdRng::seed_from_u64(1);
    let key = Key::generate();
    for (classes, features) in [(10, 64), (10, 512), (100, 512), (2, 1), (1, 4095), (1000, 20)] {
        for (bits, reach, steps) in [(8, 255 * 64, 1), (16, 255 * 16, 1), (8, 64, 64), (16, 32 * 49, 32)] {
            let case = case(classes, features, bits, reach, steps, &mut random);
            let layer = LockedLayer::lock(&key, &case.open()).unwrap();
            // What the device has is what was written.
            let layer = LockedLayer::from_bytes(&layer.to_bytes()).unwrap();
            let opener = Opener::new(&key, &layer.terms()).unwrap();
            let all = reach as i64;
            let mut images = vec![vec![all; features], vec![-all; features], vec![0; features]];
            images.extend((0..5).map(|_| (0..features).map(|_| random.random_range(-all..=all)).collect::<Vec<i64>>()));
            for counts in images {
                let steps = random.random_range(1..=steps);
                let answer = layer.answer(&counts, steps).unwrap();
                assert_eq!(opener.open(&answer).unwrap(), case.sums(&counts, steps), "{classes}x{features}, {bits} bits");
            }
        }
    }
}

#[test]
fn answers_to_the_same_counts_have_nothing_in_common() {
    let mut random = StdRng::seed_from_u64(2);
    let key = Key::generate();
    let case = case(10, 64, 8, 255, 1, &mut random);
    let layer = LockedLayer::lock(&key, &case.open()).unwrap();
    assert_ne!(layer, LockedLayer::lock(&key, &case.open()).unwrap(), "a lock is random");
    let bytes = [(); 2].map(|()| {
        let mut bytes = Vec::new();
        layer.answer(&[7; 64], 1).unwrap().write(&mut bytes);
        bytes
    });
    // Of 54 kB that are random one in 256 agrees: 213, with a deviation of 15.
    let agreeing = bytes[0].iter().zip(&bytes[1]).filter(|(a, b)| a == b).count();
    assert!(agreeing < 300, "{agreeing} of {} bytes agree", bytes[0].len());
}

#[test]
fn what_would_break_the_bound_is_refused() {
    let mut random = StdRng::seed_from_u64(3);
    let key = Key::generate();
    let case = case(10, 64, 8, 100, 8, &mut random);
    let layer = LockedLayer::lock(&key, &case.open()).unwrap();
    assert_eq!(layer.sum(), 64 * 100 + 8);
    assert!(layer.answer(&[100; 64], 8).is_ok());
    let mut counts = [-100; 64];
    counts[3] = -101;
    assert!(matches!(layer.answer(&counts, 8), Err(Error::Counts(_))));
    counts[3] = i64::MIN;
    assert!(matches!(layer.answer(&counts, 1), Err(Error::Counts(_))));
    assert!(matches!(layer.answer(&[0; 64], 9), Err(Error::Counts(_))));
    assert!(matches!(layer.answer(&[0; 64], 0), Err(Error::Counts(_))));
    assert!(matches!(layer.answer(&[0; 63], 1), Err(Error::Counts(_))));

    // The same layer with numbers that say that it does more than it can: its magnitude of counts, its bits.
    let bytes = layer.to_bytes();
    for (at, number) in [(40, u64::MAX), (40, 1 << 45)] {
        let mut doctored = bytes.clone();
        doctored[at..at + 8].copy_from_slice(&number.to_le_bytes());
        let error = LockedLayer::from_bytes(&doctored).unwrap_err();
        assert!(matches!(error, Error::Room { .. }), "{error}");
    }
    for bits in [51u32, 52, 53, 64, u32::MAX, 0, 1] {
        let mut doctored = bytes.clone();
        doctored[36..40].copy_from_slice(&bits.to_le_bytes());
        assert!(matches!(LockedLayer::from_bytes(&doctored), Err(Error::Room { .. } | Error::Layer(_))), "{bits} bits");
    }
}

#[test]
fn layers_that_do_not_fit_are_refused() {
    let key = Key::generate();
    let reach = [1u64 << 40; 4];
    let open = |classes, weight, bias, reach, steps| Open { classes, weight, bias, reach, steps };
    let refused = |open: Open<'_>| LockedLayer::lock(&key, &open).unwrap_err();
    assert!(matches!(refused(open(0, &[], &[], &reach, 1)), Error::Layer(_)));
    assert!(matches!(refused(open(1, &[1; 3], &[0], &reach, 1)), Error::Layer(_)));
    assert!(matches!(refused(open(1, &[1; 4], &[], &reach, 1)), Error::Layer(_)));
    assert!(matches!(refused(open(1, &[1; 4], &[0], &reach, 0)), Error::Layer(_)));
    assert!(matches!(refused(open(4097, &[1; 4097], &[0; 4097], &reach[..1], 1)), Error::Layer(_)));
    assert!(matches!(refused(open(1, &[32767; 4], &[0], &reach, 1)), Error::Layer(_) | Error::Room { .. }));
    assert!(matches!(refused(open(1, &[1; 4], &[0], &[u64::MAX; 4], 1)), Error::Layer(_) | Error::Room { .. }));
}

#[test]
fn another_key_opens_nothing() {
    let mut random = StdRng::seed_from_u64(4);
    let (key, other) = (Key::generate(), Key::generate());
    let case = case(10, 64, 8, 255, 1, &mut random);
    let layer = LockedLayer::lock(&key, &case.open()).unwrap();
    assert!(matches!(Opener::new(&other, &layer.terms()), Err(Error::OtherKey { .. })));
    // With the number of the right one, it opens noise.
    let mut terms = layer.terms();
    terms.key = other.id();
    let answer = layer.answer(&[1; 64], 1).unwrap();
    assert_ne!(Opener::new(&other, &terms).unwrap().open(&answer).unwrap(), case.sums(&[1; 64], 1));
}
