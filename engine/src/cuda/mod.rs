//! Kernels of our own for graphics cards, where candle has none, or one that takes another of equals or its time.
//!
//! | file | content |
//! |---|---|
//! | `neurons` | neurons over all time steps, forward and backward (`neuron.cu`) |
//! | `windows` | convolutions and sums of windows, forward and backward, and the place of a window's maximum (`windows.cu`) |
//!
//! build.rs makes PTX of the kernels. Their text also compiles as C++, so that tests compare them with the processor's where there is no
//! card.

mod neurons;
mod windows;

pub use neurons::Layer;
pub(crate) use windows::{Convolution, Sums, first_largest};

use crate::{
    error::{Error, Result},
    plan::Plan,
};
use candle_core::{
    CudaDevice, CudaStorage, Device, Layout, bail,
    cuda::{
        CudaDType,
        cudarc::driver::{CudaView, LaunchConfig},
    },
};

/// Threads of a block.
const BLOCK: usize = 256;
/// Share of the free memory that a batch may take; what else is needed (parameters, cuBLAS) is small.
const SHARE: f64 = 0.85;

fn values<'a, T: CudaDType>(storage: &'a CudaStorage, layout: &Layout) -> candle_core::Result<CudaView<'a, T>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(storage.as_cuda_slice::<T>()?.slice(start..end)),
        None => bail!("values must lie one after the other"),
    }
}

/// So many threads, and at most a block more.
fn over(threads: usize) -> candle_core::Result<LaunchConfig> {
    match u32::try_from(threads.div_ceil(BLOCK)) {
        Ok(blocks) if blocks <= i32::MAX as u32 => {
            Ok(LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (BLOCK as u32, 1, 1), shared_mem_bytes: 0 })
        }
        _ => bail!("{threads} threads are too many for a card"),
    }
}

/// How many images, at least one, can go through a network together in what memory the card has free now.
///
/// # Errors
/// If the device is no graphics card, or does not say.
pub fn images_at_once(device: &Device, plan: &Plan) -> Result<usize> {
    let device: &CudaDevice = device.as_cuda_device()?;
    let (free, _) = device.cuda_stream().context().mem_get_info().map_err(|e| Error::from(candle_core::Error::wrap(e)))?;
    Ok(plan.images_within((free as f64 * SHARE) as usize))
}
