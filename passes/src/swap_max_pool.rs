//! `swap-max-pool`: a rectifier behind a max pool moves in front of it.
//!
//! Requires: a graph in phase `Imported` or `Canonical`.
//! Leaves: every max pool that a `relu`, `clip` or `clip_floor_shift` followed now follows it, so that it will see spikes, whose largest count
//! grows by at most one a step.
//! Keeps: the function exactly: both are monotone, so they commute.

use crate::{About, Changed, Pass, PassCx, PassError};
use snnc_ir::{Graph, Operator, Phase};

pub struct SwapMaxPool;

impl Pass for SwapMaxPool {
    fn about(&self) -> About {
        About { name: "swap-max-pool", accepts: Phase::Imported..=Phase::Canonical, is_required: false }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        for node in graph.topological() {
            if !matches!(graph[node].op, Operator::MaxPool2d { .. }) {
                continue;
            }
            let Some(user) = graph.only_user(node) else { continue };
            if !graph[user].op.is_rectifier() {
                continue;
            }
            let (op, origin) = (graph[user].op.clone(), graph[user].origin.clone());
            let pool = graph[node].origin.clone();
            graph.bypass(user);
            *graph.origin_mut(node) = pool;
            graph.insert_before(node, 0, op, origin)?;
            changed = true;
        }
        Ok(changed.into())
    }
}
