//! Why what an answer says must never go back to where answers come from: whoever sees malformed answers opened has the key.

use snnc_lock::{Answer, DEGREE, Key, LockedLayer, Open, Opener, Reader};

/// The primes of the scheme.
const PRIMES: [u64; 2] = [9_007_199_254_429_697, 9_007_199_254_364_161];
const CLASSES: usize = 10;

/// The bytes of a polynomial with one coefficient that is not 0.
fn monomial(exponent: usize, number: u128) -> Vec<u8> {
    let residues = PRIMES.map(|prime| {
        let residue = number % u128::from(prime);
        let mut bytes = vec![0; DEGREE * 53 / 8];
        for bit in (0..53).filter(|bit| (residue >> bit) & 1 == 1) {
            let at = exponent * 53 + bit;
            bytes[at / 8] |= 1 << (at % 8);
        }
        bytes
    });
    residues.concat()
}

#[test]
fn malformed_answers_that_are_opened_give_the_key_away() {
    let key = Key::generate();
    let open = Open { classes: CLASSES, weight: &[1; CLASSES], bias: &[0; CLASSES], reach: &[255], steps: 1 };
    let layer = LockedLayer::lock(&key, &open).unwrap();
    let opener = Opener::new(&key, &layer.terms()).unwrap();
    // Nothing in the first half, and in the second what stands for 1, times a power of x: this decrypts to the secret, turned by as much.
    let one = (u128::from(PRIMES[0]) * u128::from(PRIMES[1])) >> layer.terms().plain_bits;
    let width = DEGREE / CLASSES;
    let mut stolen = vec![None; DEGREE];
    // The sums stand so far apart, and behind the last one are some coefficients more.
    let answers = width + DEGREE % CLASSES;
    for turn in 0..answers {
        let mut bytes = vec![0; Answer::len(CLASSES)];
        let second = bytes.len() - 2 * DEGREE * 53 / 8;
        bytes[second..].copy_from_slice(&monomial(turn, one));
        let answer = Answer::read(&mut Reader::new(&bytes, "an answer"), CLASSES).unwrap();
        for (class, sum) in opener.open(&answer).unwrap().into_iter().enumerate() {
            let at = (class + 1) * width - 1;
            // What is turned beyond the end comes back with the other sign.
            if at >= turn { stolen[at - turn] = Some(sum) } else { stolen[DEGREE + at - turn] = Some(-sum) }
        }
    }
    let secret: Vec<Option<i64>> = key.to_bytes()[24..24 + DEGREE].iter().map(|&byte| Some(i64::from(byte as i8))).collect();
    assert_eq!(stolen, secret);
    assert_eq!(answers, 415);
}
