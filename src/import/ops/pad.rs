//! `Pad`: a constant border, or one of copies.

use super::copies::{cut, pick};
use crate::import::{
    arguments::{axis, sizes},
    cx::{Call, Cx, Value, check_entries},
    problem::{Outcome, batch_lost, malformed, unsupported_use},
};
use snnc_ir::{NodeId, Operator};

/// `Pad`; negative pads crop.
pub(super) fn pad(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(4, 1)?;
    let node = call.node;
    let mode = node.string("mode", "constant")?;
    let operand = call.activation(0)?;
    let rank = cx.dims(operand).len();
    let Some(pads) = call.attribute_or_input("pads", 1)? else { return Err(malformed("operator `Pad` has no pads").into()) };
    let value = node.optional_float("value")?.or(call.optional_float(2)?).unwrap_or(0.0);
    if value.is_nan() || value == f32::INFINITY {
        return Err(unsupported_use(format!("operator `Pad` with a border of {value}")).help("pad with a finite value").into());
    }
    let axes = match call.optional_ints(3)? {
        Some(values) => values.iter().map(|&a| axis(call, a, rank)).collect::<Outcome<Vec<_>>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(malformed(format!("operator `Pad` has {} pads for {} axes", pads.len(), axes.len())).into());
    }
    let (mut grow, mut crop) = (vec![(0, 0); rank], vec![(0, 0); rank]);
    for (index, &axis) in axes.iter().enumerate() {
        let (before, after) = (pads[index], pads[index + axes.len()]);
        let positive = sizes(call, "`pads`", &[before.max(0), after.max(0)], 0)?;
        let negative = sizes(call, "`pads`", &[before.min(0).saturating_neg(), after.min(0).saturating_neg()], 0)?;
        (grow[axis], crop[axis]) = ((positive[0], positive[1]), (negative[0], negative[1]));
    }
    if grow[0] != (0, 0) || crop[0] != (0, 0) {
        return Err(batch_lost("operator `Pad` adds images to the batch, or drops some").into());
    }
    let mut id = operand;
    if mode != "constant" {
        if crop.iter().any(|&c| c != (0, 0)) {
            return Err(unsupported_use(format!("operator `Pad` with mode `{mode}` that crops")).help("crop by `Slice`").into());
        }
        for (axis, &pads) in grow.iter().enumerate().filter(|(_, p)| **p != (0, 0)) {
            id = copied_border(cx, call, id, axis, pads, &mode)?;
        }
        return Ok(vec![Value::Node(id)]);
    }
    if grow.iter().any(|&p| p != (0, 0)) {
        let dims: Vec<usize> = cx.dims(id).iter().zip(&grow).map(|(d, p)| d + p.0 + p.1).collect();
        check_entries(node, &dims)?;
        id = cx.add(node, Operator::Pad { pads: grow, value }, &[id])?;
    }
    let mut ranges = Vec::new();
    for (&dim, (before, after)) in cx.dims(id).iter().zip(crop) {
        let len = dim.checked_sub(before + after).filter(|&len| len > 0);
        ranges.push((before, 1, len.ok_or_else(|| malformed("operator `Pad` crops everything"))?));
    }
    Ok(vec![Value::Node(cut(cx, node, id, ranges)?)])
}

/// Mirrors, repeats or wraps the entries at both ends of an axis.
fn copied_border(cx: &mut Cx, call: &Call<'_>, id: NodeId, axis: usize, (before, after): (usize, usize), mode: &str) -> Outcome<NodeId> {
    let size = cx.dims(id)[axis];
    let widest = match mode {
        "reflect" => size - 1,
        "wrap" => size,
        "edge" => usize::MAX,
        other => return Err(malformed(format!("attribute `mode` of operator `Pad` is `{other}`")).into()),
    };
    if before.max(after) > widest {
        return Err(unsupported_use(format!("operator `Pad` with mode `{mode}` and a border wider than the image"))
            .note(format!("the border is {} wide, the image {size}", before.max(after)))
            .into());
    }
    let mut dims = cx.dims(id).to_vec();
    dims[axis] = before + size + after;
    check_entries(call.node, &dims)?;
    cx.book(dims[axis])?;
    let (size, before) = (size as i64, before as i64);
    let source = |place: i64| match mode {
        "reflect" if place < 0 => -place,
        "reflect" if place >= size => 2 * (size - 1) - place,
        "wrap" => place.rem_euclid(size),
        _ => place.clamp(0, size - 1),
    };
    let picked: Vec<usize> = (-before..size + after as i64).map(|place| source(place) as usize).collect();
    pick(cx, call.node, id, axis, &picked)
}
