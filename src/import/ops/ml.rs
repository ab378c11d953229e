//! Of the domain `ai.onnx.ml`, what stands around neural networks: scikit-learn and Custom Vision write it.

use crate::import::{
    constant::{Constant, Data},
    cx::{Call, Cx, Value},
    head::is_distribution,
    problem::{Outcome, malformed},
    unsupported,
};
use snnc_ir::{Operator, Provenance, types::Dims};
use tract_onnx::pb::tensor_proto::DataType;

/// `ZipMap`: names beside the scores.
pub(super) fn zip_map(_: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    call.node.ignore(&["classlabels_strings", "classlabels_int64s"]);
    if !call.at_output {
        return Err(unsupported::operator(call.node).into());
    }
    Ok(vec![Value::Node(call.activation(0)?)])
}

/// `Normalizer` where the entries sum to 1 before it.
pub(super) fn normalizer(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    let operand = call.activation(0)?;
    if call.node.string("norm", "MAX")? != "L1" || !call.at_output || !is_distribution(cx, operand)? {
        return Err(unsupported::operator(call.node).into());
    }
    Ok(vec![Value::Node(operand)])
}

/// `Scaler`: `(x - offset) · scale`.
pub(super) fn scaler(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    let node = call.node;
    let mut id = call.activation(0)?;
    let features = *cx.dims(id).last().unwrap_or(&1);
    let constant = |name: &str| -> Outcome<Option<Constant>> {
        let Some(values) = node.floats(name)? else { return Ok(None) };
        if values.len() != 1 && values.len() != features {
            return Err(malformed(format!("attribute `{name}` of operator `{}` has {} values", node.op, values.len()))
                .note(format!("its operand has the shape {}", Dims(&cx.file_dims(id))))
                .into());
        }
        let data = Data::Float(values.to_vec());
        Ok(Some(Constant {
            dims: vec![values.len()],
            data,
            name: format!("{}.{name}", node.name),
            integer: DataType::Int64,
            provenance: Provenance::Source,
        }))
    };
    let (offset, scale) = (constant("offset")?, constant("scale")?);
    if let Some(offset) = offset {
        let offset = cx.broadcast_param(node, &offset, id, "negated", |v| -v)?;
        id = cx.add(node, Operator::Shift { offset }, &[id])?;
    }
    if let Some(scale) = scale {
        let factor = cx.broadcast_param(node, &scale, id, "", |v| v)?;
        id = cx.add(node, Operator::Scale { factor }, &[id])?;
    }
    Ok(vec![Value::Node(id)])
}
