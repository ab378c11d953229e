//! Where gradients are computed, as the options ask for it.

use crate::{
    error::{Error, Result},
    options,
};
use snnc_engine::Device;

/// What the options ask for. `auto` is a card where this build can use one and there is one.
///
/// # Errors
/// If a card is asked for and this build cannot use one, or there is none of that number.
pub fn open(device: options::Device) -> Result<Device> {
    match device {
        options::Device::Cpu => Ok(Device::Cpu),
        options::Device::Auto => Ok(Device::card(0).unwrap_or(Device::Cpu)),
        options::Device::Cuda(number) => Device::card(number).map_err(|error| refusal(number, &error)),
    }
}

fn refusal(number: usize, error: &snnc_engine::Error) -> Error {
    Error::Usage(match error {
        snnc_engine::Error::Unsupported(_) => format!(
            "--device cuda:{number}: this snnc was built without support for graphics cards; build it with `cargo build --features cuda` \
             (docs/cuda.md says what that needs), or leave it to the processor with `--device cpu`"
        ),
        snnc_engine::Error::Card(reason) => format!("--device cuda:{number}: {reason}; `--device cpu` is the processor"),
        snnc_engine::Error::Bug(reason) => format!("--device cuda:{number}: {reason}"),
    })
}
