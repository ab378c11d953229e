//! Which nodes lead to the output, and in which order.

use super::{
    ops,
    proto::{Model, Node},
};
use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap},
};

/// Which node makes a tensor.
pub(super) fn producers(model: &Model) -> HashMap<&str, usize> {
    model
        .nodes
        .iter()
        .enumerate()
        .flat_map(|(index, node)| node.outputs.iter().filter(|o| !o.is_empty()).map(move |o| (o.as_str(), index)))
        .collect()
}

/// Tensors that a node reads, those inside of control flow included.
pub(super) fn reads(node: &Node) -> impl Iterator<Item = &str> {
    node.inputs.iter().map(String::as_str).chain(node.captures()).filter(|n| !n.is_empty())
}

/// The nodes that lead to the output.
pub(super) fn reachable(model: &Model, output: &str) -> BTreeSet<usize> {
    let producers = producers(model);
    let mut found = BTreeSet::new();
    let mut stack: Vec<usize> = producers.get(output).copied().into_iter().collect();
    while let Some(index) = stack.pop() {
        if found.insert(index) {
            stack.extend(reads(&model.nodes[index]).filter_map(|name| producers.get(name)));
        }
    }
    found
}

/// Operands first, else in the order of the file; and the nodes that lie on a cycle.
pub(super) fn topological(model: &Model, reachable: &BTreeSet<usize>) -> (Vec<usize>, Vec<usize>) {
    let producers = producers(model);
    let mut waiting: HashMap<usize, BTreeSet<usize>> = HashMap::new();
    let mut users: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut ready = BinaryHeap::new();
    for &index in reachable {
        let sources: BTreeSet<usize> = reads(&model.nodes[index]).filter_map(|name| producers.get(name).copied()).collect();
        for &source in &sources {
            users.entry(source).or_default().push(index);
        }
        if sources.is_empty() {
            ready.push(Reverse(index));
        }
        waiting.insert(index, sources);
    }
    let mut order = Vec::new();
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for user in users.get(&index).into_iter().flatten() {
            let sources = waiting.get_mut(user).expect("users are reachable");
            sources.remove(&index);
            if sources.is_empty() {
                ready.push(Reverse(*user));
            }
        }
    }
    // What is left waits for a cycle; peel off what nothing else that is left waits for, and the cycles remain.
    let done: BTreeSet<usize> = order.iter().copied().collect();
    let mut left: BTreeSet<usize> = reachable.difference(&done).copied().collect();
    loop {
        let waited_for: BTreeSet<usize> = left.iter().flat_map(|i| waiting[i].iter().copied()).collect();
        let before = left.len();
        left.retain(|i| waited_for.contains(i));
        if left.len() == before {
            return (order, left.into_iter().collect());
        }
    }
}

/// The nodes of `order` from which every way to the output leads through operators of a head alone.
pub(super) fn tail(model: &Model, order: &[usize], output: &str) -> BTreeSet<usize> {
    let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
    for &index in order {
        for name in reads(&model.nodes[index]) {
            readers.entry(name).or_default().push(index);
        }
    }
    let mut found = BTreeSet::new();
    for &index in order.iter().rev() {
        // A shape is a constant, whoever it is taken of.
        let asks_shape = |node: &Node| node.is_standard() && matches!(node.op.as_str(), "Shape" | "Size");
        let of_head = |reader: &usize| {
            let node = &model.nodes[*reader];
            asks_shape(node) || (found.contains(reader) && ops::in_head(node))
        };
        let ends = |name: &String| match readers.get(name.as_str()) {
            Some(readers) => name != output && readers.iter().all(of_head),
            None => true,
        };
        if model.nodes[index].outputs.iter().all(ends) {
            found.insert(index);
        }
    }
    found
}
