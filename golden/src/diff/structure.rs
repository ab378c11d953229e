//! Everything of two networks but their parameters.

use super::{
    align::{Pair, Pairs},
    fields::{Change, changes as of_fields, json},
};
use serde_json::Value;
use snnc_runtime::{NetworkSpec, NodeSpec, artifact::Coding};
use std::collections::BTreeMap;

/// Fields of the description that change nothing of what a network does, but for the seed, which random input is made of.
const NOTES: [&str; 5] = ["compiler", "options", "phase", "seed", "source"];

/// Fields of a node that are compared elsewhere, or change nothing.
const ELSEWHERE: [&str; 4] = ["inputs", "name", "origin", "tensors"];

/// What the networks differ in without doing anything else.
pub(super) fn notes(a: &NetworkSpec, b: &NetworkSpec) -> Vec<Change> {
    let is_random = [a, b].iter().any(|spec| spec.input.coding == Coding::Poisson);
    let all = of_fields("", &header(a, |field| NOTES.contains(&field)), &header(b, |field| NOTES.contains(&field)));
    all.into_iter().filter(|change| change.field != "seed" || !is_random).collect()
}

/// What they differ in.
pub(super) fn changes(a: &NetworkSpec, b: &NetworkSpec, pairs: &Pairs) -> Vec<Change> {
    let is_random = [a, b].iter().any(|spec| spec.input.coding == Coding::Poisson);
    let kept = |field: &str| !NOTES.contains(&field) || (field == "seed" && is_random);
    let mut found = of_fields("", &header(a, kept), &header(b, kept));
    // Nodes of B are called what they are called in A.
    let mut names: BTreeMap<&str, String> = b.nodes.iter().map(|node| (node.name.as_str(), format!("{} of B", node.name))).collect();
    names.insert(&b.input.name, a.input.name.clone());
    for (in_a, in_b) in pairs.both() {
        names.insert(&b.nodes[in_b].name, a.nodes[in_a].name.clone());
    }
    for pair in &pairs.0 {
        match *pair {
            Pair::A(node) => found.push(Change { field: a.nodes[node].name.clone(), a: told(&a.nodes[node]), b: Value::Null }),
            Pair::B(node) => found.push(Change { field: b.nodes[node].name.clone(), a: Value::Null, b: told(&b.nodes[node]) }),
            Pair::Both(in_a, in_b) => {
                let (a, b) = (&a.nodes[in_a], &b.nodes[in_b]);
                found.extend(of_fields(&a.name, &node(a), &node(b)));
                let reads: Vec<&str> = b.inputs.iter().map(|name| names[name.as_str()].as_str()).collect();
                found.extend(of_fields(&format!("{}.inputs", a.name), &json(&a.inputs), &json(&reads)));
            }
        }
    }
    let reads_out = names[b.output.node.as_str()].as_str();
    found.extend(of_fields("output.node", &json(&a.output.node), &json(&reads_out)));
    found
}

/// Fields of the description beside the nodes. Names of input and output are the source network's, and do nothing.
fn header(spec: &NetworkSpec, kept: impl Fn(&str) -> bool) -> Value {
    let mut value = json(spec);
    if let Value::Object(fields) = &mut value {
        fields.retain(|field, _| field != "nodes" && kept(field));
        for (object, names) in [("input", &["name"][..]), ("output", &["name", "node"])] {
            if let Some(Value::Object(object)) = fields.get_mut(object) {
                object.retain(|field, _| !names.contains(&field.as_str()));
            }
        }
    }
    value
}

/// A node as far as it is compared here.
fn node(spec: &NodeSpec) -> Value {
    let mut value = json(spec);
    if let Value::Object(fields) = &mut value {
        fields.retain(|field, _| !ELSEWHERE.contains(&field.as_str()));
    }
    value
}

/// A node in a word.
fn told(node: &NodeSpec) -> Value {
    let dims: Vec<String> = node.shape.iter().map(ToString::to_string).collect();
    format!("{} [{}]", node.op.name(), dims.join("x")).into()
}
