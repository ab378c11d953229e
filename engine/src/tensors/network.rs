//! A plan for candle tensors.

use crate::{
    error::{Error, Result},
    plan::{Op, Plan, Spread},
};
use candle_core::{DType, Device, Tensor, Var};
use snnc_kernels::neuron::Derivation;

/// A plan that runs on candle tensors.
pub struct TensorNetwork<'a> {
    pub(super) plan: &'a Plan,
    pub(super) device: &'a Device,
    pub(super) dtype: DType,
    /// Format of the operands of convolutions and linear layers, and of what comes of them.
    pub(super) products: DType,
    pub(super) derivation: Derivation,
}

impl<'a> TensorNetwork<'a> {
    /// Prepares a plan for a device and a number format.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the network has a convolution that candle does not have, one whose stride or dilation differs by axis, and
    /// the device is no graphics card, where convolutions are ours.
    pub fn new(plan: &'a Plan, device: &'a Device, dtype: DType, derivation: Derivation) -> Result<Self> {
        for step in &plan.steps {
            if let Op::Convolution { conv, .. } = &step.op
                && !device.is_cuda()
                && (conv.dilation[0] != conv.dilation[1] || conv.stride[0] != conv.stride[1])
            {
                return Err(Error::Unsupported(
                    "candle has no convolution on the processor whose stride or dilation differs by axis".into(),
                ));
            }
        }
        Ok(Self { plan, device, dtype, products: dtype, derivation })
    }

    /// As [`TensorNetwork::new`], in 32 bits.
    ///
    /// # Errors
    /// As there.
    pub fn on_card(plan: &'a Plan, device: &'a Device, derivation: Derivation) -> Result<Self> {
        Self::new(plan, device, DType::F32, derivation)
    }

    /// The same network with the products of convolutions and linear layers, forward and backward, in a format of their own: in 16 bits,
    /// say, which a card multiplies faster, while potentials and all else stay in the network's format.
    #[must_use]
    pub fn with_products(self, products: DType) -> Self {
        Self { products, ..self }
    }

    pub(super) fn upload(&self, values: &[f32], dims: &[usize]) -> candle_core::Result<Tensor> {
        Tensor::from_slice(values, dims, self.device)?.to_dtype(self.dtype)
    }

    pub(super) fn numbers(&self, list: Vec<u32>) -> candle_core::Result<Tensor> {
        let len = list.len();
        Tensor::from_vec(list, len, self.device)
    }

    /// A parameter, spread out over the entries that it broadcasts to.
    pub(super) fn spread(&self, spread: &Spread, variables: &[Var]) -> candle_core::Result<Tensor> {
        let Spread { slot, index } = spread;
        let (values, len) = (&variables[*slot], index.len());
        let entries = values.dim(0)?;
        let share = len / entries;
        // One entry for as many neighbours, of a channel or of all: the gradient is then a sum, where that of a selection is one thread on
        // a card, which goes through all neurons.
        if entries * share == len && index.iter().enumerate().all(|(i, &entry)| entry as usize == i / share) {
            return values.unsqueeze(1)?.broadcast_as((entries, share))?.reshape(len);
        }
        values.index_select(&self.numbers(index.clone())?, 0)
    }
}
