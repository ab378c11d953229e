//! Pooling over space.

use super::conv::{Spatial, as_image, from_image, spatial};
use crate::import::{
    arguments::sizes,
    cx::{Call, Cx, Value},
    problem::{Outcome, malformed, unsupported_use},
};
use snnc_ir::{Conv2d, NodeId, Operator, Tensor, Window};

/// A dilated pooling falls into as many plain ones.
const MAX_PHASES: usize = 64;

fn kernel(call: &Call<'_>) -> Outcome<Vec<usize>> {
    match call.node.ints("kernel_shape")? {
        Some(values) => sizes(call, "`kernel_shape`", values, 1),
        None => Err(malformed(format!("operator `{}` has no `kernel_shape`", call.node.op)).into()),
    }
}

fn pooling(cx: &Cx, call: &Call<'_>, image: NodeId, rank: usize, kernel: &[usize]) -> Outcome<Spatial> {
    let s = spatial(cx, call, image, rank, kernel)?;
    if s.same && s.dilation != [1, 1] {
        return Err(unsupported_use(format!("operator `{}` with dilation and `auto_pad`", call.node.op))
            .note("ONNX and its runtimes disagree on how much is padded")
            .help("write the padding into `pads`")
            .into());
    }
    Ok(s)
}

fn window(s: &Spatial, ceil: bool) -> Window {
    Window { kernel: s.kernel, stride: s.stride, pads: s.pads, ceil: ceil && !s.automatic }
}

/// `MaxPool`.
pub(super) fn max_pool(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let node = call.node;
    node.ignore(&["storage_order"]);
    if node.outputs.iter().skip(1).any(|o| !o.is_empty()) {
        return Err(unsupported_use("operator `MaxPool` with its second output")
            .note("the places of the maxima are not known to a spiking network")
            .help("unpooling cannot be converted: export a classifier without it")
            .into());
    }
    call.check_counts(1, 1)?;
    let kernel = kernel(call)?;
    let ceil = node.int("ceil_mode", 0)? != 0;
    let (image, rank) = as_image(cx, call, call.activation(0)?)?;
    let s = pooling(cx, call, image, rank, &kernel)?;
    let id = if s.dilation == [1, 1] {
        cx.add(node, Operator::MaxPool2d { window: window(&s, ceil) }, &[image])?
    } else {
        dilated_max_pool(cx, call, image, &s, ceil && !s.automatic)?
    };
    Ok(vec![Value::Node(from_image(cx, node, id, rank)?)])
}

/// A maximum over a window is the maximum along one axis of maxima along the other, so each axis is pooled by itself.
fn dilated_max_pool(cx: &mut Cx, call: &Call<'_>, image: NodeId, s: &Spatial, ceil: bool) -> Outcome<NodeId> {
    let mut id = image;
    for axis in 0..2 {
        let (kernel, stride, before, after) = (s.kernel[axis], s.stride[axis], s.pads[axis], s.pads[axis + 2]);
        if (kernel, stride, before, after) == (1, 1, 0, 0) {
            continue;
        }
        let extent = s.dilation[axis] * (kernel - 1) + 1;
        // The undilated window of the same extent has as many places.
        let mut place = Window { kernel: [1, 1], stride: [1, 1], pads: [0; 4], ceil };
        (place.kernel[axis], place.stride[axis], place.pads[axis], place.pads[axis + 2]) = (extent, stride, before, after);
        let [_, _, height, width] = *cx.dims(id) else { return Err(malformed("an image has four dimensions").into()) };
        let misfit = || malformed("the window of operator `MaxPool` does not fit its input");
        let size = place.output_size([height, width]).filter(|s| s[axis] > 0).ok_or_else(misfit)?[axis];
        if before >= extent || after >= extent {
            return Err(misfit().into());
        }
        id = dilated_axis(cx, call, id, axis, size, [kernel, stride, s.dilation[axis], before])?;
    }
    Ok(id)
}

/// Pools one axis to `size` entries. Windows whose places differ by a multiple of the dilation see the same entries: those
/// of one phase. Every phase is pooled without dilation, and the results are interleaved.
fn dilated_axis(
    cx: &mut Cx,
    call: &Call<'_>,
    image: NodeId,
    axis: usize,
    size: usize,
    [kernel, stride, dilation, before]: [usize; 4],
) -> Outcome<NodeId> {
    let node = call.node;
    let whole = 2 + axis;
    let length = cx.dims(image)[whole];
    let phases = dilation / gcd(dilation, stride);
    let step = stride / gcd(dilation, stride);
    if phases > MAX_PHASES {
        return Err(unsupported_use(format!("operator `MaxPool` with a dilation of {dilation}")).into());
    }
    let mut parts = Vec::new();
    for phase in 0..phases.min(size) {
        let count = (size - phase).div_ceil(phases);
        let start = (phase * stride) as i64 - before as i64;
        // Position `entry` of the entries that lie at `offset` modulo the dilation.
        let (offset, entry) = (start.rem_euclid(dilation as i64) as usize, start.div_euclid(dilation as i64));
        if offset >= length {
            return Err(unsupported_use("operator `MaxPool` with a window that sees nothing but padding").into());
        }
        let available = (length - offset).div_ceil(dilation) as i64;
        let last = entry + ((count - 1) * step + kernel) as i64;
        let mut ranges: Vec<(usize, isize, usize)> = cx.dims(image).iter().map(|&d| (0, 1, d)).collect();
        let first = entry.max(0);
        let end = last.min(available);
        if end <= first {
            return Err(unsupported_use("operator `MaxPool` with a window that sees nothing but padding").into());
        }
        ranges[whole] = (offset + first as usize * dilation, if end - first > 1 { dilation as isize } else { 1 }, (end - first) as usize);
        let whole_axis = ranges[whole] == (0, 1, length);
        let cut = if whole_axis { image } else { cx.add(node, Operator::Slice { ranges }, &[image])? };
        let mut window = Window { kernel: [1, 1], stride: [1, 1], pads: [0; 4], ceil: false };
        (window.kernel[axis], window.stride[axis]) = (kernel, step);
        (window.pads[axis], window.pads[axis + 2]) = ((first - entry) as usize, (last - end) as usize);
        let pooled = cx.add(node, Operator::MaxPool2d { window }, &[cut])?;
        parts.push((pooled, count));
    }
    interleave(cx, call, &parts, whole, size)
}

/// Joins parts entry by entry along an axis: the first of each, then the second of each, ...
fn interleave(cx: &mut Cx, call: &Call<'_>, parts: &[(NodeId, usize)], axis: usize, size: usize) -> Outcome<NodeId> {
    let node = call.node;
    if let [(only, _)] = parts {
        return Ok(*only);
    }
    let longest = parts[0].1;
    let mut split = Vec::new();
    for &(part, count) in parts {
        let mut id = part;
        if count < longest {
            let mut pads = vec![(0, 0); 4];
            pads[axis].1 = longest - count;
            id = cx.add(node, Operator::Pad { pads, value: 0.0 }, &[id])?;
        }
        let mut dims = cx.dims(id).to_vec();
        dims.insert(axis + 1, 1);
        split.push(cx.reshape(node, id, dims)?);
    }
    let joined = cx.add(node, Operator::Concat { axis: axis + 1 }, &split)?;
    let mut dims = cx.dims(joined).to_vec();
    dims.remove(axis + 1);
    dims[axis] = longest * parts.len();
    let flat = cx.reshape(node, joined, dims.clone())?;
    if dims[axis] == size {
        return Ok(flat);
    }
    let mut ranges: Vec<(usize, isize, usize)> = dims.iter().map(|&d| (0, 1, d)).collect();
    ranges[axis].2 = size;
    cx.add(node, Operator::Slice { ranges }, &[flat])
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// `AveragePool`.
pub(super) fn average_pool(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    let node = call.node;
    let kernel = kernel(call)?;
    let ceil = node.int("ceil_mode", 0)? != 0;
    let count_include_pad = node.int("count_include_pad", 0)? != 0;
    let (image, rank) = as_image(cx, call, call.activation(0)?)?;
    let s = pooling(cx, call, image, rank, &kernel)?;
    let id = if s.dilation == [1, 1] {
        cx.add(node, Operator::AveragePool2d { window: window(&s, ceil), count_include_pad }, &[image])?
    } else {
        // A mean over taps that lie apart is a depthwise convolution, where all windows have as many taps.
        if ceil || (s.pads != [0; 4] && !count_include_pad) {
            return Err(unsupported_use("operator `AveragePool` with dilation and windows of different sizes")
                .help("leave out the padding and `ceil_mode`, or count the padding with `count_include_pad`")
                .into());
        }
        let channels = cx.dims(image)[1];
        let dims = vec![channels, 1, s.kernel[0], s.kernel[1]];
        crate::import::cx::check_entries(node, &dims)?;
        let share = 1.0 / (s.kernel[0] * s.kernel[1]) as f32;
        let weight = cx.fixed_param(format!("{}.mean", node.name), Tensor::splat(dims, share));
        let geometry = Conv2d { stride: s.stride, dilation: s.dilation, pads: s.pads, groups: channels };
        cx.add(node, Operator::Conv2d { weight, bias: None, geometry }, &[image])?
    };
    Ok(vec![Value::Node(from_image(cx, node, id, rank)?)])
}

/// `GlobalAveragePool`.
pub(super) fn global_average_pool(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(1, 1)?;
    let operand = call.activation(0)?;
    let axes: Vec<usize> = (2..cx.dims(operand).len()).collect();
    let id = if axes.is_empty() { operand } else { cx.add(call.node, Operator::Mean { axes }, &[operand])? };
    Ok(vec![Value::Node(id)])
}

/// The maximum of every channel of an image.
pub(super) fn full_max_pool(cx: &mut Cx, call: &Call<'_>, image: NodeId) -> Outcome<NodeId> {
    let kernel = [cx.dims(image)[2], cx.dims(image)[3]];
    let window = Window { kernel, stride: [1, 1], pads: [0; 4], ceil: false };
    cx.add(call.node, Operator::MaxPool2d { window }, &[image])
}
