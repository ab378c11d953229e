//! Which channels of which nodes have one unit.
//!
//! A class is a set of channels, of currents, that have to have the same unit: those that are added up, joined, moved into each other, and
//! all of the output's, since classes are compared with each other. So have those that neurons of one threshold a layer read, where thresholds
//! are asked for by layer: in whole numbers, one threshold is one number only in one unit. Streams are in no class: what a spike is worth follows from θ.

use super::streams::Streams;
use crate::threshold::Scope;
use snnc_ir::{Graph, NodeId, Operator};
use std::collections::BTreeMap;

/// The classes of all currents.
pub(super) struct Units {
    first: BTreeMap<NodeId, usize>,
    class: Vec<usize>,
    count: usize,
}

impl Units {
    /// Finds the classes.
    pub(super) fn find(graph: &Graph, streams: &Streams, scope: Option<Scope>) -> Self {
        let order = graph.topological();
        let mut first = BTreeMap::new();
        let mut len = 0;
        for &node in order.iter().filter(|&&node| !streams.has(node)) {
            first.insert(node, len);
            len += graph[node].ty.channels();
        }
        let mut sets = Sets((0..len).collect());
        for &node in &order {
            let Some(&at) = first.get(&node) else { continue };
            for (slot, operand) in graph.operands(node).into_iter().enumerate() {
                let Some(&from) = first.get(&operand) else { continue };
                for (a, b) in flows(graph, node, slot, operand) {
                    sets.join(from + a, at + b);
                }
            }
        }
        let is_of_layers = scope == Some(Scope::Layer);
        let read_by_neurons =
            order.iter().filter(|&&node| is_of_layers && graph[node].op.is_neuron()).filter_map(|&node| graph.operand(node));
        for node in read_by_neurons.chain(graph.output().map(|o| o.node)) {
            if let Some(&at) = first.get(&node) {
                (1..graph[node].ty.channels()).for_each(|channel| sets.join(at, at + channel));
            }
        }
        let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
        let class = (0..len)
            .map(|k| {
                let (root, next) = (sets.root(k), numbers.len());
                *numbers.entry(root).or_insert(next)
            })
            .collect();
        Self { first, class, count: numbers.len() }
    }

    /// The class of a channel of a node; none of streams.
    pub(super) fn class(&self, node: NodeId, channel: usize) -> Option<usize> {
        self.first.get(&node).map(|first| self.class[first + channel])
    }

    /// The classes of all channels of a node; none of streams.
    pub(super) fn classes(&self, graph: &Graph, node: NodeId) -> Option<&[usize]> {
        self.first.get(&node).map(|&first| &self.class[first..first + graph[node].ty.channels()])
    }

    /// Number of classes.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

/// Which channels of an operand flow into which of the result as they are, or in sums; none through weights, and out of neurons.
pub(super) fn flows(graph: &Graph, node: NodeId, slot: usize, operand: NodeId) -> Vec<(usize, usize)> {
    let (from, to) = (&graph[operand].ty, &graph[node].ty);
    let same = || (0..to.channels()).map(|c| (c, c)).collect();
    let behind = |first: usize| (0..from.channels()).map(|c| (c, first + c)).collect();
    match &graph[node].op {
        Operator::Shift { .. }
        | Operator::Add
        | Operator::SumPool2d { .. }
        | Operator::CountMaxPool2d { .. }
        | Operator::DigitMaxPool2d { .. } => same(),
        Operator::Sum { axes } if !axes.contains(&1) => same(),
        Operator::Sum { .. } => (0..from.channels()).map(|c| (c, 0)).collect(),
        Operator::Concat { axis: 1 } => {
            let before: usize = graph.operands(node)[..slot].iter().map(|&o| graph[o].ty.channels()).sum();
            behind(before)
        }
        Operator::Pad { pads, .. } => behind(pads.get(1).map_or(0, |&(before, _)| before)),
        Operator::Concat { .. } => same(),
        Operator::Slice { ranges } => {
            let along = ranges.get(1).copied().unwrap_or((0, 1, 1));
            (0..to.channels()).map(|c| (along.0.saturating_add_signed(along.1 * c as isize), c)).collect()
        }
        // Channels are cut where entries are row-major: entry i is in channel i / plane of each.
        Operator::Reshape { .. } => {
            let (a, b) = (from.plane().max(1), to.plane().max(1));
            let step = a.min(b);
            (0..from.len()).step_by(greatest_common_divisor(step, a.max(b)).max(1)).map(|i| (i / a, i / b)).collect()
        }
        Operator::Transpose { permutation } if permutation.get(1) == Some(&1) => same(),
        // Every channel of the result holds entries of every channel of the operand.
        Operator::Transpose { .. } => (0..from.channels()).map(|c| (c, 0)).chain((0..to.channels()).map(|c| (0, c))).collect(),
        // The others have weights between, or make streams.
        _ => Vec::new(),
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Union and find, with paths halved.
struct Sets(Vec<usize>);

impl Sets {
    fn root(&mut self, mut k: usize) -> usize {
        while self.0[k] != k {
            self.0[k] = self.0[self.0[k]];
            k = self.0[k];
        }
        k
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        // The first of a set stands for it, whatever the order of joins.
        self.0[a.max(b)] = a.min(b);
    }
}
