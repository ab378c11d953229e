//! The engine against the reference evaluator: float networks, the networks that rates tend to, and spikes node by node.

mod common;

use candle_core::{DType, Device};
use common::{distance, float, radix, spiking, whole};
use snnc_engine::{
    Buffers, Losses, Network, Plan, TensorNetwork, Walk, Wanted,
    plan::{Tail, Twin},
};
use snnc_ir::{
    Graph, NodeId, Operator, Tensor,
    eval::{self, Mode},
    text::noise,
};

const TIMESTEPS: usize = 6;
const IMAGES: usize = 3;

fn images(graph: &Graph) -> Tensor {
    let mut dims = graph[graph.input().expect("there is an input")].ty.dims.clone();
    dims[0] = IMAGES;
    let data = noise(dims.iter().product(), 5, 1.0);
    Tensor { dims, data }
}

#[test]
fn float_networks() {
    let graph = float();
    let images = images(&graph);
    let expected = eval::run_all(&graph, &images, Mode::Float).expect("the graph runs");
    // As it is planned where nobody asks for a node inside, and with all of them kept.
    let network = Network::of(Plan::float(&graph, &[]).expect("it can be planned"), &graph);
    let output = graph.output().expect("there is one").node;
    assert!(distance(&network.all_logits(&images.data), &expected[&output].data) < 1e-5);
    let is_layer = |&node: &NodeId| graph[node].origin.to_string() == "/conv1";
    let layer = graph.node_ids().into_iter().find(is_layer).expect("there is one");
    assert!(network.plan().at(layer).is_none(), "a rectifier has become part of it");
    let nodes = graph.node_ids();
    let network = Network::of(Plan::float(&graph, &nodes).expect("it can be planned"), &graph);
    let (_, results) = network.results(&images.data, IMAGES, &nodes, &mut Buffers::default());
    for (node, result) in nodes.into_iter().zip(results) {
        assert!(distance(&result, &expected[&node].data) < 1e-5, "{}", graph[node].origin);
    }
}

#[test]
fn rates_tend_to_the_limit() {
    let graph = spiking("soft", false);
    let images = images(&graph);
    let expected = eval::run(&graph, &images, Mode::Float).expect("the graph runs");
    let network = Network::of(Plan::float(&graph, &[]).expect("it can be planned"), &graph);
    assert!(distance(&network.all_logits(&images.data), &expected.data) < 1e-5);
}

/// Every node of a spiking graph: neurons exactly, since their rates are counts.
#[test]
fn spiking_networks() {
    for (reset, leak) in [("soft", false), ("hard", false), ("signed", false), ("soft", true), ("signed", true)] {
        let graph = spiking(reset, leak);
        let images = images(&graph);
        let expected = eval::run_all(&graph, &images, Mode::Spiking { timesteps: TIMESTEPS }).expect("the graph runs");
        let check = |node: NodeId, found: &[f32], what: &str| {
            let exact = matches!(graph[node].op, Operator::Neuron { .. });
            let off = distance(found, &expected[&node].data);
            assert!(off < if exact { 1e-7 } else { 1e-5 }, "{} {what}: {off} ({reset}, leak {leak})", graph[node].origin);
        };
        let nodes = graph.node_ids();
        for tail in [Tail::OnMean, Tail::EveryStep] {
            let network = Network::of(Plan::spiking(&graph, TIMESTEPS, true, tail).expect("it can be planned"), &graph);
            let (_, results) = network.results(&images.data, IMAGES, &nodes, &mut Buffers::default());
            nodes.iter().zip(results).for_each(|(&node, result)| check(node, &result, "by the plan"));
        }
        let mut walk = Walk::new(TIMESTEPS, IMAGES, images.data.clone(), false);
        for &node in &nodes {
            check(node, &walk.see(&graph, node).expect("the graph runs").mean(), "by the walk");
        }
    }
}

/// Images of whole numbers from 0 to 15.
fn whole_images(graph: &Graph) -> Tensor {
    images(graph).map(|v| ((v + 1.0) * 7.5).round())
}

/// Every node of a graph of the radix code, by the plan and by the walk: all that is a count exactly, in whole numbers everything.
#[test]
fn networks_of_the_radix_code() {
    for (graph, is_whole) in [(radix(), false), (whole(), true)] {
        let images = if is_whole { whole_images(&graph) } else { images(&graph) };
        let expected = eval::run_all(&graph, &images, Mode::Radix).expect("the graph runs");
        let check = |node: NodeId, found: &[f32], what: &str| {
            let exact = is_whole || graph[node].ty.element == snnc_ir::Element::Spike;
            let largest = expected[&node].data.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            assert!(largest < 16_777_216.0, "floats have 24 bits");
            if exact {
                assert_eq!(found, expected[&node].data, "{} {what}", graph[node].origin);
            } else {
                let off = distance(found, &expected[&node].data);
                assert!(off < 1e-5, "{} {what}: {off}", graph[node].origin);
            }
            if matches!(graph[node].op, Operator::RadixNeuron { .. }) {
                let counts: std::collections::BTreeSet<u32> = found.iter().map(|&q| q as u32).collect();
                assert!(counts.len() > 3, "{} says little: {counts:?} (whole {is_whole})", graph[node].origin);
            }
        };
        let nodes = graph.node_ids();
        // Time steps, and what lies behind the last neurons, are of no account.
        for (timesteps, tail) in [(1, Tail::OnMean), (TIMESTEPS, Tail::EveryStep)] {
            let plan = Plan::spiking(&graph, timesteps, true, tail).expect("it can be planned");
            assert_eq!(plan.timesteps, 1);
            assert!(plan.has_neurons());
            let network = Network::of(plan, &graph);
            let (_, results) = network.results(&images.data, IMAGES, &nodes, &mut Buffers::default());
            nodes.iter().zip(results).for_each(|(&node, result)| check(node, &result, "by the plan"));
        }
        let mut walk = Walk::new(1, IMAGES, images.data.clone(), false);
        for &node in &nodes {
            check(node, &walk.see(&graph, node).expect("the graph runs").mean(), "by the walk");
        }
        // In 64 bits on tensors.
        let plan = Plan::spiking(&graph, 1, true, Tail::OnMean).expect("it can be planned");
        let (values, wanted) = (plan.values(&graph), Wanted { parameters: vec![false; plan.parameters.len()], input: true });
        let network = TensorNetwork::new(&plan, &Device::Cpu, DType::F64, HOW).expect("candle has all operators");
        let sum = |z: &[f32]| (f64::from(z.iter().sum::<f32>()), vec![1.0; z.len()]);
        let found =
            network.gradients(&values, &images.data, IMAGES, &wanted, &Losses { output: &sum, inside: &[] }).expect("the graph runs");
        let output = graph.output().expect("there is one").node;
        if is_whole {
            assert_eq!(found.logits, expected[&output].data);
        } else {
            assert!(distance(&found.logits, &expected[&output].data) < 1e-6);
        }
    }
}

const HOW: snnc_kernels::neuron::Derivation =
    snnc_kernels::neuron::Derivation { surrogate: snnc_kernels::neuron::Surrogate::Atan { slope: 2.0 }, through_reset: false };

/// Twins that count are the network, those that do not are near it, and the bounded one is never above its largest count.
#[test]
fn twins_of_the_radix_code() {
    let graph = radix();
    let images = images(&graph);
    let plan = Plan::spiking(&graph, 1, true, Tail::OnMean).expect("it can be planned");
    let logits = |plan: Plan| Network::of(plan, &graph).all_logits(&images.data);
    let network = logits(plan.clone());
    for twin in [Twin::Quantised, Twin::Response] {
        assert_eq!(logits(plan.twin(twin)), network, "{twin:?}");
    }
    for twin in [Twin::Relu, Twin::Clipped, Twin::Limit] {
        let off = distance(&logits(plan.twin(twin)), &network);
        assert!(off > 1e-4, "{twin:?} counts: {off}");
    }
    let counts = |twin| {
        let network = Network::of(plan.twin(twin), &graph);
        let neurons: Vec<NodeId> = graph.topological().into_iter().filter(|&n| graph[n].op.is_neuron()).collect();
        let (_, results) = network.results(&images.data, IMAGES, &neurons[..1], &mut Buffers::default());
        results[0].iter().copied().fold(0.0f32, f32::max)
    };
    assert!(counts(Twin::Clipped) <= 31.0);
    assert_eq!(logits(plan.twin(Twin::Relu)), logits(plan.twin(Twin::Limit)));
}

#[test]
fn a_walk_follows_what_changes() {
    let mut graph = spiking("soft", false);
    let images = images(&graph);
    let (neuron, threshold) = graph
        .topological()
        .into_iter()
        .find_map(|node| if let Operator::Neuron { threshold, .. } = graph[node].op { Some((node, threshold)) } else { None })
        .expect("there are neurons");
    // Everything lies between, and is let go of meanwhile.
    let reader = graph.output().expect("there is one").node;
    let mut walk = Walk::new(TIMESTEPS, IMAGES, images.data.clone(), false);
    let before = walk.see(&graph, reader).expect("the graph runs").mean();
    let mut tensor = graph.param(threshold).tensor.clone();
    tensor.data.iter_mut().for_each(|theta| *theta *= 0.5);
    graph.set_param(threshold, tensor, snnc_ir::Provenance::Derived);
    assert_eq!(walk.see(&graph, reader).expect("the graph runs").mean(), before, "nobody has said that anything changed");
    walk.changed(&graph, neuron);
    let after = walk.see(&graph, reader).expect("the graph runs").mean();
    let expected = eval::run_all(&graph, &images, Mode::Spiking { timesteps: TIMESTEPS }).expect("the graph runs");
    assert!(after != before && distance(&after, &expected[&reader].data) < 1e-5);
}
