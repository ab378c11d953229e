//! Poisson coding and preprocessing.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Builder, Random};
use snnc_runtime::{Coding, Head, Layout, Network, Pixels, Preprocess, RunError, Tensor, poisson};

#[test]
fn numbers_are_those_of_the_specification() {
    // docs/artifact.md lists the same.
    let cases = [
        (0, 0, 0, 0, 2_175_092),
        (0, 0, 0, 1, 2_772_753),
        (0, 0, 1, 0, 14_282_487),
        (0, 1, 0, 0, 13_746_215),
        (1, 0, 0, 0, 14_844_309),
        (42, 7, 31, 3071, 12_873_240),
        (u64::MAX, u64::MAX, 65535, 1 << 40, 8_084_565),
    ];
    for (seed, image, step, pixel, number) in cases {
        let draws = poisson::Draws::new(seed, image, step);
        assert_eq!(draws.number(pixel), number, "{seed} {image} {step} {pixel}");
        // The pixel fires from just above its number on.
        let at = number as f32 / 16_777_216.0;
        assert_eq!(poisson::spike(seed, image, step, pixel, at, 1.0), 0.0);
        assert_eq!(poisson::spike(seed, image, step, pixel, -((number + 1) as f32) / 16_777_216.0, 1.0), -1.0);
    }
}

#[test]
fn extremes_are_certain() {
    for pixel in 0..1000 {
        assert_eq!(poisson::spike(1, 2, 3, pixel, 0.0, 1.0), 0.0);
        assert_eq!(poisson::spike(1, 2, 3, pixel, -0.0, 1.0), 0.0);
        assert_eq!(poisson::spike(1, 2, 3, pixel, 1.0, 1.0), 1.0);
        assert_eq!(poisson::spike(1, 2, 3, pixel, -7.0, 2.0), -1.0);
    }
}

#[test]
fn rates_are_probabilities_and_draws_are_independent() {
    let draws = 100_000u32;
    for value in [0.1f32, 0.5, -0.9] {
        // Along steps, images, pixels and seeds.
        let series: [&dyn Fn(u64) -> f32; 4] = [
            &|i| poisson::spike(5, 3, i, 17, value, 1.0),
            &|i| poisson::spike(5, i, 3, 17, value, 1.0),
            &|i| poisson::spike(5, 3, 3, i, value, 1.0),
            &|i| poisson::spike(i, 3, 3, 17, value, 1.0),
        ];
        for draw in series {
            let spikes: Vec<f64> = (0..u64::from(draws)).map(|i| f64::from(draw(i).abs())).collect();
            let p = f64::from(value.abs());
            let rate = spikes.iter().sum::<f64>() / f64::from(draws);
            let deviation = (p * (1.0 - p) / f64::from(draws)).sqrt();
            assert!((rate - p).abs() < 4.5 * deviation, "{value}: rate {rate}");
            let pairs = spikes.windows(2).map(|w| (w[0] - p) * (w[1] - p)).sum::<f64>() / f64::from(draws);
            let correlation = pairs / (p * (1.0 - p));
            assert!(correlation.abs() < 4.5 / f64::from(draws).sqrt(), "{value}: correlation {correlation}");
        }
    }
}

#[test]
fn a_network_draws_the_same_spikes() {
    for (layout, shape) in [
        (Layout::Nchw, vec![1, 2, 3, 2]),
        (Layout::Nhwc, vec![1, 3, 2, 2]),
        (Layout::Nchw, vec![1, 2, 6]),
        (Layout::Nhwc, vec![1, 6, 2]),
        (Layout::Flat, vec![1, 12]),
        (Layout::Flat, vec![1, 1, 12]),
        (Layout::Flat, vec![1, 12, 1, 1]),
    ] {
        let amplitude = if layout == Layout::Flat { (1..13).map(|i| i as f32).collect() } else { vec![1.0, 4.0] };
        let mut b = Builder::new(&shape, layout, Coding::Poisson { amplitude: amplitude.clone() });
        b.artifact.graph.seed = 11;
        let x = b.flatten("x");
        let identity = (0..144).map(|i| f32::from(u8::from(i % 13 == 0))).collect::<Vec<_>>();
        let x = b.linear(&x, Tensor::new([12, 12], identity), None);
        let network = Network::new(b.finish(&x, Head::None)).unwrap();
        let images = Random(1).dyadics(24, 3);
        let outcome = network.run(&images, 9, 5).unwrap();
        for (index, mean) in outcome.logits.iter().enumerate() {
            let (image, pixel) = (index / 12, index % 12);
            let channel = match layout {
                Layout::Nchw => pixel / 6,
                Layout::Nhwc => pixel % 2,
                Layout::Flat => pixel,
            };
            let draw = |step| poisson::spike(11, 5 + image as u64, step, pixel as u64, images[index], amplitude[channel]);
            let expected = (0..9).map(draw).sum::<f32>() / 9.0;
            assert!((mean - expected).abs() < 1e-6, "{layout:?}, entry {index}");
        }
    }
}

#[test]
fn pixels_become_the_input() {
    let network = |shape: &[usize], layout: Layout, mean: Vec<f32>, std: Vec<f32>| {
        let mut b = Builder::new(shape, layout, Coding::Direct);
        b.artifact.graph.input.preprocess = Preprocess { scale: 255.0, mean, std };
        let x = b.flatten("x");
        Network::new(b.finish(&x, Head::None)).unwrap()
    };
    let data: Vec<u8> = (0..24).map(|i| i * 10).collect();
    let pixels = Pixels { data: &data, count: 2, height: 2, width: 2, channels: 3 };
    let value = |pixel: u8, channel: usize| (f32::from(pixel) / 255.0 - [0.1, 0.2, 0.3][channel]) / [0.5, 0.25, 2.0][channel];
    let per_channel = (vec![0.1, 0.2, 0.3], vec![0.5, 0.25, 2.0]);

    let last = network(&[1, 2, 2, 3], Layout::Nhwc, per_channel.0.clone(), per_channel.1.clone()).preprocess(&pixels).unwrap();
    let expected: Vec<f32> = data.iter().enumerate().map(|(i, &p)| value(p, i % 3)).collect();
    assert_eq!(last, expected);
    let first = network(&[1, 3, 2, 2], Layout::Nchw, per_channel.0.clone(), per_channel.1.clone()).preprocess(&pixels).unwrap();
    for image in 0..2 {
        for channel in 0..3 {
            for place in 0..4 {
                assert_eq!(first[image * 12 + channel * 4 + place], expected[image * 12 + place * 3 + channel]);
            }
        }
    }
    let flat = network(&[1, 12], Layout::Flat, vec![0.5], vec![0.5]);
    let expected: Vec<f32> = data.iter().map(|&p| (f32::from(p) / 255.0 - 0.5) / 0.5).collect();
    assert_eq!(flat.preprocess(&pixels).unwrap(), expected);
    for shape in [&[1, 12, 1][..], &[1, 1, 12], &[1, 1, 1, 12], &[1, 12, 1, 1]] {
        let flat = network(shape, Layout::Flat, vec![0.5], vec![0.5]);
        assert_eq!(flat.preprocess(&pixels).unwrap(), expected, "{shape:?}");
        assert!(flat.preprocess(&Pixels { count: 1, width: 4, ..pixels }).is_err(), "{shape:?}");
        let gray = Pixels { channels: 1, height: 3, width: 4, ..pixels };
        let other = network(shape, Layout::Nchw, vec![0.5], vec![0.5]);
        assert_eq!(other.preprocess(&gray).unwrap(), expected, "{shape:?}: in the same order");
    }
    let per_feature = network(&[1, 1, 12], Layout::Flat, (0..12).map(|i| i as f32).collect(), vec![1.0]);
    let by_feature: Vec<f32> = data.iter().enumerate().map(|(i, &p)| f32::from(p) / 255.0 - (i % 12) as f32).collect();
    assert_eq!(per_feature.preprocess(&pixels).unwrap(), by_feature);
    let signal = Pixels { height: 1, width: 4, ..pixels };
    let last = network(&[1, 4, 3], Layout::Nhwc, per_channel.0.clone(), per_channel.1.clone());
    let first = network(&[1, 3, 4], Layout::Nchw, per_channel.0.clone(), per_channel.1.clone());
    for image in 0..2 {
        for (place, channel) in (0..4).flat_map(|place| (0..3).map(move |channel| (place, channel))) {
            let wanted = value(data[image * 12 + place * 3 + channel], channel);
            assert_eq!(last.preprocess(&signal).unwrap()[image * 12 + place * 3 + channel], wanted);
            assert_eq!(first.preprocess(&signal).unwrap()[image * 12 + channel * 4 + place], wanted);
        }
    }
    let gray = Pixels { channels: 1, height: 3, width: 4, ..pixels };
    let by_row: Vec<f32> = data.iter().enumerate().map(|(i, &p)| value(p, i / 4 % 3)).collect();
    assert_eq!(first.preprocess(&gray).unwrap(), by_row, "a gray image without an axis of colours");
    for wrong in
        [Pixels { height: 3, width: 4, ..pixels }, Pixels { height: 2, width: 2, ..pixels }, Pixels { height: 1, width: 3, ..pixels }]
    {
        assert!(matches!(first.preprocess(&wrong), Err(RunError::Pixels { .. })), "{wrong:?}");
    }
    let gray = Pixels { channels: 1, height: 4, width: 3, ..pixels };
    assert_eq!(flat.preprocess(&gray).unwrap(), expected);

    let rows = network(&[1, 3, 2, 2], Layout::Nchw, vec![0.0], vec![1.0]);
    for wrong in [
        Pixels { channels: 1, ..pixels },
        Pixels { height: 3, ..pixels },
        Pixels { count: 3, ..pixels },
        Pixels { count: usize::MAX, ..pixels },
        Pixels { height: usize::MAX, width: usize::MAX, ..pixels },
    ] {
        assert!(matches!(rows.preprocess(&wrong), Err(RunError::Pixels { .. })), "{wrong:?}");
    }
    assert!(matches!(flat.preprocess(&Pixels { height: usize::MAX, ..pixels }), Err(RunError::Pixels { .. })));
}
