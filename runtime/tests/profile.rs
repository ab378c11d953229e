//! What the runtime says of its plan and of the processor.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{random_images, random_network};
use snnc_runtime::{Code, Isa, Network, OpSpec};
use std::collections::BTreeSet;

#[test]
fn the_plan_names_every_product_and_is_timed() {
    for seed in 0..60 {
        let artifact = random_network(seed);
        let network = Network::new(artifact.clone()).unwrap();
        let planned = network.steps();
        let named: BTreeSet<&str> = planned.iter().flat_map(|step| step.nodes.iter().map(String::as_str)).collect();
        for node in &artifact.graph.nodes {
            // What only changes what entries are called makes no step.
            let is_view = matches!(node.op, OpSpec::Reshape | OpSpec::Transpose { .. });
            assert!(is_view || named.contains(node.name.as_str()), "seed {seed}: {} is in no step", node.name);
        }
        let layers: BTreeSet<&str> = network.layers().iter().map(|layer| layer.name.as_str()).collect();
        let multiplying = planned.iter().filter(|step| step.products > 0);
        for step in multiplying {
            assert!(layers.contains(step.nodes[0].as_str()) && step.product_bits > 0, "seed {seed}: {step:?}");
        }
        assert!(planned.iter().all(|step| (0.0..1.0).contains(&step.most_events) && step.parameter_bytes <= network.memory().0));
        let images = random_images(&artifact, 3, seed);
        let times = network.profile(&images, if artifact.graph.code == Code::Rate { 5 } else { artifact.graph.timesteps }).unwrap();
        assert_eq!(times.len(), 1 + planned.len(), "seed {seed}");
        assert!(times.iter().sum::<f64>() > 0.0 && times.iter().all(|&time| time >= 0.0), "seed {seed}");
    }
}

#[test]
fn narrow_products_are_no_slower() {
    for isa in Isa::available() {
        let [bytes, halves, whole] = [8, 16, 32].map(|bits| isa.measure_peak(bits).unwrap());
        assert!(whole > 1e7 && whole < 1e14, "{}: {whole}", isa.name());
        // Half is what a busy machine may take.
        assert!(halves > whole / 2.0, "{}: {halves} against {whole}", isa.name());
        // Only instructions for bytes make these faster.
        if ["avx-vnni", "avx512-vnni", "amx", "dotprod"].contains(&isa.name()) {
            assert!(bytes > halves / 2.0, "{}: {bytes} against {halves}", isa.name());
        }
    }
    assert_eq!(Isa::best().measure_peak(4), None);
    let missing = Isa::ALL.into_iter().find(|isa| !isa.is_available()).unwrap();
    assert_eq!(missing.measure_peak(8), None);
}
