//! `extract-head`: what the float network does to its logits becomes an attribute of the output.
//!
//! Requires: a graph in phase `Imported`.
//! Leaves: no softmax or sigmoid at the output; the output's head says what was there. A final `relu` moves there too: it would
//! otherwise become neurons that nothing reads as spikes.
//! Keeps: the logits exactly. The head applies to all class entries of an image together.

use crate::{About, Changed, Pass, PassCx, PassError};
use snnc_ir::{Graph, Head, Operator, Phase};

pub struct ExtractHead;

impl Pass for ExtractHead {
    fn about(&self) -> About {
        About { name: "extract-head", accepts: Phase::Imported..=Phase::Imported, is_required: true }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let Some(output) = graph.output().cloned() else { return Ok(Changed::No) };
        if output.head != Head::None {
            return Ok(Changed::No);
        }
        // Behind the head there may only be changes of shape: [N, C, 1, 1] to [N, C].
        let mut node = output.node;
        while matches!(graph[node].op, Operator::Reshape { .. }) && graph.is_read_once(node) {
            node = graph.operand(node).expect("a reshape has one operand");
        }
        let all_entries_on = |axis: usize| graph[node].ty.dims[axis] == graph[node].ty.len();
        let head = match graph[node].op {
            Operator::Softmax { axis } if all_entries_on(axis) => Head::Softmax,
            Operator::LogSoftmax { axis } if all_entries_on(axis) => Head::LogSoftmax,
            Operator::Sigmoid => Head::Sigmoid,
            Operator::Relu => Head::Relu,
            _ => return Ok(Changed::No),
        };
        if !graph.is_read_once(node) {
            return Ok(Changed::No);
        }
        graph.bypass(node);
        let node = graph.output().expect("it was there above").node;
        graph.set_output(node, output.name, head);
        Ok(Changed::Yes)
    }
}
