//! `ConvTranspose`: the transpose of a convolution is a convolution, with the kernel turned round and input and output
//! channels exchanged, of an image with `stride - 1` zeros behind every pixel.

use super::{
    conv::{as_image, from_image},
    copies::cut,
};
use crate::import::{
    arguments::sizes,
    cx::{Call, Cx, Value, check_entries},
    problem::{Outcome, malformed, unsupported_use},
};
use snnc_ir::{Conv2d, NodeId, Operator, Tensor};

/// One spatial axis.
struct Axis {
    size: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    /// What padding takes away at either end, and what `output_padding` adds behind.
    before: usize,
    after: usize,
    extra: usize,
}

impl Axis {
    const NONE: Self = Self { size: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0, extra: 0 };

    /// How far the kernel reaches beyond its first tap.
    fn reach(&self) -> usize {
        self.dilation * (self.kernel - 1)
    }

    /// Size of the result without padding.
    fn full(&self) -> usize {
        (self.size - 1) * self.stride + self.reach() + 1 + self.extra
    }
}

/// Reads the spatial attributes.
fn axes(cx: &Cx, call: &Call<'_>, operand: NodeId, kernel: &[usize]) -> Outcome<Vec<Axis>> {
    let node = call.node;
    let count = kernel.len();
    let list = |name: &str, len: usize, default: usize, least: i64| -> Outcome<Vec<usize>> {
        match node.ints(name)? {
            None => Ok(vec![default; len]),
            Some(values) if values.len() == len => sizes(call, &format!("`{name}`"), values, least),
            Some(values) => {
                Err(malformed(format!("attribute `{name}` of operator `{}` has {} entries instead of {len}", node.op, values.len())).into())
            }
        }
    };
    let (stride, dilation) = (list("strides", count, 1, 1)?, list("dilations", count, 1, 1)?);
    let (pads, extra) = (list("pads", 2 * count, 0, 0)?, list("output_padding", count, 0, 0)?);
    let automatic = node.string("auto_pad", "NOTSET")?;
    if !matches!(automatic.as_str(), "NOTSET" | "VALID" | "SAME_UPPER" | "SAME_LOWER") {
        return Err(malformed(format!("attribute `auto_pad` of operator `{}` is `{automatic}`", node.op)).into());
    }
    let wanted = node.ints("output_shape")?.map(|values| sizes(call, "`output_shape`", values, 1)).transpose()?;
    // Some exporters write batch and channels too.
    let wanted = wanted.map(|w| w.get(w.len().saturating_sub(count)..).unwrap_or_default().to_vec());
    let dims = cx.dims(operand);
    let mut axes = Vec::new();
    for i in 0..count {
        let mut axis =
            Axis { size: dims[2 + i], kernel: kernel[i], stride: stride[i], dilation: dilation[i], extra: extra[i], ..Axis::NONE };
        let target = match &wanted {
            Some(w) if w.len() == count => Some(w[i]),
            Some(_) => return Err(malformed(format!("attribute `output_shape` of operator `{}` has too few entries", node.op)).into()),
            None if automatic.starts_with("SAME") => Some(axis.size * axis.stride),
            None => None,
        };
        if let Some(target) = target {
            let Some(total) = axis.full().checked_sub(target) else {
                return Err(unsupported_use(format!("operator `{}` to a size of {target}", node.op))
                    .note(format!("without padding it makes only {}", axis.full()))
                    .help("state the size by `output_padding`")
                    .into());
            };
            let (small, large) = (total / 2, total - total / 2);
            (axis.before, axis.after) = if automatic == "SAME_UPPER" { (small, large) } else { (large, small) };
        } else if automatic == "NOTSET" {
            (axis.before, axis.after) = (pads[i], pads[count + i]);
        }
        axes.push(axis);
    }
    Ok(axes)
}

/// `ConvTranspose`.
pub(super) fn conv_transpose(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(3, 1)?;
    let node = call.node;
    let (weight, bias) = (call.constant(1)?.clone(), call.optional_constant(2)?.cloned());
    let operand = call.activation(0)?;
    let misfit = || {
        malformed("the weight of operator `ConvTranspose` does not fit its input")
            .note(format!("`{}` has the shape {:?}", weight.name, weight.dims))
    };
    let [channels, per_group, kernel @ ..] = &weight.dims[..] else { return Err(misfit().into()) };
    let groups = sizes(call, "`group`", &[node.int("group", 1)?], 1)?[0];
    let (image, rank) = as_image(cx, call, operand)?;
    if kernel.len() != rank - 2 || weight.dims.contains(&0) || cx.dims(image)[1] != *channels || !channels.is_multiple_of(groups) {
        return Err(misfit().into());
    }
    if let Some(stated) = node.ints("kernel_shape")?
        && sizes(call, "`kernel_shape`", stated, 1)? != kernel
    {
        return Err(misfit().note(format!("`kernel_shape` says {stated:?}")).into());
    }
    let mut axes = axes(cx, call, operand, kernel)?;
    if axes.len() == 1 {
        axes.insert(0, Axis::NONE);
    }
    let [y, x] = &axes[..] else { return Err(misfit().into()) };
    let (zeros, pads) = spread(cx, call, image, [y, x])?;

    let (inputs, outputs, kernel) = (channels / groups, *per_group, [y.kernel, x.kernel]);
    let weight = cx.param(&weight, &format!("transposed kernel {groups}"), |t| Ok(turned(&t, groups, inputs, outputs, kernel)))?;
    let bias = bias.map(|b| cx.param(&b, "", Ok)).transpose()?;
    let geometry = Conv2d { stride: [1, 1], dilation: [y.dilation, x.dilation], pads, groups };
    let id = cx.add(node, Operator::Conv2d { weight, bias, geometry }, &[zeros])?;
    Ok(vec![Value::Node(from_image(cx, node, id, rank)?)])
}

/// The weight of the convolution: `[C_in, C_out / groups, h, w]` becomes `[C_out, C_in / groups, h, w]`, turned by half a turn.
fn turned(t: &Tensor, groups: usize, inputs: usize, outputs: usize, [height, width]: [usize; 2]) -> Tensor {
    let area = height * width;
    let mut data = Vec::with_capacity(t.data.len());
    for group in 0..groups {
        for output in 0..outputs {
            for input in 0..inputs {
                let at = ((group * inputs + input) * outputs + output) * area;
                data.extend(t.data[at..at + area].iter().rev());
            }
        }
    }
    Tensor::new([groups * outputs, inputs, height, width], data)
}

/// The image with zeros between its pixels, and the padding that the convolution adds: top, left, bottom, right.
fn spread(cx: &mut Cx, call: &Call<'_>, image: NodeId, axes: [&Axis; 2]) -> Outcome<(NodeId, [usize; 4])> {
    let node = call.node;
    let [n, c, h, w] = *cx.dims(image) else { return Err(malformed("an image has four dimensions").into()) };
    let [sy, sx] = axes.map(|a| a.stride);
    check_entries(node, &[c, h, sy, w, sx])?;
    let mut id = image;
    if (sy, sx) != (1, 1) {
        id = cx.reshape(node, id, vec![n, c, h, 1, w, 1])?;
        let pads = vec![(0, 0), (0, 0), (0, 0), (0, sy - 1), (0, 0), (0, sx - 1)];
        id = cx.add(node, Operator::Pad { pads, value: 0.0 }, &[id])?;
        id = cx.reshape(node, id, vec![n, c, h * sy, w * sx])?;
    }
    let mut pads = [0; 4];
    let mut ranges = super::copies::whole(cx.dims(id));
    for (i, axis) in axes.into_iter().enumerate() {
        // Padding of the transposed convolution takes away what its result would have had; below zero it crops the operand.
        let before = axis.reach() as i64 - axis.before as i64;
        let after = (axis.reach() + axis.extra) as i64 - axis.after as i64 - (axis.stride as i64 - 1);
        (pads[i], pads[i + 2]) = (before.max(0) as usize, after.max(0) as usize);
        let (first, last) = (before.min(0).unsigned_abs() as usize, after.min(0).unsigned_abs() as usize);
        let range = &mut ranges[2 + i];
        let len = range.2.checked_sub(first + last).filter(|&len| len > 0);
        *range = (first, 1, len.ok_or_else(|| malformed(format!("operator `{}` pads everything away", node.op)))?);
    }
    Ok((cut(cx, node, id, ranges)?, pads))
}
