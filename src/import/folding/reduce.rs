//! Reductions of constants.

use super::operands::{Operands, entries, operand};
use crate::import::{
    arguments::reduced_axes,
    constant::{Data, Made},
    cx::{Call, Cx},
    problem::{Outcome, malformed},
    strides::broadcast,
};

/// Sum, product, mean, extrema and norms over axes.
pub(super) fn reduce(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let op = call.node.op.as_str();
    let source = operand(call, operands, 0)?;
    let keep = call.node.int("keepdims", 1)? != 0;
    let Some(axes) = reduced_axes(call, source.dims.len())? else { return Ok(vec![Made::Same(source.clone())]) };
    let kept: Vec<usize> = source.dims.iter().enumerate().map(|(axis, &d)| if axes.contains(&axis) { 1 } else { d }).collect();
    entries(cx, call, &source.dims)?;
    let slots = broadcast(&kept, &source.dims);
    let len = kept.iter().product();
    let data = match &source.data {
        Data::Int(v) => {
            Data::Int(fold_ints(op, v, &slots, len).ok_or_else(|| malformed(format!("operator `{op}` on integers overflows")))?)
        }
        Data::Float(v) => Data::Float(fold_floats(op, v, &slots, len)),
        Data::Bool(_) => return Err(malformed(format!("operator `{op}` is given the wrong element type")).into()),
    };
    let dims = if keep { kept } else { source.dims.iter().enumerate().filter(|(a, _)| !axes.contains(a)).map(|(_, &d)| d).collect() };
    Ok(vec![Made::New(dims, data)])
}

fn fold_ints(op: &str, values: &[i64], slots: &[usize], len: usize) -> Option<Vec<i64>> {
    let mut result: Vec<Option<i64>> = vec![None; len];
    let mut counts = vec![0i64; len];
    for (&value, &slot) in values.iter().zip(slots) {
        counts[slot] += 1;
        let value = match op {
            "ReduceL1" => value.checked_abs()?,
            "ReduceSumSquare" => value.checked_mul(value)?,
            "ReduceL2" => return None,
            _ => value,
        };
        result[slot] = Some(match (result[slot], op) {
            (None, _) => value,
            (Some(r), "ReduceProd") => r.checked_mul(value)?,
            (Some(r), "ReduceMax") => r.max(value),
            (Some(r), "ReduceMin") => r.min(value),
            (Some(r), _) => r.checked_add(value)?,
        });
    }
    let empty = i64::from(op == "ReduceProd");
    let divide = |(r, n): (Option<i64>, i64)| if op == "ReduceMean" { r.unwrap_or(empty) / n.max(1) } else { r.unwrap_or(empty) };
    Some(result.into_iter().zip(counts).map(divide).collect())
}

fn fold_floats(op: &str, values: &[f32], slots: &[usize], len: usize) -> Vec<f32> {
    let mut result: Vec<f64> = vec![
        match op {
            "ReduceProd" => 1.0,
            "ReduceMax" => f64::NEG_INFINITY,
            "ReduceMin" => f64::INFINITY,
            _ => 0.0,
        };
        len
    ];
    let mut counts = vec![0usize; len];
    for (&value, &slot) in values.iter().zip(slots) {
        let value = f64::from(value);
        counts[slot] += 1;
        let r = &mut result[slot];
        match op {
            "ReduceProd" => *r *= value,
            "ReduceMax" => *r = r.max(value),
            "ReduceMin" => *r = r.min(value),
            "ReduceL1" => *r += value.abs(),
            "ReduceL2" | "ReduceSumSquare" => *r += value * value,
            _ => *r += value,
        }
    }
    let finish = |(r, n): (f64, usize)| match op {
        "ReduceMean" => r / n as f64,
        "ReduceL2" => r.sqrt(),
        _ => r,
    };
    result.into_iter().zip(counts).map(|pair| finish(pair) as f32).collect()
}
