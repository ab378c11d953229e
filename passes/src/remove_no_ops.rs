//! `remove-no-ops`: operators that do nothing go.
//!
//! Requires: nothing. Leaves: no reshape to the same shape, no identity permutation, no whole slice, no empty padding, no
//! concatenation of one, no scale by 1, no shift by 0; of two reshapes in a row the second. Keeps: the function exactly.

use crate::{About, Changed, Pass, PassCx, PassError};
use snnc_ir::{Graph, NodeId, Operator, Phase};

pub struct RemoveNoOps;

impl Pass for RemoveNoOps {
    fn about(&self) -> About {
        About { name: "remove-no-ops", accepts: Phase::Imported..=Phase::Trained, is_required: false }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        for node in graph.topological() {
            let Some(operand) = graph.operand(node) else { continue };
            if does_nothing(graph, node, operand) {
                graph.bypass(node);
                changed = true;
            } else if matches!(graph[node].op, Operator::Reshape { .. })
                && matches!(graph[operand].op, Operator::Reshape { .. })
                && graph.only_user(operand) == Some(node)
            {
                graph.bypass(operand);
                changed = true;
            }
        }
        // What was behind a scale of spikes may be spikes.
        graph.refresh_types()?;
        Ok(changed.into())
    }
}

fn does_nothing(graph: &Graph, node: NodeId, operand: NodeId) -> bool {
    let (from, to) = (&graph[operand].ty.dims, &graph[node].ty.dims);
    match &graph[node].op {
        Operator::Reshape { .. } => from == to,
        Operator::Transpose { permutation } => permutation.iter().enumerate().all(|(i, &axis)| i == axis),
        Operator::Slice { ranges } => ranges.iter().zip(from).all(|(&(start, step, len), &dim)| (start, step, len) == (0, 1, dim)),
        Operator::Pad { pads, .. } => pads.iter().all(|&p| p == (0, 0)),
        Operator::Concat { .. } => true,
        Operator::Scale { factor } => graph.param(*factor).tensor.data.iter().all(|&f| f == 1.0),
        Operator::Shift { offset } => graph.param(*offset).tensor.data.iter().all(|&o| o == 0.0),
        Operator::Mean { axes } | Operator::Sum { axes } => axes.iter().all(|&axis| from[axis] == 1),
        _ => false,
    }
}
