//! Arithmetic, comparison and logic on constants, with broadcasting.

use super::operands::{Operands, entries, operand};
use crate::import::{
    constant::{Data, Made},
    cx::{Call, Cx},
    problem::{Outcome, Problem, malformed},
    strides::{broadcast, common_shape},
};

/// Operators on two numbers, and the n-ary ones folded from the left.
pub(super) fn numbers(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let op = call.node.op.as_str();
    let c_remainder = op == "Mod" && call.node.int("fmod", 0)? != 0;
    let first = operand(call, operands, 0)?;
    let (mut dims, mut data) = (first.dims.clone(), first.data.clone());
    for index in 1..operands.len() {
        let next = operand(call, operands, index)?;
        let shape = common_shape(call, &dims, &next.dims)?;
        entries(cx, call, &shape)?;
        let (left, right) = (data.pick(&broadcast(&dims, &shape)), next.data.pick(&broadcast(&next.dims, &shape)));
        data = match (&left, &right) {
            (Data::Int(a), Data::Int(b)) => {
                let result: Option<Vec<i64>> = a.iter().zip(b).map(|(&a, &b)| integer(op, c_remainder, a, b)).collect();
                let bad = || malformed(format!("operator `{op}` on integers overflows or divides by zero"));
                Data::Int(result.ok_or_else(bad)?)
            }
            (Data::Float(a), Data::Float(_) | Data::Int(_)) => {
                Data::Float(a.iter().zip(right.to_float()).map(|(&a, b)| float(op, c_remainder, a, b)).collect())
            }
            _ => return Err(malformed(format!("operands of operator `{op}` have different element types")).into()),
        };
        dims = shape;
    }
    if op == "Mean"
        && let Data::Float(values) = &mut data
    {
        values.iter_mut().for_each(|v| *v /= operands.len() as f32);
    }
    Ok(vec![Made::New(dims, data)])
}

fn integer(op: &str, c_remainder: bool, a: i64, b: i64) -> Option<i64> {
    match op {
        "Add" | "Sum" => a.checked_add(b),
        "Sub" => a.checked_sub(b),
        "Mul" => a.checked_mul(b),
        "Div" => a.checked_div(b),
        "Mod" if c_remainder => a.checked_rem(b),
        // The sign of the divisor, as in Python.
        "Mod" => a.checked_rem(b).map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r }),
        "Pow" => a.checked_pow(u32::try_from(b).ok()?),
        "Max" => Some(a.max(b)),
        "Min" => Some(a.min(b)),
        _ => None,
    }
}

fn float(op: &str, c_remainder: bool, a: f32, b: f32) -> f32 {
    match op {
        "Add" | "Sum" | "Mean" => a + b,
        "Sub" => a - b,
        "Mul" => a * b,
        "Div" => a / b,
        "Mod" if c_remainder => a % b,
        // The sign is that of the divisor.
        "Mod" => match a % b {
            r if r != 0.0 && (r < 0.0) != (b < 0.0) => r + b,
            r => r,
        },
        "Pow" => a.powf(b),
        "Max" => a.max(b),
        "Min" => a.min(b),
        _ => f32::NAN,
    }
}

/// Operators on one number.
pub(super) fn unary(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let op = call.node.op.as_str();
    let source = operand(call, operands, 0)?;
    entries(cx, call, &source.dims)?;
    let data = match (&source.data, op) {
        (Data::Int(v), "Neg") => Data::Int(v.iter().map(|x| x.wrapping_neg()).collect()),
        (Data::Int(v), "Abs") => Data::Int(v.iter().map(|x| x.wrapping_abs()).collect()),
        (Data::Int(v), "Relu") => Data::Int(v.iter().map(|&x| x.max(0)).collect()),
        (Data::Int(v), "Sign") => Data::Int(v.iter().map(|x| x.signum()).collect()),
        (Data::Float(v), _) => {
            let f: fn(f32) -> f32 = match op {
                "Neg" => |x| -x,
                "Abs" => f32::abs,
                "Sign" => |x| if x == 0.0 { 0.0 } else { x.signum() },
                "Sqrt" => f32::sqrt,
                "Exp" => f32::exp,
                "Log" => f32::ln,
                "Floor" => f32::floor,
                "Ceil" => f32::ceil,
                "Round" => f32::round_ties_even,
                "Sin" => f32::sin,
                "Cos" => f32::cos,
                "Tan" => f32::tan,
                "Tanh" => f32::tanh,
                "Sigmoid" => |x| 1.0 / (1.0 + (-x).exp()),
                "Softplus" => |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
                "Relu" => |x| if x > 0.0 || x.is_nan() { x } else { 0.0 },
                _ => f32::recip,
            };
            Data::Float(v.iter().map(|&x| f(x)).collect())
        }
        _ => return Err(malformed(format!("operator `{op}` is given the wrong element type")).into()),
    };
    Ok(vec![Made::New(source.dims.clone(), data)])
}

/// `Clip`, with bounds from attributes (before operator set 11) or inputs.
pub(super) fn clip(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let source = operand(call, operands, 0)?;
    entries(cx, call, &source.dims)?;
    let data = match &source.data {
        Data::Float(v) => {
            let min = call.node.optional_float("min")?.or(call.optional_float(1)?).unwrap_or(f32::NEG_INFINITY);
            let max = call.node.optional_float("max")?.or(call.optional_float(2)?).unwrap_or(f32::INFINITY);
            Data::Float(v.iter().map(|&x| if x > max { max } else { x }).map(|x| if x < min { min.min(max) } else { x }).collect())
        }
        Data::Int(v) => {
            let bound = |index| Ok::<_, Problem>(call.optional_constant(index)?.and_then(|c| c.data.to_int().first().copied()));
            let (min, max) = (bound(1)?.unwrap_or(i64::MIN), bound(2)?.unwrap_or(i64::MAX));
            Data::Int(v.iter().map(|&x| x.max(min).min(max)).collect())
        }
        Data::Bool(_) => return Err(malformed("operator `Clip` is given the wrong element type").into()),
    };
    Ok(vec![Made::New(source.dims.clone(), data)])
}

/// Comparisons.
pub(super) fn compare(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let (a, b) = (operand(call, operands, 0)?, operand(call, operands, 1)?);
    let dims = common_shape(call, &a.dims, &b.dims)?;
    entries(cx, call, &dims)?;
    let (left, right) = (a.data.pick(&broadcast(&a.dims, &dims)), b.data.pick(&broadcast(&b.dims, &dims)));
    let orders: Vec<Option<std::cmp::Ordering>> = match (&left, &right) {
        (Data::Float(_), _) | (_, Data::Float(_)) => left.to_float().iter().zip(right.to_float()).map(|(a, b)| a.partial_cmp(&b)).collect(),
        _ => left.to_int().iter().zip(right.to_int()).map(|(a, b)| Some(a.cmp(&b))).collect(),
    };
    let holds = |order: Option<std::cmp::Ordering>| match call.node.op.as_str() {
        "Equal" => order == Some(Equal),
        "Less" => order == Some(Less),
        "LessOrEqual" => matches!(order, Some(Less | Equal)),
        "Greater" => order == Some(Greater),
        _ => matches!(order, Some(Greater | Equal)),
    };
    Ok(vec![Made::New(dims, Data::Bool(orders.into_iter().map(holds).collect()))])
}

/// Logic on two booleans.
pub(super) fn logic(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let (a, b) = (operand(call, operands, 0)?, operand(call, operands, 1)?);
    let dims = common_shape(call, &a.dims, &b.dims)?;
    entries(cx, call, &dims)?;
    let (left, right) = (a.data.pick(&broadcast(&a.dims, &dims)).to_bool(), b.data.pick(&broadcast(&b.dims, &dims)).to_bool());
    let f: fn(bool, bool) -> bool = match call.node.op.as_str() {
        "And" => |a, b| a && b,
        "Or" => |a, b| a || b,
        _ => |a, b| a != b,
    };
    Ok(vec![Made::New(dims, Data::Bool(left.into_iter().zip(right).map(|(a, b)| f(a, b)).collect()))])
}

/// Negation of booleans.
pub(super) fn not(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let source = operand(call, operands, 0)?;
    entries(cx, call, &source.dims)?;
    Ok(vec![Made::New(source.dims.clone(), Data::Bool(source.data.to_bool().into_iter().map(|x| !x).collect()))])
}

/// `Where`.
pub(super) fn select(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let (condition, a, b) = (operand(call, operands, 0)?, operand(call, operands, 1)?, operand(call, operands, 2)?);
    let dims = common_shape(call, &common_shape(call, &condition.dims, &a.dims)?, &b.dims)?;
    entries(cx, call, &dims)?;
    let condition = condition.data.pick(&broadcast(&condition.dims, &dims)).to_bool();
    let (a, b) = (a.data.pick(&broadcast(&a.dims, &dims)), b.data.pick(&broadcast(&b.dims, &dims)));
    fn merge<T: Copy>(condition: &[bool], a: &[T], b: &[T]) -> Vec<T> {
        condition.iter().zip(a.iter().zip(b)).map(|(&c, (&a, &b))| if c { a } else { b }).collect()
    }
    let data = match (&a, &b) {
        (Data::Float(a), Data::Float(b)) => Data::Float(merge(&condition, a, b)),
        (Data::Int(a), Data::Int(b)) => Data::Int(merge(&condition, a, b)),
        (Data::Bool(a), Data::Bool(b)) => Data::Bool(merge(&condition, a, b)),
        _ => return Err(malformed("operands of operator `Where` have different element types").into()),
    };
    Ok(vec![Made::New(dims, data)])
}
