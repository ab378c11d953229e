//! Uniform access to what operators hold: names, parameters by role.

use crate::{
    op::{Code, Conv2d, Operator, Window},
    param::ParamId,
};

impl Operator {
    /// Name in the text form and in the artifact.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Conv2d { .. } => "conv2d",
            Self::Linear { .. } => "linear",
            Self::Scale { .. } => "scale",
            Self::Shift { .. } => "shift",
            Self::Add => "add",
            Self::AveragePool2d { .. } => "average_pool2d",
            Self::Mean { .. } => "mean",
            Self::SumPool2d { .. } => "sum_pool2d",
            Self::Sum { .. } => "sum",
            Self::Concat { .. } => "concat",
            Self::Pad { .. } => "pad",
            Self::Slice { .. } => "slice",
            Self::Reshape { .. } => "reshape",
            Self::Transpose { .. } => "transpose",
            Self::BatchNorm { .. } => "batch_norm",
            Self::Relu => "relu",
            Self::Clip { .. } => "clip",
            Self::Floor => "floor",
            Self::Round => "round",
            Self::ClipFloorShift { .. } => "clip_floor_shift",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::PRelu { .. } => "prelu",
            Self::MaxPool2d { .. } => "max_pool2d",
            Self::Softmax { .. } => "softmax",
            Self::LogSoftmax { .. } => "log_softmax",
            Self::Sigmoid => "sigmoid",
            Self::Neuron { leak: None, .. } => "if_neuron",
            Self::Neuron { leak: Some(_), .. } => "lif_neuron",
            Self::CountMaxPool2d { .. } => "count_max_pool2d",
            Self::RadixNeuron { .. } => "radix_neuron",
            Self::DigitMaxPool2d { .. } => "digit_max_pool2d",
        }
    }

    /// The parameters with their roles, in the order of the text form.
    #[must_use]
    pub fn params(&self) -> Vec<(&'static str, ParamId)> {
        let mut copy = self.clone();
        copy.params_mut().into_iter().map(|(role, id)| (role, *id)).collect()
    }

    /// As [`Operator::params`], to point them elsewhere.
    pub fn params_mut(&mut self) -> Vec<(&'static str, &mut ParamId)> {
        fn list<'a>(
            fixed: Vec<(&'static str, &'a mut ParamId)>,
            last: Option<(&'static str, &'a mut ParamId)>,
        ) -> Vec<(&'static str, &'a mut ParamId)> {
            fixed.into_iter().chain(last).collect()
        }
        match self {
            Self::Conv2d { weight, bias, .. } | Self::Linear { weight, bias } => {
                list(vec![("weight", weight)], bias.as_mut().map(|b| ("bias", b)))
            }
            Self::Scale { factor } => vec![("factor", factor)],
            Self::Shift { offset } => vec![("offset", offset)],
            Self::BatchNorm { scale, shift, mean, variance, .. } => {
                vec![("scale", scale), ("shift", shift), ("mean", mean), ("variance", variance)]
            }
            Self::PRelu { slope } => vec![("slope", slope)],
            Self::RadixNeuron { threshold, initial, .. } => vec![("threshold", threshold), ("initial", initial)],
            Self::Neuron { threshold, initial, leak, .. } => {
                list(vec![("threshold", threshold), ("initial", initial)], leak.as_mut().map(|l| ("leak", l)))
            }
            Self::Input
            | Self::Add
            | Self::AveragePool2d { .. }
            | Self::Mean { .. }
            | Self::SumPool2d { .. }
            | Self::Sum { .. }
            | Self::Concat { .. }
            | Self::Pad { .. }
            | Self::Slice { .. }
            | Self::Reshape { .. }
            | Self::Transpose { .. }
            | Self::Relu
            | Self::Clip { .. }
            | Self::Floor
            | Self::Round
            | Self::ClipFloorShift { .. }
            | Self::LeakyRelu { .. }
            | Self::MaxPool2d { .. }
            | Self::Softmax { .. }
            | Self::LogSoftmax { .. }
            | Self::Sigmoid
            | Self::CountMaxPool2d { .. }
            | Self::DigitMaxPool2d { .. } => Vec::new(),
        }
    }

    /// Whether the operator keeps state from one time step to the next.
    #[must_use]
    pub fn is_stateful(&self) -> bool {
        self.code().is_some()
    }

    /// Whether the operator is a layer of neurons, of either code.
    #[must_use]
    pub fn is_neuron(&self) -> bool {
        matches!(self, Self::Neuron { .. } | Self::RadixNeuron { .. })
    }

    /// The code whose spikes the operator reads or makes; none where it serves both.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Neuron { .. } | Self::CountMaxPool2d { .. } => Some(Code::Rate),
            Self::RadixNeuron { .. } | Self::DigitMaxPool2d { .. } => Some(Code::Radix),
            _ => None,
        }
    }

    /// Whether the operator is a rectifier of the float network that a neuron takes the place of.
    #[must_use]
    pub fn is_rectifier(&self) -> bool {
        matches!(self, Self::Relu | Self::Clip { .. } | Self::ClipFloorShift { .. })
    }

    /// Whether the operator only moves, copies or drops entries (padding with zeros included), so that it keeps spikes spikes.
    #[must_use]
    pub fn is_movement(&self) -> bool {
        matches!(self, Self::Concat { .. } | Self::Slice { .. } | Self::Reshape { .. } | Self::Transpose { .. })
            || matches!(self, Self::Pad { value, .. } if *value == 0.0)
    }
}

impl Conv2d {
    /// Stride 1, no padding, no dilation, one group.
    #[must_use]
    pub fn unit() -> Self {
        Self { stride: [1, 1], dilation: [1, 1], pads: [0; 4], groups: 1 }
    }

    /// Size of the result for an operand and a kernel of the given sizes; `None` where the kernel does not fit.
    #[must_use]
    pub fn output_size(&self, operand: [usize; 2], kernel: [usize; 2]) -> Option<[usize; 2]> {
        let mut size = [0; 2];
        for axis in 0..2 {
            let padded = operand[axis].checked_add(self.pads[axis])?.checked_add(self.pads[axis + 2])?;
            let extent = self.dilation[axis].checked_mul(kernel[axis].checked_sub(1)?)?.checked_add(1)?;
            size[axis] = padded.checked_sub(extent)?.checked_div(self.stride[axis])? + 1;
        }
        Some(size)
    }
}

impl Window {
    /// Size of the result for an operand of the given size; `None` where the window does not fit.
    ///
    /// With `ceil`, a last window that would start in the padding after the operand is dropped, as ONNX and PyTorch do.
    #[must_use]
    pub fn output_size(&self, operand: [usize; 2]) -> Option<[usize; 2]> {
        let mut size = [0; 2];
        for axis in 0..2 {
            let (before, after, stride) = (self.pads[axis], self.pads[axis + 2], self.stride[axis]);
            let room = operand[axis].checked_add(before)?.checked_add(after)?.checked_sub(self.kernel[axis])?;
            if stride == 0 {
                return None;
            }
            let steps = if self.ceil { room.div_ceil(stride) } else { room / stride };
            let overhangs = self.ceil && steps.saturating_mul(stride) >= operand[axis] + before;
            size[axis] = steps + usize::from(!overhangs);
        }
        Some(size)
    }
}
