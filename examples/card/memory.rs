//! The card's memory, as its driver tells.

use candle_core::{
    Device,
    cuda::cudarc::driver::{
        result::{device, mem_pool},
        sys::{CUdevice_attribute_enum as Attribute, CUmemPool_attribute as PoolAttribute, CUmemoryPool},
    },
};
use serde_json::{Value, json};
use snnc_engine::{Error, Result};
use std::sync::Arc;

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::from(candle_core::Error::wrap(error))
}

/// Name, size, and what the driver can do.
pub fn facts(device: &Device) -> Result<Value> {
    let stream = device.as_cuda_device()?.cuda_stream();
    let context = stream.context();
    let (free, total) = context.mem_get_info().map_err(failed)?;
    let of = |attribute| context.attribute(attribute).map_err(failed);
    Ok(json!({
        "name": context.name().map_err(failed)?,
        "compute_capability": format!(
            "{}.{}",
            of(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            of(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?
        ),
        "multiprocessors": of(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
        "free_mib": free >> 20,
        "total_mib": total >> 20,
        "has_memory_pools": context.has_async_alloc(),
        "tracks_events": device.as_cuda_device()?.is_event_tracking(),
        "threads": rayon::current_num_threads(),
    }))
}

/// Free memory in bytes.
pub fn free(device: &Device) -> Result<usize> {
    let stream = device.as_cuda_device()?.cuda_stream();
    Ok(stream.context().mem_get_info().map_err(failed)?.0)
}

/// The pool that all tensors come from.
fn pool(device: &Device) -> Result<CUmemoryPool> {
    let stream = device.as_cuda_device()?.cuda_stream();
    let context: &Arc<_> = stream.context();
    // SAFETY: the context is alive, and so is its device.
    unsafe { device::get_default_mem_pool(context.cu_device()) }.map_err(failed)
}

/// Whether the driver keeps memory that was freed, instead of handing it back whenever the processor waits for the card.
pub fn keep_freed(device: &Device, keep: bool) -> Result<()> {
    set(device, PoolAttribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, if keep { u64::MAX } else { 0 })
}

/// Starts [`highest`] anew.
pub fn forget_highest(device: &Device) -> Result<()> {
    set(device, PoolAttribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH, 0)?;
    set(device, PoolAttribute::CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH, 0)
}

/// Most bytes that tensors used at a time, and that the driver held for them.
pub fn highest(device: &Device) -> Result<(usize, usize)> {
    let get = |attribute| -> Result<usize> {
        let mut value = 0u64;
        // SAFETY: the values of these attributes are numbers of 64 bits.
        unsafe { mem_pool::get_attribute(pool(device)?, attribute, (&raw mut value).cast()) }.map_err(failed)?;
        Ok(value as usize)
    };
    Ok((get(PoolAttribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH)?, get(PoolAttribute::CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH)?))
}

fn set(device: &Device, attribute: PoolAttribute, mut value: u64) -> Result<()> {
    // SAFETY: the values of these attributes are numbers of 64 bits.
    unsafe { mem_pool::set_attribute(pool(device)?, attribute, (&raw mut value).cast()) }.map_err(failed)
}
