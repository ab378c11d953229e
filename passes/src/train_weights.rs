//! `train-weights`: parameters are replaced by what a training through time made of them.
//!
//! Requires: thresholds are set and weights are in spike units; a training ([`Training`](crate::Training)).
//! Leaves: every parameter that the training names with its new values, which are `trained`; the others as they were. Nothing, where
//! the training found nothing better.
//! Keeps: the operators and their shapes. What the network computes changes, on purpose.

use crate::{About, Changed, Pass, PassCx, PassError};
use snnc_ir::{Graph, Phase, Provenance};

pub struct TrainWeights;

impl Pass for TrainWeights {
    fn about(&self) -> About {
        About { name: "train-weights", accepts: Phase::Calibrated..=Phase::Calibrated, is_required: false }
    }

    fn run(&self, graph: &mut Graph, cx: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let Some(training) = cx.training.as_deref_mut() else { return Ok(Changed::No) };
        let values = training.train(graph).map_err(PassError::Bug)?;
        let changed = !values.is_empty();
        for (id, tensor) in values {
            if graph.param(id).tensor.dims != tensor.dims {
                return Err(PassError::Bug(format!("parameter `{}` was trained in another shape", graph.param(id).name)));
            }
            graph.set_param(id, tensor, Provenance::Trained);
        }
        Ok(changed.into())
    }
}
