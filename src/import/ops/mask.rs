//! Maps whose constants follow from positions alone: masks and running sums.

use super::{
    contract::contract,
    elementwise::{add, over},
};
use crate::import::{
    arguments::{Triangle, axis, triangle},
    constant::{Constant, Data, Made},
    cx::{Call, Cx, Value, check_entries},
    equation::Label,
    problem::{Outcome, batch_lost, malformed, no_counterpart},
    strides::{broadcast, common_shape},
};
use snnc_ir::{NodeId, Operator};
use std::rc::Rc;

/// `x` times a mask of ones and zeros.
fn masked(cx: &mut Cx, call: &Call<'_>, x: NodeId, mask: &Constant, how: &str) -> Outcome<NodeId> {
    let x = over(cx, call, x, &mask.dims)?;
    let factor = cx.broadcast_param(call.node, mask, x, how, |v| v)?;
    cx.add(call.node, Operator::Scale { factor }, &[x])
}

/// A constant of this node.
fn own(call: &Call<'_>, what: &str, dims: Vec<usize>, data: Vec<f32>) -> Rc<Constant> {
    let name = format!("{}.{what}", call.node.outputs.first().unwrap_or(&call.node.name));
    Made::New(dims, Data::Float(data)).named(&name)
}

/// `Trilu` of the last two axes.
pub(super) fn trilu(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(2, 1)?;
    let x = call.activation(0)?;
    let shape = Triangle::of(call)?;
    let [_, .., rows, columns] = *cx.dims(x) else {
        return Err(batch_lost("operator `Trilu` runs over the batch").into());
    };
    cx.book(rows * columns)?;
    let inside = triangle(&shape, rows, columns).into_iter().map(|keep| f32::from(u8::from(keep))).collect();
    let mask = own(call, "triangle", vec![rows, columns], inside);
    Ok(vec![Value::Node(masked(cx, call, x, &mask, "triangle")?)])
}

/// `CumSum` along an axis: a triangular matrix of ones.
pub(super) fn cum_sum(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(2, 1)?;
    let x = call.activation(0)?;
    let dims = cx.dims(x).to_vec();
    let along = call.constant(1)?.data.to_int();
    let [along] = along[..] else { return Err(malformed("operator `CumSum` wants one axis").into()) };
    let along = axis(call, along, dims.len())?;
    if along == 0 {
        return Err(batch_lost("operator `CumSum` runs over the batch").into());
    }
    let (exclusive, reverse) = (call.node.int("exclusive", 0)? != 0, call.node.int("reverse", 0)? != 0);
    let size = dims[along];
    check_entries(call.node, &[size, size])?;
    cx.book(size * size)?;
    let counts = |to: usize, from: usize| if exclusive { from < to } else { from <= to };
    let entry = |i: usize| {
        let (to, from) = (i / size, i % size);
        f32::from(u8::from(if reverse { counts(from, to) } else { counts(to, from) }))
    };
    let matrix = own(call, "running", vec![size, size], (0..size * size).map(entry).collect());
    let of_x: Vec<Label> = (0..dims.len() as Label).collect();
    let mut result = of_x.clone();
    result[along] = dims.len() as Label;
    Ok(vec![Value::Node(contract(cx, call, x, &matrix, [&of_x, &[dims.len() as Label, along as Label], &result])?)])
}

/// `Where` by a constant condition: the sum of both, each times its mask.
pub(super) fn select(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(3, 1)?;
    let Some(Value::Const(condition)) = call.input(0) else {
        return Err(no_counterpart("operator `Where` by an activation has no spiking counterpart")
            .note("decisions by activations are not converted; neurons decide by their thresholds")
            .help("write a rectifier as `Relu` or `Clip`")
            .into());
    };
    let condition = condition.clone();
    cx.book(condition.data.len().saturating_mul(2))?;
    let mask = |chosen: bool| condition.data.to_bool().into_iter().map(|c| f32::from(u8::from(c == chosen))).collect::<Vec<f32>>();
    let mut sum: Option<NodeId> = None;
    let mut constant = None;
    for (index, chosen) in [(1, true), (2, false)] {
        match call.input(index) {
            Some(Value::Const(c)) => constant = Some((c.clone(), chosen)),
            _ => {
                let x = call.activation(index)?;
                let mask = own(call, if chosen { "chosen" } else { "rest" }, condition.dims.clone(), mask(chosen));
                let term = masked(cx, call, x, &mask, "mask")?;
                sum = Some(match sum {
                    None => term,
                    Some(first) => add(cx, call, &[first, term])?,
                });
            }
        }
    }
    let Some(mut id) = sum else { return Err(malformed("operator `Where` has no operands").into()) };
    if let Some((constant, chosen)) = constant {
        let Data::Float(values) = &constant.data else {
            return Err(malformed(format!("tensor `{}` holds integers where numbers are wanted", constant.name)).into());
        };
        // The constant's own entries, and zeros where the activation is taken.
        let dims = common_shape(call, &condition.dims, &constant.dims)?;
        check_entries(call.node, &dims)?;
        cx.book(dims.iter().product())?;
        let pick = |from: &[usize]| broadcast(from, &dims);
        let mask = mask(chosen);
        let (ours, theirs) = (pick(&condition.dims), pick(&constant.dims));
        let data = ours.into_iter().zip(theirs).map(|(m, v)| if mask[m] == 1.0 { values[v] } else { 0.0 }).collect();
        let offset = own(call, "taken", dims, data);
        id = over(cx, call, id, &offset.dims)?;
        let offset = cx.broadcast_param(call.node, &offset, id, "taken", |v| v)?;
        id = cx.add(call.node, Operator::Shift { offset }, &[id])?;
    }
    Ok(vec![Value::Node(id)])
}
