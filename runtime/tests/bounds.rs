//! The safety theorem at its limit: a network that reaches the largest number of 32 bits runs and is right, and one that might go one
//! further is refused. The reference computes in 128 bits and stops at whatever does not fit.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Builder, Random, reference, weight};
use snnc_runtime::{Artifact, Coding, Head, Isa, Layout, LoadError, Network, Reset, RunError, Tensor};

const MOST: i64 = i32::MAX as i64;

fn one(value: i64) -> Tensor {
    Tensor::new([], [i32::try_from(value).unwrap()])
}

fn refused(artifact: Artifact, node: &str, words: &str) {
    let error = Network::new(artifact).unwrap_err();
    assert!(matches!(&error, LoadError::Node { node: found, .. } if found == node), "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

/// Runs images with all instructions; the largest magnitude of all values that the reference confirms.
fn largest(artifact: &Artifact, images: &[u16], steps: usize) -> i64 {
    let mut most = 0;
    for isa in Isa::available() {
        let network = Network::with_isa(artifact.clone(), isa).unwrap();
        for image in images.chunks(network.image_len()) {
            let trace = network.trace(image, steps, 0).unwrap();
            let expected = reference::run(artifact, image, steps, 0);
            let names = std::iter::once("x").chain(artifact.graph.nodes.iter().map(|node| node.name.as_str()));
            for (name, values) in names.zip(&trace.values) {
                assert_eq!(values, &expected.values[name].concat(), "{isa:?}: {name}");
                most = most.max(values.iter().map(|v| i64::from(*v).abs()).max().unwrap_or(0));
            }
            assert_eq!(trace.outcome.logits, expected.logits, "{isa:?}");
        }
    }
    most
}

/// Weights at random, and the image for which the first output is the largest: the top where its weight is positive, else 0. Without the
/// other sign the bound could not be reached.
fn extreme(r: &mut Random, dims: &[usize], range: i32) -> (Tensor, i64) {
    let sign = [1, -1][r.below(2)];
    let values: Vec<i32> = (0..dims.iter().product()).map(|_| sign * (range - r.below(2) as i32)).collect();
    let each = values.len() / dims[0];
    let sums = values.chunks(each).map(|row| row.iter().map(|w| i64::from(w.abs())).sum::<i64>());
    (weight(dims, &values), sums.max().unwrap())
}

#[test]
fn layers_reach_the_limit() {
    let r = &mut Random(1);
    let mut done = 0;
    // Products of 16 bits and of 32, of 8-bit and 16-bit weights; channels that do not fill words and tiles.
    for (digits, range) in [(8, 127), (8, 32_767), (15, 127), (15, 32_767), (16, 127), (16, 1000), (1, 32_767)] {
        let top = (1i64 << digits) - 1;
        for (channels, outputs, groups) in [(1, 1, 1), (3, 9, 1), (2, 5, 1), (6, 6, 6), (6, 4, 2), (4, 8, 4)] {
            let build = |r: &mut Random, beyond: i64| {
                let mut b = Builder::new(&[1, channels, 4, 5], Layout::Nchw, Coding::Digits);
                b.artifact.graph.input.quantiser.digits = digits;
                let (w, sum) = extreme(r, &[outputs, channels / groups, 2, 3], range);
                let bias = MOST - sum * top + beyond;
                if bias < 0 {
                    return None;
                }
                let sign = w.data.get(0).signum();
                let bias = Tensor::new([outputs], vec![sign * bias as i32; outputs]);
                let x = b.conv("x", w, Some(bias), [1, 1], [1, 1], [1, 0, 0, 1], groups);
                Some(b.finish(&x, Head::None))
            };
            let Some(artifact) = build(&mut Random(r.0), 0) else { continue };
            let images = [vec![top as u16; channels * 20], (0..channels * 20).map(|_| (r.bits() as i64 & top) as u16).collect()].concat();
            // The output with the largest sum reaches the limit to the last unit.
            assert_eq!(largest(&artifact, &images, digits as usize), MOST, "{digits} digits, weights up to {range}");
            refused(build(&mut Random(r.0), 1).unwrap(), "conv2d_0", "may reach 2147483648");
            done += 1;
        }
        for features in [1, 7, 64] {
            let seed = r.bits();
            let build = |beyond: i64| {
                let mut b = Builder::new(&[1, features], Layout::Flat, Coding::Digits);
                b.artifact.graph.input.quantiser.digits = digits;
                let (w, sum) = extreme(&mut Random(seed), &[3, features], range);
                let bias = MOST - sum * top + beyond;
                let sign = w.data.get(0).signum();
                let x = b.linear("x", w, (bias >= 0).then(|| Tensor::new([3], [sign * bias as i32; 3])));
                (bias >= 0).then(|| b.finish(&x, Head::None))
            };
            let Some(artifact) = build(0) else { continue };
            assert_eq!(largest(&artifact, &vec![top as u16; features], digits as usize), MOST);
            refused(build(1).unwrap(), "linear_0", "may reach 2147483648");
            done += 1;
        }
    }
    assert!(done > 40, "{done} layers");
}

/// A network of one operator over `[1, 2, 2, 2]` with the values 0 to 255, and one that may be a unit larger.
fn pair(build: impl Fn(&mut Builder, i64) -> String) -> [Artifact; 2] {
    [0, 1].map(|beyond| {
        let mut b = Builder::new(&[1, 2, 2, 2], Layout::Nchw, Coding::Digits);
        let x = build(&mut b, beyond);
        b.finish(&x, Head::None)
    })
}

#[test]
fn other_operators_reach_the_limit() {
    let rest = MOST - 255;
    let cases: [([Artifact; 2], &str); 7] = [
        (pair(|b, beyond| b.shift("x", one(rest + beyond))), "shift_0"),
        (pair(|b, beyond| b.shift_by_place("x", Tensor::new([1, 1, 2, 1], [(rest + beyond) as i32, 0]), &[0, 1], &[0, 0])), "shift_0"),
        (
            pair(|b, beyond| {
                let x = b.scale("x", one(8_421_504));
                b.shift(&x, one(MOST - 8_421_504 * 255 + beyond))
            }),
            "shift_1",
        ),
        (
            pair(|b, beyond| {
                let half = b.scale("x", one(4_210_752));
                let both = b.add(&[&half, &half]);
                b.shift(&both, one(MOST - 8_421_504 * 255 + beyond))
            }),
            "shift_2",
        ),
        (
            pair(|b, beyond| {
                let x = b.shift("x", one((MOST + 1) / 4 - 255 - 1 + beyond));
                b.sum_pool(&x, [2, 2], [1, 1], [0; 4], false)
            }),
            "sum_pool2d_1",
        ),
        (
            pair(|b, beyond| {
                let x = b.shift("x", one((MOST + 1) / 8 - 255 - 1 + beyond));
                b.sum(&x, &[1, 2, 3])
            }),
            "sum_1",
        ),
        (pair(|b, beyond| b.radix_neuron("x", one(1), one(rest + beyond), 8, 255)), "radix_neuron_0"),
    ];
    for ([at, beyond], node) in cases {
        let most = largest(&at, &[255; 8], 8);
        assert!(most > MOST - 8 || node == "radix_neuron_0", "{node}: {most}");
        refused(beyond, node, "2147483647 of 32 bits");
    }
}

#[test]
fn thresholds_reach_the_limit() {
    let build = |theta: i64, digits: u32, levels: u32| {
        let mut b = Builder::new(&[1, 4], Layout::Flat, Coding::Digits);
        let x = b.scale("x", one(8_000_000));
        let x = b.radix_neuron(&x, one(theta), one(-1), digits, levels);
        b.finish(&x, Head::None)
    };
    // θ (L + 1), or where there are few levels θ 2^(T-1), is at most the largest number.
    for (digits, levels) in [(8, 255), (8, 128), (8, 3), (1, 1), (16, 1), (16, 65_535)] {
        let factor = i64::from(levels + 1).max(1 << (digits - 1));
        let theta = MOST / factor;
        let artifact = build(theta, digits, levels);
        let steps = artifact.graph.timesteps;
        assert!(largest(&artifact, &[255, 0, 1, 200], steps) > 0);
        refused(build(theta + 1, digits, levels), "radix_neuron_1", "threshold");
    }
}

#[test]
fn potentials_reach_the_limit() {
    // Four steps of (2^31 - 1 - 1000) / 4 beside a start and a threshold of 7.
    let each = (MOST - 1000) / 4 / 255;
    for (sign, reset) in [(1, Reset::Soft), (-1, Reset::Soft), (1, Reset::Hard), (-1, Reset::Signed), (1, Reset::Signed)] {
        for leak in [None, Some(Tensor::new([], [65_536])), Some(Tensor::new([], [65_535]))] {
            let build = |initial: i64| {
                let mut b = Builder::new(&[1, 1], Layout::Flat, Coding::Direct);
                b.artifact.graph.timesteps = 4;
                let x = b.scale("x", one(sign * each));
                let x = match &leak {
                    None => b.if_neuron(&x, one(7), one(sign * initial), reset),
                    Some(leak) => b.lif_neuron(&x, one(7), one(sign * initial), leak.clone(), reset),
                };
                b.finish(&x, Head::None)
            };
            let most = MOST - 4 * each * 255 - 7;
            let artifact = build(most);
            largest(&artifact, &[255], 4);
            let network = Network::new(artifact).unwrap();
            assert_eq!(network.max_timesteps(), 4);
            assert_eq!(network.run_quantised(&[255], 5, 0), Err(RunError::Potentials { got: 5, max: 4 }));
            refused(build(most + 1), if leak.is_some() { "lif_neuron_1" } else { "if_neuron_1" }, "for 3 time steps");
        }
    }
    // What arrives at a maximum of currents.
    let build = |gain: i64| {
        let mut b = Builder::new(&[1, 1, 2, 2], Layout::Nchw, Coding::Direct);
        b.artifact.graph.timesteps = 4;
        let x = b.scale("x", one(gain));
        let x = b.max_pool(&x, [2, 2], [1, 1], [0; 4], false);
        b.finish(&x, Head::None)
    };
    let most = MOST / 4 / 255;
    largest(&build(-most), &[255, 3, 254, 255], 4);
    assert_eq!(Network::new(build(most)).unwrap().run_quantised(&[0; 4], 5, 0), Err(RunError::Potentials { got: 5, max: 4 }));
    refused(build(most + 1), "count_max_pool2d_1", "for 3 time steps");
    // Spikes allow more steps than the format does.
    let mut b = Builder::new(&[1, 1], Layout::Flat, Coding::Poisson);
    let x = b.if_neuron("x", one(1), one(0), Reset::Soft);
    assert_eq!(Network::new(b.finish(&x, Head::None)).unwrap().max_timesteps(), 1 << 16);
}

#[test]
fn every_channel_has_its_own_bound() {
    // Of three channels the last is a million times as large, and so is the weight of the first: together they would not fit.
    let large = 4_000_000;
    let build = |between: &dyn Fn(&mut Builder, &str) -> String, factor: Tensor| {
        let mut b = Builder::new(&[1, 3, 2, 2], Layout::Nchw, Coding::Digits);
        let x = b.scale("x", Tensor::new([3, 1, 1], [1, 0, large]));
        let x = between(&mut b, &x);
        let x = b.scale(&x, factor);
        b.finish(&x, Head::None)
    };
    let by_channel = |values: &[i32]| Tensor::new([values.len(), 1, 1], values.to_vec());
    type Between<'a> = &'a dyn Fn(&mut Builder, &str) -> String;
    let sound: [(Between<'_>, Tensor); 8] = [
        (&|_, x| x.to_owned(), by_channel(&[large, i32::MAX, 1])),
        (&|b, x| b.slice(x, &[(0, 1, 1), (2, -2, 2), (0, 1, 2), (0, 1, 2)]), by_channel(&[1, large])),
        (&|b, x| b.pad(x, &[(0, 0), (1, 1), (0, 1), (0, 0)]), by_channel(&[i32::MAX, large, 5, 1, i32::MAX])),
        (&|b, x| b.concat(&[x, x], 1), by_channel(&[large, 0, 1, large, 0, 1])),
        (&|b, x| b.concat(&[x, x], 3), by_channel(&[large, 0, 1])),
        (&|b, x| b.transpose(x, &[0, 1, 3, 2]), by_channel(&[large, 0, 1])),
        (&|b, x| b.flatten(x), Tensor::new([12], [large, large, large, large, 0, 0, 0, 0, 1, 1, 1, 1])),
        (&|b, x| b.reshape(x, &[1, 6, 2]), Tensor::new([6, 1], [large, large, 0, 0, 1, 1])),
    ];
    for (between, factor) in sound {
        let artifact = build(between, factor);
        assert!(largest(&artifact, &[255; 12], 8) <= MOST);
    }
    let unsound: [(Between<'_>, Tensor); 4] = [
        (&|_, x| x.to_owned(), by_channel(&[1, 1, large])),
        // A factor over columns meets all channels, and after the axis of channels has moved they are one.
        (&|_, x| x.to_owned(), Tensor::new([2], [1, large])),
        (&|b, x| b.transpose(x, &[0, 2, 3, 1]), Tensor::new([3], [large, 1, 1])),
        (&|b, x| b.reshape(x, &[1, 2, 6]), Tensor::new([2, 1], [1, large])),
    ];
    for (between, factor) in unsound {
        let artifact = build(between, factor);
        let last = artifact.graph.nodes.last().unwrap().name.clone();
        refused(artifact, &last, "32 bits");
    }
}
