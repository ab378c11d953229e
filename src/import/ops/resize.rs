//! `Resize` and `Upsample`, axis by axis: nearest-neighbour interpolation copies entries, linear interpolation is a constant
//! matrix. Positions are computed in 32 bits, as ONNX Runtime does, so that ties fall on the same side.

use super::{contract::contract, copies::pick};
use crate::import::{
    arguments::{axis, sizes},
    constant::{Data, Made},
    cx::{Call, Cx, Value, check_entries},
    equation::Label,
    problem::{Outcome, batch_lost, malformed, unsupported_use},
};
use snnc_ir::NodeId;

/// What an axis becomes.
#[derive(Clone, Copy)]
struct Resized {
    size: usize,
    scale: f32,
}

/// `Resize` and `Upsample`.
pub(super) fn resize(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let node = call.node;
    let operand = call.activation(0)?;
    let dims = cx.dims(operand).to_vec();
    let old = node.op == "Upsample" || node.opset < 11;
    call.check_counts(if old { 2 } else { 4 }, 1)?;
    // What does not bear on the modes that are converted, or only on images that shrink with `antialias`.
    node.ignore(&["cubic_coeff_a", "exclude_outside", "extrapolation_value"]);
    let mode = node.string("mode", "nearest")?;
    let place = node.string("coordinate_transformation_mode", if old { "asymmetric" } else { "half_pixel" })?;
    let rounding = node.string("nearest_mode", if old { "old" } else { "round_prefer_floor" })?;
    let policy = node.string("keep_aspect_ratio_policy", "stretch")?;
    let antialias = node.int("antialias", 0)? != 0;
    let targets = targets(cx, call, &dims, old)?;
    if policy != "stretch" {
        return Err(unsupported_use(format!("operator `{}` with the policy `{policy}`", node.op))
            .help("give the sizes of height and width themselves")
            .into());
    }
    if place == "tf_crop_and_resize" {
        return Err(unsupported_use(format!("operator `{}` of a part of the image", node.op))
            .note("its `coordinate_transformation_mode` is `tf_crop_and_resize`")
            .help("crop by `Slice`")
            .into());
    }
    if targets[0].size != 1 {
        return Err(batch_lost(format!("operator `{}` resizes the batch", node.op)).into());
    }
    check_entries(node, &targets.iter().map(|t| t.size).collect::<Vec<_>>())?;
    let mut id = operand;
    // A runtime copies an image of the same size, whatever the modes say.
    for axis in (1..dims.len()).filter(|_| targets.iter().zip(&dims).any(|(t, &d)| t.size != d)) {
        let (size, target) = (dims[axis], targets[axis]);
        if target.size == size && target.scale == 1.0 {
            continue;
        }
        cx.book(target.size)?;
        let positions = (0..target.size)
            .map(|i| position(&place, i, size, target))
            .collect::<Option<Vec<f32>>>()
            .ok_or_else(|| malformed(format!("attribute `coordinate_transformation_mode` of operator `{}` is `{place}`", node.op)))?;
        id = match mode.as_str() {
            "nearest" => {
                let nearest = positions.into_iter().map(|p| nearest(&rounding, p, size, target.scale < 1.0)).collect::<Option<Vec<_>>>();
                let bad = || malformed(format!("attribute `nearest_mode` of operator `{}` is `{rounding}`", node.op));
                pick(cx, node, id, axis, &nearest.ok_or_else(bad)?)?
            }
            "linear" | "bilinear" if !(antialias && target.scale < 1.0) => interpolated(cx, call, id, axis, &positions)?,
            "linear" | "bilinear" => {
                return Err(unsupported_use(format!("operator `{}` with `antialias`", node.op))
                    .help("resize the images before the network, or leave out `antialias`")
                    .into());
            }
            other => {
                return Err(unsupported_use(format!("operator `{}` with mode `{other}`", node.op))
                    .note("nearest-neighbour and linear interpolation are converted")
                    .help("resize the images before the network, or choose one of these modes")
                    .into());
            }
        };
    }
    Ok(vec![Value::Node(id)])
}

/// Sizes and scales of all axes.
fn targets(cx: &Cx, call: &Call<'_>, dims: &[usize], old: bool) -> Outcome<Vec<Resized>> {
    let node = call.node;
    let named: Vec<usize> = match node.ints("axes")? {
        Some(values) => values.iter().map(|&a| axis(call, a, dims.len())).collect::<Outcome<_>>()?,
        None => (0..dims.len()).collect(),
    };
    let mut targets: Vec<Resized> = dims.iter().map(|&size| Resized { size, scale: 1.0 }).collect();
    let given = |len: usize| match len {
        n if n == named.len() => Ok(()),
        n => Err(malformed(format!("operator `{}` has {n} sizes or scales for {} axes", node.op, named.len()))),
    };
    let attribute = node.floats("scales")?;
    let scales = match call.optional_constant(if old { 1 } else { 2 })? {
        Some(constant) => Some(constant.data.to_float()),
        None => attribute.map(<[f32]>::to_vec),
    };
    // Exporters give an empty list of scales where they give sizes.
    if let Some(scales) = scales.filter(|s| !s.is_empty()) {
        given(scales.len())?;
        for (&axis, &scale) in named.iter().zip(&scales) {
            // The batch has its size in the file; its scale must be 1.
            let size = (scale * dims[axis] as f32).floor();
            if !(scale > 0.0 && size >= 1.0 && size < (1u32 << 30) as f32) || axis == 0 && scale != 1.0 {
                let problem = if axis == 0 { batch_lost } else { malformed as fn(String) -> _ };
                return Err(problem(format!("operator `{}` scales axis {axis} by {scale}", node.op)).into());
            }
            targets[axis] = Resized { size: size as usize, scale };
        }
        return Ok(targets);
    }
    let Some(wanted) = call.optional_ints(3)?.filter(|_| !old) else {
        return Err(malformed(format!("operator `{}` has neither scales nor sizes", node.op)).into());
    };
    given(wanted.len())?;
    for (&axis, size) in named.iter().zip(sizes(call, "a size", wanted, 1)?) {
        let (from, size) = if axis == 0 && size == cx.batch_size() { (1, 1) } else { (dims[axis], size) };
        targets[axis] = Resized { size, scale: size as f32 / from as f32 };
    }
    Ok(targets)
}

/// Where in the operand entry `index` of the result lies; `None` for an unknown mode.
fn position(mode: &str, index: usize, size: usize, target: Resized) -> Option<f32> {
    let (i, n, m, scale) = (index as f32, size as f32, target.size as f32, target.scale);
    let half = (i + 0.5) / scale - 0.5;
    Some(match mode {
        "half_pixel" => half,
        "half_pixel_symmetric" => n / 2.0 * (1.0 - m / (scale * n)) + half,
        "pytorch_half_pixel" => {
            if target.size > 1 {
                half
            } else {
                0.0
            }
        }
        "tf_half_pixel_for_nn" => (i + 0.5) / scale,
        "align_corners" => {
            if target.size == 1 {
                0.0
            } else {
                i * (n - 1.0) / (m - 1.0)
            }
        }
        "asymmetric" => i / scale,
        _ => return None,
    })
}

/// The entry nearest to a position; `None` for an unknown mode. Before operator set 11 it depended on whether the image shrinks.
fn nearest(mode: &str, position: f32, size: usize, shrinks: bool) -> Option<usize> {
    let rounded = match mode {
        "round_prefer_floor" if position - position.trunc() == 0.5 => position.trunc(),
        "round_prefer_floor" | "round_prefer_ceil" => position.round(),
        "old" if shrinks => position.ceil(),
        "floor" => position.floor(),
        "old" => position.trunc(),
        "ceil" => position.ceil(),
        _ => return None,
    };
    Some(rounded.clamp(0.0, (size - 1) as f32) as usize)
}

/// Linear interpolation along one axis: every entry of the result is a mean of two, whose weights are constants.
fn interpolated(cx: &mut Cx, call: &Call<'_>, operand: NodeId, axis: usize, positions: &[f32]) -> Outcome<NodeId> {
    let size = cx.dims(operand)[axis];
    check_entries(call.node, &[positions.len(), size])?;
    cx.book(positions.len() * size)?;
    let mut matrix = vec![0.0; positions.len() * size];
    for (row, position) in matrix.chunks_mut(size).zip(positions) {
        let position = position.clamp(0.0, (size - 1) as f32);
        let low = position.floor() as usize;
        let share = position - low as f32;
        row[low] += 1.0 - share;
        row[(low + 1).min(size - 1)] += share;
    }
    let name = format!("{}.interpolation{axis}", call.node.outputs.first().unwrap_or(&call.node.name));
    let matrix = Made::New(vec![positions.len(), size], Data::Float(matrix)).named(&name);
    let of_x: Vec<Label> = (0..cx.dims(operand).len() as Label).collect();
    let own = of_x.len() as Label;
    let mut result = of_x.clone();
    result[axis] = own;
    contract(cx, call, operand, &matrix, [&of_x, &[own, axis as Label], &result])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_repeats_every_entry_in_all_usual_modes() {
        let target = Resized { size: 6, scale: 2.0 };
        for (place, rounding) in [("half_pixel", "round_prefer_floor"), ("asymmetric", "floor"), ("asymmetric", "old")] {
            let found: Vec<_> = (0..6).map(|i| nearest(rounding, position(place, i, 3, target).unwrap_or(9.0), 3, false)).collect();
            assert_eq!(found, [0, 0, 1, 1, 2, 2].map(Some), "{place} {rounding}");
        }
        assert_eq!(position("sideways", 0, 3, target), None);
        assert_eq!(nearest("up", 0.0, 3, false), None);
    }
}
