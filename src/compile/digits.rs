//! Which layers say more digits than the others.
//!
//! A layer that reads many streams averages what each of them was rounded by; a depthwise convolution reads one, at a few places, and a linear
//! layer behind a bottleneck a handful: they have next to nothing to average. So what they read is said in more digits: measured on a
//! MobileNet, two more there give what two more in all layers give nearly, for half of the steps (docs/decisions/011).

use crate::options::{Code, MoreDigits, Options};
use snnc_ir::{Graph, MAX_DIGITS, NodeId, Operator};
use std::collections::BTreeMap;

/// Entries that an entry of a layer's result depends on: with fewer there is little to average. Depthwise convolutions of any size are such
/// layers: their entries are neighbours, and alike.
const FEW: usize = 10;

/// Digits that such a layer asks for beyond others.
const MORE: u32 = 2;

/// For every rectifier of a network that asks for more digits than the options say, how many more.
#[must_use]
pub fn more(rectified: &Graph, options: &Options, digits: usize) -> BTreeMap<NodeId, u32> {
    if options.code != Code::Radix || options.more_digits == MoreDigits::None {
        return BTreeMap::new();
    }
    let room = MAX_DIGITS.saturating_sub(u32::try_from(digits).unwrap_or(MAX_DIGITS));
    let asks = |node: &NodeId| rectified[*node].op.is_rectifier() && is_read_by_few(rectified, *node);
    rectified.node_ids().into_iter().filter(asks).map(|node| (node, MORE.min(room))).collect()
}

/// Whether a layer with little to average reads a node, through what only moves or scales it.
fn is_read_by_few(graph: &Graph, node: NodeId) -> bool {
    graph.uses(node).into_iter().any(|(user, _)| match &graph[user].op {
        Operator::Conv2d { weight, geometry, .. } if geometry.groups > 1 && graph.param(*weight).tensor.dims[1] == 1 => true,
        Operator::Conv2d { weight, .. } | Operator::Linear { weight, .. } => {
            graph.param(*weight).tensor.dims.iter().skip(1).product::<usize>() < FEW
        }
        Operator::Scale { .. } | Operator::Shift { .. } => is_read_by_few(graph, user),
        op => op.is_movement() && is_read_by_few(graph, user),
    })
}
