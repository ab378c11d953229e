//! Pictures of runs: every spike is a mark, at its place.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../runtime/tests/common/mod.rs"]
mod common;

use common::{Builder, random_images, random_network, weight};
use snnc_export::raster::svg;
use snnc_runtime::{Artifact, Code, Coding, Head, Layout, Network, Reset, Tensor, Trace};
use std::collections::BTreeSet;

fn traced(artifact: Artifact, images: &[u16], steps: usize) -> (Network, Trace) {
    let network = Network::new(artifact).unwrap();
    let trace = network.trace(images, steps, 0).unwrap();
    (network, trace)
}

/// The marks of a picture, by class: `(x, y)` within each band.
fn marks(text: &str, class: &str) -> Vec<BTreeSet<(usize, usize)>> {
    let paths = text.lines().filter(|line| line.starts_with(&format!("<path class=\"{class}\" transform")));
    paths
        .map(|line| {
            let data = line.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
            let places = data.split('M').skip(1).map(|mark| {
                let (x, rest) = mark.split_once(' ').unwrap();
                let y = rest.split_once('h').unwrap().0;
                (x.parse().unwrap(), (y.parse::<f64>().unwrap() * 2.0) as usize)
            });
            let places: Vec<(usize, usize)> = places.collect();
            let distinct: BTreeSet<(usize, usize)> = places.iter().copied().collect();
            assert_eq!(distinct.len(), places.len(), "no mark is made twice");
            distinct
        })
        .collect()
}

#[test]
fn every_spike_is_a_mark() {
    let mut seen = BTreeSet::new();
    for seed in 0..300 {
        let artifact = random_network(seed);
        let images = random_images(&artifact, 2, seed);
        let (network, trace) = traced(artifact, &images, 8.min(random_network(seed).graph.timesteps));
        // Small enough that every neuron is drawn.
        if network.populations().iter().any(|population| population.size > 60) || network.populations().len() > 16 {
            continue;
        }
        for image in 0..2 {
            let text = svg(&network, &trace, image, "a network");
            let populations = network.populations().len();
            let of = |table: &[u64]| table[image * populations..][..populations].iter().sum::<u64>();
            let (spikes, corrections) = (of(&trace.outcome.spikes), of(&trace.outcome.corrections));
            // A pooling hands corrections on; they are not counted as such.
            let drawn = |class: &str| marks(&text, class).iter().map(BTreeSet::len).sum::<usize>() as u64;
            assert_eq!(drawn("s") + drawn("c"), spikes, "seed {seed}:\n{text}");
            assert!(drawn("c") >= corrections);
            assert!(!text.contains("drawn"), "{text}");
            seen.insert((network.spec().code == Code::Rate, corrections > 0));
        }
    }
    assert_eq!(seen.len(), 3, "both codes, with corrections and without: {seen:?}");
}

#[test]
fn the_example_of_the_specification_is_drawn_step_by_step() {
    // Section 12.2: digits 101 and 010, then 101 and 011 three steps later.
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/vectors/radix-linear.snn")).unwrap();
    let (network, trace) = traced(Artifact::from_bytes(&bytes).unwrap(), &[5, 2], 3);
    let text = svg(&network, &trace, 0, "radix-linear");
    let bands = marks(&text, "s");
    let cell = 24;
    let places = |band: &BTreeSet<(usize, usize)>| -> Vec<(usize, usize)> {
        let rows: BTreeSet<usize> = band.iter().map(|(_, y)| *y).collect();
        let rows: Vec<usize> = rows.into_iter().collect();
        band.iter().map(|(x, y)| (x / cell + 1, rows.iter().position(|row| row == y).unwrap())).collect()
    };
    assert_eq!(places(&bands[0]), [(1, 0), (2, 1), (3, 0)]);
    assert_eq!(places(&bands[1]), [(4, 0), (5, 1), (6, 0), (6, 1)]);
    assert!(text.contains("6 time steps") && text.contains("class 1, read-out 5.0000"), "{text}");
    assert!(text.contains(">rate 0.5000<") && text.contains(">rate 0.6667<"), "{text}");
    assert!(!text.contains("correction"), "{text}");
}

#[test]
fn large_populations_are_thinned_out_and_say_so() {
    let mut b = Builder::new(&[1, 100], Layout::Flat, Coding::Direct);
    let x = b.if_neuron("x", Tensor::new([], [3]), Tensor::new([], [0]), Reset::Soft);
    let x = b.pad(&x, &[(0, 0), (0, 28)]);
    let x = b.if_neuron(&x, Tensor::new([], [1]), Tensor::new([], [0]), Reset::Signed);
    let x = b.linear(&x, weight(&[2, 128], &[1; 256]), None);
    let mut artifact = b.finish(&x, Head::None);
    artifact.graph.timesteps = 3000;
    let (network, trace) = traced(artifact, &[255; 100], 3000);
    let text = svg(&network, &trace, 0, "<&>");
    for part in
        ["64 drawn, evenly spaced", "64 drawn, 1 in 2", "Spikes of &lt;&amp;&gt;", "3000 time steps, the first 2048 of which are drawn"]
    {
        assert!(text.contains(part), "{part}:\n{}", &text[..3000]);
    }
    let bands = marks(&text, "s");
    assert_eq!(bands[0].len(), 64 * 2048);
    // Every second of 128, of which the last 28 are silent.
    assert_eq!(bands[1].len(), 50 * 2048);
    assert_eq!(text, svg(&network, &trace, 0, "<&>"));
}
