//! Running images: step by step in the rate code, once in the radix code.

use super::{
    Network,
    arena::Arena,
    exec::{Execution, Scratch},
    plan::{Arrangement, Feed, Plan},
    step::Step,
    tally::Tally,
    watch::Watch,
};
use crate::{
    artifact::{Code, MAX_TIMESTEPS},
    error::RunError,
    kernels::{COLUMNS, Entry, Loop, WithEntry},
    poisson::Draws,
};
use alloc::{vec, vec::Vec};
#[cfg(feature = "threads")]
use rayon::prelude::*;
#[cfg(feature = "std")]
use std::sync::Mutex;

/// What a network made of some images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Number of images.
    pub images: usize,
    /// Number of time steps.
    pub timesteps: usize,
    /// `[images, classes]`: the output times its scale, in the rate code its mean over the time steps; rectified if the head is
    /// `relu`; no other head is applied.
    pub logits: Vec<f32>,
    /// `[images, populations]`: how often the entries of each of [`Network::populations`] have fired, corrections included.
    pub spikes: Vec<u64>,
    /// `[images, populations]`: how many of these spikes were corrections, -1, of neurons with [`Reset::Signed`]; 0 for all
    /// other populations.
    ///
    /// [`Reset::Signed`]: crate::Reset::Signed
    pub corrections: Vec<u64>,
    /// `[images, layers]`: accumulations of each of [`Network::layers`] that spikes drive: for every spike that its operand
    /// carried, the number of connections from there. 0 for layers that spikes do not drive. A spike is a digit 1 in the radix code.
    pub synaptic_ops: Vec<u64>,
}

/// The place of the largest value, the first of several.
#[must_use]
pub fn argmax(row: &[f32]) -> usize {
    row.iter().enumerate().fold(0, |best, (i, &v)| if v > row[best] { i } else { best })
}

impl Outcome {
    /// The class of each image: the place of the largest logit, the first of several.
    #[must_use]
    pub fn predictions(&self) -> Vec<usize> {
        let classes = self.logits.len() / self.images.max(1);
        self.logits.chunks(classes.max(1)).map(argmax).collect()
    }

    /// Appends what the same network made of further images in as many steps.
    pub fn append(&mut self, other: &Self) {
        self.images += other.images;
        self.timesteps = other.timesteps;
        self.logits.extend_from_slice(&other.logits);
        self.spikes.extend_from_slice(&other.spikes);
        self.corrections.extend_from_slice(&other.corrections);
        self.synaptic_ops.extend_from_slice(&other.synaptic_ops);
    }
}

/// The memory of a batch.
pub(super) struct Buffers {
    arrangement: Arrangement,
    arena: Arena,
    scratch: Scratch,
    tally: Tally,
    /// The output, summed over the steps so far.
    sums: Vec<i64>,
}

impl Buffers {
    /// For so many images, and time steps at a time.
    pub(super) fn new(plan: &Plan, images: usize, steps: usize) -> Self {
        let arrangement = plan.arrange(images, steps);
        let arena = Arena::new(arrangement.bytes);
        Self { arrangement, arena, scratch: Scratch::new(), tally: Tally::default(), sums: vec![0; plan.output_index.len() * images] }
    }
}

/// Buffers of earlier runs, for the next: to ask the system for memory takes as long as a small layer.
#[derive(Default)]
pub(super) struct Spare {
    #[cfg(feature = "std")]
    buffers: Mutex<Vec<Buffers>>,
}

impl Spare {
    /// Buffers for at least so many images and steps.
    fn take(&self, plan: &Plan, images: usize, steps: usize) -> Buffers {
        #[cfg(feature = "std")]
        if let Ok(mut buffers) = self.buffers.lock()
            && let Some(index) = buffers.iter().position(|b| b.arrangement.images >= images && b.arrangement.steps >= steps)
        {
            return buffers.swap_remove(index);
        }
        Buffers::new(plan, images, steps)
    }

    fn give_back(&self, buffers: Buffers) {
        #[cfg(feature = "std")]
        if let Ok(mut spare) = self.buffers.lock() {
            spare.push(buffers);
        }
        #[cfg(not(feature = "std"))]
        drop(buffers);
    }
}

impl Clone for Spare {
    /// Every network has buffers of its own.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Network {
    /// Runs some images for a number of time steps; in the radix code for its own, the longest window.
    ///
    /// `images` is `[N, ..]`: any number of images in the layout and units of the network's input, one after the other; see
    /// [`Network::preprocess`] for pixels. With Poisson coding, image `i` draws the random numbers of the image
    /// `first_image_index + i`; with another the index is of no effect.
    ///
    /// # Errors
    /// If the values are not a whole number of images or not finite, or the number of steps is not one that the network runs.
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
    /// If the values are not a whole number of images or larger than the quantiser makes them, or the number of steps is not one that
    /// the network runs.
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
        let image = self.image_len();
        let count = images.len() / image;
        let none = || timesteps.iter().map(|&timesteps| Outcome { timesteps, ..Outcome::default() }).collect::<Vec<_>>();
        let steps = if self.spec.code == Code::Radix { 1 } else { timesteps.last().copied().unwrap_or(1) };
        let batch = self.batch.min(count.div_ceil(threads()).max(1));
        let run = |(index, images): (usize, &[u16])| {
            let mut outcomes = none();
            let mut buffers = self.spare.take(&self.plan, batch, self.pass.min(steps));
            let first = first_image_index.wrapping_add((index * batch) as u64);
            self.run_batch(images, &mut outcomes, first, &mut buffers, &mut Watch::Nobody);
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
            return Ok(outcomes);
        }
        batches.map(run).for_each(append);
        Ok(outcomes)
    }

    /// Whether the network runs these images for these numbers of time steps.
    pub(super) fn check_run(&self, images: &[u16], timesteps: &[usize]) -> Result<(), RunError> {
        let (image, top) = (self.image_len(), self.spec.input.quantiser.top());
        let max = self.max_timesteps();
        match *timesteps {
            [only] if self.spec.code == Code::Radix && only == max => {}
            _ if self.spec.code == Code::Radix => return Err(RunError::Digits { got: timesteps.to_vec(), digits: max }),
            [first, .., last] | [first @ last] if first > 0 && last <= MAX_TIMESTEPS && timesteps.is_sorted_by(|a, b| a < b) => {
                if last > max {
                    return Err(RunError::Potentials { got: last, max });
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
    pub(super) fn run_batch(&self, images: &[u16], outcomes: &mut [Outcome], first: u64, buffers: &mut Buffers, watch: &mut Watch<'_>) {
        let (plan, activity) = (&*self.plan, &*self.activity);
        let len = self.image_len();
        let Buffers { arrangement, arena, scratch, tally, sums } = buffers;
        let memory = arena.memory();
        let mut execution = Execution { plan, arrangement, memory, isa: self.isa, images: images.len() / len, steps: 1, done: 0 };
        let batch = execution.images;
        tally.reset(activity, batch);
        sums.fill(0);
        execution.reset();
        let input = |execution: &Execution<'_>, tally: &mut Tally, watch: &mut Watch<'_>| {
            let place = &arrangement.places[plan.input];
            execution.surround(place);
            match plan.feed {
                Feed::Once if plan.input_index.is_none() => execution.feed_lines(images),
                Feed::Once => execution.feed(batch, 0, |index| i32::from(images[index])),
                Feed::Poisson { digits, seed } => {
                    for step in 0..execution.steps {
                        let draws = |image: usize| Draws::new(seed, first.wrapping_add(image as u64), (execution.done + step) as u64);
                        execution.feed(batch, step, |index| draws(index / len).spike((index % len) as u64, images[index], digits));
                    }
                }
            }
            if let Some(counter) = &plan.counters[0] {
                tally.count(counter, place, memory, self.isa, batch, execution.steps);
            }
            watch.made(plan, 0, 0, execution);
        };
        let mut run = |execution: &Execution<'_>, first: usize, steps: &[Step], tally: &mut Tally, watch: &mut Watch<'_>| {
            for (index, step) in (first..).zip(steps) {
                execution.run(step, scratch, watch);
                if let Some(counter) = &plan.counters[index] {
                    tally.count(counter, &arrangement.places[step.target], memory, self.isa, batch, execution.steps);
                }
                watch.made(plan, index, step.values.last().copied().unwrap_or(0), execution);
            }
        };
        watch.begins();
        let is_fed_once = matches!(plan.feed, Feed::Once);
        if is_fed_once {
            input(&execution, tally, watch);
        }
        run(&execution, 1, &plan.once, tally, watch);
        for outcome in outcomes {
            // All digits of a window at once.
            let steps = if self.spec.code == Code::Radix { 1 } else { outcome.timesteps };
            while execution.done < steps {
                execution.steps = (steps - execution.done).min(arrangement.steps);
                watch.passes(execution.done);
                if !is_fed_once {
                    input(&execution, tally, watch);
                }
                run(&execution, 1 + plan.once.len(), &plan.each, tally, watch);
                execution.sum_output(sums);
                execution.done += execution.steps;
            }
            self.read_out(outcome, batch, steps, sums, tally);
        }
    }

    fn read_out(&self, outcome: &mut Outcome, batch: usize, steps: usize, sums: &[i64], tally: &Tally) {
        let plan = &self.plan;
        let means = sums[..batch * self.classes()].iter().map(|&sum| (sum as f64 / steps as f64 * plan.scale) as f32);
        outcome.logits.extend(means.map(|mean| if plan.is_rectified && mean < 0.0 { 0.0 } else { mean }));
        outcome.images += batch;
        outcome.spikes.extend_from_slice(&tally.spikes);
        outcome.corrections.extend_from_slice(&tally.corrections);
        outcome.synaptic_ops.extend_from_slice(&tally.operations);
    }
}

impl Execution<'_> {
    /// Writes the input at a step of this pass: `of(index)` for every value of the images, all counted through.
    fn feed(&self, images: usize, step: usize, of: impl Fn(usize) -> i32) {
        struct Write<'e, F> {
            execution: &'e Execution<'e>,
            images: usize,
            step: usize,
            of: F,
        }
        impl<F: Fn(usize) -> i32> WithEntry for Write<'_, F> {
            type Output = ();

            fn with<E: Entry>(self, entry: E) {
                let Self { execution, images, step, of } = self;
                let place = execution.place_of_input();
                let (grid, bytes) = (place.grid, place.format.bytes());
                let line = grid.width * grid.channels;
                for image in 0..images {
                    let first = image * grid.len();
                    for y in 0..grid.height {
                        // A line at a time: its channels stand together.
                        let to = execution.memory.at(place.byte(image, step, y, 0));
                        for at in (0..line).step_by(COLUMNS) {
                            let len = COLUMNS.min(line - at);
                            let entry_at = y * line + at;
                            let mut block = [0; COLUMNS];
                            match &execution.plan.input_index {
                                // Of a length that the compiler knows.
                                None if len == COLUMNS => (0..COLUMNS).for_each(|lane| block[lane] = of(first + entry_at + lane)),
                                None => (0..len).for_each(|lane| block[lane] = of(first + entry_at + lane)),
                                Some(index) => {
                                    let index = &index[entry_at..][..len];
                                    block.iter_mut().zip(index).for_each(|(number, &index)| *number = of(first + index as usize));
                                }
                            }
                            // SAFETY: the line is one of the value's.
                            unsafe { entry.store(&block, to.wrapping_add(at * bytes), len) };
                        }
                    }
                }
            }
        }
        self.place_of_input().format.visit(Write { execution: self, images, step, of });
    }

    /// Writes the input, whose entries stand in memory in the order in which they come.
    fn feed_lines(&self, images: &[u16]) {
        struct Write<'e>(&'e Execution<'e>, &'e [u16]);
        impl Loop for Write<'_> {
            type Output = ();

            #[inline(always)]
            fn run(self) {
                self.0.place_of_input().format.visit(self);
            }
        }
        impl WithEntry for Write<'_> {
            type Output = ();

            #[inline(always)]
            fn with<E: Entry>(self, entry: E) {
                let Self(execution, images) = self;
                let place = execution.place_of_input();
                let (grid, bytes) = (place.grid, place.format.bytes());
                for (row, line) in images.chunks_exact(grid.width * grid.channels).enumerate() {
                    let mut to = execution.memory.at(place.byte(row / grid.height, 0, row % grid.height, 0));
                    for numbers in line.chunks(COLUMNS) {
                        let block = match numbers.first_chunk::<COLUMNS>() {
                            Some(numbers) => numbers.map(i32::from),
                            None => core::array::from_fn(|lane| numbers.get(lane).map_or(0, |&number| i32::from(number))),
                        };
                        // SAFETY: the line is one of the value's.
                        unsafe { entry.store(&block, to, numbers.len()) };
                        to = to.wrapping_add(COLUMNS * bytes);
                    }
                }
            }
        }
        self.isa.run(Write(self, images));
    }

    fn place_of_input(&self) -> &super::place::Place {
        &self.arrangement.places[self.plan.input]
    }

    /// Adds the output of every step of this pass to the sums.
    fn sum_output(&self, sums: &mut [i64]) {
        struct Add<'e, 's> {
            execution: &'e Execution<'e>,
            sums: &'s mut [i64],
        }
        impl WithEntry for Add<'_, '_> {
            type Output = ();

            fn with<E: Entry>(self, entry: E) {
                let Self { execution, sums } = self;
                let place = &execution.arrangement.places[execution.plan.output];
                let index = &execution.plan.output_index;
                let grid = place.grid;
                for (image, sums) in sums.chunks_mut(index.len()).take(execution.images).enumerate() {
                    for step in 0..execution.steps {
                        for pixel in 0..grid.pixels() {
                            let from = execution.memory.at(place.byte(image, step, pixel / grid.width, pixel % grid.width));
                            for channel in (0..grid.channels).step_by(COLUMNS) {
                                // SAFETY: a block that begins within the value can be read.
                                let block = unsafe { entry.load(from.wrapping_add(channel * place.format.bytes())) };
                                let indices = &index[pixel * grid.channels..][channel..grid.channels];
                                for (&index, number) in indices.iter().zip(block) {
                                    sums[index as usize] += i64::from(number);
                                }
                            }
                        }
                    }
                }
            }
        }
        self.arrangement.places[self.plan.output].format.visit(Add { execution: self, sums });
    }
}

/// Number of threads of the pool that the caller is in.
fn threads() -> usize {
    #[cfg(feature = "threads")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "threads"))]
    return 1;
}
