//! `rectify-currents`: what weights or a max pool of the radix code read becomes something that digits can say.
//!
//! Digits say a count, and a count is not negative. Where a layer reads another with no rectifier between (the linear bottlenecks of
//! MobileNetV2), a sum, or what lies behind them, `x` becomes `relu(x + z) - z`, with z a channel's depth below 0. It is neurons with a
//! raised zero: no new operator, and the `- z` ends in the biases of those who read it. All readers read it, sums included, so that no
//! current has to be kept from one window to the next.
//!
//! Requires: a graph in phase `Canonical`; the ranges of what [`currents`] lists.
//! Leaves: between two layers of weights, between a layer and a max pool behind it, and between a sum and either, a rectifier; also between a mean
//! and a max pool, which compares digits of 0 and 1. Does nothing for the rate code, where currents of every step go where they are needed.
//! Keeps: up to rounding, on everything that stays above -z.

use crate::{
    About, Changed, Pass, PassCx, PassError,
    rewrite::streams::{Streams, is_layer},
};
use snnc_ir::{Code, Graph, NodeId, Operator, Origin, Phase, Provenance, Tensor};

pub struct RectifyCurrents;

/// How far below 0 the zero is raised, in depths that samples reach: they are few.
const MARGIN: f32 = 1.25;

impl Pass for RectifyCurrents {
    fn about(&self) -> About {
        About { name: "rectify-currents", accepts: Phase::Canonical..=Phase::Canonical, is_required: true }
    }

    fn run(&self, graph: &mut Graph, cx: &mut PassCx<'_>) -> Result<Changed, PassError> {
        if cx.settings.code != Code::Radix {
            return Ok(Changed::No);
        }
        let currents = currents(graph);
        for &node in &currents {
            let depths: Vec<f32> = match cx.ranges.and_then(|ranges| ranges.get(&node)) {
                Some(range) => range.iter().map(|(low, _)| MARGIN * (-low).max(0.0)).collect(),
                None => return Err(PassError::Bug(format!("nobody saw what node {} makes", node.number()))),
            };
            rectify(graph, node, depths)?;
        }
        Ok((!currents.is_empty()).into())
    }
}

/// The nodes whose results have to be rectified: what layers and max pools read that is no stream.
#[must_use]
pub fn currents(graph: &Graph) -> Vec<NodeId> {
    let mut streams = Streams::default();
    let mut found = Vec::new();
    for node in graph.topological() {
        let says = |operand: NodeId| match &graph[node].op {
            op if is_layer(op) => streams.has(operand),
            Operator::MaxPool2d { .. } => streams.is_unmixed(operand),
            _ => true,
        };
        if let Some(operand) = graph.operand(node).filter(|&operand| !says(operand)) {
            streams.insert(operand);
            found.push(operand);
        }
        streams.see(graph, node);
    }
    found
}

fn rectify(graph: &mut Graph, node: NodeId, depths: Vec<f32>) -> Result<(), PassError> {
    let shape = graph[node].ty.per_channel();
    let lowered = depths.iter().map(|z| -z).collect();
    let up = graph.add_param("zero.up", Tensor::new(shape.clone(), depths), Provenance::Derived);
    let down = graph.add_param("zero.down", Tensor::new(shape, lowered), Provenance::Derived);
    let raised = graph.insert_after(node, Operator::Shift { offset: up }, Origin::default())?;
    let origin = graph[node].origin.clone();
    let rectified = graph.insert_after(raised, Operator::Relu, origin)?;
    graph.insert_after(rectified, Operator::Shift { offset: down }, Origin::default())?;
    Ok(())
}
