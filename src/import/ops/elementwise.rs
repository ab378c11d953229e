//! Sums of activations, and arithmetic with constants.

use super::{activation::bounded, copies::stretch};
use crate::import::{
    batch::BatchKind,
    constant::Constant,
    cx::{Call, Cx, Value},
    problem::{Outcome, Problem, batch_lost, malformed, no_counterpart, unsupported_use},
};
use snnc_ir::{NodeId, Operator, Tensor, types::Dims};
use std::rc::Rc;

/// `x + constant`, with `how` the constant was changed.
fn shift(cx: &mut Cx, call: &Call<'_>, x: NodeId, constant: &Constant, how: &str, map: fn(f32) -> f32) -> Outcome<NodeId> {
    let x = over(cx, call, x, &constant.dims)?;
    let offset = cx.broadcast_param(call.node, constant, x, how, map)?;
    cx.add(call.node, Operator::Shift { offset }, &[x])
}

/// `x · constant`, with `how` the constant was changed.
fn scale(cx: &mut Cx, call: &Call<'_>, x: NodeId, constant: &Constant, how: &str, map: fn(f32) -> f32) -> Outcome<NodeId> {
    let x = over(cx, call, x, &constant.dims)?;
    let factor = cx.broadcast_param(call.node, constant, x, how, map)?;
    cx.add(call.node, Operator::Scale { factor }, &[x])
}

/// `x · factor` with a factor of the compiler's.
pub(super) fn scale_by(cx: &mut Cx, call: &Call<'_>, x: NodeId, what: &str, factor: f32) -> Outcome<NodeId> {
    let factor = cx.fixed_param(format!("{}.{what}", call.node.name), Tensor::splat([1], factor));
    cx.add(call.node, Operator::Scale { factor }, &[x])
}

/// The activation as large as a constant of shape `constant` broadcasts it to. Whether the constant fits is not looked at.
pub(super) fn over(cx: &mut Cx, call: &Call<'_>, x: NodeId, constant: &[usize]) -> Outcome<NodeId> {
    let mut dims = cx.dims(x).to_vec();
    let Some(offset) = dims.len().checked_sub(constant.len()) else { return Ok(x) };
    for (axis, &size) in constant.iter().enumerate() {
        // Never along the batch.
        if axis + offset > 0 && dims[axis + offset] == 1 && size > 0 {
            dims[axis + offset] = size;
        }
    }
    stretch(cx, call.node, x, &dims)
}

/// The sum of activations, which broadcast over each other.
pub(super) fn add(cx: &mut Cx, call: &Call<'_>, terms: &[NodeId]) -> Outcome<NodeId> {
    let rank = terms.iter().map(|&t| cx.dims(t).len()).max().unwrap_or(0);
    let mut common = vec![1; rank];
    let mut aligned = Vec::new();
    for &term in terms {
        let mut dims = cx.dims(term).to_vec();
        // Axes are aligned from the last, so that with fewer of them the batch meets another axis, unless it is 1 for good.
        if dims.len() < rank && cx.batch != BatchKind::Fixed(1) {
            return Err(batch_lost(format!("operator `{}` adds the batch of one activation to another axis", call.node.op))
                .note(format!("{} and an activation of {rank} dimensions", Dims(&cx.file_dims(term))))
                .into());
        }
        dims.splice(0..0, std::iter::repeat_n(1, rank - dims.len()));
        for (size, &own) in common.iter_mut().zip(&dims) {
            if own != 1 && *size != 1 && own != *size {
                return Err(malformed(format!("operands of operator `{}` do not broadcast", call.node.op))
                    .note(format!("{} and {}", Dims(&cx.file_dims(terms[0])), Dims(&cx.file_dims(term))))
                    .into());
            }
            *size = own.max(*size);
        }
        aligned.push(cx.reshape(call.node, term, dims)?);
    }
    let terms = aligned.into_iter().map(|term| stretch(cx, call.node, term, &common)).collect::<Outcome<Vec<_>>>()?;
    cx.add(call.node, Operator::Add, &terms)
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

/// Of `Mul` and `Div`, what is not by a constant.
pub(super) fn of_activations(call: &Call<'_>) -> Problem {
    let op = &call.node.op;
    let (what, note, help) = match (op.as_str(), &call.node.inputs[..]) {
        ("Mul", [a, b]) if a == b => (
            "an activation and itself",
            "a square is not linear in the spikes, nor a rectifier",
            "take it out of the network, or convert the part before it with `--output NAME`",
        ),
        ("Mul", _) => (
            "two activations",
            "a product of activations (a gate, attention, squeeze-and-excitation, Swish) is not linear in the spikes",
            "retrain without the gate, or convert the part before it with `--output NAME`",
        ),
        _ => (
            "two activations",
            "a quotient of activations (a normalisation by the image's own statistics) is not linear in the spikes",
            "retrain with batch normalisation, or convert the part before it with `--output NAME`",
        ),
    };
    no_counterpart(format!("operator `{op}` of {what} has no spiking counterpart")).note(note).help(help).into()
}

/// Of `Max` and `Min`, what is not with a constant.
pub(super) fn choice_of_activations(call: &Call<'_>) -> Problem {
    no_counterpart(format!("operator `{}` of two activations has no spiking counterpart", call.node.op))
        .note("of operators that choose between activations only `MaxPool` is converted")
        .help("retrain without it (maxout), or convert the part before it with `--output NAME`")
        .into()
}

/// `Mul` by a constant.
pub(super) fn mul(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(2, 1)?;
    match (call.input(0), call.input(1)) {
        (Some(Value::Node(x)), Some(Value::Const(c))) | (Some(Value::Const(c)), Some(Value::Node(x))) => {
            Ok(vec![Value::Node(scale(cx, call, *x, c, "", |v| v)?)])
        }
        _ => Err(of_activations(call)),
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
        _ => Err(of_activations(call)),
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
            _ => return Err(choice_of_activations(call)),
        }
    }
    let Some(operand) = operand else {
        return Err(malformed(format!("operator `{op}` has no operands")).into());
    };
    let (min, max) = if is_max { (limit, f32::INFINITY) } else { (f32::NEG_INFINITY, limit) };
    Ok(vec![Value::Node(bounded(cx, call, operand, min, max)?)])
}
