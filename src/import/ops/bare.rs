//! Activations that have no axis for the batch alone in the file: `x.squeeze()` has taken it away where the batch is 1 for
//! good, or `x.reshape(-1, features)` has joined it to another axis, so that a dense layer acts on every position. The IR keeps
//! the axis, and operators for which it is clear what they do go on.

use crate::import::{
    cx::{Call, Cx, Value},
    ops::{Entry, WithoutBatch},
    problem::{Outcome, Problem, batch_lost, malformed},
};
use snnc_ir::Operator;

/// Makes IR of one node, some of whose operands may have no batch axis.
pub(in crate::import) fn apply(cx: &mut Cx, call: &Call<'_>, entry: &Entry) -> Outcome<Vec<Value>> {
    if !call.inputs.iter().flatten().any(|v| matches!(v, Value::Bare(_))) {
        return (entry.rule)(cx, call);
    }
    match entry.without_batch {
        WithoutBatch::Aware => (entry.rule)(cx, call),
        WithoutBatch::PerEntry => lifted(cx, call, entry),
        WithoutBatch::Softmax => softmax(cx, call),
        WithoutBatch::Refused => Err(lost(call)),
    }
}

fn lost(call: &Call<'_>) -> Problem {
    batch_lost(format!("operator `{}` of a tensor that has lost its batch axis", call.node.op))
        .help("squeeze named axes other than 0, and leave the batch out of reshapes")
        .into()
}

/// Operators whose axes are counted from the last, if at all: with the batch in front they do the same.
fn lifted(cx: &mut Cx, call: &Call<'_>, entry: &Entry) -> Outcome<Vec<Value>> {
    let rank = |value: &Value| match value {
        Value::Bare(id) => cx.dims(*id).len() - 1,
        Value::Node(id) => cx.dims(*id).len(),
        Value::Const(c) => c.dims.len(),
        _ => 0,
    };
    let product = entry.name == "MatMul";
    let of_activations = call.inputs.iter().flatten().filter(|v| !matches!(v, Value::Const(_))).map(rank).max().unwrap_or(0);
    // A constant of more axes would give the result others in front; a matrix does not.
    let longest = if product { 2 } else { of_activations };
    let longer = |v: &Value| matches!(v, Value::Const(_)) && rank(v) > longest;
    if call.inputs.iter().flatten().any(longer) || (product && !matches!(call.input(0), Some(Value::Bare(_)))) {
        return Err(lost(call));
    }
    let inputs: Vec<Option<Value>> =
        call.inputs.iter().map(|v| if let Some(Value::Bare(id)) = v { Some(Value::Node(*id)) } else { v.clone() }).collect();
    let made = (entry.rule)(cx, &Call { node: call.node, inputs: &inputs, at_output: call.at_output })?;
    // The longest operand may be one that still has its batch; then the result has it as well.
    let back = |value| match value {
        Value::Node(id) if product || cx.dims(id).len() > of_activations => Value::Bare(id),
        other => other,
    };
    Ok(made.into_iter().map(back).collect())
}

/// A softmax over the only axis, which is the output.
fn softmax(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    let node = call.node;
    let Some(Value::Bare(id)) = call.input(0) else { return Err(lost(call)) };
    let axis = node.int("axis", if node.opset < 13 { 1 } else { -1 })?;
    if cx.dims(*id).len() != 2 || !call.at_output {
        return Err(lost(call));
    }
    if !matches!(axis, -1 | 0) {
        return Err(malformed(format!("operator `{}` names axis {axis} of a tensor of 1 dimensions", node.op)).into());
    }
    let op = if node.op == "LogSoftmax" { Operator::LogSoftmax { axis: 1 } } else { Operator::Softmax { axis: 1 } };
    Ok(vec![Value::Bare(cx.add(node, op, &[*id])?)])
}
