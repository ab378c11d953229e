//! Constants handed on as they are, or in another element type.

use super::operands::{Operands, entries, operand};
use crate::import::{
    arguments::refuse_training,
    constant::{Constant, Data, Made},
    cx::{Call, Cx},
    problem::{Outcome, unsupported_use},
};
use std::rc::Rc;
use tract_onnx::pb::tensor_proto::DataType;

/// `Identity`.
pub(super) fn same(_: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    Ok(vec![Made::Same(operand(call, operands, 0)?.clone())])
}

/// `Dropout`.
pub(super) fn dropout(_: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    call.node.ignore(&["ratio", "seed"]);
    refuse_training(call)?;
    Ok(vec![Made::Same(operand(call, operands, 0)?.clone())])
}

/// `Cast`.
pub(super) fn cast(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    call.node.ignore(&["saturate", "round_mode"]);
    let source = operand(call, operands, 0)?;
    let ty = i32::try_from(call.node.int("to", 0)?).ok().and_then(|t| DataType::try_from(t).ok()).unwrap_or(DataType::Undefined);
    converted(cx, call, source, ty)
}

/// A constant in another element type.
fn converted(cx: &mut Cx, call: &Call<'_>, source: &Rc<Constant>, ty: DataType) -> Outcome<Vec<Made>> {
    // Every float is held in 32 bits, so that casts among floats keep the weights as they are in the file.
    let is_float = matches!(ty, DataType::Float | DataType::Double | DataType::Float16 | DataType::Bfloat16);
    if is_float && matches!(source.data, Data::Float(_)) || ty == source.integer && matches!(source.data, Data::Int(_)) {
        return Ok(vec![Made::Same(source.clone())]);
    }
    entries(cx, call, &source.dims)?;
    let wrap: fn(i64) -> i64 = match ty {
        _ if is_float => return Ok(vec![Made::New(source.dims.clone(), Data::Float(source.data.to_float()))]),
        DataType::Bool => return Ok(vec![Made::New(source.dims.clone(), Data::Bool(source.data.to_bool()))]),
        DataType::Int64 | DataType::Uint64 => |v| v,
        DataType::Int32 => |v| (v as i32).into(),
        DataType::Uint32 => |v| (v as u32).into(),
        DataType::Int16 => |v| (v as i16).into(),
        DataType::Uint16 => |v| (v as u16).into(),
        DataType::Int8 => |v| (v as i8).into(),
        DataType::Uint8 => |v| (v as u8).into(),
        _ => return Err(unsupported_use(format!("operator `{}` to an element type that is not supported", call.node.op)).into()),
    };
    Ok(vec![Made::Typed(source.dims.clone(), source.data.to_int().into_iter().map(wrap).collect(), ty)])
}

/// `CastLike`.
pub(super) fn cast_like(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    call.node.ignore(&["saturate", "round_mode"]);
    let (source, like) = (operand(call, operands, 0)?, operand(call, operands, 1)?);
    let ty = match like.data {
        Data::Float(_) if !like.is_quarter() => DataType::Float,
        Data::Float(_) | Data::Int(_) => like.integer,
        Data::Bool(_) => DataType::Bool,
    };
    converted(cx, call, source, ty)
}
