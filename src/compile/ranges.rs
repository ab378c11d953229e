//! What values nodes take on samples: a bound that none comes near is no bound, and a current below 0 is rectified below that.

use super::material::Material;
use crate::error::Result;
use snnc_engine::{Buffers, Network};
use snnc_ir::{Graph, NodeId, Operator};
use snnc_passes::{Ranges, currents};

/// Images that run together.
const BATCH: usize = 32;

/// For every operand of a `clip` of the float network, and every current that digits will have to say, the smallest and the largest value
/// of every channel for any sample, those that judge included.
///
/// # Errors
/// Only on a bug.
pub fn of(float: &Graph, material: &Material) -> Result<Ranges> {
    let clips = float.node_ids().into_iter().filter(|&node| matches!(float[node].op, Operator::Clip { .. }));
    let mut nodes: Vec<NodeId> = clips.filter_map(|node| float.operand(node)).chain(currents(float)).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let mut ranges = Ranges::new();
    if nodes.is_empty() {
        return Ok(ranges);
    }
    let network = Network::float(float, &nodes)?;
    let (len, mut buffers) = (network.input_len(), Buffers::default());
    for samples in [&material.calibration.samples, &material.held_out.samples] {
        for batch in samples.data.chunks(BATCH * len) {
            let (_, results) = network.results(batch, batch.len() / len, &nodes, &mut buffers);
            for (&node, values) in nodes.iter().zip(results) {
                let (channels, plane) = (float[node].ty.channels(), float[node].ty.plane().max(1));
                let range = ranges.entry(node).or_insert_with(|| vec![(f32::INFINITY, f32::NEG_INFINITY); channels]);
                for (k, values) in values.chunks(plane).enumerate() {
                    let range = &mut range[k % channels];
                    *range = values.iter().fold(*range, |(low, high), &v| (low.min(v), high.max(v)));
                }
            }
        }
    }
    Ok(ranges)
}
