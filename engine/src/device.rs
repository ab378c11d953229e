//! Where gradients are computed.

use crate::{
    error::{Error, Result},
    loss::Losses,
    plan::Plan,
    processor::{Buffers, Gradients, Network, Wanted},
    tensors::TensorNetwork,
};
use snnc_kernels::neuron::Derivation;

/// The processor, or a graphics card.
#[derive(Clone, Debug)]
pub enum Device {
    /// [`Network`].
    Cpu,
    /// [`TensorNetwork`] on this card.
    Card(candle_core::Device),
}

impl Device {
    /// The card of a number.
    ///
    /// # Errors
    /// [`Error::Card`] if there is none, or it cannot be used.
    #[cfg(feature = "cuda")]
    pub fn card(number: usize) -> Result<Self> {
        // Without the backtrace that candle takes along: this is no bug.
        let plain = |e| if let candle_core::Error::WithBacktrace { inner, .. } = e { *inner } else { e };
        candle_core::Device::new_cuda(number).map(Self::Card).map_err(|e| Error::Card(plain(e).to_string()))
    }

    /// The card of a number.
    ///
    /// # Errors
    /// [`Error::Unsupported`]: this build has none.
    #[cfg(not(feature = "cuda"))]
    pub fn card(_number: usize) -> Result<Self> {
        Err(Error::Unsupported("built without support for graphics cards".into()))
    }

    /// candle tensors on the processor, in the place of a card: for tests.
    #[must_use]
    pub fn stand_in() -> Self {
        Self::Card(candle_core::Device::Cpu)
    }

    /// How many images can go through a network together.
    ///
    /// # Errors
    /// If the card does not say how much memory it has.
    pub fn images_at_once(&self, plan: &Plan) -> Result<usize> {
        match self {
            #[cfg(feature = "cuda")]
            Self::Card(device) if device.is_cuda() => crate::cuda::images_at_once(device, plan),
            // The processor makes shards of its own.
            Self::Cpu | Self::Card(_) => Ok(plan.images_within(usize::MAX)),
        }
    }

    /// [`Network::gradients`], here. On a card the parameters go there anew every time.
    ///
    /// # Errors
    /// [`Error::Card`] if a card fails.
    pub fn gradients(
        &self,
        network: &Network<'_>,
        (input, images): (&[f32], usize),
        wanted: &Wanted,
        how: Derivation,
        losses: &Losses<'_>,
        buffers: &mut Buffers,
    ) -> Result<Gradients> {
        match self {
            Self::Cpu => Ok(network.gradients(input, images, wanted, how, losses, buffers)),
            Self::Card(card) => {
                TensorNetwork::on_card(network.plan(), card, how)?.gradients(&network.values, input, images, wanted, losses)
            }
        }
    }

    /// Name in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Card(_) => "cuda",
        }
    }
}
