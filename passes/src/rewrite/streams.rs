//! What of a float network will be streams of spikes, once its rectifiers are neurons.

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
pub struct Streams(BTreeSet<NodeId>);

impl Streams {
    /// Looks at a node, whose operands were seen before.
    pub fn see(&mut self, graph: &Graph, node: NodeId) {
        let op = &graph[node].op;
        let starts = matches!(op, Operator::Input | Operator::MaxPool2d { .. }) || op.is_rectifier();
        let stays = passes_spikes(op) || matches!(op, Operator::Concat { .. });
        if starts || stays && graph.operands(node).iter().all(|operand| self.0.contains(operand)) {
            self.0.insert(node);
        }
    }

    /// Takes a node for a stream. Returns whether it was none.
    pub fn insert(&mut self, node: NodeId) -> bool {
        self.0.insert(node)
    }

    /// Whether a node that was seen is one.
    pub fn has(&self, node: NodeId) -> bool {
        self.0.contains(&node)
    }
}
