//! Which nodes lead to the output, and in which order.

use super::{
    ops,
    proto::{Model, Node},
};
use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap},
};

fn producers(model: &Model) -> HashMap<&str, usize> {
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

/// The nodes behind which only changes of shape lead to the output, and nothing else.
pub(super) fn tail(model: &Model, reachable: &BTreeSet<usize>, output: &str) -> BTreeSet<usize> {
    let producers = producers(model);
    let uses = |name: &str| reachable.iter().flat_map(|&i| reads(&model.nodes[i])).filter(|n| *n == name).count();
    let mut found = BTreeSet::new();
    let mut tensor = output;
    while let Some(&index) = producers.get(tensor) {
        let node = &model.nodes[index];
        let used_on = if tensor == output { 0 } else { 1 };
        if uses(tensor) != used_on || !found.insert(index) {
            break;
        }
        match node.inputs.first() {
            Some(input) if node.is_standard() && ops::only_reshapes(&node.op) => tensor = input,
            _ => break,
        }
    }
    found
}
