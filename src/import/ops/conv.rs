//! Convolution, and what pooling shares with it: spatial attributes in one form for one and two dimensions.

use crate::import::{
    arguments::sizes,
    cx::{Call, Cx, Value},
    problem::{Outcome, malformed, unsupported_use},
    proto::Node,
};
use snnc_ir::{Conv2d, NodeId, Operator};

/// Strides and padding over two spatial axes. One-dimensional operators have a first axis of size 1 without padding.
pub(super) struct Spatial {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    /// Top, left, bottom, right.
    pub pads: [usize; 4],
    /// Whether `auto_pad` chose the padding, which leaves nothing to round up.
    pub automatic: bool,
    /// Whether it chose a padding that keeps the size.
    pub same: bool,
}

/// The operand as an image `[1, C, H, W]`, and its rank in the file.
pub(super) fn as_image(cx: &mut Cx, call: &Call<'_>, operand: NodeId) -> Outcome<(NodeId, usize)> {
    match *cx.dims(operand) {
        [_, _, _, _] => Ok((operand, 4)),
        [n, c, l] => Ok((cx.reshape(call.node, operand, vec![n, c, 1, l])?, 3)),
        ref dims => Err(unsupported_use(format!("operator `{}` over {} spatial dimensions", call.node.op, dims.len().saturating_sub(2)))
            .note("images and sequences are converted: one or two spatial dimensions")
            .into()),
    }
}

/// Undoes [`as_image`].
pub(super) fn from_image(cx: &mut Cx, node: &Node, id: NodeId, rank: usize) -> Outcome<NodeId> {
    match *cx.dims(id) {
        [n, c, _, l] if rank == 3 => cx.reshape(node, id, vec![n, c, l]),
        _ => Ok(id),
    }
}

/// Reads the spatial attributes of an operator over an image that had `rank` dimensions in the file.
pub(super) fn spatial(cx: &Cx, call: &Call<'_>, image: NodeId, rank: usize, kernel: &[usize]) -> Outcome<Spatial> {
    let node = call.node;
    let count = rank - 2;
    let per_axis = |name: &str, least: i64| -> Outcome<Vec<usize>> {
        match node.ints(name)? {
            None => Ok(vec![1; count]),
            Some(values) if values.len() == count => sizes(call, &format!("`{name}`"), values, least),
            Some(values) => {
                Err(malformed(format!("attribute `{name}` of operator `{}` has {} entries instead of {count}", node.op, values.len()))
                    .into())
            }
        }
    };
    if kernel.len() != count {
        return Err(malformed(format!("the kernel of operator `{}` has {} dimensions instead of {count}", node.op, kernel.len())).into());
    }
    let (stride, dilation) = (per_axis("strides", 1)?, per_axis("dilations", 1)?);
    let size = &cx.dims(image)[4 - count..];
    let automatic = node.string("auto_pad", "NOTSET")?;
    let pads = node.ints("pads")?;
    let mut before = vec![0; count];
    let mut after = vec![0; count];
    match automatic.as_str() {
        "NOTSET" => {
            if let Some(pads) = pads {
                if pads.len() != 2 * count {
                    return Err(malformed(format!(
                        "attribute `pads` of operator `{}` has {} entries instead of {}",
                        node.op,
                        pads.len(),
                        2 * count
                    ))
                    .into());
                }
                let pads = sizes(call, "`pads`", pads, 0)?;
                before.copy_from_slice(&pads[..count]);
                after.copy_from_slice(&pads[count..]);
            }
        }
        "VALID" => {}
        "SAME_UPPER" | "SAME_LOWER" => {
            for axis in 0..count {
                let extent = dilation[axis] * (kernel[axis].max(1) - 1) + 1;
                let total = ((size[axis].div_ceil(stride[axis]) - 1) * stride[axis] + extent).saturating_sub(size[axis]);
                let (small, large) = (total / 2, total - total / 2);
                (before[axis], after[axis]) = if automatic == "SAME_UPPER" { (small, large) } else { (large, small) };
            }
        }
        other => return Err(malformed(format!("attribute `auto_pad` of operator `{}` is `{other}`", node.op)).into()),
    }
    let pair = |values: &[usize], absent: usize| if let [h, w] = *values { [h, w] } else { [absent, values[0]] };
    let ([top, left], [bottom, right]) = (pair(&before, 0), pair(&after, 0));
    Ok(Spatial {
        kernel: pair(kernel, 1),
        stride: pair(&stride, 1),
        dilation: pair(&dilation, 1),
        pads: [top, left, bottom, right],
        automatic: automatic != "NOTSET",
        same: automatic.starts_with("SAME"),
    })
}

/// `Conv`.
pub(super) fn conv(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(3, 1)?;
    let node = call.node;
    let (weight, bias) = (call.constant(1)?.clone(), call.optional_constant(2)?.cloned());
    let (image, rank) = as_image(cx, call, call.activation(0)?)?;
    let misfit = || {
        malformed("the weight of operator `Conv` does not fit its input").note(format!("`{}` has the shape {:?}", weight.name, weight.dims))
    };
    let [out, per_group, kernel @ ..] = &weight.dims[..] else { return Err(misfit().into()) };
    if kernel.len() != rank - 2 || kernel.contains(&0) {
        return Err(misfit().into());
    }
    if let Some(stated) = node.ints("kernel_shape")?
        && sizes(call, "`kernel_shape`", stated, 1)? != kernel
    {
        return Err(misfit().note(format!("`kernel_shape` says {stated:?}")).into());
    }
    let Spatial { kernel, stride, dilation, pads, .. } = spatial(cx, call, image, rank, kernel)?;
    let groups = sizes(call, "`group`", &[node.int("group", 1)?], 1)?[0];
    let dims = vec![*out, *per_group, kernel[0], kernel[1]];
    let weight = cx.param(&weight, "", |t| Ok(t.reshaped(dims)))?;
    let bias = bias.map(|b| cx.param(&b, "", Ok)).transpose()?;
    let op = Operator::Conv2d { weight, bias, geometry: Conv2d { stride, dilation, pads, groups } };
    let id = cx.add(node, op, &[image])?;
    Ok(vec![Value::Node(from_image(cx, node, id, rank)?)])
}
