//! Running images: step by step in the rate code, once in the radix code.

use super::{
    Network,
    neuron::Entries,
    ops::{self, Op},
    plan::{Feed, Plan, Step},
};
use crate::{
    artifact::{Code, MAX_TIMESTEPS},
    error::RunError,
    kernels::Isa,
    poisson::Draws,
};
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

/// What an operator keeps from step to step, for a batch.
struct State {
    main: Vec<i32>,
    best: Vec<i32>,
    nets: Vec<i32>,
    counts: Vec<u32>,
}

/// The buffers of a batch.
pub(super) struct Buffers {
    /// Most images that they hold.
    batch: usize,
    slots: Vec<Vec<i32>>,
    states: Vec<State>,
    /// The output, summed over the steps so far.
    sums: Vec<i64>,
    /// For the maxima of a `count_max_pool2d`.
    scratch: Vec<i32>,
}

/// Buffers of an earlier run, for the next: to ask the system for memory takes as long as a small layer.
#[derive(Default)]
pub(super) struct Spare(Mutex<Option<Buffers>>);

impl Spare {
    /// Buffers for so many images, which may hold more.
    fn take(&self, plan: &Plan, batch: usize) -> Buffers {
        let spare = self.0.lock().ok().and_then(|mut spare| spare.take());
        spare.filter(|buffers| buffers.batch >= batch).unwrap_or_else(|| Buffers::new(plan, batch))
    }

    fn give_back(&self, buffers: Buffers) {
        if let Ok(mut spare) = self.0.lock() {
            *spare = Some(buffers);
        }
    }
}

impl Clone for Spare {
    /// Every network has buffers of its own.
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Who is told of every value that a run makes.
pub(super) trait Observer {
    /// A value, for all images of a batch. In the rate code those that do not change are told of once.
    fn value(&mut self, value: usize, entries: &[i32]);
    /// All values of a time step were told of.
    fn step_is_over(&mut self);
}

/// Nobody.
impl Observer for () {
    fn value(&mut self, _: usize, _: &[i32]) {}
    fn step_is_over(&mut self) {}
}

impl Buffers {
    pub(super) fn new(plan: &Plan, batch: usize) -> Self {
        let zeros = |len: usize| vec![0i32; len * batch];
        let scratch = plan.states.iter().map(|state| state.best).max().unwrap_or(0);
        Self {
            batch,
            slots: plan.slots.iter().map(|&len| zeros(len)).collect(),
            states: plan
                .states
                .iter()
                .map(|state| State {
                    main: zeros(state.main),
                    best: zeros(state.best),
                    nets: zeros(state.nets),
                    counts: vec![0; state.counts * batch],
                })
                .collect(),
            sums: vec![0; plan.output.len * batch],
            scratch: zeros(scratch),
        }
    }

    /// Back to the time before the first step.
    fn reset(&mut self, plan: &Plan) {
        for (state, spec) in self.states.iter_mut().zip(&plan.states) {
            match &spec.initial {
                Some(initial) => initial.fill(&mut state.main),
                None => state.main.fill(0),
            }
            state.best.fill(0);
            state.nets.fill(0);
            state.counts.fill(0);
        }
        self.sums.fill(0);
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
        let mut outcomes: Vec<Outcome> = timesteps.iter().map(|&timesteps| Outcome { timesteps, ..Outcome::default() }).collect();
        let batch = self.batch.min(count.max(1));
        let mut buffers = self.spare.take(&self.plan, batch);
        for (index, images) in images.chunks(batch * image).enumerate() {
            let first = first_image_index.wrapping_add((index * batch) as u64);
            self.run_batch(images, &mut outcomes, first, &mut buffers, &mut ());
        }
        self.spare.give_back(buffers);
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
        match images.iter().position(|&q| q > top) {
            Some(place) => Err(RunError::Range { image: place / image, index: place % image, max: top }),
            None => Ok(()),
        }
    }

    /// Runs as many images as the buffers hold, or fewer, and appends what they make to the outcomes.
    pub(super) fn run_batch(
        &self,
        images: &[u16],
        outcomes: &mut [Outcome],
        first: u64,
        buffers: &mut Buffers,
        observer: &mut impl Observer,
    ) {
        let plan = &self.plan;
        let batch = images.len() / plan.input.len;
        buffers.reset(plan);
        let input = &mut buffers.slots[plan.input.slot][..images.len()];
        input.iter_mut().zip(images).for_each(|(x, &q)| *x = i32::from(q));
        if let Feed::Digits { state } = plan.feed {
            count_digits(input, &mut buffers.states[state].counts);
        }
        observer.value(0, input);
        for step in &plan.once {
            execute(step, batch, self.isa, buffers, observer);
        }
        let mut done = 0;
        for outcome in outcomes {
            // All digits of a window at once.
            let steps = if self.spec.code == Code::Radix { 1 } else { outcome.timesteps };
            while done < steps {
                if let Feed::Poisson { digits, seed, state } = plan.feed {
                    let target = &mut buffers.slots[plan.input.slot][..images.len()];
                    let draws = |image: u64| Draws::new(seed, first.wrapping_add(image), done as u64);
                    draw(images, plan.input.len, digits, draws, target, &mut buffers.states[state].counts);
                    observer.value(0, target);
                }
                for step in &plan.each {
                    execute(step, batch, self.isa, buffers, observer);
                }
                let output = &buffers.slots[plan.output.slot][..batch * plan.output.len];
                buffers.sums.iter_mut().zip(output).for_each(|(sum, &y)| *sum += i64::from(y));
                done += 1;
                observer.step_is_over();
            }
            self.read_out(outcome, batch, steps, buffers);
        }
    }

    fn read_out(&self, outcome: &mut Outcome, batch: usize, steps: usize, buffers: &Buffers) {
        let plan = &self.plan;
        let means = buffers.sums[..batch * plan.output.len].iter().map(|&sum| (sum as f64 / steps as f64 * plan.scale) as f32);
        outcome.logits.extend(means.map(|mean| if plan.is_rectified && mean < 0.0 { 0.0 } else { mean }));
        outcome.images += batch;
        for image in 0..batch {
            let mut counts: Vec<&[u32]> = vec![&[]; self.activity.populations.len()];
            let mut nets: Vec<&[i32]> = vec![&[]; self.activity.populations.len()];
            for (state, spec) in buffers.states.iter().zip(&plan.states) {
                if let Some(population) = spec.population {
                    counts[population] = &state.counts[image * spec.counts..][..spec.counts];
                    nets[population] = &state.nets[image * spec.nets..][..spec.nets];
                }
            }
            let total = |counts: &[u32]| counts.iter().map(|&count| u64::from(count)).sum::<u64>();
            outcome.spikes.extend(counts.iter().map(|counts| total(counts)));
            // Spikes less their sum: every correction makes a difference of two. No sum is negative.
            let net = |nets: &[i32]| nets.iter().map(|&net| net as u64).sum::<u64>();
            let corrections = |(counts, nets): (&&[u32], &&[i32])| if nets.is_empty() { 0 } else { (total(counts) - net(nets)) / 2 };
            outcome.corrections.extend(counts.iter().zip(&nets).map(corrections));
            outcome.synaptic_ops.extend(self.activity.operations(&counts));
        }
    }
}

/// The Poisson spikes of a batch at one step; `draws` has the random numbers of each image of it.
fn draw(images: &[u16], len: usize, digits: u32, draws: impl Fn(u64) -> Draws, target: &mut [i32], counts: &mut [u32]) {
    let batch = images.chunks(len).zip(target.chunks_mut(len)).zip(counts.chunks_mut(len));
    for (index, ((image, target), counts)) in (0u64..).zip(batch) {
        let draws = draws(index);
        for (pixel, ((&value, target), count)) in (0u64..).zip(image.iter().zip(target).zip(counts)) {
            *target = draws.spike(pixel, value, digits);
            *count += target.unsigned_abs();
        }
    }
}

/// The spikes of streams that say these counts.
fn count_digits(counts: &[i32], spikes: &mut [u32]) {
    spikes.iter_mut().zip(counts).for_each(|(spikes, count)| *spikes = count.count_ones());
}

/// Runs one operator.
fn execute(step: &Step, batch: usize, isa: Isa, buffers: &mut Buffers, observer: &mut impl Observer) {
    let result = step.result;
    // The buffer of the result is taken out of the table meanwhile, so that those of the operands can be read.
    let mut buffer = std::mem::take(&mut buffers.slots[result.slot]);
    let y = &mut buffer[..batch * result.len];
    let operand = |index: usize| &buffers.slots[step.operands[index].slot][..batch * step.operands[index].len];
    let in_place = step.operands[0].slot == result.slot;
    if step.op.is_elementwise() && !in_place {
        y.copy_from_slice(operand(0));
    }
    match &step.op {
        Op::Conv { conv, may_skip } => ops::conv(conv, isa, *may_skip, batch, operand(0), y),
        Op::Linear(linear) => linear.run(isa, operand(0), y),
        Op::Scale(factor) => factor.apply(y, |y, factor| *y *= factor),
        Op::Shift(offset) => offset.apply(y, |y, offset| *y += offset),
        Op::Add => {
            for index in 1..step.operands.len() {
                y.iter_mut().zip(operand(index)).for_each(|(y, &x)| *y += x);
            }
        }
        Op::SumPool(pool) => pool.sum(operand(0), y),
        Op::Sum(sum) => sum.run(operand(0), y),
        Op::Concat(concat) => {
            let parts: Vec<&[i32]> = (0..step.operands.len()).map(operand).collect();
            concat.run(&parts, y);
        }
        Op::Gather(index) => ops::gather(index, operand(0), y),
        Op::Neuron { neuron, state } => {
            let state = &mut buffers.states[*state];
            let len = y.len();
            let nets = if neuron.is_signed() { len } else { 0 };
            neuron.step(Entries { x: y, v: &mut state.main[..len], counts: &mut state.counts[..len], nets: &mut state.nets[..nets] });
        }
        Op::CountMax { pool, state } => {
            let x = operand(0);
            let state = &mut buffers.states[*state];
            let arrived = &mut state.main[..x.len()];
            arrived.iter_mut().zip(x).for_each(|(arrived, &x)| *arrived += x);
            let largest = &mut buffers.scratch[..y.len()];
            pool.max(arrived, largest);
            for ((y, best), &largest) in y.iter_mut().zip(&mut state.best).zip(&*largest) {
                *y = largest - *best;
                *best = largest;
            }
            // Only what carries spikes is counted: other states have no counters.
            state.counts.iter_mut().zip(&*y).for_each(|(count, &y)| *count += u32::from(y != 0));
        }
        Op::RadixNeuron { neuron, state } => {
            neuron.run(y);
            count_digits(y, &mut buffers.states[*state].counts);
        }
        Op::DigitMax { pool, state } => {
            pool.max(operand(0), y);
            count_digits(y, &mut buffers.states[*state].counts);
        }
    }
    observer.value(step.value, y);
    buffers.slots[result.slot] = buffer;
}
