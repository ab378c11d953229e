//! Every spike of a run.

use crate::{
    memory::{array, borrow, free, target, tell},
    network::Network,
    outcome::Outcome,
    pool,
    status::{Error, Failure, Status, guard},
};

/// Every spike that a network made of some images.
pub struct Trace {
    outcome: Outcome,
    populations: Vec<Spikes>,
}

/// The spikes of a population.
struct Spikes {
    /// Number of time steps, of the radix code of digits.
    steps: usize,
    /// Number of entries for one image.
    entries: usize,
    spikes: Vec<i8>,
}

/// Runs images of floats as snnc_run does, and keeps every spike. All images run together: memory grows with their number,
/// that of the time steps, and the size of the network.
///
/// `trace`: receives the trace, to be freed with snnc_trace_free. All else is as of snnc_run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_trace_run(
    network: *const Network,
    images: *const f32,
    len: usize,
    timesteps: usize,
    first_image: u64,
    trace: *mut *mut Trace,
    error: *mut Error,
) -> Status {
    let work = || {
        // SAFETY: pointers are what the header asks for.
        let trace = unsafe { target(trace, "trace") }?;
        let network = unsafe { borrow(network, "network") }?;
        let numbers = network.runtime.quantise(unsafe { array(images, len, "images") }?)?;
        trace.give(network.trace(&numbers, timesteps, first_image)?);
        Ok(())
    };
    unsafe { guard(error, work) }
}

/// Runs images of 8 bits a channel as snnc_run_pixels does, and keeps every spike; see snnc_trace_run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_trace_run_pixels(
    network: *const Network,
    pixels: *const u8,
    len: usize,
    height: usize,
    width: usize,
    channels: usize,
    timesteps: usize,
    first_image: u64,
    trace: *mut *mut Trace,
    error: *mut Error,
) -> Status {
    let work = || {
        // SAFETY: pointers are what the header asks for.
        let trace = unsafe { target(trace, "trace") }?;
        let network = unsafe { borrow(network, "network") }?;
        let numbers = network.read_pixels(unsafe { array(pixels, len, "pixels") }?, [height, width, channels])?;
        trace.give(network.trace(&numbers, timesteps, first_image)?);
        Ok(())
    };
    unsafe { guard(error, work) }
}

impl Network {
    fn trace(&self, numbers: &[u16], timesteps: usize, first_image: u64) -> Result<Trace, Failure> {
        let timesteps = self.steps(timesteps);
        let made = pool::work(&self.threads, || self.runtime.trace(numbers, timesteps, first_image))??;
        let populations = self.runtime.populations().iter().zip(made.spikes);
        let populations = populations.map(|(population, spikes)| Spikes {
            steps: population.digits.unwrap_or(timesteps),
            entries: population.size,
            spikes,
        });
        Ok(Trace { populations: populations.collect(), outcome: Outcome::of(made.outcome) })
    }
}

/// What the run came to. Valid until the trace is freed, and not to be freed by itself; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_trace_outcome(trace: *const Trace) -> *const Outcome {
    // SAFETY: the pointer is what the header asks for.
    unsafe { borrow(trace, "trace") }.map_or(std::ptr::null(), |trace| &raw const trace.outcome)
}

/// [steps, images, entries]: the spikes of a population, -1, 0 or 1. In the radix code a step is a digit of the
/// population's own window, most significant first. Valid until the trace is freed; NULL if there is no such population.
///
/// `population`: its index, see snnc_describe_population.
/// `steps`, `images`, `entries`: receive the three sizes, unless they are NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_trace_spikes(
    trace: *const Trace,
    population: usize,
    steps: *mut usize,
    images: *mut usize,
    entries: *mut usize,
) -> *const i8 {
    // SAFETY: pointers are what the header asks for.
    let found = unsafe { borrow(trace, "trace") }.ok().and_then(|trace| trace.populations.get(population));
    let count = |spikes: &Spikes| spikes.spikes.len() / (spikes.steps * spikes.entries).max(1);
    unsafe {
        tell(steps, found.map_or(0, |spikes| spikes.steps));
        tell(images, found.map_or(0, count));
        tell(entries, found.map_or(0, |spikes| spikes.entries));
    }
    found.map_or(std::ptr::null(), |spikes| spikes.spikes.as_ptr())
}

/// Frees a trace, with its outcome.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_trace_free(trace: *mut Trace) {
    // SAFETY: the pointer is what the header asks for.
    unsafe { free(trace) };
}
