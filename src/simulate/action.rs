//! What an operator without state does to candle tensors whose first axis is a batch of any size.

use super::kernel::{self, Clamp, ClipFloorShift, Convolution, Kernel, Linear, Pool};
use crate::error::{Error, Result};
use candle_core::{D, Device, Tensor};
use snnc_ir::{Graph, NodeId, Operator, ParamId, TensorType, Window};
use snnc_kernels::{Conv2d, Pool2d};
use std::sync::Arc;

/// One operator, ready to run.
pub enum Action {
    /// Convolution, linear layer, pool, rectifier.
    Kernel(Arc<dyn Kernel>),
    /// Times a constant.
    Scale(Tensor),
    /// Plus a constant.
    Shift(Tensor),
    /// Sum of the operands.
    Add,
    /// Mean over axes, which stay.
    Mean(Vec<usize>),
    /// Joined along an axis.
    Concat(usize),
    /// Zeros around.
    Pad(Vec<(usize, usize)>),
    /// Every so-and-so-many-th entry.
    Slice(Vec<(usize, isize, usize)>),
    /// Another shape, without the batch.
    Reshape(Vec<usize>),
    /// Other axes.
    Transpose(Vec<usize>),
    /// x, or a slope times x where negative.
    Leaky(Tensor),
    /// Softmax along an axis, or its logarithm.
    Softmax(usize, bool),
    /// The logistic function.
    Sigmoid,
}

fn constant(graph: &Graph, id: ParamId, device: &Device) -> Result<Tensor> {
    let tensor = &graph.param(id).tensor;
    Ok(Tensor::from_slice(&tensor.data, tensor.dims.clone(), device)?)
}

fn values(graph: &Graph, id: ParamId) -> Vec<f32> {
    graph.param(id).tensor.data.clone()
}

/// The geometry of a convolution with a weight of shape `dims`.
#[must_use]
pub fn convolution_geometry(geometry: &snnc_ir::Conv2d, dims: &[usize]) -> Conv2d {
    Conv2d {
        in_channels: dims[1] * geometry.groups,
        out_channels: dims[0],
        kernel: [dims[2], dims[3]],
        stride: geometry.stride,
        dilation: geometry.dilation,
        pads: geometry.pads,
        groups: geometry.groups,
    }
}

/// The geometry of a pool over an operand of the given type.
#[must_use]
pub fn pool_geometry(window: &Window, count_include_pad: bool, operand: &TensorType) -> Pool2d {
    let output = window.output_size([operand.dims[2], operand.dims[3]]).expect("the graph was verified");
    Pool2d { kernel: window.kernel, stride: window.stride, pads: window.pads, count_include_pad, output }
}

impl Action {
    /// The action of `node`; `relu` fuses a rectifier behind a convolution or linear layer.
    ///
    /// # Errors
    /// [`Error::Internal`] for an operator that has state, which only the simulators know, and for one that passes bring into another form
    /// before a network is run.
    pub fn of(graph: &Graph, node: NodeId, relu: bool, device: &Device) -> Result<Self> {
        let operand = |slot: usize| &graph[graph.operands(node)[slot]].ty;
        Ok(match &graph[node].op {
            Operator::Conv2d { weight, bias, geometry } => {
                let dims = &graph.param(*weight).tensor.dims;
                Self::Kernel(Arc::new(Convolution {
                    conv: convolution_geometry(geometry, dims),
                    weight: values(graph, *weight),
                    bias: bias.map(|b| values(graph, b)),
                    relu,
                }))
            }
            Operator::Linear { weight, bias } => {
                let dims = &graph.param(*weight).tensor.dims;
                let (outputs, inputs) = (dims[0], dims[1]);
                Self::Kernel(Arc::new(Linear {
                    inputs,
                    outputs,
                    weight: values(graph, *weight),
                    bias: bias.map(|b| values(graph, b)),
                    relu,
                }))
            }
            Operator::MaxPool2d { window } | Operator::CountMaxPool2d { window } => {
                Self::Kernel(Arc::new(Pool { pool: pool_geometry(window, false, operand(0)), max: true }))
            }
            Operator::AveragePool2d { window, count_include_pad } => {
                Self::Kernel(Arc::new(Pool { pool: pool_geometry(window, *count_include_pad, operand(0)), max: false }))
            }
            Operator::Scale { factor } => Self::Scale(constant(graph, *factor, device)?),
            Operator::Shift { offset } => Self::Shift(constant(graph, *offset, device)?),
            Operator::Add => Self::Add,
            Operator::Mean { axes } => Self::Mean(axes.clone()),
            Operator::Concat { axis } => Self::Concat(*axis),
            Operator::Pad { pads, value: 0.0 } => Self::Pad(pads.clone()),
            Operator::Slice { ranges } => Self::Slice(ranges.clone()),
            Operator::Reshape { dims } => Self::Reshape(dims[1..].to_vec()),
            Operator::Transpose { permutation } => Self::Transpose(permutation.clone()),
            Operator::Relu => Self::relu(),
            Operator::Clip { min, max } => Self::Kernel(Arc::new(Clamp { low: *min, high: *max })),
            Operator::ClipFloorShift { max, levels } => Self::Kernel(Arc::new(ClipFloorShift { max: *max, levels: *levels })),
            Operator::LeakyRelu { slope } => Self::Leaky(Tensor::new(*slope, device)?),
            Operator::PRelu { slope } => Self::Leaky(constant(graph, *slope, device)?),
            Operator::Softmax { axis } => Self::Softmax(*axis, false),
            Operator::LogSoftmax { axis } => Self::Softmax(*axis, true),
            Operator::Sigmoid => Self::Sigmoid,
            Operator::BatchNorm { scale, shift, mean, variance, epsilon } => {
                let [gamma, beta, mean, variance] = [scale, shift, mean, variance].map(|p| values(graph, *p));
                let channels = gamma.len();
                let spatial = operand(0).plane();
                Self::Kernel(Arc::new(Normalisation {
                    factor: (0..channels).map(|c| gamma[c] / (variance[c] + epsilon).sqrt()).collect(),
                    offset: (0..channels).map(|c| beta[c] - mean[c] * gamma[c] / (variance[c] + epsilon).sqrt()).collect(),
                    spatial,
                }))
            }
            // Passes bring these into other forms first.
            Operator::Pad { .. } | Operator::Input | Operator::Floor | Operator::Round | Operator::Neuron { .. } => {
                return Err(Error::Internal(format!("`{}` is no action", graph[node].op.name())));
            }
        })
    }

    /// The rectifier.
    #[must_use]
    pub fn relu() -> Self {
        Self::Kernel(Arc::new(Clamp { low: 0.0, high: f32::INFINITY }))
    }

    /// Applies the action.
    ///
    /// # Errors
    /// Only on a bug: shapes were verified.
    pub fn apply(&self, operands: &[&Tensor]) -> candle_core::Result<Tensor> {
        let x = operands[0];
        match self {
            Self::Kernel(kernel) => kernel::apply(kernel, x),
            Self::Scale(factor) => x.broadcast_mul(factor),
            Self::Shift(offset) => x.broadcast_add(offset),
            Self::Add => operands[1..].iter().try_fold(x.clone(), |sum, term| sum + *term),
            Self::Mean(axes) => x.mean_keepdim(axes.as_slice()),
            Self::Concat(axis) => Tensor::cat(operands, *axis),
            Self::Pad(pads) => pads
                .iter()
                .enumerate()
                .filter(|(_, p)| **p != (0, 0))
                .try_fold(x.clone(), |t, (axis, &(before, after))| t.pad_with_zeros(axis, before, after)),
            Self::Slice(ranges) => ranges.iter().enumerate().skip(1).try_fold(x.clone(), |t, (axis, &range)| slice(&t, axis, range)),
            Self::Reshape(dims) => {
                let shape: Vec<usize> = std::iter::once(x.dim(0)?).chain(dims.iter().copied()).collect();
                x.contiguous()?.reshape(shape)
            }
            Self::Transpose(permutation) => x.permute(permutation.as_slice())?.contiguous(),
            Self::Leaky(slope) => x.relu()? - x.neg()?.relu()?.broadcast_mul(slope)?,
            Self::Softmax(axis, log) => {
                let shifted = x.broadcast_sub(&x.max_keepdim(*axis)?.detach())?;
                let sum = shifted.exp()?.sum_keepdim(*axis)?;
                if *log { shifted.broadcast_sub(&sum.log()?) } else { shifted.exp()?.broadcast_div(&sum) }
            }
            // Of a large negative number the exponential is infinite, and its inverse is the 0 that it should be.
            Self::Sigmoid => (x.neg()?.exp()? + 1.0)?.recip(),
        }
    }
}

fn slice(x: &Tensor, axis: usize, (start, step, len): (usize, isize, usize)) -> candle_core::Result<Tensor> {
    if step == 1 {
        return if start == 0 && len == x.dim(axis)? { Ok(x.clone()) } else { x.narrow(axis, start, len)?.contiguous() };
    }
    let index: Vec<u32> = (0..len as isize).map(|k| (start as isize + k * step) as u32).collect();
    x.index_select(&Tensor::new(index, x.device())?, axis)
}

/// The output's head applied to logits `[N, classes..]`.
///
/// # Errors
/// Only on a bug.
pub fn apply_head(head: snnc_ir::Head, logits: &Tensor) -> candle_core::Result<Tensor> {
    let flat = logits.flatten_from(1)?;
    match head {
        snnc_ir::Head::None => Ok(flat),
        snnc_ir::Head::Relu => flat.relu(),
        snnc_ir::Head::Softmax => Action::Softmax(1, false).apply(&[&flat]),
        snnc_ir::Head::LogSoftmax => Action::Softmax(1, true).apply(&[&flat]),
        snnc_ir::Head::Sigmoid => Action::Sigmoid.apply(&[&flat]),
    }
}

/// Log-softmax over the last axis.
///
/// # Errors
/// Only on a bug.
pub fn log_softmax(logits: &Tensor) -> candle_core::Result<Tensor> {
    let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

/// `x · factor + offset` per channel: batch norm as inference sees it.
struct Normalisation {
    factor: Vec<f32>,
    offset: Vec<f32>,
    spatial: usize,
}

impl Kernel for Normalisation {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn result_dims(&self, dims: &[usize]) -> Vec<usize> {
        dims.to_vec()
    }

    fn forward(&self, x: &[f32], _: &[usize], y: &mut [f32]) {
        for (plane, (x, y)) in x.chunks(self.spatial).zip(y.chunks_mut(self.spatial)).enumerate() {
            let channel = plane % self.factor.len();
            x.iter().zip(y).for_each(|(x, y)| *y = x * self.factor[channel] + self.offset[channel]);
        }
    }

    fn input_gradient(&self, _: &[f32], _: &[f32], dy: &[f32], _: &[usize], dx: &mut [f32]) {
        for (plane, (dy, dx)) in dy.chunks(self.spatial).zip(dx.chunks_mut(self.spatial)).enumerate() {
            let factor = self.factor[plane % self.factor.len()];
            dy.iter().zip(dx).for_each(|(d, x)| *x = d * factor);
        }
    }
}
