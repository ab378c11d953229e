//! The one thing that tract's copy of the ONNX schema lacks: default attributes of functions (`attribute_proto`, field 11
//! of `FunctionProto`), found by walking the protobuf wire format.
//!
//! Requires bytes that were already decoded once as a `ModelProto`; whatever does not parse here is skipped.

use tract_onnx::{pb, prelude::Framework};

const MODEL_GRAPH: u64 = 7;
const MODEL_FUNCTIONS: u64 = 25;
const FUNCTION_ATTRIBUTE_PROTO: u64 = 11;
const GRAPH_NODE: u64 = 1;
const NODE_ATTRIBUTE: u64 = 5;
const LENGTH_DELIMITED: u64 = 2;

/// The default attributes of every function, in the order of the file.
pub(super) fn function_defaults(model: &[u8]) -> Vec<Vec<pb::AttributeProto>> {
    messages(model, MODEL_FUNCTIONS)
        .map(|function| messages(function, FUNCTION_ATTRIBUTE_PROTO).filter_map(decode_attribute).collect())
        .collect()
}

/// Decodes one attribute. Only whole models can be decoded without a direct dependency on the protobuf library, so the
/// attribute is wrapped into the smallest model that has one.
fn decode_attribute(bytes: &[u8]) -> Option<pb::AttributeProto> {
    let model = wrap(MODEL_GRAPH, &wrap(GRAPH_NODE, &wrap(NODE_ATTRIBUTE, bytes)));
    let model = tract_onnx::onnx().proto_model_for_read(&mut model.as_slice()).ok()?;
    model.graph?.node.into_iter().next()?.attribute.into_iter().next()
}

fn wrap(field: u64, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len() + 12);
    put_varint(&mut bytes, (field << 3) | LENGTH_DELIMITED);
    put_varint(&mut bytes, content.len() as u64);
    bytes.extend_from_slice(content);
    bytes
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// The contents of all length-delimited fields with that number.
fn messages(mut bytes: &[u8], wanted: u64) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        while !bytes.is_empty() {
            let key = take_varint(&mut bytes)?;
            match key & 7 {
                0 => _ = take_varint(&mut bytes)?,
                1 => _ = take(&mut bytes, 8)?,
                LENGTH_DELIMITED => {
                    let len = usize::try_from(take_varint(&mut bytes)?).ok()?;
                    let content = take(&mut bytes, len)?;
                    if key >> 3 == wanted {
                        return Some(content);
                    }
                }
                5 => _ = take(&mut bytes, 4)?,
                _ => return None,
            }
        }
        None
    })
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(head)
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
