//! `lower-clip`: every clip becomes rectifiers, `relu` or `clip` from 0, which is what a neuron can imitate.
//!
//! A bound that no sample comes near is no bound: exporters write guards (±65504 for 16-bit floats, ±1e30) that are never reached, and
//! a threshold that had to span them would leave nothing of the activations.
//!
//! Requires: a graph in phase `Canonical`; the ranges of values that were seen in it, without which every bound counts.
//! Leaves: `clip` only with minimum 0 and a finite positive maximum.
//! Keeps: up to rounding, on everything that stays inside of the bounds that went,
//! - `clip(x, a, b) = clip(x - a, 0, b - a) + a`;
//! - `max(x, a) = relu(x - a) + a`;
//! - `min(x, b) = b - relu(b - x)`.

use crate::{About, Changed, Pass, PassCx, PassError, Ranges};
use snnc_ir::{Graph, NodeId, Operator, Phase, Provenance, Tensor};

pub struct LowerClip;

/// A bound counts if it lies within this many times the range that was seen: samples are few, and images may go further.
const MARGIN: f32 = 2.0;

impl Pass for LowerClip {
    fn about(&self) -> About {
        About { name: "lower-clip", accepts: Phase::Canonical..=Phase::Canonical, is_required: true }
    }

    fn run(&self, graph: &mut Graph, cx: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let bounds = |node| match graph[node].op {
            Operator::Clip { min, max } => Some((node, reached(graph, node, (min, max), cx.ranges))),
            _ => None,
        };
        // Nobody saw the values of what is made below, which the next clip may read.
        let clips: Vec<_> = graph.topological().into_iter().filter_map(bounds).collect();
        let mut changed = false;
        for (node, (min, max)) in clips {
            changed |= lower(graph, node, min, max)?;
        }
        Ok(changed.into())
    }
}

/// The bounds that count; infinite where one does not. A minimum of 0 always does: it is the rectifier.
fn reached(graph: &Graph, node: NodeId, (min, max): (f32, f32), ranges: Option<&Ranges>) -> (f32, f32) {
    let operand = graph.operand(node).expect("a clip has one operand");
    let Some(range) = ranges.and_then(|ranges| ranges.get(&operand)) else { return (min, max) };
    let reach = MARGIN * range.iter().fold(0.0f32, |reach, (low, high)| reach.max(low.abs()).max(high.abs()));
    let min = if min < -reach { f32::NEG_INFINITY } else { min };
    let max = if max > reach { f32::INFINITY } else { max };
    (min, max)
}

fn lower(graph: &mut Graph, node: NodeId, min: f32, max: f32) -> Result<bool, PassError> {
    let origin = graph[node].origin.clone();
    let ones = vec![1; graph[node].ty.dims.len()];
    match (min.is_finite(), max.is_finite()) {
        (true, true) if min == 0.0 => return Ok(false),
        (false, false) => graph.bypass(node),
        (true, _) => {
            let op = if max.is_finite() { Operator::Clip { min: 0.0, max: max - min } } else { Operator::Relu };
            graph.set_op(node, op)?;
            if min != 0.0 {
                let down = graph.add_param("clip.down", Tensor::splat(ones.clone(), -min), Provenance::Source);
                let up = graph.add_param("clip.up", Tensor::splat(ones, min), Provenance::Source);
                graph.insert_before(node, 0, Operator::Shift { offset: down }, origin.clone())?;
                graph.insert_after(node, Operator::Shift { offset: up }, origin)?;
            }
        }
        (false, true) => {
            let minus_one = graph.add_param("minus_one", Tensor::splat(ones.clone(), -1.0), Provenance::Fixed);
            let bound = graph.add_param("clip.max", Tensor::splat(ones, max), Provenance::Source);
            graph.insert_before(node, 0, Operator::Scale { factor: minus_one }, origin.clone())?;
            graph.insert_before(node, 0, Operator::Shift { offset: bound }, origin.clone())?;
            graph.set_op(node, Operator::Relu)?;
            let negated = graph.insert_after(node, Operator::Scale { factor: minus_one }, origin.clone())?;
            graph.insert_after(negated, Operator::Shift { offset: bound }, origin)?;
        }
    }
    Ok(true)
}
