//! Declarations of the operators: no code, so that the diff of this file is the change log of the IR.
//!
//! `x` is the operand, `y` the result, `N` the batch, `C` channels. Parameters are named in the order in which the text
//! form prints them.

use crate::param::ParamId;

/// Most digits of a window: counts are at most `2^16 - 1`.
pub const MAX_DIGITS: u32 = 16;

/// In whole numbers, leaks are multiples of this.
pub const LEAK_UNIT: f32 = 1.0 / 65_536.0;

/// One operator. Every operator makes one tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Operator {
    /// The image, in the layout and units that the model expects. Exactly one a graph.
    Input,

    // ---- affine maps: exact in spikes, since they commute with the mean over time ----
    /// 2-D cross-correlation over `[N, C, H, W]`, plus a bias per output channel.
    Conv2d {
        /// `[C_out, C_in / groups, kernel_h, kernel_w]`.
        weight: ParamId,
        /// `[C_out]`.
        bias: Option<ParamId>,
        /// Strides, padding, dilation, groups.
        geometry: Conv2d,
    },
    /// `y = x Wᵀ + b` over `[N, F_in]`.
    Linear {
        /// `[F_out, F_in]`.
        weight: ParamId,
        /// `[F_out]`.
        bias: Option<ParamId>,
    },
    /// `y = x · factor`, broadcast. On spikes: one synapse per neuron.
    Scale {
        /// Broadcasts over `x`.
        factor: ParamId,
    },
    /// `y = x + offset`, broadcast. In a spiking graph: a constant current.
    Shift {
        /// Broadcasts over `x`.
        offset: ParamId,
    },
    /// Sum of two or more tensors of one shape.
    Add,
    /// Mean over windows of the last two axes.
    AveragePool2d {
        /// Kernel, stride, padding.
        window: Window,
        /// Whether padding counts in the divisor (ONNX `count_include_pad`).
        count_include_pad: bool,
    },
    /// Mean over axes, which stay as 1.
    Mean {
        /// Sorted, never the batch.
        axes: Vec<usize>,
    },
    /// Sum over windows of the last two axes; padding adds nothing.
    SumPool2d {
        /// Kernel, stride, padding.
        window: Window,
    },
    /// Sum over axes, which stay as 1.
    Sum {
        /// Sorted, never the batch.
        axes: Vec<usize>,
    },
    /// Joins tensors along an axis, which is not the batch.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// Surrounds the tensor with a constant.
    Pad {
        /// Entries before and after, per axis; none at the batch.
        pads: Vec<(usize, usize)>,
        /// The constant.
        value: f32,
    },
    /// Takes every `step`-th entry from `start`, `len` of them, per axis.
    Slice {
        /// `(start, step, len)` per axis; the step may be negative; the batch is kept whole.
        ranges: Vec<(usize, isize, usize)>,
    },
    /// Gives the entries another shape, in row-major order.
    Reshape {
        /// The new shape, batch first.
        dims: Vec<usize>,
    },
    /// Permutes the axes; the batch stays first.
    Transpose {
        /// Axis `i` of the result is axis `permutation[i]` of the operand.
        permutation: Vec<usize>,
    },
    /// `y = scale · (x - mean) / √(variance + ε) + shift`, per channel (axis 1).
    BatchNorm {
        /// γ, `[C]`.
        scale: ParamId,
        /// β, `[C]`.
        shift: ParamId,
        /// Running mean, `[C]`.
        mean: ParamId,
        /// Running variance, `[C]`.
        variance: ParamId,
        /// Added to the variance.
        epsilon: f32,
    },

    // ---- non-linear operators of the float network ----
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, min), max)`; the bounds may be infinite.
    Clip {
        /// Lower bound.
        min: f32,
        /// Upper bound.
        max: f32,
    },
    /// `⌊x⌋`, the largest whole number that is not above `x`.
    Floor,
    /// The whole number that is nearest to `x`; of two that are equally near, the even one.
    Round,
    /// `max/L · min(max(⌊x · L/max + 1/2⌋, 0), L)`: a rectifier in L equal steps from 0 to `max`. Networks that are trained for
    /// conversion use it (quantization clip-floor-shift, Bu et al., ICLR 2022): over L time steps it is what a neuron with
    /// threshold `max` and start potential `max/2` makes of a constant current.
    ClipFloorShift {
        /// The largest value, positive.
        max: f32,
        /// L, at least 1.
        levels: u32,
    },
    /// `x` where positive, else `slope · x`.
    LeakyRelu {
        /// Slope of the negative half.
        slope: f32,
    },
    /// As `LeakyRelu` with a slope that broadcasts over `x`.
    PRelu {
        /// Slope of the negative half.
        slope: ParamId,
    },
    /// Maximum over windows of the last two axes; padding never wins.
    MaxPool2d {
        /// Kernel, stride, padding.
        window: Window,
    },
    /// Exponentials over their sum along an axis.
    Softmax {
        /// The axis.
        axis: usize,
    },
    /// Logarithm of `Softmax`.
    LogSoftmax {
        /// The axis.
        axis: usize,
    },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,

    // ---- stateful operators of the spiking network ----
    /// Integrate-and-fire neurons, one per entry of the current `x`. With potential `v`, at every time step
    /// `v ← leak · v + x`, then a spike `y = 1` where `v ≥ threshold`, then the reset. With [`Reset::Signed`], `y` may be -1.
    Neuron {
        /// θ, positive, broadcasts over `x`.
        threshold: ParamId,
        /// `v` before the first step, broadcasts over `x`.
        initial: ParamId,
        /// λ in `(0, 1]`, broadcasts over `x`; absent for 1 (IF without leak).
        leak: Option<ParamId>,
        /// What a spike does to the potential.
        reset: Reset,
        /// The activation that the float network never exceeds here (`Clip`): thresholds stay at or under it.
        cap: Option<f32>,
        /// L, where the neuron stands for a `ClipFloorShift` up to `cap`: its threshold is then `cap` and its start potential half of
        /// that, since the network was trained for them.
        levels: Option<u32>,
    },
    /// Neurons of the radix code, one per entry of the current `x`: the count of their operand's window becomes the digits of
    /// `q = min(max(⌊(x + initial) / θ⌋, 0), levels)`, sent most significant first in a window of their own. Step by step, `u ← 2u + x(t)`
    /// over the operand's window, `v = u + initial`, and over the neuron's own `y = 1` where `v ≥ θ·2^(T-t)`, then `v ← v - θ·2^(T-t)·y`;
    /// [`eval`](crate::eval) says how constants and streams of different length meet. After FS-neurons (Stöckl and Maass, Nature Machine Intelligence, 2021).
    RadixNeuron {
        /// θ, positive, broadcasts over `x`: what the last digit stands for.
        threshold: ParamId,
        /// What is added to the count before it is divided, broadcasts over `x`; θ/2 rounds.
        initial: ParamId,
        /// T, from 1 to [`MAX_DIGITS`].
        digits: u32,
        /// The largest count, from 1 to 2^T - 1.
        levels: u32,
        /// The activation that the float network never exceeds here (`Clip`): `levels · θ` stays at or under it.
        cap: Option<f32>,
        /// Whether θ and the start potential are part of what the network was trained to compute (`ClipFloorShift`): no rule moves them.
        is_given: bool,
    },
    /// Maximum over windows of the counts that streams of digits say, digit by digit: whoever says 0 where another that is still in says
    /// 1 drops out. The result is a stream again, exactly that of the largest count.
    DigitMaxPool2d {
        /// Kernel, stride, padding.
        window: Window,
    },
    /// Maximum over windows of what has arrived since the first step, handed on as it grows:
    /// `y(t) = max A(t) - max A(t-1)` with `A(t) = x(1) + .. + x(t)`, the second maximum being 0 at the first step.
    /// The mean over time is exactly the maximum of the means. On spikes the result is again spikes, because the largest of
    /// several counts grows by at most one a step; on signed spikes it may also shrink, by at most one, and `y` may be -1.
    CountMaxPool2d {
        /// Kernel, stride, padding.
        window: Window,
    },
}

/// Strides and padding of a convolution; each pair is height, width.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Step of the kernel.
    pub stride: [usize; 2],
    /// Distance between kernel taps.
    pub dilation: [usize; 2],
    /// Zeros around the operand: top, left, bottom, right.
    pub pads: [usize; 4],
    /// Channel groups.
    pub groups: usize,
}

/// A pooling window; each pair is height, width.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Size of the window.
    pub kernel: [usize; 2],
    /// Step of the window.
    pub stride: [usize; 2],
    /// Padding around the operand: top, left, bottom, right.
    pub pads: [usize; 4],
    /// Whether a last window that starts inside the padded operand but overhangs it counts.
    pub ceil: bool,
}

/// What a spike does to the membrane potential, and whether one can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reset {
    /// `v ← v - θ`: nothing that arrived is lost.
    Soft,
    /// `v ← 0`.
    Hard,
    /// As `Soft`, with correction spikes of -1. With `n` the sum of the spikes since the first step: `y = 1` where `v ≥ θ`,
    /// else -1 where `v < 0` and `n > 0`, else 0; then `v ← v - θ · y`, `n ← n + y`. A spike that proves to be one too many is
    /// taken back; as `n` is never negative, the mean over time tends to that of a rectifier. After the signed neuron with
    /// memory (Wang, Zhang, Chen and Qu, IJCAI 2022), which corrects at or below a negative threshold; here, below 0, so
    /// that what remains lies in `[0, θ)`.
    Signed,
}

/// What spikes stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A number is the mean of its spikes over all time steps; layers run side by side.
    Rate,
    /// A number is the count that its spikes spell, most significant digit first; a layer speaks in a window after that of its operands.
    Radix,
}
