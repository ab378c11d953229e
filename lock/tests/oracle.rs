//! Why what an answer says must never go back to where answers come from: whoever sees one malformed answer opened has the key.

use snnc_lock::{Answer, DEGREE, Key, LockedLayer, Open, Opener, Reader};

/// The primes of the scheme.
const PRIMES: [u64; 2] = [9_007_199_254_429_697, 9_007_199_254_364_161];

/// The constant polynomial of a number.
fn constant(number: u128) -> Vec<u8> {
    let residues = PRIMES.map(|prime| {
        let residue = (number % u128::from(prime)) as u64;
        [&residue.to_le_bytes()[..], &vec![0; DEGREE * 53 / 8 - 8]].concat()
    });
    residues.concat()
}

#[test]
fn a_malformed_answer_that_is_opened_gives_the_key_away() {
    let key = Key::generate();
    // One class for every coefficient; with fewer, it takes as many answers more.
    let open = Open { classes: DEGREE, weight: &vec![1; DEGREE], bias: &vec![0; DEGREE], reach: &[255], steps: 1 };
    let layer = LockedLayer::lock(&key, &open).unwrap();
    // Nothing in the first half, and in the second what stands for 1: this decrypts to the secret.
    let one = (u128::from(PRIMES[0]) * u128::from(PRIMES[1])) >> layer.terms().plain_bits;
    let bytes = [vec![0; Answer::len(DEGREE) / 2], constant(one)].concat();
    let answer = Answer::read(&mut Reader::new(&bytes, "an answer"), DEGREE).unwrap();
    let opened = Opener::new(&key, &layer.terms()).unwrap().open(&answer).unwrap();
    let secret: Vec<i64> = key.to_bytes()[24..24 + DEGREE].iter().map(|&byte| i64::from(byte as i8)).collect();
    assert_eq!(opened, secret);
}
