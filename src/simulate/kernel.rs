//! CPU kernels as candle operators, and their input gradients for [`gradient`](super::gradient).
//!
//! Parameters are captured by the operator: synthesis differentiates with respect to images only, and a gradient that nobody
//! asked for is the dearest one (a weight gradient costs as much as the forward pass).

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Storage, Tensor};
use snnc_kernels::{Conv2d, Pool2d, linear_forward, linear_input_gradient};
use std::{borrow::Cow, sync::Arc};

/// A map between float tensors with a known input gradient. `dims` is the operand's shape, batch first.
pub trait Kernel: Send + Sync {
    /// For messages.
    fn name(&self) -> &'static str;
    /// Shape of the result.
    fn result_dims(&self, dims: &[usize]) -> Vec<usize>;
    /// Computes the result.
    fn forward(&self, x: &[f32], dims: &[usize], y: &mut [f32]);
    /// The gradient of the operand, from operand, result and the result's gradient.
    fn input_gradient(&self, x: &[f32], y: &[f32], dy: &[f32], dims: &[usize], dx: &mut [f32]);
}

/// Applies a kernel to a tensor of the candle graph.
///
/// # Errors
/// If the tensor is not made of 32-bit floats on the CPU.
pub fn apply(kernel: &Arc<dyn Kernel>, x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Operator(Arc::clone(kernel)))
}

struct Operator(Arc<dyn Kernel>);

impl CustomOp1 for Operator {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = slice_of(storage, layout)?;
        let result = self.0.result_dims(layout.dims());
        let mut y = vec![0.0; result.iter().product()];
        self.0.forward(x, layout.dims(), &mut y);
        Ok((CpuStorage::F32(y), result.into()))
    }
}

fn slice_of<'s>(storage: &'s CpuStorage, layout: &Layout) -> Result<&'s [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => candle_core::bail!("the operand of a kernel is contiguous"),
    }
}

/// Lends the values of a contiguous CPU tensor.
///
/// # Errors
/// If the tensor is elsewhere, strided, or not of 32-bit floats.
pub fn with_slice<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(cpu) => Ok(f(slice_of(cpu, layout)?)),
        _ => candle_core::bail!("kernels run on the CPU"),
    }
}

/// Gradient behind a kernel to that of the kernel: where a rectifier is fused, only what fell on a positive result passes.
fn before_relu<'a>(relu: bool, y: &[f32], dy: &'a [f32]) -> Cow<'a, [f32]> {
    if !relu {
        return Cow::Borrowed(dy);
    }
    y.iter().zip(dy).map(|(&y, &d)| if y > 0.0 { d } else { 0.0 }).collect()
}

/// Convolution with bias and, fused, a rectifier.
pub struct Convolution {
    /// Geometry.
    pub conv: Conv2d,
    /// `[C_out, C_in / groups, kh, kw]`.
    pub weight: Vec<f32>,
    /// `[C_out]`.
    pub bias: Option<Vec<f32>>,
    /// Whether negative results become 0.
    pub relu: bool,
}

impl Kernel for Convolution {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn result_dims(&self, dims: &[usize]) -> Vec<usize> {
        let [h, w] = self.conv.output_size([dims[2], dims[3]]).expect("the graph was verified");
        vec![dims[0], self.conv.out_channels, h, w]
    }

    fn forward(&self, x: &[f32], dims: &[usize], y: &mut [f32]) {
        self.conv.forward(x, dims[0], [dims[2], dims[3]], &self.weight, self.bias.as_deref(), self.relu, y);
    }

    fn input_gradient(&self, _: &[f32], y: &[f32], dy: &[f32], dims: &[usize], dx: &mut [f32]) {
        let dy = &before_relu(self.relu, y, dy);
        self.conv.input_gradient(dy, dims[0], [dims[2], dims[3]], &self.weight, dx);
    }
}

/// Linear layer with bias and, fused, a rectifier.
pub struct Linear {
    /// Features in.
    pub inputs: usize,
    /// Features out.
    pub outputs: usize,
    /// `[outputs, inputs]`.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub bias: Option<Vec<f32>>,
    /// Whether negative results become 0.
    pub relu: bool,
}

impl Kernel for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn result_dims(&self, dims: &[usize]) -> Vec<usize> {
        vec![dims[0], self.outputs]
    }

    fn forward(&self, x: &[f32], dims: &[usize], y: &mut [f32]) {
        linear_forward(x, [dims[0], self.inputs, self.outputs], &self.weight, self.bias.as_deref(), self.relu, y);
    }

    fn input_gradient(&self, _: &[f32], y: &[f32], dy: &[f32], dims: &[usize], dx: &mut [f32]) {
        let dy = &before_relu(self.relu, y, dy);
        linear_input_gradient(dy, [dims[0], self.inputs, self.outputs], &self.weight, dx);
    }
}

/// Max or average pool.
pub struct Pool {
    /// Geometry; its `output` fits one operand size, which the graph fixes.
    pub pool: Pool2d,
    /// Maximum instead of mean.
    pub max: bool,
}

impl Kernel for Pool {
    fn name(&self) -> &'static str {
        if self.max { "max_pool2d" } else { "average_pool2d" }
    }

    fn result_dims(&self, dims: &[usize]) -> Vec<usize> {
        vec![dims[0], dims[1], self.pool.output[0], self.pool.output[1]]
    }

    fn forward(&self, x: &[f32], dims: &[usize], y: &mut [f32]) {
        let (planes, size) = (dims[0] * dims[1], [dims[2], dims[3]]);
        if self.max {
            self.pool.max_forward(x, planes, size, y);
        } else {
            self.pool.average_forward(x, planes, size, y);
        }
    }

    fn input_gradient(&self, x: &[f32], _: &[f32], dy: &[f32], dims: &[usize], dx: &mut [f32]) {
        let (planes, size) = (dims[0] * dims[1], [dims[2], dims[3]]);
        if self.max {
            self.pool.max_input_gradient(x, dy, planes, size, dx);
        } else {
            self.pool.average_input_gradient(dy, planes, size, dx);
        }
    }
}

/// A rectifier in steps: `max/L · min(max(⌊x · L/max + 1/2⌋, 0), L)`. Its gradient goes straight through the steps, as in the training
/// of such networks (Bu et al., ICLR 2022).
pub struct ClipFloorShift {
    /// The largest value.
    pub max: f32,
    /// L.
    pub levels: u32,
}

impl Kernel for ClipFloorShift {
    fn name(&self) -> &'static str {
        "clip_floor_shift"
    }

    fn result_dims(&self, dims: &[usize]) -> Vec<usize> {
        dims.to_vec()
    }

    fn forward(&self, x: &[f32], _: &[usize], y: &mut [f32]) {
        let (levels, step) = (self.levels as f32, self.max / self.levels as f32);
        x.iter().zip(y).for_each(|(&x, y)| *y = step * (x / step + 0.5).floor().clamp(0.0, levels));
    }

    fn input_gradient(&self, x: &[f32], y: &[f32], dy: &[f32], dims: &[usize], dx: &mut [f32]) {
        Clamp { low: 0.0, high: self.max }.input_gradient(x, y, dy, dims, dx);
    }
}

/// `min(max(x, low), high)`, which with 0 and infinity is the rectifier.
pub struct Clamp {
    /// Lower bound.
    pub low: f32,
    /// Upper bound.
    pub high: f32,
}

impl Kernel for Clamp {
    fn name(&self) -> &'static str {
        "clip"
    }

    fn result_dims(&self, dims: &[usize]) -> Vec<usize> {
        dims.to_vec()
    }

    fn forward(&self, x: &[f32], _: &[usize], y: &mut [f32]) {
        x.iter().zip(y).for_each(|(&x, y)| *y = x.max(self.low).min(self.high));
    }

    fn input_gradient(&self, x: &[f32], _: &[f32], dy: &[f32], _: &[usize], dx: &mut [f32]) {
        let inside = |x: f32| x > self.low && x < self.high;
        x.iter().zip(dy).zip(dx).for_each(|((&x, &d), dx)| *dx = if inside(x) { d } else { 0.0 });
    }
}
