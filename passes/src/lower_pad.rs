//! `lower-pad`: padding with a constant becomes padding with zeros between two shifts.
//!
//! Requires: a graph in phase `Imported`.
//! Leaves: every `pad` has value 0.
//! Keeps: `pad(x, c) = pad(x - c, 0) + c`, up to rounding.

use crate::{Changed, Pass, PassCx, PassError};
use snnc_ir::{Graph, Operator, Origin, Phase, Provenance, Tensor};
use std::ops::RangeInclusive;

pub struct LowerPad;

impl Pass for LowerPad {
    fn name(&self) -> &'static str {
        "lower-pad"
    }

    fn accepts(&self) -> RangeInclusive<Phase> {
        Phase::Imported..=Phase::Imported
    }

    fn is_required(&self) -> bool {
        true
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = Changed::No;
        for node in graph.topological() {
            let Operator::Pad { pads, value } = graph[node].op.clone() else { continue };
            if value == 0.0 {
                continue;
            }
            let shape = vec![1; graph[node].ty.dims.len()];
            let minus = graph.add_param("pad.minus", Tensor::splat(shape.clone(), -value), Provenance::Source);
            let plus = graph.add_param("pad.plus", Tensor::splat(shape, value), Provenance::Source);
            graph.insert_before(node, 0, Operator::Shift { offset: minus }, Origin::default())?;
            graph.set_op(node, Operator::Pad { pads, value: 0.0 })?;
            graph.insert_after(node, Operator::Shift { offset: plus }, Origin::default())?;
            changed = Changed::Yes;
        }
        Ok(changed)
    }
}
