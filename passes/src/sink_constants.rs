//! `sink-constants`: shifts move through the layers that read them.
//!
//! What an input's zero point, or the raised zero of a rectified current, adds to every entry is known: so is what a layer makes of it. Only
//! padding sees none of it, so there the layer's constant differs from place to place and stays behind it as a shift.
//!
//! Requires: thresholds are set.
//! Leaves: no shift before a convolution, a linear layer, a pool or a sum.
//! Keeps: the function, up to rounding.

use crate::{About, Changed, Pass, PassCx, PassError, rewrite::offset};
use snnc_ir::{Graph, Operator, Phase};

pub struct SinkConstants;

impl Pass for SinkConstants {
    fn about(&self) -> About {
        About { name: "sink-constants", accepts: Phase::Spiking..=Phase::Trained, is_required: true }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        for node in graph.topological() {
            if graph.get(node).is_some_and(|n| matches!(n.op, Operator::Shift { .. })) {
                changed |= offset::sink(graph, node)?;
            }
        }
        graph.prune();
        graph.refresh_types()?;
        Ok(changed.into())
    }
}
