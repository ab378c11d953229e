//! What values the operands of bounded activations take on samples: a bound that none comes near is no bound.

use super::material::Material;
use crate::error::Result;
use snnc_engine::{Buffers, Network};
use snnc_ir::{Graph, NodeId, Operator};
use snnc_passes::Ranges;

/// Images that run together.
const BATCH: usize = 32;

/// For every operand of a `clip` of the float network, the smallest and the largest value for any sample, those that judge included.
///
/// # Errors
/// Only on a bug.
pub fn of_clips(float: &Graph, material: &Material) -> Result<Ranges> {
    let clips = float.node_ids().into_iter().filter(|&node| matches!(float[node].op, Operator::Clip { .. }));
    let operands: Vec<NodeId> = clips.filter_map(|node| float.operand(node)).collect();
    let mut ranges = Ranges::new();
    if operands.is_empty() {
        return Ok(ranges);
    }
    let network = Network::float(float, &operands)?;
    let (len, mut buffers) = (network.input_len(), Buffers::default());
    for samples in [&material.calibration.samples, &material.held_out.samples] {
        for batch in samples.data.chunks(BATCH * len) {
            let (_, results) = network.results(batch, batch.len() / len, &operands, &mut buffers);
            for (&node, values) in operands.iter().zip(results) {
                let range = ranges.entry(node).or_insert((f32::INFINITY, f32::NEG_INFINITY));
                *range = values.iter().fold(*range, |(low, high), &v| (low.min(v), high.max(v)));
            }
        }
    }
    Ok(ranges)
}
