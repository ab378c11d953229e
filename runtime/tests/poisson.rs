//! From pixels to whole numbers: preprocessing, the quantiser and Poisson coding.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Builder, random_images, weight};
use snnc_runtime::{Coding, Head, Layout, Network, Pixels, Preprocess, Quantiser, RunError, poisson};

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
        // With 16 digits a number stands for multiples of 2^9 draws: it fires from the first that is above the drawn one on.
        let above = (number >> 9) + 1;
        for (distance, spike) in [(above - 1, 0), (above, 1), (32_767, i32::from(above <= 32_767))] {
            let distance = distance as i32;
            assert_eq!(poisson::spike(seed, image, step, pixel, (32_768 + distance) as u16, 16), spike, "{seed}: {distance}");
            assert_eq!(poisson::spike(seed, image, step, pixel, (32_768 - distance) as u16, 16), -spike, "{seed}: -{distance}");
        }
    }
}

#[test]
fn spikes_are_those_of_the_specification() {
    // docs/artifact.md lists the same: q, digits, spike for the draw of seed 0, image 0, step 0, pixel 0, which is 2175092.
    for (q, digits, spike) in
        [(128, 8, 0), (144, 8, 0), (145, 8, 1), (255, 8, 1), (112, 8, 0), (111, 8, -1), (0, 8, -1), (0, 1, -1), (1, 1, 0)]
    {
        assert_eq!(poisson::spike(0, 0, 0, 0, q, digits), spike, "{q} of {digits} digits");
    }
}

#[test]
fn extremes_are_certain() {
    for pixel in 0..1000 {
        for digits in 1..=16 {
            assert_eq!(poisson::spike(1, 2, 3, pixel, 1 << (digits - 1), digits), 0);
            assert_eq!(poisson::spike(1, 2, 3, pixel, 0, digits), -1);
        }
    }
}

#[test]
fn rates_are_probabilities_and_draws_are_independent() {
    let draws = 100_000u32;
    for value in [140u16, 192, 13] {
        // Along steps, images, pixels and seeds.
        let series: [&dyn Fn(u64) -> i32; 4] = [
            &|i| poisson::spike(5, 3, i, 17, value, 8),
            &|i| poisson::spike(5, i, 3, 17, value, 8),
            &|i| poisson::spike(5, 3, 3, i, value, 8),
            &|i| poisson::spike(i, 3, 3, 17, value, 8),
        ];
        for draw in series {
            let spikes: Vec<f64> = (0..u64::from(draws)).map(|i| f64::from(draw(i).abs())).collect();
            let p = f64::from(value.abs_diff(128)) / 128.0;
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
        let mut b = Builder::new(&shape, layout, Coding::Poisson);
        b.artifact.graph.seed = 11;
        let x = b.flatten("x");
        let identity: Vec<i32> = (0..144).map(|i| i32::from(i % 13 == 0)).collect();
        let x = b.linear(&x, weight(&[12, 12], &identity), None);
        let artifact = b.finish(&x, Head::None);
        let images = random_images(&artifact, 2, 1);
        let network = Network::new(artifact).unwrap();
        let outcome = network.run_quantised(&images, 9, 5).unwrap();
        for (index, mean) in outcome.logits.iter().enumerate() {
            let (image, pixel) = (index / 12, index % 12);
            let draw = |step| poisson::spike(11, 5 + image as u64, step, pixel as u64, images[index], 8);
            let expected = (0..9).map(draw).sum::<i32>() as f64 / 9.0;
            assert_eq!(*mean, expected as f32, "{layout:?}, entry {index}");
        }
    }
}

#[test]
fn pixels_come_back_from_the_quantiser() {
    // Statistics of image sets, none at all, and odd ones.
    let statistics = [
        (255.0, vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]),
        (255.0, vec![0.4914, 0.4822, 0.4465], vec![0.2023, 0.1994, 0.2010]),
        (255.0, vec![0.0], vec![1.0]),
        (1.0, vec![0.0], vec![1.0]),
        (1.0, vec![127.5], vec![127.5]),
        (256.0, vec![0.5], vec![0.003]),
        (127.5, vec![1.0, -3.0, 0.3], vec![1.0, 1e-3, 1e3]),
    ];
    for (scale, mean, std) in statistics {
        let mut b = Builder::new(&[1, 3, 16, 16], Layout::Nchw, Coding::Digits);
        let preprocess = Preprocess { scale, mean, std };
        b.artifact.graph.input.quantiser = Quantiser::of_pixels(&preprocess);
        b.artifact.graph.input.preprocess = preprocess.clone();
        let x = b.flatten("x");
        let network = Network::new(b.finish(&x, Head::None)).unwrap();
        let data: Vec<u8> = (0..=255).flat_map(|pixel| [pixel; 3]).collect();
        let pixels = Pixels { data: &data, count: 1, height: 16, width: 16, channels: 3 };
        let expected: Vec<u16> = (0..3).flat_map(|_| 0..256).collect();
        let values = network.preprocess(&pixels).unwrap();
        assert_eq!(network.quantise(&values).unwrap(), expected, "{preprocess:?}");
        assert_eq!(network.quantise_pixels(&pixels).unwrap(), expected, "{preprocess:?}");
        assert_eq!(network.run(&values, 8, 0).unwrap(), network.run_quantised(&expected, 8, 0).unwrap());
    }
}

#[test]
fn the_quantiser_rounds_to_even_and_stays_in_range() {
    let quantiser = Quantiser { digits: 4, step: vec![1.0, 0.5], zero: vec![0.0, 3.0] };
    for (value, first, second) in [
        (0.0, 0, 3),
        (0.5, 0, 4),
        (1.5, 2, 6),
        (2.5, 2, 8),
        (2.500_000_2, 3, 8),
        (-0.75, 0, 2),
        (-0.25, 0, 2),
        (-4.0, 0, 0),
        (14.5, 14, 15),
        (15.5, 15, 15),
        (f32::MAX, 15, 15),
        (f32::MIN, 0, 0),
    ] {
        assert_eq!((quantiser.apply(0, value), quantiser.apply(1, value)), (first, second), "{value}");
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
