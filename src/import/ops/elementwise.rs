//! Sums of activations, and arithmetic with constants.

use super::activation::bounded;
use crate::import::{
    constant::Constant,
    cx::{Call, Cx, Value},
    problem::{Outcome, malformed, no_counterpart, unsupported_use},
};
use snnc_ir::{NodeId, Operator, Tensor, types::Dims};
use std::rc::Rc;

/// `x + constant`, with `how` the constant was changed.
fn shift(cx: &mut Cx, call: &Call<'_>, x: NodeId, constant: &Constant, how: &str, map: fn(f32) -> f32) -> Outcome<NodeId> {
    let offset = cx.broadcast_param(call.node, constant, x, how, map)?;
    cx.add(call.node, Operator::Shift { offset }, &[x])
}

/// `x · constant`, with `how` the constant was changed.
fn scale(cx: &mut Cx, call: &Call<'_>, x: NodeId, constant: &Constant, how: &str, map: fn(f32) -> f32) -> Outcome<NodeId> {
    let factor = cx.broadcast_param(call.node, constant, x, how, map)?;
    cx.add(call.node, Operator::Scale { factor }, &[x])
}

/// `x · factor` with a factor of the compiler's.
pub(super) fn scale_by(cx: &mut Cx, call: &Call<'_>, x: NodeId, what: &str, factor: f32) -> Outcome<NodeId> {
    let factor = cx.fixed_param(format!("{}.{what}", call.node.name), Tensor::splat([1], factor));
    cx.add(call.node, Operator::Scale { factor }, &[x])
}

fn add(cx: &mut Cx, call: &Call<'_>, terms: &[NodeId]) -> Outcome<NodeId> {
    if let Some(other) = terms.iter().find(|&&t| cx.dims(t) != cx.dims(terms[0])) {
        return Err(unsupported_use(format!("operator `{}` of activations of different shapes", call.node.op))
            .note(format!("{} and {}", Dims(&cx.file_dims(terms[0])), Dims(&cx.file_dims(*other))))
            .help("bring both to one shape before; only constants are broadcast")
            .into());
    }
    cx.add(call.node, Operator::Add, terms)
}

/// `Add`, `Sum` and `Mean` of activations and constants.
pub(super) fn sum(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(if call.node.op == "Add" { 2 } else { usize::MAX }, 1)?;
    let mut terms = Vec::new();
    let mut constants: Vec<Rc<Constant>> = Vec::new();
    for (index, input) in call.inputs.iter().enumerate() {
        match input {
            Some(Value::Const(c)) => constants.push(c.clone()),
            _ => terms.push(call.activation(index)?),
        }
    }
    let mut id = match terms[..] {
        [] => return Err(malformed(format!("operator `{}` has no operands", call.node.op)).into()),
        [one] => one,
        _ => add(cx, call, &terms)?,
    };
    for constant in constants {
        id = shift(cx, call, id, &constant, "", |v| v)?;
    }
    if call.node.op == "Mean" && call.inputs.len() > 1 {
        id = scale_by(cx, call, id, "count", 1.0 / call.inputs.len() as f32)?;
    }
    Ok(vec![Value::Node(id)])
}

/// `Sub`.
pub(super) fn sub(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(2, 1)?;
    let id = match (call.input(0), call.input(1)) {
        (Some(Value::Node(x)), Some(Value::Const(c))) => shift(cx, call, *x, c, "negated", |v| -v)?,
        (Some(Value::Const(c)), Some(Value::Node(x))) => {
            let minus = scale_by(cx, call, *x, "minus", -1.0)?;
            shift(cx, call, minus, c, "", |v| v)?
        }
        _ => {
            let (x, y) = (call.activation(0)?, call.activation(1)?);
            let minus = scale_by(cx, call, y, "minus", -1.0)?;
            add(cx, call, &[x, minus])?
        }
    };
    Ok(vec![Value::Node(id)])
}

/// `Neg`.
pub(super) fn neg(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    Ok(vec![Value::Node(scale_by(cx, call, call.activation(0)?, "minus", -1.0)?)])
}

fn product_of_activations(call: &Call<'_>) -> Outcome<Vec<Value>> {
    let op = &call.node.op;
    Err(no_counterpart(format!("operator `{op}` of two activations has no spiking counterpart"))
        .note("a product or quotient of activations (a gate, attention, squeeze-and-excitation, Swish) is not linear in the spikes")
        .help("retrain without the gate, or convert the part before it with `--output NAME`")
        .into())
}

/// `Mul` by a constant.
pub(super) fn mul(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(2, 1)?;
    match (call.input(0), call.input(1)) {
        (Some(Value::Node(x)), Some(Value::Const(c))) | (Some(Value::Const(c)), Some(Value::Node(x))) => {
            Ok(vec![Value::Node(scale(cx, call, *x, c, "", |v| v)?)])
        }
        _ => product_of_activations(call),
    }
}

/// `Div` by a constant.
pub(super) fn div(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(2, 1)?;
    match (call.input(0), call.input(1)) {
        (Some(Value::Node(x)), Some(Value::Const(c))) => Ok(vec![Value::Node(scale(cx, call, *x, c, "inverted", |v| 1.0 / v)?)]),
        (Some(Value::Const(_)), Some(Value::Node(_))) => Err(no_counterpart("operator `Div` by an activation has no spiking counterpart")
            .note("the inverse of an activation is not linear in the spikes")
            .help("divide by constants only")
            .into()),
        _ => product_of_activations(call),
    }
}

/// `Max` and `Min` with a constant: a rectifier.
pub(super) fn bound(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let op = &call.node.op;
    let is_max = op == "Max";
    let mut operand = None;
    let mut limit = if is_max { f32::NEG_INFINITY } else { f32::INFINITY };
    for input in call.inputs.iter().flatten() {
        match input {
            Value::Const(c) => {
                let values = c.data.to_float();
                let Some(&first) = values.first().filter(|f| values.iter().all(|v| v == *f)) else {
                    return Err(unsupported_use(format!("operator `{op}` with a constant of several values"))
                        .note(format!("`{}` has the shape {:?}", c.name, c.dims))
                        .help("bound all entries alike, as `Relu` and `Clip` do")
                        .into());
                };
                limit = if is_max { limit.max(first) } else { limit.min(first) };
                if let Some(Value::Node(x)) = call.inputs.iter().flatten().find(|v| matches!(v, Value::Node(_))) {
                    // Only to see that the constant does not change the shape.
                    cx.check_broadcast(call.node, c, *x)?;
                }
            }
            Value::Node(x) if operand.is_none_or(|o| o == *x) => operand = Some(*x),
            _ => {
                return Err(no_counterpart(format!("operator `{op}` of two activations has no spiking counterpart"))
                    .note("of operators that choose between activations only `MaxPool` is converted")
                    .help("retrain without it (maxout), or convert the part before it with `--output NAME`")
                    .into());
            }
        }
    }
    let Some(operand) = operand else {
        return Err(malformed(format!("operator `{op}` has no operands")).into());
    };
    let (min, max) = if is_max { (limit, f32::INFINITY) } else { (f32::NEG_INFINITY, limit) };
    Ok(vec![Value::Node(bounded(cx, call, operand, min, max)?)])
}
