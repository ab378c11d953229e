//! Operators, and the windows of pooling.

use super::node::At;
use crate::{
    limit::{Limits, Operator as Allowed},
    misfit::Misfit,
    network::{Network, side},
};
use snnc_ir::{Graph, NodeId, Operator, Window};

/// Operators that a target does not have, and windows that it does not pool over.
pub(super) fn check(network: &Network<'_>, limits: &Limits) -> Vec<Misfit> {
    let mut found = Vec::new();
    for &node in &network.order {
        let mut at = At::new(network, node, &mut found);
        if let Some((kind, says, would_fit)) = kind(network.graph, node) {
            if is_refused(network, node, kind, limits) {
                let source = limits.operators.as_ref().and_then(|limit| limit.source.as_ref());
                at.add("operators", source, format!("it has no {says}"), would_fit);
            } else {
                pool(&mut at, kind, limits);
            }
        }
    }
    found
}

fn allows(limits: &Limits, kind: Allowed) -> bool {
    limits.operators.as_ref().is_none_or(|limit| limit.is.contains(&kind))
}

fn is_refused(network: &Network<'_>, node: NodeId, kind: Allowed, limits: &Limits) -> bool {
    // Before there are spikes, passes still move and fold the others.
    let stays = matches!(
        kind,
        Allowed::Convolution
            | Allowed::Linear
            | Allowed::MaxPool
            | Allowed::SumPool
            | Allowed::GlobalSumPool
            | Allowed::Add
            | Allowed::Concat
    );
    // A vector of the feature map that it was.
    let flattens = kind == Allowed::Reshape && network.graph[node].ty.dims.len() == 2;
    // Its window is the map, and is looked at as such.
    let is_window = kind == Allowed::GlobalSumPool && allows(limits, Allowed::SumPool);
    !allows(limits, kind) && (network.is_whole() || stays) && !flattens && !is_window
}

/// Whether windows of pooling are those of the target.
fn pool(at: &mut At<'_, '_>, kind: Allowed, limits: &Limits) {
    let (graph, Some(limit)) = (at.network.graph, limits.pools.as_ref()) else { return };
    let sides = match (&graph[at.node].op, kind) {
        (_, Allowed::GlobalSumPool) if allows(limits, kind) => return,
        (_, Allowed::GlobalSumPool) => map(graph, at.node),
        (op, _) => {
            let Some(window) = window(op) else { return };
            if window.stride != window.kernel || window.pads != [0; 4] {
                let says = format!(
                    "pooling windows are side by side, without a border, and this moves by {} of its {} places{}",
                    window.stride[0],
                    window.kernel[0],
                    if window.pads == [0; 4] { "" } else { ", with a border" }
                );
                at.add("pools", limit.source.as_ref(), says, "train the network with windows that move by their side");
                return;
            }
            window.kernel
        }
    };
    let one: &[usize] = if sides[0] == sides[1] { &sides[..1] } else { &sides };
    let would_fit = "train the network with another window, or with several in a row";
    at.listed("pools", Some(limit), "sides of pooling windows", one, would_fit);
}

/// The window of a pooling.
fn window(op: &Operator) -> Option<&Window> {
    match op {
        Operator::AveragePool2d { window, .. }
        | Operator::SumPool2d { window }
        | Operator::MaxPool2d { window }
        | Operator::CountMaxPool2d { window }
        | Operator::DigitMaxPool2d { window } => Some(window),
        _ => None,
    }
}

/// Sides of what a node reads.
fn map(graph: &Graph, node: NodeId) -> [usize; 2] {
    graph.operand(node).map_or([1, 1], |operand| side(&graph[operand].ty.dims))
}

/// Whether a node takes the mean, or the sum, of all of a feature map.
fn is_global(graph: &Graph, node: NodeId) -> bool {
    match &graph[node].op {
        Operator::Mean { axes } | Operator::Sum { axes } => axes == &[2, 3],
        Operator::AveragePool2d { window, .. } | Operator::SumPool2d { window } => {
            window.kernel == map(graph, node) && window.pads == [0; 4] && window.kernel != [1, 1]
        }
        _ => false,
    }
}

/// The kind of an operator, what its kind is called, and what would fit in its place; none for what every target has.
fn kind(graph: &Graph, node: NodeId) -> Option<(Allowed, &'static str, &'static str)> {
    Some(match &graph[node].op {
        _ if is_global(graph, node) => {
            (Allowed::GlobalSumPool, "average over all of a feature map", "train the network with a linear layer over the map in its place")
        }
        Operator::Conv2d { .. } => (Allowed::Convolution, "convolutions", "train a network of linear layers"),
        Operator::Linear { .. } => (Allowed::Linear, "linear layers", "end the network in a convolution"),
        Operator::AveragePool2d { .. } | Operator::SumPool2d { .. } => {
            (Allowed::SumPool, "average pooling", "train the network with strides")
        }
        Operator::MaxPool2d { .. } | Operator::CountMaxPool2d { .. } | Operator::DigitMaxPool2d { .. } => {
            (Allowed::MaxPool, "max pooling", "train the network with average pooling or strides")
        }
        Operator::Mean { .. } | Operator::Sum { .. } => (Allowed::Sum, "sums along an axis", "train the network without"),
        Operator::Add => (Allowed::Add, "sums of layers", "train a network without shortcuts"),
        Operator::Scale { .. } => {
            (Allowed::Scale, "factors that are no layer", "they make up for sums of different scales: train a network without shortcuts")
        }
        Operator::Shift { .. } => (
            Allowed::Shift,
            "constant currents that are no bias",
            "they stand for what a border adds where 0 is no pixel: train the network on pixels without a mean, or without borders; in the rate code `--coding poisson` needs none",
        ),
        Operator::Concat { .. } => (Allowed::Concat, "feature maps side by side", "train the network with one branch"),
        Operator::Pad { .. } => {
            (Allowed::Pad, "borders that are no part of a convolution", "train the network with padding in its convolutions")
        }
        Operator::Slice { .. } => (Allowed::Slice, "parts of feature maps", "train the network without"),
        Operator::Reshape { .. } => (Allowed::Reshape, "other axes", "train the network without"),
        Operator::Transpose { .. } => (Allowed::Transpose, "axes in another order", "export the model with channels first"),
        _ => return None,
    })
}
