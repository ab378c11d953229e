//! Running.

use crate::{
    memory::{array, borrow, free, target, tell},
    network::Network,
    pool,
    status::{Error, Failure, Status, guard},
};
use snnc_runtime::{Outcome as Made, Pixels};

/// What a network made of some images.
pub struct Outcome {
    made: Made,
    predictions: Vec<usize>,
}

impl Outcome {
    pub(crate) fn of(made: Made) -> Self {
        Self { predictions: made.predictions(), made }
    }
}

/// Runs images of floats.
///
/// `images`, `len`: the values of all images, one image after the other in the layout of the network, in the units of
/// the source network (pixels that were normalised as for it), and their number: a multiple of
/// snnc_description.image_len.
/// `timesteps`: for how long; 0 for the network's own number.
/// `first_image`: number of the first image among those that are to have random spikes of their own. Without
/// SNNC_CODING_POISSON it has no effect.
/// `outcome`: receives the outcome, to be freed with snnc_outcome_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_run(
    network: *const Network,
    images: *const f32,
    len: usize,
    timesteps: usize,
    first_image: u64,
    outcome: *mut *mut Outcome,
    error: *mut Error,
) -> Status {
    let work = || {
        // SAFETY: pointers are what the header asks for.
        let outcome = unsafe { target(outcome, "outcome") }?;
        let network = unsafe { borrow(network, "network") }?;
        let numbers = network.runtime.quantise(unsafe { array(images, len, "images") }?)?;
        outcome.give(network.run(&numbers, timesteps, first_image)?);
        Ok(())
    };
    unsafe { guard(error, work) }
}

/// Runs images of 8 bits a channel, which the network normalises as its compilation was told.
///
/// `pixels`, `len`: [images, height, width, channels], the channels of a pixel together, and their number: a multiple of
/// the product of the three. Gray images have one channel.
/// `height`, `width`, `channels`: the size of an image; see snnc_description.
/// `timesteps`, `first_image`, `outcome`: as of snnc_run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_run_pixels(
    network: *const Network,
    pixels: *const u8,
    len: usize,
    height: usize,
    width: usize,
    channels: usize,
    timesteps: usize,
    first_image: u64,
    outcome: *mut *mut Outcome,
    error: *mut Error,
) -> Status {
    let work = || {
        // SAFETY: pointers are what the header asks for.
        let outcome = unsafe { target(outcome, "outcome") }?;
        let network = unsafe { borrow(network, "network") }?;
        let numbers = network.read_pixels(unsafe { array(pixels, len, "pixels") }?, [height, width, channels])?;
        outcome.give(network.run(&numbers, timesteps, first_image)?);
        Ok(())
    };
    unsafe { guard(error, work) }
}

impl Network {
    fn run(&self, numbers: &[u16], timesteps: usize, first_image: u64) -> Result<Outcome, Failure> {
        let made = pool::work(&self.threads, || self.runtime.run_quantised(numbers, self.steps(timesteps), first_image))?;
        Ok(Outcome::of(made?))
    }

    /// The time steps that a caller means.
    pub(crate) fn steps(&self, timesteps: usize) -> usize {
        if timesteps == 0 { self.runtime.spec().timesteps } else { timesteps }
    }

    /// Pixels as the network reads them.
    pub(crate) fn read_pixels(&self, data: &[u8], [height, width, channels]: [usize; 3]) -> Result<Vec<u16>, Failure> {
        let image = height.checked_mul(width).and_then(|plane| plane.checked_mul(channels)).unwrap_or(usize::MAX);
        if image == 0 || !data.len().is_multiple_of(image) {
            let problem = format_args!("{} pixels are not a whole number of images of {height}x{width}x{channels}", data.len());
            return Err(Failure::new(Status::Run, problem));
        }
        Ok(self.runtime.quantise_pixels(&Pixels { data, count: data.len() / image, height, width, channels })?)
    }
}

/// Number of images of an outcome; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_outcome_images(outcome: *const Outcome) -> usize {
    // SAFETY: the pointer is what the header asks for.
    unsafe { borrow(outcome, "outcome") }.map_or(0, |outcome| outcome.made.images)
}

/// Number of time steps of an outcome; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_outcome_timesteps(outcome: *const Outcome) -> usize {
    // SAFETY: the pointer is what the header asks for.
    unsafe { borrow(outcome, "outcome") }.map_or(0, |outcome| outcome.made.timesteps)
}

/// [images, classes]: what the last layer read out. Valid until the outcome is freed; NULL for NULL.
///
/// `len`: receives the number of values, unless it is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_outcome_logits(outcome: *const Outcome, len: *mut usize) -> *const f32 {
    // SAFETY: pointers are what the header asks for.
    unsafe { values(outcome, len, |outcome| &outcome.made.logits) }
}

/// [images]: the class of each, which is that of the largest logit, the first of several. As snnc_outcome_logits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_outcome_predictions(outcome: *const Outcome, len: *mut usize) -> *const usize {
    // SAFETY: pointers are what the header asks for.
    unsafe { values(outcome, len, |outcome| &outcome.predictions) }
}

/// [images, populations]: how often the entries of each population have fired. As snnc_outcome_logits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_outcome_spikes(outcome: *const Outcome, len: *mut usize) -> *const u64 {
    // SAFETY: pointers are what the header asks for.
    unsafe { values(outcome, len, |outcome| &outcome.made.spikes) }
}

/// [images, populations]: how many of these spikes were corrections, -1, of neurons with signed spikes. As
/// snnc_outcome_logits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_outcome_corrections(outcome: *const Outcome, len: *mut usize) -> *const u64 {
    // SAFETY: pointers are what the header asks for.
    unsafe { values(outcome, len, |outcome| &outcome.made.corrections) }
}

/// [images, layers]: accumulations of each layer that spikes drive, 0 of others. As snnc_outcome_logits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_outcome_synaptic_ops(outcome: *const Outcome, len: *mut usize) -> *const u64 {
    // SAFETY: pointers are what the header asks for.
    unsafe { values(outcome, len, |outcome| &outcome.made.synaptic_ops) }
}

/// Frees an outcome.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_outcome_free(outcome: *mut Outcome) {
    // SAFETY: the pointer is what the header asks for.
    unsafe { free(outcome) };
}

/// An array of an outcome.
///
/// # Safety
/// `outcome` is null or an outcome, `len` is null or memory for a length.
unsafe fn values<'a, T: 'a>(outcome: *const Outcome, len: *mut usize, of: impl Fn(&'a Outcome) -> &'a Vec<T>) -> *const T {
    // SAFETY: as the caller says.
    let values = unsafe { borrow(outcome, "outcome") }.ok().map(of);
    // SAFETY: as the caller says.
    unsafe { tell(len, values.map_or(0, Vec::len)) };
    values.map_or(std::ptr::null(), Vec::as_ptr)
}
