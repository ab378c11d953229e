//! A second opinion on shapes: tract's inference.
//!
//! The importer infers shapes itself. tract is asked what an operator that cannot be converted would make of its operands,
//! so that messages can name shapes and what follows can be checked; and a test holds both inferences against each
//! other. Whatever happens inside of tract, a panic included, only means that it has no opinion.
//!
//! tract sees one node at a time, of whose operands at least one is no constant: it infers but does not compute, and so
//! cannot be made to fill memory.

use super::{
    constant::{Constant, Data},
    proto::Node,
};
use std::{
    cell::Cell,
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Once,
};
use tract_onnx::{
    pb::{self, tensor_proto::DataType, tensor_shape_proto, type_proto},
    prelude::InferenceModelExt,
    tract_hir::{infer::Factoid, internal::DimLike},
};

/// Constants up to this size are given by value: they may be settings or shapes.
const MAX_SETTING: usize = 64;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// An operand as tract sees it.
pub(super) enum Operand {
    /// Left out.
    Absent,
    /// Depends on the image; its shape in the file.
    Activation(Vec<usize>),
    Const(Rc<Constant>),
}

/// Shapes of the node's outputs, as many as tract can tell.
pub(super) fn second_opinion(node: &Node, operands: &[Operand]) -> Vec<Option<Vec<usize>>> {
    let none = vec![None; node.outputs.len()];
    let has_graph = !node.branches.is_empty() || node.attributes.iter().any(|a| a.g.is_some() || !a.graphs.is_empty());
    if has_graph || !node.is_standard() || !operands.iter().any(|o| matches!(o, Operand::Activation(_))) {
        return none;
    }
    let proto = single(node, operands);
    quietly(|| infer(&proto, &node.outputs)).unwrap_or(none)
}

/// Runs `f`; `None` if it panics, about which nothing is printed.
pub(super) fn quietly<T>(f: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                previous(info);
            }
        }));
    });
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    QUIET.set(false);
    result.ok()
}

fn infer(proto: &pb::ModelProto, outputs: &[String]) -> Vec<Option<Vec<usize>>> {
    let Ok(parsed) = tract_onnx::onnx().parse(proto, None) else { return vec![None; outputs.len()] };
    let mut model = parsed.model;
    // What could be inferred before an error stands.
    _ = model.analyse(true);
    let shape = |name: &String| -> Option<Vec<usize>> {
        let fact = model.outlet_fact(*parsed.outlets_by_name.get(name)?).ok()?;
        fact.shape.concretize()?.iter().map(|d| d.to_usize().ok()).collect()
    };
    outputs.iter().map(shape).collect()
}

/// A model of that node alone.
fn single(node: &Node, operands: &[Operand]) -> pb::ModelProto {
    let mut graph = pb::GraphProto { name: "shapes".to_owned(), ..Default::default() };
    let mut declared = BTreeSet::new();
    for (name, operand) in node.inputs.iter().zip(operands) {
        if name.is_empty() || !declared.insert(name) {
            continue;
        }
        match operand {
            Operand::Absent => {}
            Operand::Activation(dims) => graph.input.push(declaration(name, DataType::Float, dims)),
            Operand::Const(constant) => declare(&mut graph, name, constant),
        }
    }
    graph.node.push(pb::NodeProto {
        input: node.inputs.clone(),
        output: node.outputs.clone(),
        name: node.name.clone(),
        op_type: node.op.clone(),
        attribute: node.attributes.iter().map(|a| attribute(a)).collect(),
        ..Default::default()
    });
    graph
        .output
        .extend(node.outputs.iter().find(|o| !o.is_empty()).map(|name| pb::ValueInfoProto { name: name.clone(), ..Default::default() }));
    let opset = pb::OperatorSetIdProto { domain: String::new(), version: node.opset };
    pb::ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..Default::default() }
}

/// All floats are one type to the importer, so casts among them lead to that one.
fn attribute(attribute: &pb::AttributeProto) -> pb::AttributeProto {
    let mut attribute = attribute.clone();
    let floats = [DataType::Float16, DataType::Bfloat16, DataType::Double];
    if attribute.name == "to" && floats.iter().any(|&f| attribute.i == i64::from(f as i32)) {
        attribute.i = (DataType::Float as i32).into();
    }
    attribute
}

fn declare(graph: &mut pb::GraphProto, name: &str, constant: &Constant) {
    let ty = match &constant.data {
        Data::Float(_) => DataType::Float,
        Data::Int(_) => DataType::Int64,
        Data::Bool(_) => DataType::Bool,
    };
    if constant.data.len() > MAX_SETTING {
        return graph.input.push(declaration(name, ty, &constant.dims));
    }
    let raw_data = match &constant.data {
        Data::Float(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::Int(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::Bool(v) => v.iter().map(|&x| u8::from(x)).collect(),
    };
    let dims = constant.dims.iter().map(|&d| d as i64).collect();
    graph.initializer.push(pb::TensorProto { name: name.to_owned(), dims, data_type: ty as i32, raw_data, ..Default::default() });
}

fn declaration(name: &str, element: DataType, dims: &[usize]) -> pb::ValueInfoProto {
    let value = |&d: &usize| tensor_shape_proto::Dimension {
        value: Some(tensor_shape_proto::dimension::Value::DimValue(d as i64)),
        ..Default::default()
    };
    let shape = pb::TensorShapeProto { dim: dims.iter().map(value).collect() };
    let ty = type_proto::Tensor { elem_type: element as i32, shape: Some(shape) };
    let ty = pb::TypeProto { value: Some(type_proto::Value::TensorType(ty)), ..Default::default() };
    pb::ValueInfoProto { name: name.to_owned(), r#type: Some(ty), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::quietly;

    #[test]
    fn a_panic_is_no_opinion() {
        assert_eq!(quietly(|| -> u8 { panic!("inside of a foreign crate") }), None);
        assert_eq!(quietly(|| 1), Some(1));
    }
}
