//! `pool-spikes`: max pools compare what spikes stand for instead of spikes.
//!
//! The maximum of spikes at one step is not the maximum of rates, nor of counts. In the rate code the maximum of accumulated counts is, exactly
//! and at every T ([`Operator::CountMaxPool2d`]); in the radix code that of the streams' digits, most significant first, with those
//! who have fallen behind left out ([`Operator::DigitMaxPool2d`]).
//!
//! Requires: neurons in the place of rectifiers.
//! Leaves: no `max_pool2d`.
//! Keeps: the twin exactly.

use crate::{About, Changed, Pass, PassCx, PassError};
use snnc_ir::{Code, Graph, Operator, Phase};

pub struct PoolSpikes;

impl Pass for PoolSpikes {
    fn about(&self) -> About {
        About { name: "pool-spikes", accepts: Phase::Canonical..=Phase::Spiking, is_required: true }
    }

    fn run(&self, graph: &mut Graph, cx: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        for node in graph.topological() {
            if let Operator::MaxPool2d { window } = graph[node].op.clone() {
                let op = match cx.settings.code {
                    Code::Rate => Operator::CountMaxPool2d { window },
                    Code::Radix => Operator::DigitMaxPool2d { window },
                };
                graph.set_op(node, op)?;
                changed = true;
            }
        }
        graph.refresh_types()?;
        Ok(changed.into())
    }
}
