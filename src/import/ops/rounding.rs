//! Rounding. It is converted where it makes a rectifier in steps, which `unbounded_floors` of the passes decides on the whole graph.

use crate::import::{
    cx::{Call, Cx, Value},
    problem::Outcome,
};
use snnc_ir::Operator;

/// `Floor` and `Round`.
pub(super) fn rounding(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    let op = if call.node.op == "Floor" { Operator::Floor } else { Operator::Round };
    Ok(vec![Value::Node(cx.add(call.node, op, &[call.activation(0)?])?)])
}
