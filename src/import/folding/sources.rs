//! Constants that nodes state or count out.

use super::operands::{Operands, entries, operand};
use crate::import::{
    constant::{Data, Made},
    cx::{Call, Cx},
    problem::{Outcome, malformed, unsupported_use},
};
use tract_onnx::pb::tensor_proto::DataType;

/// `Constant`.
pub(super) fn constant(cx: &mut Cx, call: &Call<'_>, _: Operands<'_>) -> Outcome<Vec<Made>> {
    let node = call.node;
    let made = if let Some(tensor) = node.tensor("value")? {
        let (dims, data, element) = cx.load(tensor)?;
        Made::FromFile(dims, data, element)
    } else if let Some(tensor) = node.sparse_tensor("sparse_value")? {
        let (dims, data, element) = cx.load_sparse(tensor)?;
        Made::FromFile(dims, data, element)
    } else if let Some(values) = node.ints("value_ints")? {
        Made::FromFile(vec![values.len()], Data::Int(values.to_vec()), DataType::Int64)
    } else if let Some(values) = node.floats("value_floats")? {
        Made::FromFile(vec![values.len()], Data::Float(values.to_vec()), DataType::Int64)
    } else if let Some(value) = node.optional_float("value_float")? {
        Made::FromFile(Vec::new(), Data::Float(vec![value]), DataType::Int64)
    } else if let Some(value) = node.optional_int("value_int")? {
        Made::FromFile(Vec::new(), Data::Int(vec![value]), DataType::Int64)
    } else {
        return Err(unsupported_use("a constant is neither a tensor nor a number").help("store constants as tensors of numbers").into());
    };
    Ok(vec![made])
}

/// `ConstantOfShape`.
pub(super) fn constant_of_shape(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let shape = operand(call, operands, 0)?;
    let mut dims = Vec::new();
    for size in shape.data.to_int() {
        dims.push(usize::try_from(size).map_err(|_| malformed(format!("operator `ConstantOfShape` is given the size {size}")))?);
    }
    let len = entries(cx, call, &dims)?;
    let value = call.node.tensor("value")?.map(|t| cx.load(t)).transpose()?;
    let (_, value, element) = value.unwrap_or((Vec::new(), Data::Float(vec![0.0]), DataType::Float));
    if value.len() != 1 {
        return Err(malformed("attribute `value` of operator `ConstantOfShape` is not one number").into());
    }
    Ok(vec![match value.pick(&vec![0; len]) {
        Data::Int(values) => Made::Typed(dims, values, element),
        data => Made::New(dims, data),
    }])
}

/// `Range`.
pub(super) fn range(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let [start, limit, step] = [0, 1, 2].map(|i| operand(call, operands, i));
    let (start, limit, step) = (start?, limit?, step?);
    if [start, limit, step].iter().any(|c| c.data.len() != 1) {
        return Err(malformed("operator `Range` wants three numbers").into());
    }
    let bad = || malformed("operator `Range` is given a step that never arrives");
    Ok(vec![match (&start.data, &limit.data, &step.data) {
        (Data::Int(a), Data::Int(b), Data::Int(s)) => {
            let (a, b, s) = (i128::from(a[0]), i128::from(b[0]), i128::from(s[0]));
            if s == 0 {
                return Err(bad().into());
            }
            let len = usize::try_from(((b - a) + s - s.signum()) / s).unwrap_or(0);
            entries(cx, call, &[len])?;
            Made::New(vec![len], Data::Int((0..len as i128).map(|k| (a + k * s) as i64).collect()))
        }
        _ => {
            let [a, b, s] = [start, limit, step].map(|c| c.data.to_float()[0]);
            let len = ((b - a) / s).ceil().max(0.0);
            if !len.is_finite() || len > 1e9 {
                return Err(bad().into());
            }
            let len = len as usize;
            entries(cx, call, &[len])?;
            Made::New(vec![len], Data::Float((0..len).map(|k| a + k as f32 * s).collect()))
        }
    }])
}
