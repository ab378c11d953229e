//! Where a training runs.

use crate::{
    error::{Error, Result},
    options,
};
use candle_core::Device;

/// The processor, or a graphics card.
#[derive(Clone, Debug)]
pub enum Engine {
    /// [`network`](super::network).
    Cpu,
    /// [`tensor`](super::tensor) on this card.
    Card(Device),
}

impl Engine {
    /// What the options ask for. `auto` is a card where this build can use one and there is one.
    ///
    /// # Errors
    /// If a card is asked for and this build cannot use one, or there is none of that number.
    pub fn open(device: options::Device) -> Result<Self> {
        match device {
            options::Device::Cpu => Ok(Self::Cpu),
            options::Device::Auto => Ok(Self::card(0).unwrap_or(Self::Cpu)),
            options::Device::Cuda(number) => Self::card(number),
        }
    }

    #[cfg(feature = "cuda")]
    fn card(number: usize) -> Result<Self> {
        let usage = |e: candle_core::Error| Error::Usage(format!("--device cuda:{number}: {e}; `--device cpu` trains on the processor"));
        Device::new_cuda(number).map(Self::Card).map_err(usage)
    }

    #[cfg(not(feature = "cuda"))]
    fn card(number: usize) -> Result<Self> {
        Err(Error::Usage(format!(
            "--device cuda:{number}: this snnc was built without support for graphics cards; build it with `cargo build --features cuda` \
             (docs/training.md says what that needs), or train with `--device cpu`"
        )))
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
