//! `Concat` of activations and constants.

use super::copies::whole;
use crate::import::{
    arguments::axis,
    constant::{Constant, Data, Made},
    cx::{Call, Cx, Value, check_entries},
    problem::{Outcome, batch_lost, malformed},
    strides::{strided, strides},
};
use snnc_ir::{NodeId, Operator, Tensor, types::Dims};
use std::rc::Rc;

/// What is joined, with its size along the axis.
enum Part {
    Activation(NodeId, usize),
    Constant(Rc<Constant>, usize),
}

/// `Concat`: constants are borders of zeros around activations, and an offset where they are not zero.
pub(super) fn concat(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(usize::MAX, 1)?;
    let node = call.node;
    let rank = |value: &Value| match value {
        Value::Node(id) => Some(cx.dims(*id).len()),
        _ => None,
    };
    let Some(rank) = call.inputs.iter().flatten().find_map(rank) else {
        return Err(malformed("operator `Concat` has no operands").into());
    };
    let axis = axis(call, node.int("axis", 1)?, rank)?;
    if axis == 0 {
        return Err(batch_lost("operator `Concat` joins along the batch").into());
    }
    let mut parts = Vec::new();
    for (index, input) in call.inputs.iter().enumerate() {
        match input {
            Some(Value::Const(c)) if c.dims.get(axis) == Some(&0) => {}
            Some(Value::Const(c)) => parts.push(Part::Constant(c.clone(), c.dims.get(axis).copied().unwrap_or(0))),
            _ => {
                let id = call.activation(index)?;
                parts.push(Part::Activation(id, cx.dims(id).get(axis).copied().unwrap_or(0)));
            }
        }
    }
    let joined = padded(cx, call, axis, &parts)?;
    let dims = cx.dims(joined).to_vec();
    let mut offset: Option<Vec<f32>> = None;
    let mut start = 0;
    for part in &parts {
        let (Part::Activation(_, size) | Part::Constant(_, size)) = part;
        if let Part::Constant(constant, _) = part {
            let values = row(cx, call, constant, axis, &dims)?;
            if values.iter().any(|&v| v != 0.0) {
                if offset.is_none() {
                    cx.book(dims.iter().product())?;
                }
                let all = offset.get_or_insert_with(|| vec![0.0; dims.iter().product()]);
                let mut ranges = whole(&dims);
                ranges[axis] = (start, 1, *size);
                let sizes: Vec<usize> = ranges.iter().map(|r| r.2).collect();
                let steps = strides(&dims);
                let places = strided(&sizes, &steps, start as isize * steps[axis]);
                places.into_iter().zip(values).for_each(|(at, value)| all[at] = value);
            }
        }
        start += size;
    }
    let Some(offset) = offset else { return Ok(vec![Value::Node(joined)]) };
    // The constants go into one parameter, which is checked like any other.
    let name = format!("{}.constants", node.outputs.first().unwrap_or(&node.name));
    let constant = Made::New(dims, Data::Float(offset)).named(&name);
    let offset = cx.param(&constant, "joined", |t: Tensor| Ok(t))?;
    Ok(vec![Value::Node(cx.add(node, Operator::Shift { offset }, &[joined])?)])
}

/// The activations joined, with zeros in the places of the constants.
fn padded(cx: &mut Cx, call: &Call<'_>, axis: usize, parts: &[Part]) -> Outcome<NodeId> {
    let node = call.node;
    let (mut joined, mut before) = (Vec::new(), 0);
    for (index, part) in parts.iter().enumerate() {
        let Part::Activation(id, _) = part else {
            if joined.is_empty() {
                let Part::Constant(_, size) = part else { continue };
                before += size;
            }
            continue;
        };
        let behind = parts[index + 1..].iter().map_while(|p| if let Part::Constant(_, size) = p { Some(*size) } else { None });
        let pad = (if joined.is_empty() { before } else { 0 }, behind.sum());
        if pad == (0, 0) {
            joined.push(*id);
            continue;
        }
        let mut dims = cx.dims(*id).to_vec();
        let mut pads = vec![(0, 0); dims.len()];
        if axis >= dims.len() {
            return Err(malformed("operands of operator `Concat` do not fit together").into());
        }
        pads[axis] = pad;
        dims[axis] = dims[axis].saturating_add(pad.0).saturating_add(pad.1);
        check_entries(node, &dims)?;
        joined.push(cx.add(node, Operator::Pad { pads, value: 0.0 }, &[*id])?);
    }
    match joined[..] {
        [one] => Ok(one),
        _ => cx.add(node, Operator::Concat { axis }, &joined),
    }
}

/// The values of a constant for one image of the result, whose shape is `dims`.
fn row(cx: &Cx, call: &Call<'_>, constant: &Constant, axis: usize, dims: &[usize]) -> Outcome<Vec<f32>> {
    let misfit = || {
        malformed(format!("operands of operator `{}` do not fit together", call.node.op)).note(format!(
            "`{}` has the shape {:?}, the result {}",
            constant.name,
            constant.dims,
            Dims(dims)
        ))
    };
    let fits = constant.dims.len() == dims.len() && (1..dims.len()).all(|a| a == axis || constant.dims[a] == dims[a]);
    let Data::Float(values) = &constant.data else {
        return Err(malformed(format!("tensor `{}` holds integers where numbers are wanted", constant.name)).into());
    };
    if !fits || constant.dims[0] != cx.batch_size() || values.is_empty() {
        return Err(misfit().into());
    }
    let mut images = values.chunks(values.len() / constant.dims[0]);
    let first = images.next().unwrap_or_default();
    if images.any(|image| image != first) {
        return Err(batch_lost(format!("the constant of operator `{}` differs from image to image", call.node.op))
            .note(format!("`{}` has the shape {:?}", constant.name, constant.dims))
            .into());
    }
    Ok(first.to_vec())
}
