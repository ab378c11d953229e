//! Quantised activations.
//!
//! The integers of the file are whole numbers here: `QuantizeLinear` is `x / scale`, a `round`, the zero point and a `clip` to the range
//! of the element type, and `DequantizeLinear` takes the zero point off and multiplies. `fold-floor` makes a rectifier in steps
//! of the two. Whoever reads the same tensor by the same scale shares the nodes: exporters write a pair for every reader.

use crate::import::{
    arguments::{axis, quantised_to},
    constant::{Constant, Data},
    cx::{Call, Cx, Value},
    problem::{Outcome, batch_lost, malformed, unsupported_use},
};
use snnc_ir::{NodeId, Operator, ParamId, Tensor, types::Dims};
use std::rc::Rc;

/// Scale and zero point of a node, and how they broadcast over its operand.
struct Grid {
    scale: Rc<Constant>,
    zero: Option<Rc<Constant>>,
    /// One axis at most is longer than 1.
    shape: Vec<usize>,
}

impl Grid {
    fn of(cx: &Cx, call: &Call<'_>, operand: NodeId, is_bare: bool) -> Outcome<Self> {
        let node = call.node;
        let (scale, zero) = (call.constant(1)?.clone(), call.optional_constant(2)?.cloned());
        let stated = node.int("axis", 1)?;
        if node.int("block_size", 0)? != 0 {
            return Err(unsupported_use(format!("operator `{}` of activations in blocks", node.op))
                .note("of weights, the operator is evaluated")
                .help("quantise activations with one scale for a tensor or for a channel")
                .into());
        }
        let dims = cx.dims(operand);
        let count = scale.data.len();
        let mut shape = vec![1; dims.len()];
        if count != 1 {
            // Without an axis for the batch, the axes of the file start at the second.
            let own = usize::from(is_bare);
            let at = axis(call, stated, dims.len() - own)? + own;
            if at == 0 {
                return Err(batch_lost(format!("operator `{}` has a scale for every image", node.op)).into());
            }
            if scale.dims != [dims[at]] {
                return Err(malformed(format!("the scale of operator `{}` does not fit its operand", node.op))
                    .note(format!("`{}` has the shape {}, the operand {}", scale.name, Dims(&scale.dims), Dims(&cx.file_dims(operand))))
                    .into());
            }
            shape[at] = count;
        }
        if let Some(zero) = zero.as_ref().filter(|zero| zero.data.len() != count) {
            return Err(malformed(format!("the zero point of operator `{}` does not fit its scale", node.op))
                .note(format!("`{}` has the shape {}, `{}` {}", zero.name, Dims(&zero.dims), scale.name, Dims(&scale.dims)))
                .into());
        }
        if let Some(bad) = scale.data.to_float().into_iter().find(|s| !(s.is_finite() && *s > 0.0)) {
            return Err(malformed(format!("operator `{}` has a scale of {bad}", node.op)).note("a scale is a positive number").into());
        }
        Ok(Self { scale, zero, shape })
    }

    /// What tells nodes apart that do the same to one operand.
    fn key(&self, call: &Call<'_>, operand: NodeId, range: Option<[i64; 2]>) -> String {
        let scales: Vec<u32> = self.scale.data.to_float().into_iter().map(f32::to_bits).collect();
        let zeros = self.zero.as_ref().map(|zero| zero.data.to_int()).filter(|zeros| zeros.iter().any(|&z| z != 0));
        format!("{} {} {range:?} {:?} {scales:?} {zeros:?}", call.node.op, operand.number(), self.shape)
    }

    /// Whether zero points differ from channel to channel.
    fn has_zero_points(&self) -> bool {
        let zeros = self.zero.as_ref().map(|zero| zero.data.to_int()).unwrap_or_default();
        zeros.windows(2).any(|pair| pair[0] != pair[1])
    }

    fn scale(&self, cx: &mut Cx, how: &str, map: fn(f32) -> f32) -> Outcome<ParamId> {
        param(cx, &self.scale, &self.shape, how, map)
    }

    /// The operand plus or minus the zero point; nothing where that is 0.
    fn shift(&self, cx: &mut Cx, call: &Call<'_>, operand: NodeId, how: &str, map: fn(f32) -> f32) -> Outcome<NodeId> {
        let Some(zero) = self.zero.as_ref().filter(|zero| zero.data.to_float().iter().any(|&z| z != 0.0)) else { return Ok(operand) };
        let offset = param(cx, zero, &self.shape, how, map)?;
        cx.add(call.node, Operator::Shift { offset }, &[operand])
    }
}

fn param(cx: &mut Cx, constant: &Constant, shape: &[usize], how: &str, map: fn(f32) -> f32) -> Outcome<ParamId> {
    let floats = Constant { data: Data::Float(constant.data.to_float()), ..constant.clone() };
    cx.param(&floats, &format!("{how} {shape:?}"), |t| Ok(Tensor::new(shape.to_vec(), t.data).map(map)))
}

/// The activation that is read, and whether it has no axis for the batch alone.
fn operand(call: &Call<'_>) -> Outcome<(NodeId, bool)> {
    match call.input(0) {
        Some(Value::Bare(id)) => Ok((*id, true)),
        _ => Ok((call.activation(0)?, false)),
    }
}

fn value(id: NodeId, is_bare: bool) -> Vec<Value> {
    vec![if is_bare { Value::Bare(id) } else { Value::Node(id) }]
}

/// `QuantizeLinear`: `x / scale` rounded half to even, plus the zero point, kept in the range of the element type.
pub(super) fn quantize(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    // `saturate` is about 8-bit floats; a division in less than 32 bits is not imitated.
    call.node.ignore(&["saturate", "precision"]);
    call.check_counts(3, 1)?;
    let (x, is_bare) = operand(call)?;
    let (_, range) = quantised_to(call, call.optional_constant(2)?.map(|zero| &**zero))?;
    let grid = Grid::of(cx, call, x, is_bare)?;
    let key = grid.key(call, x, Some(range));
    if let Some(&known) = cx.quantised.get(&key) {
        return Ok(value(known, is_bare));
    }
    let factor = grid.scale(cx, "inverted", |s| 1.0 / s)?;
    let in_steps = cx.add(call.node, Operator::Scale { factor }, &[x])?;
    // Where channels have zero points of their own, these come first, so that all are bounded alike right behind the rounding. Of numbers
    // half-way between two, an odd one then makes the other even.
    let comes_first = grid.has_zero_points();
    let before = if comes_first { grid.shift(cx, call, in_steps, "", |z| z)? } else { in_steps };
    let rounded = cx.add(call.node, Operator::Round, &[before])?;
    let shifted = if comes_first { rounded } else { grid.shift(cx, call, rounded, "", |z| z)? };
    let [min, max] = range.map(|bound| bound as f32);
    let id = cx.add(call.node, Operator::Clip { min, max }, &[shifted])?;
    cx.quantised.insert(key, id);
    Ok(value(id, is_bare))
}

/// `DequantizeLinear`: `(x - zero point) · scale`.
pub(super) fn dequantize(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.node.ignore(&["output_dtype"]);
    call.check_counts(3, 1)?;
    let (x, is_bare) = operand(call)?;
    let grid = Grid::of(cx, call, x, is_bare)?;
    let key = grid.key(call, x, None);
    if let Some(&known) = cx.quantised.get(&key) {
        return Ok(value(known, is_bare));
    }
    let shifted = grid.shift(cx, call, x, "negated", |z| -z)?;
    let factor = grid.scale(cx, "", |s| s)?;
    let id = cx.add(call.node, Operator::Scale { factor }, &[shifted])?;
    cx.quantised.insert(key, id);
    Ok(value(id, is_bare))
}
