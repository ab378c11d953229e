//! Which nodes become one step.

use super::{activity::Activity, window::is_depthwise};
use crate::{
    artifact::{Artifact, Links, NodeSpec, OpSpec},
    kernels::COLUMNS,
};
use alloc::{vec, vec::Vec};

/// Nodes of one step: one that fills tiles, and behind it those that go over what it makes entry by entry, each the only reader of the one
/// before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) nodes: Vec<usize>,
    /// Whether already the first goes entry by entry, over another value.
    pub(super) starts_with_stage: bool,
    /// Scales whose results the sums of the chain alone read: done as part of the sum.
    pub(super) absorbed: Vec<usize>,
}

/// Whether an operator goes entry by entry over its operand.
fn is_stage(op: &OpSpec) -> bool {
    matches!(
        op,
        OpSpec::Scale
            | OpSpec::Shift { .. }
            | OpSpec::Add
            | OpSpec::IfNeuron { .. }
            | OpSpec::LifNeuron { .. }
            | OpSpec::RadixNeuron { .. }
    )
}

/// Whether stages can follow in its tiles. Groups of channels that are no whole blocks are written before.
fn fills_tiles(artifact: &Artifact, node: &NodeSpec) -> bool {
    match &node.op {
        OpSpec::Conv2d { groups, .. } => {
            let weight = node.tensors.get("weight").and_then(|name| artifact.tensors.get(name));
            let has_whole_blocks = *groups == 1 || (node.shape[1] / groups).is_multiple_of(COLUMNS);
            has_whole_blocks || weight.is_some_and(|weight| is_depthwise(*groups, &weight.dims))
        }
        OpSpec::Linear | OpSpec::SumPool2d { .. } => true,
        op => is_stage(op),
    }
}

/// The chains of a network in an order in which each follows all that it reads.
pub(super) fn chains(artifact: &Artifact, links: &Links, activity: &Activity, is_static: &[bool]) -> Vec<Chain> {
    let nodes = &artifact.graph.nodes;
    // Readers of every value; the output is read from outside.
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len() + 1];
    for (index, operands) in links.operands.iter().enumerate() {
        operands.iter().for_each(|&value| readers[value].push(index));
    }
    readers[links.output + 1].push(usize::MAX);
    let mut taken = vec![false; nodes.len()];
    let mut chains: Vec<Chain> = Vec::new();
    // First from what multiplies, which gains most; then from everything else.
    let is_layer = |index: &usize| matches!(nodes[*index].op, OpSpec::Conv2d { .. } | OpSpec::Linear);
    let (layers, others): (Vec<usize>, Vec<usize>) = (0..nodes.len()).partition(is_layer);
    for first in layers.into_iter().chain(others) {
        if core::mem::replace(&mut taken[first], true) {
            continue;
        }
        let mut chain = Chain { nodes: vec![first], starts_with_stage: is_stage(&nodes[first].op), absorbed: Vec::new() };
        let mut last = first;
        // What makes spikes is counted where it is written.
        while activity.sources[last + 1].is_none()
            && fills_tiles(artifact, &nodes[last])
            && let [next] = readers[last + 1][..]
            && next < nodes.len()
            && !taken[next]
            && is_stage(&nodes[next].op)
            && is_static[last + 1] == is_static[next + 1]
        {
            for &other in &links.operands[next] {
                let Some(scale) = other.checked_sub(1) else { continue };
                let is_alone = matches!(nodes[scale].op, OpSpec::Scale) && readers[other].len() == 1;
                if matches!(nodes[next].op, OpSpec::Add)
                    && other != last + 1
                    && is_alone
                    && !taken[scale]
                    && is_static[other] == is_static[next + 1]
                {
                    taken[scale] = true;
                    chain.absorbed.push(scale);
                }
            }
            taken[next] = true;
            chain.nodes.push(next);
            last = next;
        }
        chains.push(chain);
    }
    // What the last node of a chain reads comes before it in the file, and so does the chain that makes it.
    chains.sort_by_key(|chain| chain.nodes.last().copied());
    chains
}
