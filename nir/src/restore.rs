//! From a file to the artifact that it was made of.
//!
//! The seal in the metadata describes the artifact but for the values of its parameters. These are where lowering puts them: an artifact with the same
//! description and other values is lowered, for the places, and the values are taken from the file. What comes out must have the digest of the
//! seal, and lowered again it must be the file: so nothing of the file is passed over, and a file that somebody edited is refused.

use crate::{
    describe::{DIGEST, SPEC, TENSORS},
    error::Error,
    export::{Thresholds, export},
    file::{self, Tree},
    lower::{Place, Site, lower},
    node::{Array, Graph, MAX_ENTRIES, Node, Value},
};
use snnc_files::Digest;
use snnc_runtime::{Artifact, Data, NetworkSpec, Tensor, artifact::LEAK_ONE};
use std::collections::BTreeMap;

/// Type and shape of a tensor.
type Frame = (String, Vec<usize>);

/// Reads a `.nir` file that [`crate::export`] made, with the thresholds of the network.
///
/// # Errors
/// If it is no NIR file, is of another program or was changed, or was written with thresholds of 1 or numbers that `f32` does not hold: these cannot
/// be read back.
pub fn read(bytes: &[u8]) -> Result<Artifact, Error> {
    let tree = file::read(bytes)?;
    let (spec, frames, wanted) = sealed(&tree)?;
    let mut artifact = blank(spec, &frames)?;
    // Whatever the description says, it is that of a network now.
    artifact.check().map_err(|error| Error::Changed(error.to_string()))?;
    let places = lower(&artifact).map_err(|error| Error::Changed(error.to_string()))?.places;
    for (name, (kind, dims)) in &frames {
        let values = places.get(name).and_then(|place| gather(place, &tree, dims)).and_then(|values| data(kind, values));
        let data =
            values.ok_or_else(|| Error::Changed(format!("the entries of `{name}` are missing, or no whole numbers of their type")))?;
        artifact.tensors.insert(name.clone(), Tensor { dims: dims.clone(), data });
    }
    let found = artifact.to_bytes().map_err(|error| Error::Changed(error.to_string()))?;
    if Digest::of(&found).as_str() != wanted {
        return Err(Error::Changed("its parameters are others".to_owned()));
    }
    compare(&tree, &export(&artifact, Thresholds::Whole)?.graph)?;
    Ok(artifact)
}

/// The parts of the seal.
fn sealed(tree: &Tree) -> Result<(NetworkSpec, BTreeMap<String, Frame>, &str), Error> {
    let part = |key: &str| match tree.metadata.get(key) {
        Some(Value::Text(text)) => Ok(text.as_str()),
        _ => Err(Error::Foreign(match tree.metadata.get("producer") {
            Some(Value::Text(producer)) if producer.starts_with("snnc ") => {
                "it cannot be read back: its thresholds are 1, or it has numbers that 32-bit floats do not hold".to_owned()
            }
            _ => "it is not of `snnc`: only what `snnc` wrote can be read back".to_owned(),
        })),
    };
    let changed = |error: serde_json::Error| Error::Changed(format!("its description: {error}"));
    let spec = serde_json::from_str(part(SPEC)?).map_err(changed)?;
    let frames = serde_json::from_str(part(TENSORS)?).map_err(changed)?;
    Ok((spec, frames, part(DIGEST)?))
}

/// An artifact with a description, and with parameters that mean nothing.
fn blank(spec: NetworkSpec, frames: &BTreeMap<String, Frame>) -> Result<Artifact, Error> {
    // What a tensor of no role is filled with: the smallest threshold, or a leak that is none.
    let mut fill: BTreeMap<&str, i32> = BTreeMap::new();
    for (role, name) in spec.nodes.iter().flat_map(|node| &node.tensors) {
        match role.as_str() {
            "threshold" => fill.insert(name, 1),
            "leak" => fill.insert(name, LEAK_ONE),
            _ => None,
        };
    }
    let mut room = MAX_ENTRIES;
    let mut tensors = BTreeMap::new();
    for (name, (kind, dims)) in frames {
        let entries = dims.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        let entries = entries.filter(|&entries| entries <= room).ok_or_else(|| Error::Changed(format!("`{name}` is too large")))?;
        room -= entries;
        let number = fill.get(name.as_str()).copied().unwrap_or(0);
        let data = data(kind, vec![number; entries]).ok_or_else(|| Error::Changed(format!("`{name}` has no type of a `.snn` file")))?;
        tensors.insert(name.clone(), Tensor { dims: dims.clone(), data });
    }
    Ok(Artifact { graph: spec, tensors, lock: None })
}

/// Numbers as entries of a type, if they are in its range.
fn data(kind: &str, numbers: Vec<i32>) -> Option<Data> {
    Some(match kind {
        "I8" => numbers.into_iter().map(|v| i8::try_from(v).ok()).collect::<Option<Vec<i8>>>()?.into(),
        "I16" => numbers.into_iter().map(|v| i16::try_from(v).ok()).collect::<Option<Vec<i16>>>()?.into(),
        "I32" => numbers.into(),
        _ => return None,
    })
}

/// The entries of a tensor.
fn gather(place: &Place, tree: &Tree, dims: &[usize]) -> Option<Vec<i32>> {
    place.gather(dims.iter().product(), |site| {
        let value = match site {
            Site::Field(node, field) => tree.nodes.get(node)?.get(*field)?,
            Site::Metadata(key) => tree.metadata.get(key)?,
        };
        match value {
            Value::Reals(array) => Some(array.data.as_slice()),
            _ => None,
        }
    })
}

/// Whether a file says a graph and nothing else. Where the package `nir` wrote the file anew, the version is its own, and from 1.0.6 on the potentials
/// that it takes a spike to leave, 0, have become a field.
fn compare(tree: &Tree, graph: &Graph) -> Result<(), Error> {
    let changed = |what: String| Err(Error::Changed(what));
    for (name, node) in &graph.nodes {
        let Some(fields) = tree.nodes.get(name) else { return changed(format!("node `{name}` is missing")) };
        let mut wanted: BTreeMap<&str, Value> = node.fields();
        wanted.insert("type", Value::Text(node.kind().to_owned()));
        if let Node::If { threshold } | Node::Lif { threshold, .. } = node {
            let zeros = Value::Reals(Array::zeros(&threshold.dims));
            if fields.get("v_reset") == Some(&zeros) {
                wanted.insert("v_reset", zeros);
            }
        }
        if let Some(field) = difference(fields, &wanted) {
            return changed(format!("`{field}` of node `{name}`"));
        }
    }
    if let Some(foreign) = tree.nodes.keys().find(|name| !graph.nodes.contains_key(*name)) {
        return changed(format!("node `{foreign}` is new"));
    }
    if let Some((from, to)) = tree.edges.symmetric_difference(&graph.edges).next() {
        return changed(format!("the edge from `{from}` to `{to}`"));
    }
    let metadata = graph.metadata.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    match difference(&tree.metadata, &metadata) {
        Some(key) => changed(format!("`{key}` of the metadata")),
        None => Ok(()),
    }
}

/// The first name under which two maps differ.
fn difference<'a>(found: &'a BTreeMap<String, Value>, wanted: &BTreeMap<&'a str, Value>) -> Option<&'a str> {
    let other = wanted.iter().find(|(name, value)| found.get(**name) != Some(value)).map(|(name, _)| *name);
    other.or_else(|| found.keys().map(String::as_str).find(|name| !wanted.contains_key(name)))
}
