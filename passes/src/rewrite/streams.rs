//! What of a float network will be streams of spikes, once its rectifiers are neurons.

use super::affine::per_channel;
use snnc_ir::{Graph, NodeId, Operator};
use std::collections::BTreeSet;

/// Whether the operator has a matrix of weights.
pub fn is_layer(op: &Operator) -> bool {
    matches!(op, Operator::Conv2d { .. } | Operator::Linear { .. })
}

/// Whether an operator of one operand is linear, up to a constant, and leaves spikes what they are but for their size, or adds up those of a
/// few places.
pub fn passes_spikes(op: &Operator) -> bool {
    op.is_movement() && !matches!(op, Operator::Concat { .. })
        || matches!(op, Operator::AveragePool2d { .. } | Operator::Mean { .. } | Operator::Scale { .. } | Operator::Shift { .. })
}

/// The nodes that are streams: the input, what rectifiers make, and what is moved, pooled or averaged from such.
#[derive(Default)]
pub struct Streams {
    all: BTreeSet<NodeId>,
    /// Those whose entries are each the spikes of one neuron, up to a positive factor and an offset that are the same in a whole channel.
    unmixed: BTreeSet<NodeId>,
}

impl Streams {
    /// Looks at a node, whose operands were seen before.
    pub fn see(&mut self, graph: &Graph, node: NodeId) {
        let op = &graph[node].op;
        let operands = graph.operands(node);
        let starts = matches!(op, Operator::Input | Operator::MaxPool2d { .. }) || op.is_rectifier();
        let stays = passes_spikes(op) || matches!(op, Operator::Concat { .. });
        if starts || stays && operands.iter().all(|operand| self.all.contains(operand)) {
            self.all.insert(node);
        }
        if starts || keeps_channels(graph, node) && operands.iter().all(|operand| self.unmixed.contains(operand)) {
            self.unmixed.insert(node);
        }
    }

    /// Takes a node for a stream of the spikes of neurons.
    pub fn insert(&mut self, node: NodeId) {
        self.all.insert(node);
        self.unmixed.insert(node);
    }

    /// Whether a node that was seen is one.
    pub fn has(&self, node: NodeId) -> bool {
        self.all.contains(&node)
    }

    /// Whether a max pool can compare what a node that was seen sends, spike by spike.
    pub fn is_unmixed(&self, node: NodeId) -> bool {
        self.unmixed.contains(&node)
    }
}

/// Whether every channel of the result is, but for a positive factor and an offset, what one of an operand's channels sends.
fn keeps_channels(graph: &Graph, node: NodeId) -> bool {
    let dims = &graph[node].ty.dims;
    match &graph[node].op {
        Operator::Scale { factor } => {
            let factor = &graph.param(*factor).tensor;
            per_channel(factor, dims).is_some() && factor.data.iter().all(|&f| f > 0.0)
        }
        Operator::Shift { offset } => per_channel(&graph.param(*offset).tensor, dims).is_some(),
        Operator::Transpose { permutation } => permutation.get(1) == Some(&1),
        Operator::Reshape { dims: new } => graph.operand(node).is_some_and(|operand| graph[operand].ty.dims.get(1) == new.get(1)),
        Operator::Concat { axis } => *axis == 1,
        op => op.is_movement(),
    }
}
