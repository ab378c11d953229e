//! Running images: step by step in the rate code, once in the radix code.

use super::{
    Network, Outcome,
    batch::{Batch, Input},
    buffers::Buffers,
    watch::Watch,
};
use crate::{
    artifact::{Code, MAX_TIMESTEPS},
    error::RunError,
};
use alloc::vec::Vec;
#[cfg(feature = "threads")]
use rayon::prelude::*;

impl Network {
    /// Runs some images for a number of time steps; in the radix code for its own, the longest window.
    ///
    /// `images` is `[N, ..]`: any number of images in the layout and units of the network's input, one after the other; see
    /// [`Network::preprocess`] for pixels. With Poisson coding, image `i` draws the random numbers of the image
    /// `first_image_index + i`; with another the index is of no effect.
    ///
    /// # Errors
    /// If the values are not a whole number of images or not finite, the number of steps is not one that the network runs, or its read-out
    /// is locked.
    pub fn run(&self, images: &[f32], timesteps: usize, first_image_index: u64) -> Result<Outcome, RunError> {
        self.run_quantised(&self.quantise(images)?, timesteps, first_image_index)
    }

    /// As [`Network::run`] to each of several numbers of time steps, which ascend; runs through time once.
    ///
    /// # Errors
    /// As [`Network::run`].
    pub fn run_checkpoints(&self, images: &[f32], timesteps: &[usize], first_image_index: u64) -> Result<Vec<Outcome>, RunError> {
        self.run_quantised_checkpoints(&self.quantise(images)?, timesteps, first_image_index)
    }

    /// As [`Network::run`], of images that [`Network::quantise`] or [`Network::quantise_pixels`] made.
    ///
    /// # Errors
    /// If the values are not a whole number of images or larger than the quantiser makes them, the number of steps is not one that
    /// the network runs, or its read-out is locked.
    pub fn run_quantised(&self, images: &[u16], timesteps: usize, first_image_index: u64) -> Result<Outcome, RunError> {
        let mut outcomes = self.run_quantised_checkpoints(images, &[timesteps], first_image_index)?;
        Ok(outcomes.pop().expect("one checkpoint makes one outcome"))
    }

    /// As [`Network::run_quantised`] to each of several numbers of time steps, which ascend; runs through time once.
    ///
    /// # Errors
    /// As [`Network::run_quantised`].
    pub fn run_quantised_checkpoints(&self, images: &[u16], timesteps: &[usize], first_image_index: u64) -> Result<Vec<Outcome>, RunError> {
        self.check_run(images, timesteps)?;
        Ok(self.run_checked(images, timesteps, first_image_index))
    }

    /// As [`Network::run_quantised_checkpoints`], of what was checked.
    pub(crate) fn run_checked(&self, images: &[u16], timesteps: &[usize], first_image_index: u64) -> Vec<Outcome> {
        let image = self.image_len();
        let count = images.len() / image;
        let none = || timesteps.iter().map(|&timesteps| Outcome { timesteps, ..Outcome::default() }).collect::<Vec<_>>();
        let steps = if self.spec.code == Code::Radix { 1 } else { timesteps.last().copied().unwrap_or(1) };
        let batch = self.batch.min(count.div_ceil(threads()).max(1));
        // Threads share images; if there is one batch of them, they share its steps.
        let inner = if count > batch { 1 } else { threads() };
        let run = |(index, images): (usize, &[u16])| {
            let mut outcomes = none();
            let mut buffers = self.spare.take(&self.plan, batch, self.pass.min(steps));
            let first = first_image_index.wrapping_add((index * batch) as u64);
            self.run_batch(images, &mut outcomes, first, &mut buffers, inner, &mut Watch::Nobody);
            self.spare.give_back(buffers);
            outcomes
        };
        let batches = images.chunks(batch * image).enumerate();
        let mut outcomes = none();
        let append = |made: Vec<Outcome>| outcomes.iter_mut().zip(made).for_each(|(outcome, made)| outcome.append(&made));
        #[cfg(feature = "threads")]
        if threads() > 1 && count > batch {
            let made: Vec<Vec<Outcome>> = batches.collect::<Vec<_>>().into_par_iter().map(run).collect();
            made.into_iter().for_each(append);
            return outcomes;
        }
        batches.map(run).for_each(append);
        outcomes
    }

    /// Whether the network runs these images for these numbers of time steps, and says what it makes of them.
    pub(super) fn check_run(&self, images: &[u16], timesteps: &[usize]) -> Result<(), RunError> {
        if self.spec.output.lock.is_some() {
            return Err(RunError::Locked);
        }
        self.check_request(images, timesteps)
    }

    /// Whether the network runs these images for these numbers of time steps.
    pub(crate) fn check_request(&self, images: &[u16], timesteps: &[usize]) -> Result<(), RunError> {
        let (image, top) = (self.image_len(), self.spec.input.quantiser.top());
        let max = self.max_timesteps();
        match *timesteps {
            [only] if self.spec.code == Code::Radix && only == max => {}
            _ if self.spec.code == Code::Radix => return Err(RunError::Digits { got: timesteps.to_vec(), digits: max }),
            [first, .., last] | [first @ last] if first > 0 && last <= MAX_TIMESTEPS && timesteps.is_sorted_by(|a, b| a < b) => {
                if last > self.max_timesteps {
                    return Err(RunError::Potentials { got: last, max: self.max_timesteps });
                }
                if last > max {
                    return Err(RunError::LockedSteps { got: last, max });
                }
            }
            _ => return Err(RunError::Timesteps { got: timesteps.to_vec() }),
        }
        if !images.len().is_multiple_of(image) {
            return Err(RunError::Images { got: images.len(), image });
        }
        // The largest first: to look for one is slower.
        let largest = images.iter().fold(0, |largest, &q| largest.max(q));
        if largest <= top {
            return Ok(());
        }
        let place = images.iter().position(|&q| q > top).unwrap_or(0);
        Err(RunError::Range { image: place / image, index: place % image, max: top })
    }

    /// Runs as many images as the buffers hold, or fewer, and appends what they make to the outcomes.
    pub(super) fn run_batch(
        &self,
        images: &[u16],
        outcomes: &mut [Outcome],
        first: u64,
        buffers: &mut Buffers,
        threads: usize,
        watch: &mut Watch<'_>,
    ) {
        let input = Input::Images(images, first);
        let mut batch = Batch::new(self, buffers, images.len() / self.image_len(), 0, threads);
        batch.reset();
        batch.begin(input, watch);
        for outcome in outcomes {
            // All digits of a window at once.
            let steps = if self.spec.code == Code::Radix { 1 } else { outcome.timesteps };
            batch.advance(steps, input, watch);
            batch.read_out(outcome);
        }
    }
}

/// Number of threads of the pool that the caller is in.
pub(super) fn threads() -> usize {
    #[cfg(feature = "threads")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "threads"))]
    return 1;
}
