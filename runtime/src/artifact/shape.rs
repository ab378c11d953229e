//! The shape of an operator's result, from the shapes of its operands and parameters.

use super::{MAX_DIGITS, MAX_ENTRIES, MAX_PADDED_ENTRIES, MAX_RANK, MAX_SIDE, NodeSpec, OpSpec, Tensor};
use alloc::{borrow::ToOwned, format, string::String, vec, vec::Vec};
use core::fmt;

/// Prints a shape as `1x3x32x32`.
pub(crate) struct Dims<'a>(pub(crate) &'a [usize]);

impl fmt::Display for Dims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, d) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("x")?;
            }
            write!(f, "{d}")?;
        }
        f.write_str("]")
    }
}

/// Number of entries, where the shape is one that a value of a network may have.
pub(crate) fn entries(dims: &[usize]) -> Option<usize> {
    let count = dims.iter().try_fold(1usize, |product, &d| product.checked_mul(d))?;
    (dims.len() <= MAX_RANK && (1..=MAX_ENTRIES).contains(&count)).then_some(count)
}

/// Whether a tensor of shape `small` broadcasts over one of shape `large` without growing it: aligned at the last axis,
/// every dimension of `small` is 1 or equal.
#[must_use]
pub fn broadcasts(small: &[usize], large: &[usize]) -> bool {
    small.len() <= large.len() && small.iter().rev().zip(large.iter().rev()).all(|(&s, &l)| s == 1 || s == l)
}

/// Height and width that a convolution makes of an operand of the given height and width, or `None` where the kernel does
/// not fit: `⌊(operand + pads - dilation · (kernel - 1) - 1) / stride⌋ + 1`.
#[must_use]
pub fn conv_output(
    operand: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    pads: [usize; 4],
) -> Option<[usize; 2]> {
    let mut size = [0; 2];
    for axis in 0..2 {
        if kernel[axis] == 0 || stride[axis] == 0 || dilation[axis] == 0 {
            return None;
        }
        let padded = operand[axis].checked_add(pads[axis])?.checked_add(pads[axis + 2])?;
        let extent = dilation[axis].checked_mul(kernel[axis] - 1)?.checked_add(1)?;
        size[axis] = padded.checked_sub(extent)? / stride[axis] + 1;
    }
    Some(size)
}

/// Height and width that a pooling makes of an operand of the given height and width, or `None` where the window does not
/// fit. With `ceil`, a last window that overhangs counts unless it starts in the padding after the operand.
#[must_use]
pub fn pool_output(operand: [usize; 2], kernel: [usize; 2], stride: [usize; 2], pads: [usize; 4], ceil: bool) -> Option<[usize; 2]> {
    let mut size = [0; 2];
    for axis in 0..2 {
        let (before, after, stride) = (pads[axis], pads[axis + 2], stride[axis]);
        if stride == 0 || before >= kernel[axis] || after >= kernel[axis] {
            return None;
        }
        let room = operand[axis].checked_add(before)?.checked_add(after)?.checked_sub(kernel[axis])?;
        let steps = if ceil { room.div_ceil(stride) } else { room / stride };
        let overhangs = ceil && steps.checked_mul(stride)? >= operand[axis].checked_add(before)?;
        size[axis] = steps.checked_add(usize::from(!overhangs))?;
    }
    Some(size)
}

/// What is known of a value while shapes are inferred.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    /// The shape.
    pub(super) dims: &'a [usize],
    /// Whether all entries are spikes, signed or not.
    pub(super) spikes: bool,
}

/// Shape and kind of the result of a node. `tensor` finds its parameters by role.
pub(super) fn result<'t>(
    node: &NodeSpec,
    operands: &[Value<'_>],
    tensor: impl Fn(&str) -> Option<&'t Tensor>,
) -> Result<(Vec<usize>, bool), String> {
    let wanted = match node.op {
        OpSpec::Add => (operands.len() >= 2, "two or more operands"),
        OpSpec::Concat { .. } => (!operands.is_empty(), "one or more operands"),
        _ => (operands.len() == 1, "one operand"),
    };
    let (true, Some(&x)) = (wanted.0, operands.first()) else {
        return Err(format!("`{}` wants {}, not {}", node.op.name(), wanted.1, operands.len()));
    };
    let dims = x.dims;
    let spatial = |steps: [[usize; 2]; 3], pads: [usize; 4]| {
        let [_, channels, height, width] = *dims else {
            return Err(format!("{} is no image: batch, channels, height, width", Dims(dims)));
        };
        let side = |axis: usize, size: usize| size.checked_add(pads[axis])?.checked_add(pads[axis + 2]).filter(|&side| side <= MAX_SIDE);
        match (side(0, height), side(1, width)) {
            (Some(h), Some(w))
                if channels <= MAX_PADDED_ENTRIES / (h * w).max(1) && steps.as_flattened().iter().all(|&k| k <= MAX_SIDE) =>
            {
                Ok((channels, [height, width]))
            }
            _ => Err(format!("an image of {height}x{width} with padding {pads:?}, or a kernel or its steps, is too large")),
        }
    };
    let axis_fits = |axis: usize| axis > 0 && axis < dims.len();
    match &node.op {
        OpSpec::Conv2d { stride, dilation, pads, groups } => {
            let weight = tensor("weight").ok_or("it has no weight")?;
            let [out, per_group, kh, kw] = weight.dims[..] else {
                return Err(format!("a 2-D convolution wants a weight of 4 dimensions, not {}", Dims(&weight.dims)));
            };
            let (channels, size) = spatial([[kh, kw], *stride, *dilation], *pads)?;
            if out == 0 || *groups == 0 || out % groups != 0 || per_group.checked_mul(*groups) != Some(channels) {
                return Err(format!("weight {} in {groups} groups does not fit {channels} channels", Dims(&weight.dims)));
            }
            check_bias(tensor("bias"), out)?;
            let [h, w] = conv_output(size, [kh, kw], *stride, *dilation, *pads)
                .ok_or_else(|| format!("a {kh}x{kw} kernel does not fit {}", Dims(dims)))?;
            Ok((vec![1, out, h, w], false))
        }
        OpSpec::Linear => {
            let weight = tensor("weight").ok_or("it has no weight")?;
            let (&[_, features], &[out, inputs]) = (dims, &weight.dims[..]) else {
                return Err(format!("a linear layer wants a vector and a matrix, not {} and {}", Dims(dims), Dims(&weight.dims)));
            };
            if inputs != features {
                return Err(format!("weight {} does not fit {features} features", Dims(&weight.dims)));
            }
            check_bias(tensor("bias"), out)?;
            Ok((vec![1, out], false))
        }
        OpSpec::Shift { rows: Some(rows), columns: Some(columns) } => {
            let offset = tensor("offset").ok_or("it has no offset")?;
            let (&[_, channels, height, width], &[1, depth, across, along]) = (dims, &offset.dims[..]) else {
                return Err(format!("an offset by rows and columns wants four dimensions, not {} over {}", Dims(&offset.dims), Dims(dims)));
            };
            if depth != 1 && depth != channels {
                return Err(format!("offset of shape {} does not fit {channels} channels", Dims(&offset.dims)));
            }
            check_places("rows", rows, height, across)?;
            check_places("columns", columns, width, along)?;
            Ok((dims.to_vec(), false))
        }
        OpSpec::Shift { rows: Some(_), .. } | OpSpec::Shift { columns: Some(_), .. } => {
            Err("`shift` has one of `rows` and `columns` without the other".to_owned())
        }
        OpSpec::RadixNeuron { digits, levels } if !(1..=MAX_DIGITS).contains(digits) || *levels == 0 || *levels >= 1 << digits => {
            Err(format!("{levels} levels in {digits} digits: there must be 1 to {MAX_DIGITS} digits and 1 to 2^digits - 1 levels"))
        }
        OpSpec::Scale | OpSpec::Shift { .. } | OpSpec::IfNeuron { .. } | OpSpec::LifNeuron { .. } | OpSpec::RadixNeuron { .. } => {
            for (role, _) in node.op.roles() {
                let param = tensor(role).ok_or_else(|| format!("it has no {role}"))?;
                if !broadcasts(&param.dims, dims) {
                    return Err(format!("{role} of shape {} does not broadcast over {}", Dims(&param.dims), Dims(dims)));
                }
            }
            Ok((dims.to_vec(), node.op.is_stateful()))
        }
        OpSpec::Add => match operands.iter().find(|other| other.dims != dims) {
            Some(other) => Err(format!("{} and {} have different shapes", Dims(dims), Dims(other.dims))),
            None => Ok((dims.to_vec(), false)),
        },
        OpSpec::DigitMaxPool2d { .. } if !x.spikes => Err("`digit_max_pool2d` wants a stream of digits".to_owned()),
        OpSpec::SumPool2d { kernel, stride, pads, ceil }
        | OpSpec::CountMaxPool2d { kernel, stride, pads, ceil }
        | OpSpec::DigitMaxPool2d { kernel, stride, pads, ceil } => {
            let (channels, size) = spatial([*kernel, *stride, [1, 1]], *pads)?;
            let [h, w] = pool_output(size, *kernel, *stride, *pads, *ceil)
                .ok_or_else(|| format!("a {}x{} window does not fit {}", kernel[0], kernel[1], Dims(dims)))?;
            Ok((vec![1, channels, h, w], x.spikes && node.op.is_stateful()))
        }
        OpSpec::Sum { axes } => {
            if !axes.iter().all(|&axis| axis_fits(axis)) || !axes.is_sorted_by(|a, b| a < b) {
                return Err(format!("{axes:?} are not ascending axes of {} behind the batch", Dims(dims)));
            }
            Ok((dims.iter().enumerate().map(|(axis, &d)| if axes.contains(&axis) { 1 } else { d }).collect(), false))
        }
        OpSpec::Concat { axis } => {
            if !axis_fits(*axis) {
                return Err(format!("axis {axis} is the batch of {} or outside it", Dims(dims)));
            }
            let mut joined = dims.to_vec();
            for other in &operands[1..] {
                let same = |(i, (a, b)): (usize, (&usize, &usize))| i == *axis || a == b;
                if other.dims.len() != dims.len() || !other.dims.iter().zip(dims).enumerate().all(same) {
                    return Err(format!("{} and {} cannot be joined along axis {axis}", Dims(dims), Dims(other.dims)));
                }
                joined[*axis] = joined[*axis].checked_add(other.dims[*axis]).ok_or("the joined axis is too large")?;
            }
            Ok((joined, operands.iter().all(|x| x.spikes)))
        }
        OpSpec::Pad { pads } => {
            if pads.len() != dims.len() || pads[0] != (0, 0) {
                return Err(format!("padding must name every axis of {} and leave the batch alone", Dims(dims)));
            }
            let padded = dims.iter().zip(pads).map(|(d, (before, after))| d.checked_add(*before)?.checked_add(*after));
            Ok((padded.collect::<Option<_>>().ok_or("the padded tensor is too large")?, x.spikes))
        }
        OpSpec::Slice { ranges } => {
            if ranges.len() != dims.len() || ranges[0] != (0, 1, 1) {
                return Err(format!("a slice must name every axis of {} and leave the batch alone", Dims(dims)));
            }
            for (&(start, step, len), &dim) in ranges.iter().zip(dims) {
                let last = (len > 0).then(|| start as i128 + i128::from(step) * (len as i128 - 1));
                if step == 0 || start >= dim || last.is_none_or(|last| last < 0 || last >= dim as i128) {
                    return Err(format!("slice {start}:{step}:{len} leaves an axis of size {dim} of {}", Dims(dims)));
                }
            }
            Ok((ranges.iter().map(|range| range.2).collect(), x.spikes))
        }
        OpSpec::Reshape => {
            if node.shape.first() != Some(&1) || entries(&node.shape) != entries(dims) {
                return Err(format!("{} cannot be given the shape {}", Dims(dims), Dims(&node.shape)));
            }
            Ok((node.shape.clone(), x.spikes))
        }
        OpSpec::Transpose { permutation } => {
            let mut sorted = permutation.clone();
            sorted.sort_unstable();
            if permutation.first() != Some(&0) || !sorted.into_iter().eq(0..dims.len()) {
                return Err(format!("{permutation:?} does not permute the axes of {} behind the batch", Dims(dims)));
            }
            Ok((permutation.iter().map(|&axis| dims[axis]).collect(), x.spikes))
        }
    }
}

/// For every place of an axis, a place of a table of which each is used.
fn check_places(name: &str, places: &[usize], size: usize, table: usize) -> Result<(), String> {
    if places.len() != size || places.iter().any(|&place| place >= table) {
        return Err(format!("`{name}` does not name one of {table} places of the offset for each of {size}"));
    }
    let mut used = vec![false; table];
    places.iter().for_each(|&place| used[place] = true);
    if used.contains(&false) { Err(format!("`{name}` leaves a part of the offset unused")) } else { Ok(()) }
}

fn check_bias(bias: Option<&Tensor>, out: usize) -> Result<(), String> {
    match bias {
        Some(bias) if bias.dims != [out] => Err(format!("bias of shape {} does not fit {out} outputs", Dims(&bias.dims))),
        _ => Ok(()),
    }
}
