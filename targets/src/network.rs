//! A graph as layers with their sizes.

use snnc_ir::{Graph, NodeId, Operator, Phase};
use std::collections::BTreeMap;

/// A graph, seen as a chip sees it.
pub(crate) struct Network<'g> {
    pub(crate) graph: &'g Graph,
    /// Its nodes, operands first.
    pub(crate) order: Vec<NodeId>,
    /// What has weights, in that order.
    pub(crate) layers: Vec<Layer>,
}

/// A convolution or a linear layer, with the neurons that it drives.
pub(crate) struct Layer {
    pub(crate) node: NodeId,
    /// Channels that it reads: of a convolution in groups all of them.
    pub(crate) inputs: usize,
    /// Channels that it makes.
    pub(crate) outputs: usize,
    /// Height and width of the kernel; of a linear layer over a feature map those of the map, since that is the convolution it equals.
    pub(crate) kernel: [usize; 2],
    /// Height and width of what it makes.
    pub(crate) map: [usize; 2],
    /// Synapses of one of its neurons.
    pub(crate) fan_in: usize,
    /// Weights, each counted once.
    pub(crate) weights: usize,
    /// Synapses, a weight counted as often as it is used.
    pub(crate) synapses: usize,
    /// Whether it has biases.
    pub(crate) has_bias: bool,
}

impl<'g> Network<'g> {
    pub(crate) fn of(graph: &'g Graph) -> Self {
        let order = graph.topological();
        let layers = order.iter().filter_map(|&node| layer(graph, node)).collect();
        Self { graph, order, layers }
    }

    /// Whether its numbers are those of the artifact.
    pub(crate) fn is_whole(&self) -> bool {
        self.graph.phase == Phase::Whole
    }

    /// What a node is called, and where it stands in the order.
    pub(crate) fn at(&self, node: NodeId) -> (String, usize) {
        (self.name(node), self.order.iter().position(|&other| other == node).unwrap_or(usize::MAX))
    }

    /// What a node is called in the model; what the compiler added goes by what reads it.
    fn name(&self, node: NodeId) -> String {
        let (mut at, mut before) = (node, "");
        loop {
            if !self.graph[at].origin.0.is_empty() {
                return format!("{before}{}", self.graph[at].origin);
            }
            let Some((user, _)) = self.graph.uses(at).into_iter().next() else { return self.graph[at].op.name().to_owned() };
            (at, before) = (user, "before ");
        }
    }

    /// How many layers read each, through its neurons. A sum with others that goes through neurons once more is one of them: it is another stream.
    pub(crate) fn readers(&self) -> BTreeMap<NodeId, usize> {
        let is_layer = |node: &NodeId| self.layers.iter().any(|layer| layer.node == *node);
        let readers = |layer: &Layer| {
            let (mut found, mut seen, mut pending) = (0, Vec::new(), vec![(layer.node, false)]);
            while let Some((node, is_spikes)) = pending.pop() {
                for (user, _) in self.graph.uses(node) {
                    if seen.contains(&user) {
                        continue;
                    }
                    seen.push(user);
                    let fires = fires(&self.graph[user].op);
                    if is_layer(&user) || (fires && is_spikes) {
                        found += 1;
                    } else {
                        pending.push((user, is_spikes || fires));
                    }
                }
            }
            found
        };
        self.layers.iter().map(|layer| (layer.node, readers(layer))).collect()
    }
}

/// Whether an operator is of neurons, or of what becomes neurons.
pub(crate) fn fires(op: &Operator) -> bool {
    op.is_neuron() || op.is_rectifier()
}

fn layer(graph: &Graph, node: NodeId) -> Option<Layer> {
    let (weight, bias, groups) = match &graph[node].op {
        Operator::Conv2d { weight, bias, geometry } => (*weight, *bias, geometry.groups),
        Operator::Linear { weight, bias } => (*weight, *bias, 1),
        _ => return None,
    };
    let dims = &graph.param(weight).tensor.dims;
    let operand = graph.operand(node)?;
    let (inputs, kernel) = match (&graph[node].op, dims.as_slice()) {
        (Operator::Conv2d { .. }, &[_, inputs, height, width]) => (inputs * groups, [height, width]),
        _ => flattened(graph, operand),
    };
    let map = side(&graph[node].ty.dims);
    Some(Layer {
        node,
        inputs,
        outputs: dims[0],
        kernel,
        map,
        fan_in: dims[1..].iter().product(),
        weights: dims.iter().product(),
        synapses: graph.macs(node),
        has_bias: bias.is_some(),
    })
}

/// Channels and sides of the feature map that a vector was; of a vector that was none, its entries.
fn flattened(graph: &Graph, vector: NodeId) -> (usize, [usize; 2]) {
    let mut node = vector;
    while fires(&graph[node].op) || matches!(graph[node].op, Operator::Reshape { .. }) {
        let Some(operand) = graph.operand(node) else { break };
        if let Operator::Reshape { .. } = graph[node].op
            && graph[operand].ty.dims.len() == 4
        {
            return (graph[operand].ty.channels(), side(&graph[operand].ty.dims));
        }
        node = operand;
    }
    (graph[vector].ty.channels(), [1, 1])
}

/// Height and width of a feature map; 1 by 1 of a vector.
pub(crate) fn side(dims: &[usize]) -> [usize; 2] {
    match dims {
        [_, _, height, width] => [*height, *width],
        _ => [1, 1],
    }
}
