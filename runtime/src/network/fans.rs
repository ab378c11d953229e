//! What a spike meets: for every population and layer, the connections that a spike of each entry drives.
//!
//! Between a population and a layer spikes are moved, pooled and added, all of which is linear in their numbers. So the fan-outs of a layer's
//! operand are carried back through these operators, as gradients would be, to the populations that they come from.

use super::{
    activity::{Activity, Drive},
    moves,
    place::{Grid, Order, logical},
    window::Window,
};
use crate::artifact::{Artifact, Links, OpSpec};
use alloc::{collections::BTreeMap, vec, vec::Vec};

/// What the spikes of a population meet in a layer.
#[derive(Clone, Debug)]
pub(super) struct Fan {
    /// The layer.
    pub(super) layer: usize,
    /// Connections of every entry of a line of the grid, in the order of memory, or one number for all: the lines that there are.
    pub(super) lines: Vec<Vec<Stretch>>,
    /// For every row which of them.
    pub(super) rows: Vec<usize>,
}

/// Neighbours with the same number of connections: mostly all channels of a few places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Connections of each.
    pub(super) weight: u64,
    /// How many they are.
    pub(super) len: usize,
}

/// Connections of the entries of a value.
#[derive(Clone, Debug)]
enum Weight {
    /// The same for all.
    Uniform(u64),
    /// By entry, in the order of the shape.
    Each(Vec<u64>),
}

/// Connections that an entry of a layer's operand has to the result.
#[derive(Clone, Debug)]
pub(super) enum FanOut {
    /// The same for all.
    Uniform(u64),
    /// `filters · rows[y] · columns[x]` over planes of `rows.len()` times `columns.len()`.
    Conv {
        /// Outputs that a channel reaches.
        filters: u64,
        /// By row.
        rows: Vec<u64>,
        /// By column.
        columns: Vec<u64>,
    },
}

impl FanOut {
    /// Connections of an operand of so many entries.
    pub(super) fn total(&self, entries: usize) -> u64 {
        match self {
            Self::Uniform(each) => (entries as u64).saturating_mul(*each),
            Self::Conv { filters, rows, columns } => {
                let channels = entries / (rows.len() * columns.len());
                let plane = rows.iter().sum::<u64>().saturating_mul(columns.iter().sum());
                plane.saturating_mul(*filters).saturating_mul(channels as u64)
            }
        }
    }

    fn weight(self, entries: usize) -> Weight {
        match self {
            Self::Uniform(each) => Weight::Uniform(each),
            Self::Conv { filters, rows, columns } => {
                let plane: Vec<u64> = rows.iter().flat_map(|row| columns.iter().map(move |column| filters * row * column)).collect();
                Weight::Each(plane.repeat(entries / plane.len()))
            }
        }
    }
}

/// The fan-out of a node that has synapses.
pub(super) fn fan_out(artifact: &Artifact, index: usize, operand: &[usize]) -> Option<FanOut> {
    let node = &artifact.graph.nodes[index];
    let weight = || node.tensors.get("weight").and_then(|name| artifact.tensors.get(name)).map(|tensor| tensor.dims.as_slice());
    match &node.op {
        OpSpec::Scale => Some(FanOut::Uniform(1)),
        OpSpec::Linear => Some(FanOut::Uniform(weight()?.first().copied()? as u64)),
        OpSpec::Conv2d { stride, dilation, pads, groups } => {
            let weight = weight()?;
            let side = |axis: usize| {
                let mut taps = vec![0u64; operand[2 + axis]];
                for output in 0..node.shape[2 + axis] {
                    for tap in 0..weight[2 + axis] {
                        let place = (output * stride[axis] + tap * dilation[axis]).checked_sub(pads[axis]);
                        if let Some(taps) = place.and_then(|place| taps.get_mut(place)) {
                            *taps += 1;
                        }
                    }
                }
                taps
            };
            Some(FanOut::Conv { filters: (weight[0] / groups) as u64, rows: side(0), columns: side(1) })
        }
        _ => None,
    }
}

/// The fans of every population.
pub(super) fn fans(artifact: &Artifact, links: &Links, orders: &[Order], activity: &Activity, layer_of: &[Option<usize>]) -> Vec<Vec<Fan>> {
    let graph = &artifact.graph;
    let dims = |value: usize| if value == 0 { &graph.input.shape } else { &graph.nodes[value - 1].shape };
    let entries = |value: usize| dims(value).iter().product::<usize>();
    // Where the spikes of each value come from, past operators that leave counts as they are.
    let mut roots: Vec<usize> = vec![0];
    for (index, (node, operands)) in graph.nodes.iter().zip(&links.operands).enumerate() {
        let is_same = matches!(node.op, OpSpec::Scale | OpSpec::Shift { .. } | OpSpec::Reshape) && activity.sources[index + 1].is_none();
        roots.push(if is_same { roots[operands[0]] } else { index + 1 });
    }
    let mut fans = vec![Vec::new(); activity.populations.len()];
    for (index, layer) in layer_of.iter().enumerate() {
        let Some(layer) = *layer else { continue };
        let operand = links.operands[index][0];
        if activity.layers[layer].drive != Drive::Spikes {
            continue;
        }
        let Some(fan_out) = fan_out(artifact, index, dims(operand)) else { continue };
        let mut open = BTreeMap::from([(roots[operand], fan_out.weight(entries(operand)))]);
        while let Some((value, weight)) = open.pop_last() {
            if let Some(population) = activity.sources[value] {
                fans[population].push(fan(orders[value], layer, weight, dims(value)));
                continue;
            }
            // The input has no spikes, or is a population.
            let Some(node) = value.checked_sub(1) else { continue };
            let mut before = 0;
            let (op, operands) = (&graph.nodes[node].op, &links.operands[node]);
            for &operand in operands {
                let carried = carry(op, &weight, dims(operand), dims(value), before);
                if let OpSpec::Concat { axis } = op {
                    before += dims(operand)[*axis];
                }
                let len = entries(operand);
                let root = roots[operand];
                let sum = match open.remove(&root) {
                    None => carried,
                    Some(other) => add(carried, other, len),
                };
                open.insert(root, sum);
            }
        }
    }
    fans
}

fn add(a: Weight, b: Weight, len: usize) -> Weight {
    let each = |weight: Weight| match weight {
        Weight::Uniform(each) => vec![each; len],
        Weight::Each(each) => each,
    };
    match (a, b) {
        (Weight::Uniform(a), Weight::Uniform(b)) => Weight::Uniform(a.saturating_add(b)),
        (a, b) => Weight::Each(each(a).into_iter().zip(each(b)).map(|(a, b)| a.saturating_add(b)).collect()),
    }
}

/// The weight of an operand's entries, by what each of them counts for in the result.
fn carry(op: &OpSpec, weight: &Weight, operand: &[usize], result: &[usize], before: usize) -> Weight {
    let of = |entry: usize| match weight {
        Weight::Uniform(each) => *each,
        Weight::Each(each) => each[entry],
    };
    let mut each = vec![0u64; operand.iter().product()];
    match op {
        OpSpec::Add | OpSpec::Reshape | OpSpec::Scale | OpSpec::Shift { .. } => return weight.clone(),
        OpSpec::Concat { .. } | OpSpec::Transpose { .. } if matches!(weight, Weight::Uniform(_)) => return weight.clone(),
        OpSpec::Concat { .. } | OpSpec::Pad { .. } | OpSpec::Slice { .. } | OpSpec::Transpose { .. } => {
            for (from, to) in moves::entries(op, operand, result, before) {
                each[from] += of(to);
            }
        }
        OpSpec::SumPool2d { kernel, stride, pads, .. } => {
            let window = Window { kernel: *kernel, stride: *stride, pads: *pads };
            let (height, width) = (operand[2], operand[3]);
            for entry in 0..result.iter().product() {
                let (plane, place) = (entry / (result[2] * result[3]), entry % (result[2] * result[3]));
                for y in window.range(0, place / result[3], height) {
                    for x in window.range(1, place % result[3], width) {
                        each[(plane * height + y) * width + x] += of(entry);
                    }
                }
            }
        }
        OpSpec::Sum { axes } => {
            each.iter_mut().enumerate().for_each(|(entry, each)| *each = of(moves::summed(axes, operand, entry)));
        }
        _ => {}
    }
    Weight::Each(each)
}

/// What a population of some value meets, in the order that the value has in memory.
fn fan(order: Order, layer: usize, weight: Weight, dims: &[usize]) -> Fan {
    let grid = Grid::new(order, dims);
    let each = match weight {
        Weight::Uniform(weight) => return Fan { layer, lines: vec![vec![Stretch { weight, len: 1 }]], rows: vec![0; grid.height] },
        Weight::Each(each) => each,
    };
    let mut weights = logical(order, dims).map(|index| each[index]);
    let mut lines: Vec<Vec<Stretch>> = Vec::new();
    let rows = (0..grid.height).map(|_| {
        let line = stretches(weights.by_ref().take(grid.width * grid.channels));
        // The last first: neighbours are mostly the same.
        lines.iter().rposition(|other| *other == line).unwrap_or_else(|| {
            lines.push(line);
            lines.len() - 1
        })
    });
    let rows = rows.collect();
    Fan { layer, lines, rows }
}

fn stretches(weights: impl Iterator<Item = u64>) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for weight in weights {
        match stretches.last_mut() {
            Some(last) if last.weight == weight => last.len += 1,
            _ => stretches.push(Stretch { weight, len: 1 }),
        }
    }
    stretches
}
