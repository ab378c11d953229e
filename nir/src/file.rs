//! Graphs as HDF5, with the layout of the package `nir` (its `serialization.py`).
//!
//! ```text
//! /version                    text
//! /node/type                  "NIRGraph"
//! /node/edges                 [E, 2] texts
//! /node/metadata/KEY          texts and numbers
//! /node/nodes/NAME/type       text: the class
//! /node/nodes/NAME/FIELD      one data set per field of the class, 32-bit floats and 64-bit integers
//! ```
//!
//! There are no attributes and no times: the same graph has the same bytes.

use crate::{
    error::Error,
    node::{Array, Graph, MAX_ENTRIES, Value},
};
use hdf5_pure::{DType, Dataset, File, FileBuilder, FormatError, Group, GroupBuilder};
use std::collections::{BTreeMap, BTreeSet};

/// Arrays of so many entries are compressed.
const COMPRESSED: usize = 256;
/// How hard; what HDF5 and the package `nir` take by default is 4.
const LEVEL: u32 = 4;
/// Most bytes of a text.
const MAX_TEXT: u64 = 1 << 28;

/// A file as it stands: fields by their names, whatever the classes.
#[derive(Debug, PartialEq)]
pub(crate) struct Tree {
    pub(crate) version: String,
    pub(crate) nodes: BTreeMap<String, BTreeMap<String, Value>>,
    pub(crate) edges: BTreeSet<(String, String)>,
    pub(crate) metadata: BTreeMap<String, Value>,
}

/// The bytes of a `.nir` file.
///
/// # Errors
/// If HDF5 cannot hold the graph, such as texts of more than 4 GiB.
pub fn write(graph: &Graph) -> Result<Vec<u8>, Error> {
    build(graph).map_err(|error| Error::Hdf5(error.to_string()))
}

fn build(graph: &Graph) -> Result<Vec<u8>, hdf5_pure::Error> {
    let mut file = FileBuilder::new();
    file.create_dataset("version").with_strings(&[&graph.version])?.with_shape(&[]);
    let mut root = file.create_group("node");
    text(&mut root, "type", "NIRGraph")?;
    let edges: Vec<&str> = graph.edges.iter().flat_map(|(from, to)| [from.as_str(), to]).collect();
    root.create_dataset("edges").with_strings(&edges)?.with_shape(&[graph.edges.len() as u64, 2]);
    if !graph.metadata.is_empty() {
        let mut metadata = root.create_group("metadata");
        graph.metadata.iter().try_for_each(|(key, value)| put(&mut metadata, key, value))?;
        root.add_group(metadata.finish());
    }
    let mut nodes = root.create_group("nodes");
    for (name, node) in &graph.nodes {
        let mut group = nodes.create_group(name);
        text(&mut group, "type", node.kind())?;
        node.fields().iter().try_for_each(|(field, value)| put(&mut group, field, value))?;
        nodes.add_group(group.finish());
    }
    root.add_group(nodes.finish());
    file.add_group(root.finish());
    file.finish()
}

fn text(group: &mut GroupBuilder, name: &str, text: &str) -> Result<(), FormatError> {
    group.create_dataset(name).with_strings(&[text])?.with_shape(&[]);
    Ok(())
}

fn put(group: &mut GroupBuilder, name: &str, value: &Value) -> Result<(), FormatError> {
    match value {
        Value::Text(word) => text(group, name, word)?,
        Value::Whole(number) => {
            group.create_dataset(name).with_i64_data(&[*number]).with_shape(&[]);
        }
        Value::Wholes(numbers) => {
            group.create_dataset(name).with_i64_data(numbers);
        }
        Value::Reals(Array { dims, data }) => {
            let dims: Vec<u64> = dims.iter().map(|&size| size as u64).collect();
            let set = group.create_dataset(name).with_f32_data(data).with_shape(&dims);
            if data.len() >= COMPRESSED {
                set.with_chunks(&dims).with_shuffle().with_deflate(LEVEL);
            }
        }
    }
    Ok(())
}

/// Reads a file, of whatever writer.
pub(crate) fn read(bytes: &[u8]) -> Result<Tree, Error> {
    let damaged = |error: hdf5_pure::Error| Error::Hdf5(error.to_string());
    let file = File::from_bytes(bytes.to_vec()).map_err(damaged)?;
    let mut budget = MAX_ENTRIES;
    let version = match value(&file.dataset("version").map_err(damaged)?, &mut budget)? {
        Value::Text(version) => version,
        _ => return Err(Error::Hdf5("`version` is no text".to_owned())),
    };
    let root = file.group("node").map_err(damaged)?;
    let metadata = match root.group("metadata") {
        Ok(group) => fields(&group, &mut budget)?,
        Err(_) => BTreeMap::new(),
    };
    let mut nodes = BTreeMap::new();
    let group = root.group("nodes").map_err(damaged)?;
    for name in group.groups().map_err(damaged)? {
        let node = fields(&group.group(&name).map_err(damaged)?, &mut budget)?;
        nodes.insert(name, node);
    }
    let edges = texts(&root.dataset("edges").map_err(damaged)?)?;
    if edges.len() % 2 != 0 {
        return Err(Error::Hdf5("`edges` are no pairs".to_owned()));
    }
    let edges = edges.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    Ok(Tree { version, nodes, edges, metadata })
}

fn fields(group: &Group, budget: &mut usize) -> Result<BTreeMap<String, Value>, Error> {
    let damaged = |error: hdf5_pure::Error| Error::Hdf5(error.to_string());
    let names = group.datasets().map_err(damaged)?;
    names.into_iter().map(|name| Ok((name.clone(), value(&group.dataset(&name).map_err(damaged)?, budget)?))).collect()
}

/// A data set as a value; real numbers of 64 bits are rounded to 32. `budget` is how many entries there may be.
fn value(set: &Dataset, budget: &mut usize) -> Result<Value, Error> {
    let damaged = |error: hdf5_pure::Error| Error::Hdf5(error.to_string());
    let kind = set.dtype().map_err(damaged)?;
    if matches!(kind, DType::String | DType::VariableLengthString) {
        return match texts(set)?.as_slice() {
            [text] => Ok(Value::Text(text.clone())),
            several => Err(Error::Hdf5(format!("{} texts where there should be one", several.len()))),
        };
    }
    let dims = set.shape().map_err(damaged)?;
    let entries = dims.iter().try_fold(1u64, |product, &size| product.checked_mul(size)).and_then(|n| usize::try_from(n).ok());
    *budget = entries.and_then(|entries| budget.checked_sub(entries)).ok_or_else(|| Error::Hdf5("its arrays are too large".to_owned()))?;
    let dims: Vec<usize> = dims.iter().map(|&size| size as usize).collect();
    match kind {
        DType::F32 | DType::F64 => Ok(Value::Reals(Array { dims, data: set.read_f32().map_err(damaged)? })),
        DType::I8 | DType::I16 | DType::I32 | DType::I64 | DType::U8 | DType::U16 | DType::U32 => {
            let numbers = set.read_i64().map_err(damaged)?;
            Ok(match (&dims[..], &numbers[..]) {
                ([], [number]) => Value::Whole(*number),
                _ => Value::Wholes(numbers),
            })
        }
        other => Err(Error::Hdf5(format!("a data set of type {other}"))),
    }
}

fn texts(set: &Dataset) -> Result<Vec<String>, Error> {
    let damaged = |error: hdf5_pure::Error| Error::Hdf5(error.to_string());
    let bytes = match set.dtype().map_err(damaged)? {
        DType::VariableLengthString => set.vlen_string_payload_size().map_err(damaged)?,
        DType::String => {
            let count = set.shape().map_err(damaged)?.iter().fold(1u64, |product, &size| product.saturating_mul(size));
            set.element_size().map_err(damaged)?.saturating_mul(count)
        }
        other => return Err(Error::Hdf5(format!("a data set of type {other}, not text"))),
    };
    if bytes > MAX_TEXT {
        return Err(Error::Hdf5("its texts are too long".to_owned()));
    }
    set.read_string().map_err(damaged)
}
