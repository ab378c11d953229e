//! How much there is of a network.

use crate::{
    limit::{Limit, Limits},
    misfit::Misfit,
    network::{Network, fires},
};
use snnc_ir::NodeId;

/// Layers that are too large, and too many of them.
pub(super) fn check(network: &Network<'_>, limits: &Limits) -> Vec<Misfit> {
    let mut found = Vec::new();
    let neurons = |node: &NodeId| fires(&network.graph[*node].op);
    if let Some(limit) = &limits.neurons_of_layer {
        for &node in network.order.iter().filter(|node| neurons(node)) {
            let count = network.graph[node].ty.len();
            if count > limit.is {
                let says = format!("a layer has at most {} neurons, and this has {count}", limit.is);
                let would_fit = "train the network with fewer channels here, or with pooling before";
                found.push(Misfit::of_node(network.at(node), "neurons-of-layer", limit.source.as_ref(), says, would_fit));
            }
        }
    }
    let mut whole = |key, limit: Option<&Limit<usize>>, what: &str, count: usize| {
        if let Some(limit) = limit.filter(|limit| count > limit.is) {
            let says = format!("at most {} {what}, and the network has {count}", limit.is);
            found.push(Misfit::of_network(key, limit.source.as_ref(), says, "train a smaller network, or spread it over several chips"));
        }
    };
    whole("layers", limits.layers.as_ref(), "layers", network.layers.len());
    let count = network.order.iter().filter(|node| neurons(node)).map(|&node| network.graph[node].ty.len()).sum();
    whole("neurons", limits.neurons.as_ref(), "neurons", count);
    whole("weights", limits.weights.as_ref(), "weights", network.layers.iter().map(|layer| layer.weights).sum());
    whole("synapses", limits.synapses.as_ref(), "synapses", network.layers.iter().map(|layer| layer.synapses).sum());
    found
}
