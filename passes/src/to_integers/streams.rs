//! Which nodes are streams, and what stands between them and currents.

use crate::{
    PassError,
    rewrite::{
        affine::{aligned, even_over},
        scale::{concat_factors, moved},
    },
};
use snnc_ir::{Graph, NodeId, Operator, Origin, ParamId, Provenance, Tensor};
use std::collections::{BTreeMap, BTreeSet};

/// The nodes whose results are streams of spikes, or sums of spikes that are worth the same: whole numbers already, whose size nobody chooses.
pub(super) struct Streams(BTreeSet<NodeId>);

impl Streams {
    /// Finds them, and puts a scale behind those that meet currents, a constant or spikes of another worth in a sum, or are the output: a
    /// synapse that gives them the size of those.
    ///
    /// # Errors
    /// Only on a bug.
    pub(super) fn separate(graph: &mut Graph) -> Result<Self, PassError> {
        // A factor of the shape that a stream's worth has, which is that of its neurons' thresholds.
        let mut worths: BTreeMap<NodeId, Tensor> = BTreeMap::new();
        for node in graph.topological() {
            let operands = graph.operands(node);
            let worth = worth(graph, node, &operands, &worths);
            let op = &graph[node].op;
            let meets = matches!(op, Operator::Add | Operator::Shift { .. } | Operator::Concat { .. })
                || matches!(op, Operator::SumPool2d { .. } | Operator::Sum { .. });
            if let Some(worth) = worth {
                worths.insert(node, worth);
            } else if meets {
                for (slot, operand) in operands.into_iter().enumerate().filter(|(_, operand)| worths.contains_key(operand)) {
                    let factor = one(graph, operand);
                    graph.insert_before(node, slot, Operator::Scale { factor }, Origin::default())?;
                }
            }
        }
        let output = graph.output().expect("a verified graph has an output").node;
        if worths.contains_key(&output) {
            let factor = one(graph, output);
            let scaled = graph.add_node(Operator::Scale { factor }, &[output], Origin::default())?;
            let named = graph.output().expect("it has one").clone();
            graph.set_output(scaled, named.name, named.head);
        }
        Ok(Self(worths.into_keys().collect()))
    }

    /// Whether a node is one.
    pub(super) fn has(&self, node: NodeId) -> bool {
        self.0.contains(&node)
    }
}

/// The shape of a stream's worth; none where a node's result is no stream.
fn worth(graph: &Graph, node: NodeId, operands: &[NodeId], worths: &BTreeMap<NodeId, Tensor>) -> Option<Tensor> {
    let dims = |node: NodeId| graph[node].ty.dims.clone();
    let of = |operand: NodeId| Some(aligned(worths.get(&operand)?, graph[operand].ty.dims.len()));
    let op = &graph[node].op;
    let sums = |axes: &[usize]| of(operands[0]).filter(|worth| axes.iter().all(|&axis| worth.dims[axis] == 1));
    match op {
        Operator::Input => Some(Tensor::splat(vec![1; graph[node].ty.dims.len()], 1.0)),
        Operator::Neuron { threshold, .. } | Operator::RadixNeuron { threshold, .. } => {
            Some(aligned(&graph.param(*threshold).tensor.map(|_| 1.0), graph[node].ty.dims.len()))
        }
        Operator::SumPool2d { .. } => sums(&[2, 3]),
        Operator::Sum { axes } => sums(axes),
        // A scale before it would make currents of what it compares.
        Operator::CountMaxPool2d { .. } | Operator::DigitMaxPool2d { .. } => {
            of(operands[0]).map(|worth| even_over(&worth, &dims(operands[0]), &[2, 3]))
        }
        Operator::Concat { axis } => {
            let parts: Option<Vec<_>> = operands.iter().map(|&operand| Some((of(operand)?, dims(operand)))).collect();
            Some(concat_factors(&parts?, *axis, &dims(node)))
        }
        op if op.is_movement() => Some(moved(op, &of(operands[0])?, &dims(operands[0]), &dims(node))),
        _ => None,
    }
}

/// A factor that leaves a node's result as it is.
pub(super) fn one(graph: &mut Graph, node: NodeId) -> ParamId {
    let shape = vec![1; graph[node].ty.dims.len()];
    graph.add_param("one", Tensor::splat(shape, 1.0), Provenance::Fixed)
}
