//! The engine against the reference evaluator: float networks, the networks that rates tend to, and spikes node by node.

mod common;

use common::{distance, float, spiking};
use snnc_engine::{Buffers, Network, Plan, Walk, plan::Tail};
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
