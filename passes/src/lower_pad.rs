//! `lower-pad`: a constant border becomes zeros, and behind them a shift that is the constant there and 0 inside.
//!
//! Requires: a graph in phase `Imported`, after `fold-pool-pad`.
//! Leaves: every `pad` has value 0. Where spikes will arrive the shift has moved on, behind the layer that reads them.
//! Keeps: the function, exactly until a layer takes the shift in. (`pad(x - c, 0) + c` would need no constant for every place, but loses `x` where `c` is large.)

use crate::{About, Changed, Pass, PassCx, PassError, rewrite::offset};
use snnc_ir::{Diagnostic, Graph, NodeId, Operator, Origin, Phase, Provenance, Tensor};
use std::collections::BTreeSet;

pub struct LowerPad;

impl Pass for LowerPad {
    fn about(&self) -> About {
        About { name: "lower-pad", accepts: Phase::Imported..=Phase::Imported, is_required: true }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = Changed::No;
        for node in graph.topological() {
            let Operator::Pad { pads, value } = graph[node].op.clone() else { continue };
            if value == 0.0 {
                continue;
            }
            if !value.is_finite() {
                return Err(PassError::User(infinite(graph, node)));
            }
            let border = border(&graph[node].ty.dims, &pads, value);
            let offset = graph.add_param("pad.border", border, Provenance::Source);
            graph.set_op(node, Operator::Pad { pads, value: 0.0 })?;
            let shift = graph.insert_after(node, Operator::Shift { offset }, Origin::default())?;
            if follows_rectifier(graph, node) {
                offset::sink(graph, shift)?;
            }
            changed = Changed::Yes;
        }
        Ok(changed)
    }
}

/// Whether spikes will arrive at `node`: a layer that reads them should read nothing else. A layer that reads the image need not be spared.
fn follows_rectifier(graph: &Graph, node: NodeId) -> bool {
    let is_rectifier =
        |op: &Operator| matches!(op, Operator::Relu | Operator::Clip { .. } | Operator::LeakyRelu { .. } | Operator::PRelu { .. });
    let (mut stack, mut seen) = (graph.operands(node), BTreeSet::new());
    while let Some(node) = stack.pop() {
        if is_rectifier(&graph[node].op) {
            return true;
        }
        if seen.insert(node) {
            stack.extend(graph.operands(node));
        }
    }
    false
}

fn infinite(graph: &Graph, node: NodeId) -> Diagnostic {
    Diagnostic::error("E0103", "operator `Pad` with a value that is not finite")
        .at(graph[node].origin.to_string())
        .note("only the padding of a `MaxPool` can be infinite: narrower than its window, and read by nothing else")
        .help("let the pooling pad, or pad with a number")
}

/// `value` where a tensor of shape `dims` is padding, 0 inside; axes without padding have size 1.
fn border(dims: &[usize], pads: &[(usize, usize)], value: f32) -> Tensor {
    let shape: Vec<usize> = dims.iter().zip(pads).map(|(&dim, &pad)| if pad == (0, 0) { 1 } else { dim }).collect();
    let mut is_inside = vec![true];
    for (&size, &(before, after)) in shape.iter().zip(pads) {
        let inside = |at: usize| at >= before && at + after < size;
        is_inside = is_inside.iter().flat_map(|&so_far| (0..size).map(move |at| so_far && inside(at))).collect();
    }
    Tensor::new(shape, is_inside.into_iter().map(|inside| if inside { 0.0 } else { value }).collect())
}
