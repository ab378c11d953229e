//! `spike-units`: the scale behind every neuron moves into the weights that read it.
//!
//! From here on a spike is worth 1 and a weight is what it adds to a membrane potential: a runtime adds weights and
//! compares.
//!
//! Requires: thresholds and corrections are set.
//! Leaves: scales only where a sum or the output reads spikes directly; there each is one synapse per neuron.
//! Keeps: every spike, up to rounding.

use crate::{About, Changed, Pass, PassCx, PassError, rewrite::scale};
use snnc_ir::{Graph, Operator, Phase};

pub struct SpikeUnits;

impl Pass for SpikeUnits {
    fn about(&self) -> About {
        About { name: "spike-units", accepts: Phase::Spiking..=Phase::Spiking, is_required: true }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        for node in graph.topological() {
            if graph.get(node).is_some_and(|n| matches!(n.op, Operator::Scale { .. })) {
                changed |= scale::sink(graph, node)?;
            }
        }
        graph.refresh_types()?;
        Ok(changed.into())
    }
}
