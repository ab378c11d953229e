//! Rectifiers, and softmax and sigmoid at the end.

use crate::import::{
    arguments::axis,
    cx::{Call, Cx, Value},
    problem::{Outcome, Problem, batch_lost, malformed, no_counterpart, unsupported_use},
    unsupported,
};
use snnc_ir::{NodeId, Operator};

/// `Relu`.
pub(super) fn relu(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    Ok(vec![Value::Node(cx.add(call.node, Operator::Relu, &[call.activation(0)?])?)])
}

/// `Clip`, with bounds from attributes (before operator set 11) or inputs.
pub(super) fn clip(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(3, 1)?;
    let min = call.node.optional_float("min")?.or(call.optional_float(1)?).unwrap_or(f32::NEG_INFINITY);
    let max = call.node.optional_float("max")?.or(call.optional_float(2)?).unwrap_or(f32::INFINITY);
    Ok(vec![Value::Node(bounded(cx, call, call.activation(0)?, min, max)?)])
}

/// The plainest operator for `min(max(x, min), max)`.
pub(super) fn bounded(cx: &mut Cx, call: &Call<'_>, operand: NodeId, min: f32, max: f32) -> Outcome<NodeId> {
    // Exporters write the largest finite number where they mean that there is no bound.
    let min = if min <= f32::MIN { f32::NEG_INFINITY } else { min };
    let max = if max >= f32::MAX { f32::INFINITY } else { max };
    if min.is_nan() || max.is_nan() || min >= max {
        return Err(unsupported_use(format!("operator `{}` from {min} to {max}", call.node.op))
            .note("nothing lies between the bounds")
            .into());
    }
    match (min, max) {
        (f32::NEG_INFINITY, f32::INFINITY) => Ok(operand),
        (0.0, f32::INFINITY) => cx.add(call.node, Operator::Relu, &[operand]),
        _ => cx.add(call.node, Operator::Clip { min, max }, &[operand]),
    }
}

/// `LeakyRelu`.
pub(super) fn leaky_relu(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    let slope = call.node.float("alpha", 0.01)?;
    if !slope.is_finite() {
        return Err(malformed("attribute `alpha` of operator `LeakyRelu` is not finite").into());
    }
    let op = if slope == 0.0 { Operator::Relu } else { Operator::LeakyRelu { slope } };
    Ok(vec![Value::Node(cx.add(call.node, op, &[call.activation(0)?])?)])
}

/// `PRelu` with constant slopes.
pub(super) fn prelu(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(2, 1)?;
    let operand = call.activation(0)?;
    let slope = call.constant(1)?.clone();
    let slope = cx.broadcast_param(call.node, &slope, operand, "", |v| v)?;
    Ok(vec![Value::Node(cx.add(call.node, Operator::PRelu { slope }, &[operand])?)])
}

/// A `Softmax` or `LogSoftmax` that more follows.
pub(super) fn softmax_inside(call: &Call<'_>) -> Problem {
    no_counterpart(format!("operator `{}` has no spiking counterpart inside of a network", call.node.op))
        .note("it divides by a sum over neurons; only at the output can it be left to the reader of the spikes")
        .help("replace attention or gating by convolutions, or convert the part before it with `--output NAME`")
        .into()
}

/// `Softmax` and `LogSoftmax`, which only make sense as the last thing that the network does.
pub(super) fn softmax(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    let node = call.node;
    let operand = call.activation(0)?;
    if !call.at_output {
        return Err(softmax_inside(call));
    }
    let dims = cx.dims(operand).to_vec();
    // Before operator set 13 everything from `axis` on is one axis.
    let old = node.opset < 13;
    let axis = axis(call, node.int("axis", if old { 1 } else { -1 })?, dims.len())?;
    if axis == 0 {
        return Err(batch_lost(format!("operator `{}` runs over the batch", node.op)).into());
    }
    let log = node.op == "LogSoftmax";
    let make = |axis| if log { Operator::LogSoftmax { axis } } else { Operator::Softmax { axis } };
    let len: usize = dims.iter().product();
    let classes = if old { dims[axis..].iter().product() } else { dims[axis] };
    let id = if classes == len {
        let row = cx.reshape(node, operand, vec![1, len])?;
        cx.add(node, make(1), &[row])?
    } else if old {
        let rows = cx.reshape(node, operand, vec![1, len / classes, classes])?;
        cx.add(node, make(2), &[rows])?
    } else {
        cx.add(node, make(axis), &[operand])?
    };
    Ok(vec![Value::Node(cx.reshape(node, id, dims)?)])
}

/// `Sigmoid`, which only makes sense at the end.
pub(super) fn sigmoid(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    Ok(vec![Value::Node(cx.add(call.node, Operator::Sigmoid, &[call.activation(0)?])?)])
}

/// `Log` of a softmax, which bounds may keep from 0.
pub(super) fn log(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    let mut id = call.activation(0)?;
    let dims = cx.dims(id).to_vec();
    while matches!(cx.graph[id].op, Operator::Reshape { .. } | Operator::Clip { .. })
        && let Some(operand) = cx.graph.operand(id)
    {
        id = operand;
    }
    match (&cx.graph[id].op, cx.graph.operand(id)) {
        (&Operator::Softmax { axis }, Some(scores)) => {
            let id = cx.add(call.node, Operator::LogSoftmax { axis }, &[scores])?;
            Ok(vec![Value::Node(cx.reshape(call.node, id, dims)?)])
        }
        _ => Err(unsupported::operator(call.node).into()),
    }
}
