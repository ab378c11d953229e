//! Operators on constants that look entries up, put them in place, or count them.

use super::operands::{Operands, entries, operand};
use crate::import::{
    arguments::{Triangle, axis, sizes, triangle},
    constant::{Constant, Data, Made},
    cx::{Call, Cx},
    problem::{Outcome, malformed, unsupported_use},
    strides::strides,
};
use tract_onnx::pb::tensor_proto::DataType;

/// `Trilu`.
pub(super) fn trilu(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let source = operand(call, operands, 0)?;
    let [.., rows, columns] = source.dims[..] else { return Err(malformed("operator `Trilu` wants matrices").into()) };
    entries(cx, call, &source.dims)?;
    let keep = triangle(&Triangle::of(call)?, rows, columns);
    fn masked<T: Copy + Default>(values: &[T], keep: &[bool]) -> Vec<T> {
        values.iter().zip(keep.iter().cycle()).map(|(&v, &k)| if k { v } else { T::default() }).collect()
    }
    let data = match &source.data {
        Data::Float(v) => Data::Float(masked(v, &keep)),
        Data::Int(v) => Data::Int(masked(v, &keep)),
        Data::Bool(v) => Data::Bool(masked(v, &keep)),
    };
    Ok(vec![Made::New(source.dims.clone(), data)])
}

/// Counts a negative index from the end.
fn inside(call: &Call<'_>, index: i64, size: usize) -> Outcome<usize> {
    let position = if index < 0 { index.saturating_add(size as i64) } else { index };
    usize::try_from(position)
        .ok()
        .filter(|&p| p < size)
        .ok_or_else(|| malformed(format!("operator `{}` takes entry {index} of an axis of size {size}", call.node.op)).into())
}

/// `GatherElements`: one index per entry of the result.
pub(super) fn gather_elements(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let (source, indices) = (operand(call, operands, 0)?, operand(call, operands, 1)?);
    let axis = axis(call, call.node.int("axis", 0)?, source.dims.len())?;
    let fits = indices.dims.len() == source.dims.len() && (0..source.dims.len()).all(|a| a == axis || indices.dims[a] <= source.dims[a]);
    if !fits {
        return Err(malformed("indices of operator `GatherElements` do not fit its operand").into());
    }
    entries(cx, call, &indices.dims)?;
    let (own, steps) = (strides(&source.dims), strides(&indices.dims));
    let place = |(at, &index): (usize, &i64)| {
        let mut flat = 0;
        for a in 0..source.dims.len() {
            let along = at / steps[a] as usize % indices.dims[a];
            flat += own[a] as usize * if a == axis { inside(call, index, source.dims[a])? } else { along };
        }
        Ok(flat)
    };
    let places = indices.data.to_int().iter().enumerate().map(place).collect::<Outcome<Vec<_>>>()?;
    Ok(vec![Made::New(indices.dims.clone(), source.data.pick(&places))])
}

/// For every tuple of indices, where the entries that it names begin; and how many those are.
fn tuples(call: &Call<'_>, dims: &[usize], indices: &Constant, batch: usize) -> Outcome<(Vec<usize>, usize)> {
    let Some(&depth) = indices.dims.last().filter(|&&d| d > 0 && batch.checked_add(d).is_some_and(|n| n <= dims.len())) else {
        return Err(malformed(format!("indices of operator `{}` do not fit its operand", call.node.op)).into());
    };
    if batch >= indices.dims.len() || indices.dims[..batch] != dims[..batch] {
        return Err(malformed(format!("batches of operator `{}` do not fit", call.node.op)).into());
    }
    let own = strides(dims);
    let per_batch: usize = indices.dims[batch..indices.dims.len() - 1].iter().product();
    let run: usize = dims[batch + depth..].iter().product();
    let one: usize = dims[batch..].iter().product();
    let start = |(at, tuple): (usize, &[i64])| {
        let mut flat = at / per_batch.max(1) * one;
        for (k, &index) in tuple.iter().enumerate() {
            flat += inside(call, index, dims[batch + k])? * own[batch + k] as usize;
        }
        Ok(flat)
    };
    let starts = indices.data.to_int().chunks(depth).enumerate().map(start).collect::<Outcome<Vec<_>>>()?;
    Ok((starts, run))
}

/// `GatherND`: runs of entries by tuples of indices.
pub(super) fn gather_nd(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let (source, indices) = (operand(call, operands, 0)?, operand(call, operands, 1)?);
    let [batch] = sizes(call, "`batch_dims`", &[call.node.int("batch_dims", 0)?], 0)?[..] else {
        return Err(malformed("operator `GatherND` wants one `batch_dims`").into());
    };
    let (starts, run) = tuples(call, &source.dims, indices, batch)?;
    let depth = indices.dims.last().copied().unwrap_or(0);
    let dims: Vec<usize> = indices.dims[..indices.dims.len() - 1].iter().chain(&source.dims[batch + depth..]).copied().collect();
    entries(cx, call, &dims)?;
    let places: Vec<usize> = starts.into_iter().flat_map(|start| start..start + run).collect();
    Ok(vec![Made::New(dims, source.data.pick(&places))])
}

/// `ScatterND` without a reduction: entries are put in the places that tuples of indices name.
pub(super) fn scatter_nd(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let [source, indices, updates] = [0, 1, 2].map(|i| operand(call, operands, i));
    let (source, indices, updates) = (source?, indices?, updates?);
    let reduction = call.node.string("reduction", "none")?;
    if reduction != "none" {
        return Err(unsupported_use(format!("operator `ScatterND` with the reduction `{reduction}`"))
            .help("fold the constants before: `python -m onnxsim model.onnx simplified.onnx`")
            .into());
    }
    let (starts, run) = tuples(call, &source.dims, indices, 0)?;
    entries(cx, call, &source.dims)?;
    if updates.data.len() != starts.len() * run {
        return Err(malformed("updates of operator `ScatterND` do not fit its indices").into());
    }
    let mut places: Vec<usize> = (0..source.data.len()).collect();
    let behind = source.data.len();
    for (k, start) in starts.into_iter().enumerate() {
        for i in 0..run {
            places[start + i] = behind + k * run + i;
        }
    }
    let both = match (&source.data, &updates.data) {
        (Data::Float(a), Data::Float(b)) => Data::Float([&a[..], b].concat()),
        (Data::Int(a), Data::Int(b)) => Data::Int([&a[..], b].concat()),
        (Data::Bool(a), Data::Bool(b)) => Data::Bool([&a[..], b].concat()),
        _ => return Err(malformed("operands of operator `ScatterND` have different element types").into()),
    };
    cx.book(both.len())?;
    Ok(vec![Made::New(source.dims.clone(), both.pick(&places))])
}

/// `CumSum`.
pub(super) fn cum_sum(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let source = operand(call, operands, 0)?;
    let [along] = operand(call, operands, 1)?.data.to_int()[..] else {
        return Err(malformed("operator `CumSum` wants one axis").into());
    };
    let along = axis(call, along, source.dims.len())?;
    let (exclusive, reverse) = (call.node.int("exclusive", 0)? != 0, call.node.int("reverse", 0)? != 0);
    entries(cx, call, &source.dims)?;
    let (size, step) = (source.dims[along], strides(&source.dims)[along] as usize);
    let order = |k: usize| if reverse { size - 1 - k } else { k };
    // Where each run along the axis begins.
    let begins = (0..source.data.len()).filter(|i| i / step % size.max(1) == 0);
    fn run<T: Copy>(
        values: &mut [T],
        places: impl Iterator<Item = usize>,
        zero: T,
        exclusive: bool,
        add: impl Fn(T, T) -> Option<T>,
    ) -> Option<()> {
        let mut sum = zero;
        for at in places {
            let next = add(sum, values[at])?;
            values[at] = if exclusive { sum } else { next };
            sum = next;
        }
        Some(())
    }
    let data = match &source.data {
        Data::Float(v) => {
            let mut wide: Vec<f64> = v.iter().map(|&x| x.into()).collect();
            for begin in begins {
                run(&mut wide, (0..size).map(|k| begin + order(k) * step), 0.0, exclusive, |a, b| Some(a + b));
            }
            Data::Float(wide.into_iter().map(|x| x as f32).collect())
        }
        Data::Int(v) => {
            let mut sums = v.clone();
            for begin in begins {
                run(&mut sums, (0..size).map(|k| begin + order(k) * step), 0, exclusive, i64::checked_add)
                    .ok_or_else(|| malformed("operator `CumSum` on integers overflows"))?;
            }
            Data::Int(sums)
        }
        Data::Bool(_) => return Err(malformed("operator `CumSum` is given the wrong element type").into()),
    };
    Ok(vec![Made::New(source.dims.clone(), data)])
}

/// `OneHot`.
pub(super) fn one_hot(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let [indices, depth, values] = [0, 1, 2].map(|i| operand(call, operands, i));
    let (indices, depth, values) = (indices?, depth?, values?);
    let ([depth], 2) = (&depth.data.to_int()[..], values.data.len()) else {
        return Err(malformed("operator `OneHot` wants one depth and two values").into());
    };
    let depth = sizes(call, "a depth", &[*depth], 1)?[0];
    let along = axis(call, call.node.int("axis", -1)?, indices.dims.len() + 1)?;
    let mut dims = indices.dims.clone();
    dims.insert(along, depth);
    let len = entries(cx, call, &dims)?;
    let inner: usize = dims[along + 1..].iter().product();
    let chosen = indices.data.to_int();
    let hot = |at: usize| {
        let (outer, rest) = (at / (inner * depth), at % (inner * depth));
        let index = chosen[outer * inner + rest % inner];
        let index = if index < 0 { index.saturating_add(depth as i64) } else { index };
        usize::from(index == (rest / inner) as i64)
    };
    Ok(vec![Made::New(dims, values.data.pick(&(0..len).map(hot).collect::<Vec<_>>()))])
}

/// `EyeLike`.
pub(super) fn eye_like(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let like = operand(call, operands, 0)?;
    let [_, columns] = like.dims[..] else { return Err(malformed("operator `EyeLike` wants a matrix").into()) };
    let k = call.node.int("k", 0)?;
    let ty = match call.node.optional_int("dtype")? {
        Some(ty) => i32::try_from(ty).ok().and_then(|t| DataType::try_from(t).ok()).unwrap_or(DataType::Undefined),
        None => like.element(),
    };
    let len = entries(cx, call, &like.dims)?;
    let one = |at: usize| (at % columns.max(1)) as i128 - (at / columns.max(1)) as i128 == i128::from(k);
    let data = match ty {
        DataType::Float | DataType::Double | DataType::Float16 | DataType::Bfloat16 => {
            Data::Float((0..len).map(|at| f32::from(u8::from(one(at)))).collect())
        }
        DataType::Bool => Data::Bool((0..len).map(one).collect()),
        _ => Data::Int((0..len).map(|at| one(at).into()).collect()),
    };
    Ok(vec![Made::New(like.dims.clone(), data)])
}

/// `NonZero`: the coordinates of entries that are not zero, one row per axis. Old exporters count with it.
pub(super) fn non_zero(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let source = operand(call, operands, 0)?;
    if source.dims.is_empty() {
        return Err(malformed("operator `NonZero` of a single number").into());
    }
    let found: Vec<usize> = source.data.to_bool().iter().enumerate().filter(|(_, set)| **set).map(|(at, _)| at).collect();
    let dims = vec![source.dims.len(), found.len()];
    entries(cx, call, &dims)?;
    let axes = strides(&source.dims).into_iter().zip(&source.dims);
    let values = axes.flat_map(|(step, &size)| found.iter().map(move |at| (at / step as usize % size) as i64)).collect();
    Ok(vec![Made::Typed(dims, values, DataType::Int64)])
}
