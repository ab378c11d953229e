//! What tensors of a float network are bounded by, as far as the operators alone tell.

use snnc_ir::{Graph, NodeId, Operator};
use std::collections::BTreeMap;

/// The bounds of a rectifier without steps.
pub fn limits(op: &Operator) -> Option<(f32, f32)> {
    match *op {
        Operator::Relu => Some((0.0, f32::INFINITY)),
        Operator::Clip { min, max } => Some((min, max)),
        _ => None,
    }
}

/// For every node, a number that no entry of its result is below, whatever the image: minus infinity where nothing is known.
pub fn lower_bounds(graph: &Graph) -> BTreeMap<NodeId, f32> {
    let mut bounds: BTreeMap<NodeId, f32> = BTreeMap::new();
    for node in graph.topological() {
        let operands: Vec<f32> = graph.operands(node).iter().map(|o| bounds[o]).collect();
        let of_operands = operands.iter().copied().fold(f32::INFINITY, f32::min);
        let bound = match &graph[node].op {
            Operator::Relu | Operator::ClipFloorShift { .. } => of_operands.max(0.0),
            Operator::Clip { min, max } => of_operands.clamp(*min, min.max(*max)),
            Operator::Slice { .. }
            | Operator::Reshape { .. }
            | Operator::Transpose { .. }
            | Operator::Concat { .. }
            | Operator::MaxPool2d { .. }
            | Operator::Mean { .. } => of_operands,
            // Padding may count as zeros.
            Operator::AveragePool2d { .. } => of_operands.min(0.0),
            Operator::Pad { value, .. } => of_operands.min(*value),
            Operator::Add => operands.iter().sum(),
            _ => f32::NEG_INFINITY,
        };
        bounds.insert(node, bound);
    }
    bounds
}
