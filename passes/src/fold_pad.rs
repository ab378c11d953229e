//! `fold-pad`: zeros around an image become the padding of the convolution that reads it.
//!
//! Requires: every `pad` has value 0.
//! Leaves: no `pad` over height and width alone directly before a convolution that is its only reader.
//! Keeps: the function exactly.

use crate::{About, Changed, Pass, PassCx, PassError};
use snnc_ir::{Graph, Operator, Phase};

pub struct FoldPad;

impl Pass for FoldPad {
    fn about(&self) -> About {
        About { name: "fold-pad", accepts: Phase::Imported..=Phase::Canonical, is_required: false }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        for node in graph.topological() {
            let Operator::Pad { pads, value } = graph[node].op.clone() else { continue };
            let Some(user) = graph.only_user(node) else { continue };
            let mut op = graph[user].op.clone();
            let (Operator::Conv2d { geometry, .. }, 0.0, [_, (0, 0), (top, bottom), (left, right)]) = (&mut op, value, &pads[..]) else {
                continue;
            };
            for (slot, extra) in geometry.pads.iter_mut().zip([*top, *left, *bottom, *right]) {
                *slot += extra;
            }
            graph.bypass(node);
            graph.set_op(user, op)?;
            changed = true;
        }
        Ok(changed.into())
    }
}
