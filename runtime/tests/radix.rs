//! The theorem of the radix neuron: what it fires step by step is the count in closed form.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Builder, Random, reference};
use snnc_runtime::{Coding, Head, Layout, Network, Tensor};

/// `min(max(⌊v/θ⌋, 0), L)`, by a division that rounds down.
fn closed_form(v: i64, theta: i64, levels: i64) -> i64 {
    v.div_euclid(theta).clamp(0, levels)
}

/// The neuron as the specification has it, in the numbers of 32 bits that a machine would use.
fn step_by_step(v: i32, theta: i32, digits: u32, levels: i32) -> Vec<bool> {
    let mut v = v.min(theta * levels);
    let fire = |k: u32| {
        let fires = v >= theta << k;
        v -= if fires { theta << k } else { 0 };
        fires
    };
    (0..digits).rev().map(fire).collect()
}

fn count(digits: &[bool]) -> i64 {
    digits.iter().fold(0, |count, &digit| 2 * count + i64::from(digit))
}

#[test]
fn small_neurons_without_exception() {
    for digits in 1..=4 {
        for levels in 1..1 << digits {
            for theta in 1..=9 {
                for v in -40..200 {
                    let fired = count(&step_by_step(v, theta, digits, levels));
                    let expected = closed_form(v.into(), theta.into(), levels.into());
                    assert_eq!(fired, expected, "{digits} digits, {levels} levels, θ = {theta}, v = {v}");
                }
            }
        }
    }
}

#[test]
fn random_and_extreme_neurons() {
    let r = &mut Random(5);
    for _ in 0..200_000 {
        let digits = 1 + r.below(16) as u32;
        let top = (1i64 << digits) - 1;
        let levels = [top, 1, 1 + r.below(top as usize) as i64][r.below(3)];
        // The largest threshold that the format allows, or any below.
        let largest = i64::from(i32::MAX) / (levels + 1).max(1 << (digits - 1));
        let theta = [largest, 1, 1 + r.below(largest as usize) as i64][r.below(3)];
        let near = theta * r.below(levels as usize + 2) as i64 + r.around(1) as i64;
        let v = [i64::from(i32::MIN) + 1, i64::from(i32::MAX), near.min(i64::from(i32::MAX)), r.bits() as i32 as i64][r.below(4)];
        let v = v.max(i64::from(i32::MIN) + 1);
        let fired = count(&step_by_step(v as i32, theta as i32, digits, levels as i32));
        assert_eq!(fired, closed_form(v, theta, levels), "{digits} digits, {levels} levels, θ = {theta}, v = {v}");
    }
}

/// Many neurons of one kind over the pixels themselves: what the runtime fires, the digits one by one, and the closed form.
#[test]
fn the_runtime_fires_the_same_digits() {
    let r = &mut Random(6);
    for case in 0..300 {
        let (channels, side) = (1 + r.below(3), 1 + r.below(6));
        let mut b = Builder::new(&[1, channels, side, side], Layout::Nchw, Coding::Digits);
        b.artifact.graph.input.quantiser.digits = 16;
        let digits = 1 + r.below(16) as u32;
        let top = (1u32 << digits) - 1;
        let levels = [top, 1 + r.below(top as usize) as u32][r.below(2)];
        let largest = (i32::MAX as usize / (levels as usize + 1).max(1 << (digits - 1))).min([40, 1 << 20, usize::MAX][r.below(3)]);
        let theta: Vec<i32> = (0..channels).map(|_| 1 + r.below(largest) as i32).collect();
        let shape = [channels, 1, 1];
        let gain = [1, -1, 7, 32_000][r.below(4)];
        let range = [1, 100, 1 << 24][r.below(3)];
        let initial = r.tensor(&shape, range);
        let x = b.scale("x", Tensor::new([], [gain]));
        let x = b.radix_neuron(&x, Tensor::new(shape, theta.clone()), initial.clone(), digits, levels);
        let artifact = b.finish(&x, Head::None);
        let image: Vec<u16> = (0..channels * side * side).map(|_| [r.bits() as u16, 0, u16::MAX, r.below(9) as u16][r.below(4)]).collect();
        let network = Network::new(artifact.clone()).unwrap();
        let trace = network.trace(&image, 16, 0).unwrap();
        let expected = reference::run(&artifact, &image, 16, 0);
        assert_eq!(trace.values[2], expected.values["radix_neuron_1"][0], "case {case}");
        assert_eq!(trace.spikes[1], expected.trains["radix_neuron_1"].concat(), "case {case}");
        for (entry, (&q, &pixel)) in trace.values[2].iter().zip(&image).enumerate() {
            let channel = entry / (side * side);
            let v = i64::from(pixel) * i64::from(gain) + i64::from(initial.data.get(channel));
            assert_eq!(i64::from(q), closed_form(v, theta[channel].into(), levels.into()), "case {case}, entry {entry}");
        }
    }
}
