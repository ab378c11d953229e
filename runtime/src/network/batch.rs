//! A batch of images on its way through the network.

use super::{
    Network,
    buffers::Buffers,
    exec::{Execution, Scratch},
    outcome::{Outcome, logit},
    plan::Feed,
    step::Step,
    tally::Tally,
    watch::Watch,
};
use crate::poisson::Draws;

/// A batch on its way.
pub(super) struct Batch<'a> {
    network: &'a Network,
    execution: Execution<'a>,
    scratch: &'a mut Scratch,
    tally: &'a mut Tally,
    sums: &'a mut [i64],
}

/// What comes in.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    /// Images, and the index of the first, by which Poisson coding draws.
    Images(&'a [u16], u64),
    /// What comes in at one time step, whatever the coding.
    Step(&'a [i32]),
}

impl<'a> Batch<'a> {
    /// So many images after so many time steps, in the memory that they have been in, which so many threads may work on.
    pub(super) fn new(network: &'a Network, buffers: &'a mut Buffers, images: usize, done: usize, threads: usize) -> Self {
        let Buffers { arrangement, arena, scratch, tally, sums } = buffers;
        let execution =
            Execution { plan: &network.plan, arrangement, memory: arena.memory(), isa: network.isa, images, steps: 1, done, threads };
        Self { network, execution, scratch, tally, sums: &mut sums[..images * network.plan.output_index.len()] }
    }

    /// Back to the time before the first step.
    pub(super) fn reset(&mut self) {
        self.tally.reset(&self.network.activity, self.execution.images);
        self.sums.fill(0);
        self.execution.reset();
    }

    /// Makes what the constant image makes.
    pub(super) fn begin(&mut self, input: Input<'_>, watch: &mut Watch<'_>) {
        watch.begins();
        if self.is_fed_once() {
            self.feed(input, watch);
        }
        self.run(1, &self.network.plan.once, watch);
    }

    fn is_fed_once(&self) -> bool {
        matches!(self.network.plan.feed, Feed::Once)
    }

    /// So many time steps, at most those of the arrangement, and adds up the output.
    pub(super) fn pass(&mut self, steps: usize, input: Input<'_>, watch: &mut Watch<'_>) {
        self.execution.steps = steps;
        watch.passes(self.execution.done);
        if !self.is_fed_once() {
            self.feed(input, watch);
        }
        let plan = &self.network.plan;
        self.run(1 + plan.once.len(), &plan.each, watch);
        self.execution.sum_output(self.sums);
        self.execution.done += steps;
    }

    /// Passes up to a number of time steps in all.
    pub(super) fn advance(&mut self, until: usize, input: Input<'_>, watch: &mut Watch<'_>) {
        while self.execution.done < until {
            self.pass((until - self.execution.done).min(self.execution.arrangement.steps), input, watch);
        }
    }

    /// Writes the input of this pass, and counts its spikes.
    fn feed(&mut self, input: Input<'_>, watch: &mut Watch<'_>) {
        let (plan, execution) = (&self.network.plan, &self.execution);
        let place = execution.place_of_input();
        let (batch, len) = (execution.images, self.network.image_len());
        execution.surround(place);
        match (input, plan.feed) {
            (Input::Step(numbers), _) => execution.feed(batch, 0, &|index| numbers[index]),
            (Input::Images(images, _), Feed::Once) => execution.feed_images(images),
            (Input::Images(images, first), Feed::Poisson { digits, seed }) => {
                for step in 0..execution.steps {
                    let draws = |image: usize| Draws::new(seed, first.wrapping_add(image as u64), (execution.done + step) as u64);
                    execution.feed(batch, step, &|index| draws(index / len).spike((index % len) as u64, images[index], digits));
                }
            }
        }
        if let Some(counter) = &plan.counters[0] {
            self.tally.count(counter, place, execution.memory, execution.isa, batch, execution.steps);
        }
        watch.made(plan, 0, 0, execution);
    }

    /// Runs steps, of which the first has the number `first`, and counts their spikes.
    fn run(&mut self, first: usize, steps: &[Step], watch: &mut Watch<'_>) {
        let (plan, execution) = (&self.network.plan, &self.execution);
        for (index, step) in (first..).zip(steps) {
            execution.run(step, self.scratch, watch);
            if let Some(counter) = &plan.counters[index] {
                let place = &execution.arrangement.places[step.target];
                self.tally.count(counter, place, execution.memory, execution.isa, execution.images, execution.steps);
            }
            watch.made(plan, index, step.values.last().copied().unwrap_or(0), execution);
        }
    }

    /// Appends what the network has made of the images so far.
    pub(super) fn read_out(&self, outcome: &mut Outcome) {
        let (plan, steps) = (&self.network.plan, self.execution.done);
        #[cfg(feature = "locked")]
        let is_locked = self.network.answer(self.sums, steps, &mut outcome.answers);
        #[cfg(not(feature = "locked"))]
        let is_locked = false;
        if !is_locked {
            outcome.logits.extend(self.sums.iter().map(|&sum| logit(sum, steps, plan.scale, plan.is_rectified)));
        }
        outcome.images += self.execution.images;
        outcome.spikes.extend_from_slice(&self.tally.spikes);
        outcome.corrections.extend_from_slice(&self.tally.corrections);
        outcome.synaptic_ops.extend_from_slice(&self.tally.operations);
    }
}
