//! Where a training runs.

use super::plan::Plan;
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
        // Without the backtrace that candle takes along: this is no bug.
        let plain = |e| if let candle_core::Error::WithBacktrace { inner, .. } = e { *inner } else { e };
        let usage = |e| Error::Usage(format!("--device cuda:{number}: {}; `--device cpu` trains on the processor", plain(e)));
        Device::new_cuda(number).map(Self::Card).map_err(usage)
    }

    #[cfg(not(feature = "cuda"))]
    fn card(number: usize) -> Result<Self> {
        Err(Error::Usage(format!(
            "--device cuda:{number}: this snnc was built without support for graphics cards; build it with `cargo build --features cuda` \
             (docs/cuda.md says what that needs), or train with `--device cpu`"
        )))
    }

    /// How many images can go through a network together.
    ///
    /// # Errors
    /// If the card does not say how much memory it has.
    pub fn images_at_once(&self, plan: &Plan) -> Result<usize> {
        match self {
            #[cfg(feature = "cuda")]
            Self::Card(device) if device.is_cuda() => super::cuda::images_at_once(device, plan),
            // The processor makes shards of its own.
            Self::Cpu | Self::Card(_) => Ok(plan.images_within(usize::MAX)),
        }
    }

    /// What an error of candle's means while this engine runs: a card may be out of memory or break off, which is no bug.
    #[must_use]
    pub fn blame(&self, error: Error) -> Error {
        match (self, error) {
            (Self::Card(device), Error::Internal(text)) if device.is_cuda() => {
                let reason = text.lines().next().unwrap_or_default();
                Error::Usage(format!("the graphics card failed: {reason}; try a smaller `--batch`, or `--device cpu`"))
            }
            (_, error) => error,
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
