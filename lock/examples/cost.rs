//! What a lock costs, on one core: `cargo run --release -p snnc-lock --example cost`.

#![allow(clippy::print_stdout, reason = "an example prints")]

use snnc_lock::{Answer, Key, LockedLayer, Open, Opener};
use std::time::Instant;

/// Milliseconds of something, the least of several times.
fn ms<T>(mut run: impl FnMut() -> T) -> (f64, T) {
    let mut once = || {
        let start = Instant::now();
        let made = run();
        (start.elapsed().as_secs_f64() * 1e3, made)
    };
    (0..20).map(|_| once()).min_by(|a, b| a.0.total_cmp(&b.0)).expect("there are 20")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("| classes | features | weights | layer | lock | load | answer | bytes of an answer | open | hiding |");
    println!("|---|---|---|---:|---:|---:|---:|---:|---:|---:|");
    for (classes, features) in [(10, 64), (10, 512), (10, 2048), (100, 512), (1000, 1024)] {
        for bits in [8, 16] {
            let key = Key::generate();
            let most = 1i32 << (bits - 1);
            let weight: Vec<i32> = (0..classes * features).map(|at| (at as i32).wrapping_mul(7919) % most).collect();
            let bias = vec![1; classes];
            let reach = vec![255 * 64; features];
            let open = Open { classes, weight: &weight, bias: &bias, reach: &reach, steps: 1 };
            let (lock, layer) = ms(|| LockedLayer::lock(&key, &open));
            let bytes = layer?.to_bytes();
            let (load, layer) = ms(|| LockedLayer::from_bytes(&bytes));
            let layer = layer?;
            let counts = vec![16_000; features];
            let (answer, made) = ms(|| layer.answer(&counts, 1));
            let opener = Opener::new(&key, &layer.terms())?;
            let made = made?;
            let (open, sums) = ms(|| opener.open(&made));
            let expected: Vec<i64> =
                weight.chunks(features).map(|row| row.iter().map(|&w| i64::from(w) * 16_000).sum::<i64>() + 1).collect();
            assert_eq!(sums?, expected, "sums are exact");
            println!(
                "| {classes} | {features} | {bits} bits | {} B | {lock:.1} ms | {load:.1} ms | {answer:.2} ms | {} B | {open:.2} ms | {} bits |",
                bytes.len(),
                Answer::len(classes),
                layer.bound().hiding()
            );
        }
    }
    Ok(())
}
