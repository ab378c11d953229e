//! What a rule is given.

use crate::import::{
    constant::{Constant, Data},
    cx::{Call, Cx, check_entries},
    problem::{Outcome, malformed},
};
use std::rc::Rc;
use tract_onnx::pb::tensor_proto::DataType;

/// The operands of a constant node.
pub(in crate::import) type Operands<'a> = &'a [Option<Rc<Constant>>];

/// The type of the integers that an operator on these operands makes.
pub(in crate::import) fn integers_of(operands: Operands<'_>) -> DataType {
    operands.iter().flatten().find(|c| matches!(c.data, Data::Int(_))).map_or(DataType::Int64, |c| c.integer)
}

/// The operand at `index`, which must be there.
pub(super) fn operand<'a>(call: &Call<'_>, operands: Operands<'a>, index: usize) -> Outcome<&'a Rc<Constant>> {
    let found = operands.get(index).and_then(Option::as_ref);
    found.ok_or_else(|| malformed(format!("input {index} of operator `{}` is missing", call.node.op)).into())
}

/// Number of entries of a shape, booked.
pub(super) fn entries(cx: &mut Cx, call: &Call<'_>, dims: &[usize]) -> Outcome<usize> {
    check_entries(call.node, dims)?;
    // Zeros count as ones, as they do while indices are made axis by axis.
    cx.book(dims.iter().map(|&d| d.max(1)).product())?;
    Ok(dims.iter().product())
}
