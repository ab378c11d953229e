//! `Einsum`.

use super::contract::{contract, sum_to};
use crate::import::{
    cx::{Call, Cx, Value},
    equation::{Equation, equation},
    problem::{Outcome, no_counterpart, unsupported_use},
};

/// `Einsum` of one activation, or of an activation and a constant.
pub(super) fn einsum(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(usize::MAX, 1)?;
    let rank = |value: &Value| match value {
        Value::Node(id) => cx.dims(*id).len(),
        Value::Const(c) => c.dims.len(),
        _ => 0,
    };
    let ranks: Vec<usize> = call.inputs.iter().flatten().map(rank).collect();
    let Equation { operands, result } = equation(call, &ranks)?;
    let id = match call.inputs {
        [Some(Value::Node(x))] => sum_to(cx, call, *x, &operands[0], &result)?,
        [Some(Value::Node(x)), Some(Value::Const(w))] => contract(cx, call, *x, &w.clone(), [&operands[0], &operands[1], &result])?,
        [Some(Value::Const(w)), Some(Value::Node(x))] => contract(cx, call, *x, &w.clone(), [&operands[1], &operands[0], &result])?,
        _ if call.inputs.iter().flatten().filter(|v| matches!(v, Value::Node(_))).count() > 1 => {
            return Err(no_counterpart("operator `Einsum` of several activations has no spiking counterpart")
                .note("products of activations, as in attention, are not linear in the spikes")
                .help("replace attention by convolutions, or convert the part before it with `--output NAME`")
                .into());
        }
        _ => {
            return Err(unsupported_use("operator `Einsum` of an activation and several constants")
                .help("write it as several products, each with one constant")
                .into());
        }
    };
    Ok(vec![Value::Node(id)])
}
