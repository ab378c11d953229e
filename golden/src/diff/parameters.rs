//! Parameters of nodes that both networks have, entry by entry.

use super::align::Pairs;
use serde::Serialize;
use snnc_runtime::{Artifact, Tensor};
use std::collections::BTreeSet;

/// A parameter that is not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// The node of A.
    pub layer: String,
    /// What the parameter is to it: `weight`, `bias`, `threshold`, ..
    pub role: String,
    /// Shape and bits of it in A; null where it is not there.
    pub a: Option<Form>,
    /// In B.
    pub b: Option<Form>,
    /// How its entries differ, where both have as many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<Entries>,
}

/// What a parameter looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Form {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Bits of an entry.
    pub bits: u32,
}

/// Entries that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Entries {
    /// How many.
    pub differ: usize,
    /// Of how many.
    pub of: usize,
    /// The largest difference, in the units of the whole numbers in the file.
    pub largest: u64,
    /// Where it is, the first of several: place in row-major order, counted from 0.
    pub at: usize,
    /// The entry there in A.
    pub a: i32,
    /// In B.
    pub b: i32,
}

/// All parameters that differ by more than `tolerance` somewhere, or in shape or bits.
pub(super) fn changes(a: &Artifact, b: &Artifact, pairs: &Pairs, tolerance: u64) -> Vec<Parameter> {
    let mut found = Vec::new();
    for (in_a, in_b) in pairs.both() {
        let (node_a, node_b) = (&a.graph.nodes[in_a], &b.graph.nodes[in_b]);
        let roles: BTreeSet<&String> = node_a.tensors.keys().chain(node_b.tensors.keys()).collect();
        for role in roles {
            let tensors = [(a, node_a), (b, node_b)].map(|(of, node)| node.tensors.get(role).and_then(|name| of.tensors.get(name)));
            let [form_a, form_b] = tensors.map(|tensor| tensor.map(form));
            let entries = match tensors {
                [Some(a), Some(b)] if a.dims == b.dims => entries(a, b, tolerance),
                _ => None,
            };
            if form_a != form_b || entries.is_some() {
                found.push(Parameter { layer: node_a.name.clone(), role: role.clone(), a: form_a, b: form_b, entries });
            }
        }
    }
    found
}

fn form(tensor: &Tensor) -> Form {
    Form { shape: tensor.dims.clone(), bits: tensor.data.bits() }
}

fn entries(a: &Tensor, b: &Tensor, tolerance: u64) -> Option<Entries> {
    let (a, b) = (a.data.to_vec(), b.data.to_vec());
    let distance = |at: usize| u64::from(a[at].abs_diff(b[at]));
    let differ = (0..a.len()).filter(|&at| distance(at) > 0).count();
    // The first of the largest.
    let at = (0..a.len()).reduce(|best, at| if distance(at) > distance(best) { at } else { best })?;
    (distance(at) > tolerance).then(|| Entries { differ, of: a.len(), largest: distance(at), at, a: a[at], b: b[at] })
}
