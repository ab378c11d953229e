//! The type of an operator's result, from the types of its operands and parameters.
//!
//! This is also the specification of which operands and parameters fit: the verifier compares every node with it.

use crate::{
    graph::Graph,
    op::{MAX_DIGITS, Operator, Window},
    param::{ParamId, Tensor},
    types::{Dims, Element, TensorType, broadcasts},
};

/// Why operands or parameters do not fit an operator, in words for a user who knows the tensors' shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeError(pub String);

impl std::fmt::Display for TypeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TypeError {}

fn fail<T>(message: impl Into<String>) -> Result<T, TypeError> {
    Err(TypeError(message.into()))
}

/// Type of the result of `op` over operands of the given types.
///
/// # Errors
/// If they do not fit, or the result has more entries than a `usize` counts.
pub fn result_type(graph: &Graph, op: &Operator, operands: &[&TensorType]) -> Result<TensorType, TypeError> {
    let ty = unbounded_type(graph, op, operands)?;
    match ty.dims.iter().try_fold(1_usize, |len, &dim| len.checked_mul(dim)) {
        Some(_) => Ok(ty),
        None => fail(format!("the result {ty} is too large")),
    }
}

fn unbounded_type(graph: &Graph, op: &Operator, operands: &[&TensorType]) -> Result<TensorType, TypeError> {
    check_count(op, operands.len())?;
    for ty in operands {
        if ty.dims.first() != Some(&1) {
            return fail(format!("operand {ty} does not start with a batch of 1"));
        }
    }
    let tensor = |id: ParamId| match graph.get_param(id) {
        Some(p) => Ok(&p.tensor),
        None => fail("a parameter is missing from the table"),
    };
    match op {
        Operator::Input => fail("the input has no operands to infer a type from"),
        Operator::Conv2d { weight, bias, geometry } => {
            let [_, channels, height, width] = image(operands[0])?;
            let w = tensor(*weight)?;
            let [out, per_group, kh, kw] = w.dims[..] else {
                return fail(format!("a 2-D convolution wants a weight of 4 dimensions, not {}", Dims(&w.dims)));
            };
            let groups = geometry.groups;
            if groups == 0 || out % groups != 0 || per_group.checked_mul(groups) != Some(channels) || out == 0 {
                return fail(format!("weight {} in {groups} groups does not fit {channels} channels", Dims(&w.dims)));
            }
            check_bias(bias.map(tensor).transpose()?, out)?;
            let size = geometry.output_size([height, width], [kh, kw]);
            let Some([h, w]) = size.filter(|_| kh > 0 && kw > 0 && geometry.stride.iter().chain(&geometry.dilation).all(|&s| s > 0)) else {
                return fail(format!("a {kh}x{kw} kernel does not fit {}", operands[0]));
            };
            Ok(TensorType::f32([1, out, h, w]))
        }
        Operator::Linear { weight, bias } => {
            let w = tensor(*weight)?;
            let ([_, features], [out, inputs]) = (&operands[0].dims[..], &w.dims[..]) else {
                return fail(format!("a linear layer wants a vector and a matrix, not {} and {}", operands[0], Dims(&w.dims)));
            };
            if inputs != features {
                return fail(format!("weight {} does not fit {features} features", Dims(&w.dims)));
            }
            check_bias(bias.map(tensor).transpose()?, *out)?;
            Ok(TensorType::f32([1, *out]))
        }
        Operator::Scale { factor: p } | Operator::Shift { offset: p } | Operator::PRelu { slope: p } => {
            check_broadcast(tensor(*p)?, operands[0])?;
            Ok(TensorType::f32(operands[0].dims.clone()))
        }
        Operator::BatchNorm { scale, shift, mean, variance, .. } => {
            for p in [scale, shift, mean, variance] {
                let dims = &tensor(*p)?.dims;
                if dims[..] != [operands[0].channels()] || operands[0].dims.len() < 2 {
                    return fail(format!("normalisation parameter of shape [{}] does not fit the channels of {}", Dims(dims), operands[0]));
                }
            }
            Ok(TensorType::f32(operands[0].dims.clone()))
        }
        Operator::Add => {
            if let Some(other) = operands.iter().find(|ty| ty.dims != operands[0].dims) {
                return fail(format!("{} and {other} have different shapes", operands[0]));
            }
            Ok(TensorType::f32(operands[0].dims.clone()))
        }
        Operator::AveragePool2d { window, .. } => pooled(operands[0], window, Element::F32),
        Operator::MaxPool2d { window } => pooled(operands[0], window, Element::F32),
        Operator::CountMaxPool2d { window } | Operator::DigitMaxPool2d { window } => pooled(operands[0], window, operands[0].element),
        Operator::SumPool2d { window } => pooled(operands[0], window, Element::F32),
        Operator::Mean { axes } | Operator::Sum { axes } => {
            let mut dims = operands[0].dims.clone();
            if !axes.is_sorted_by(|a, b| a < b) {
                return fail(format!("the axes {axes:?} of a mean or sum are not sorted, each once"));
            }
            for &axis in axes {
                check_axis(axis, operands[0])?;
                dims[axis] = 1;
            }
            Ok(TensorType::f32(dims))
        }
        Operator::Softmax { axis } | Operator::LogSoftmax { axis } => {
            check_axis(*axis, operands[0])?;
            Ok(TensorType::f32(operands[0].dims.clone()))
        }
        Operator::Concat { axis } => {
            check_axis(*axis, operands[0])?;
            let mut dims = operands[0].dims.clone();
            dims[*axis] = 0;
            for ty in operands {
                let fits = ty.dims.len() == dims.len() && ty.dims.iter().zip(&dims).enumerate().all(|(i, (a, b))| i == *axis || a == b);
                if !fits {
                    return fail(format!("{} and {ty} cannot be joined along axis {axis}", operands[0]));
                }
                let Some(sum) = dims[*axis].checked_add(ty.dims[*axis]) else {
                    return fail(format!("the operands are too large to be joined along axis {axis}"));
                };
                dims[*axis] = sum;
            }
            let element = if operands.iter().all(|ty| ty.element == Element::Spike) { Element::Spike } else { Element::F32 };
            Ok(TensorType { element, dims })
        }
        Operator::Pad { pads, value } => {
            if pads.len() != operands[0].dims.len() || pads[0] != (0, 0) {
                return fail(format!("padding must name every axis of {} and leave the batch alone", operands[0]));
            }
            let sums = operands[0].dims.iter().zip(pads).map(|(d, (before, after))| d.checked_add(*before)?.checked_add(*after));
            let Some(dims) = sums.collect::<Option<Vec<usize>>>() else {
                return fail(format!("{} cannot be padded by that much", operands[0]));
            };
            let element = if *value == 0.0 { operands[0].element } else { Element::F32 };
            Ok(TensorType { element, dims })
        }
        Operator::Slice { ranges } => {
            if ranges.len() != operands[0].dims.len() || ranges[0] != (0, 1, 1) {
                return fail(format!("a slice must name every axis of {} and leave the batch alone", operands[0]));
            }
            for (&(start, step, len), &dim) in ranges.iter().zip(&operands[0].dims) {
                let last = (len > 0).then(|| start as i128 + step as i128 * (len as i128 - 1));
                if step == 0 || last.is_none_or(|last| start >= dim || last < 0 || last >= dim as i128) {
                    return fail(format!("slice {start}:{step}:{len} leaves an axis of size {dim} of {}", operands[0]));
                }
            }
            Ok(TensorType { element: operands[0].element, dims: ranges.iter().map(|r| r.2).collect() })
        }
        Operator::Reshape { dims } => {
            if dims.first() != Some(&1) || TensorType::f32(dims.clone()).len() != operands[0].len() {
                return fail(format!("{} cannot be given the shape {}", operands[0], Dims(dims)));
            }
            Ok(TensorType { element: operands[0].element, dims: dims.clone() })
        }
        Operator::Transpose { permutation } => {
            let mut sorted = permutation.clone();
            sorted.sort_unstable();
            if permutation.first() != Some(&0) || sorted != (0..operands[0].dims.len()).collect::<Vec<_>>() {
                return fail(format!("{permutation:?} does not permute the axes of {} behind the batch", operands[0]));
            }
            let dims: Vec<usize> = permutation.iter().map(|&axis| operands[0].dims[axis]).collect();
            Ok(TensorType { element: operands[0].element, dims })
        }
        Operator::Relu | Operator::Clip { .. } | Operator::Floor | Operator::Round | Operator::LeakyRelu { .. } | Operator::Sigmoid => {
            Ok(TensorType::f32(operands[0].dims.clone()))
        }
        Operator::ClipFloorShift { max, levels } => {
            if !(max.is_finite() && *max > 0.0 && *levels > 0) {
                return fail(format!("{levels} levels from 0 to {max} are no rectifier"));
            }
            Ok(TensorType::f32(operands[0].dims.clone()))
        }
        Operator::RadixNeuron { threshold, initial, digits, levels, .. } => {
            if !(1..=MAX_DIGITS).contains(digits) || *levels == 0 || *levels >= 1 << digits {
                return fail(format!("{levels} levels in {digits} digits are no count"));
            }
            for p in [threshold, initial] {
                check_broadcast(tensor(*p)?, operands[0])?;
            }
            Ok(TensorType::spike(operands[0].dims.clone()))
        }
        Operator::Neuron { threshold, initial, leak, cap, levels, .. } => {
            if levels.is_some_and(|levels| levels == 0 || cap.is_none_or(|cap| !(cap.is_finite() && cap > 0.0))) {
                return fail("a neuron with levels wants at least one, and a cap");
            }
            for p in [Some(threshold), Some(initial), leak.as_ref()].into_iter().flatten() {
                check_broadcast(tensor(*p)?, operands[0])?;
            }
            Ok(TensorType::spike(operands[0].dims.clone()))
        }
    }
}

fn check_count(op: &Operator, count: usize) -> Result<(), TypeError> {
    let (fits, wanted) = match op {
        Operator::Input => (count == 0, "no operand"),
        Operator::Add => (count >= 2, "two or more operands"),
        Operator::Concat { .. } => (count >= 1, "one or more operands"),
        _ => (count == 1, "one operand"),
    };
    if fits { Ok(()) } else { fail(format!("`{}` wants {wanted}, not {count}", op.name())) }
}

fn check_axis(axis: usize, ty: &TensorType) -> Result<(), TypeError> {
    if axis == 0 || axis >= ty.dims.len() { fail(format!("axis {axis} is the batch of {ty} or outside it")) } else { Ok(()) }
}

fn check_bias(bias: Option<&Tensor>, out: usize) -> Result<(), TypeError> {
    match bias {
        Some(b) if b.dims != [out] => fail(format!("bias of shape [{}] does not fit {out} outputs", Dims(&b.dims))),
        _ => Ok(()),
    }
}

fn check_broadcast(param: &Tensor, operand: &TensorType) -> Result<(), TypeError> {
    if broadcasts(&param.dims, &operand.dims) {
        Ok(())
    } else {
        fail(format!("a parameter of shape [{}] does not broadcast over {operand}", Dims(&param.dims)))
    }
}

fn image(ty: &TensorType) -> Result<[usize; 4], TypeError> {
    match ty.dims[..] {
        [n, c, h, w] => Ok([n, c, h, w]),
        _ => fail(format!("{ty} is no image: batch, channels, height, width")),
    }
}

fn pooled(operand: &TensorType, window: &Window, element: Element) -> Result<TensorType, TypeError> {
    let [_, channels, height, width] = image(operand)?;
    let pads_fit = (0..4).all(|i| window.pads[i] < window.kernel[i % 2]);
    match window.output_size([height, width]).filter(|_| pads_fit && window.kernel.iter().all(|&k| k > 0)) {
        Some([h, w]) if h > 0 && w > 0 => Ok(TensorType { element, dims: vec![1, channels, h, w] }),
        _ => fail(format!("a {}x{} window does not fit {operand}", window.kernel[0], window.kernel[1])),
    }
}
