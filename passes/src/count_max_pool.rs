//! `count-max-pool`: max pools compare what has arrived so far instead of what arrives now.
//!
//! The maximum of spikes at one step is not the maximum of rates. The maximum of accumulated counts is, exactly and at
//! every T; see [`Operator::CountMaxPool2d`].
//!
//! Requires: neurons in the place of rectifiers.
//! Leaves: no `max_pool2d`.
//! Keeps: the rate twin exactly.

use crate::{About, Changed, Pass, PassCx, PassError};
use snnc_ir::{Graph, Operator, Phase};

pub struct CountMaxPool;

impl Pass for CountMaxPool {
    fn about(&self) -> About {
        About { name: "count-max-pool", accepts: Phase::Canonical..=Phase::Spiking, is_required: true }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        for node in graph.topological() {
            if let Operator::MaxPool2d { window } = graph[node].op.clone() {
                graph.set_op(node, Operator::CountMaxPool2d { window })?;
                changed = true;
            }
        }
        graph.refresh_types()?;
        Ok(changed.into())
    }
}
