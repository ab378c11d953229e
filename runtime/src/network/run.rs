//! Stepping through time.

use super::{
    Network,
    ops::{self, Entries, Op},
    plan::{Feed, Plan, Step},
};
use crate::{artifact::MAX_TIMESTEPS, error::RunError, poisson::Draws};

/// What a network made of some images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Number of images.
    pub images: usize,
    /// Number of time steps.
    pub timesteps: usize,
    /// `[images, classes]`: the mean of the output over the time steps, rectified if the head is `relu`; no other head is
    /// applied.
    pub logits: Vec<f32>,
    /// `[images, populations]`: how often the entries of each of [`Network::populations`] have fired, corrections included.
    pub spikes: Vec<u64>,
    /// `[images, populations]`: how many of these spikes were corrections, -1, of neurons with [`Reset::Signed`]; 0 for all
    /// other populations.
    ///
    /// [`Reset::Signed`]: crate::Reset::Signed
    pub corrections: Vec<u64>,
    /// `[images, layers]`: accumulations of each of [`Network::layers`] that spikes drive: for every spike that its operand
    /// carried, the number of connections from there. 0 for layers that spikes do not drive.
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
    main: Vec<f32>,
    best: Vec<f32>,
    nets: Vec<f32>,
    counts: Vec<f32>,
}

/// The buffers of a batch.
struct Buffers {
    slots: Vec<Vec<f32>>,
    states: Vec<State>,
    /// The output, summed over the steps so far.
    sums: Vec<f64>,
    /// For the maxima of a `count_max_pool2d`.
    scratch: Vec<f32>,
}

impl Buffers {
    fn new(plan: &Plan, batch: usize) -> Self {
        let zeros = |len: usize| vec![0.0f32; len * batch];
        let scratch = plan.states.iter().map(|state| state.best).max().unwrap_or(0);
        Self {
            slots: plan.slots.iter().map(|&len| zeros(len)).collect(),
            states: plan
                .states
                .iter()
                .map(|state| State {
                    main: zeros(state.main),
                    best: zeros(state.best),
                    nets: zeros(state.nets),
                    counts: zeros(state.counts),
                })
                .collect(),
            sums: vec![0.0; plan.output.len * batch],
            scratch: zeros(scratch),
        }
    }

    /// Back to the time before the first step.
    fn reset(&mut self, plan: &Plan) {
        for (state, spec) in self.states.iter_mut().zip(&plan.states) {
            match &spec.initial {
                Some(initial) => initial.fill(&mut state.main),
                None => state.main.fill(0.0),
            }
            state.best.fill(0.0);
            state.nets.fill(0.0);
            state.counts.fill(0.0);
        }
        self.sums.fill(0.0);
    }
}

impl Network {
    /// Runs some images for a number of time steps.
    ///
    /// `images` is `[N, ..]`: any number of images in the layout and units of the network's input, one after the other; see
    /// [`Network::preprocess`] for pixels. With Poisson coding, image `i` draws the random numbers of the image
    /// `first_image_index + i`; with direct coding the index is of no effect.
    ///
    /// # Errors
    /// If the values are not a whole number of images or not finite, or the number of steps is not one that a network runs.
    pub fn run(&self, images: &[f32], timesteps: usize, first_image_index: u64) -> Result<Outcome, RunError> {
        let mut outcomes = self.run_checkpoints(images, &[timesteps], first_image_index)?;
        Ok(outcomes.pop().expect("one checkpoint makes one outcome"))
    }

    /// As [`Network::run`] to each of several numbers of time steps, which ascend; runs through time once.
    ///
    /// # Errors
    /// As [`Network::run`].
    pub fn run_checkpoints(&self, images: &[f32], timesteps: &[usize], first_image_index: u64) -> Result<Vec<Outcome>, RunError> {
        let image = self.image_len();
        let ascend = timesteps.is_sorted_by(|a, b| a < b);
        if !ascend || timesteps.is_empty() || timesteps[0] == 0 || timesteps[timesteps.len() - 1] > MAX_TIMESTEPS {
            return Err(RunError::Timesteps { got: timesteps.to_vec() });
        }
        if !images.len().is_multiple_of(image) {
            return Err(RunError::Images { got: images.len(), image });
        }
        if let Some(place) = images.iter().position(|v| !v.is_finite()) {
            return Err(RunError::NotFinite { image: place / image, index: place % image });
        }
        let count = images.len() / image;
        let mut outcomes: Vec<Outcome> = timesteps.iter().map(|&timesteps| Outcome { timesteps, ..Outcome::default() }).collect();
        let batch = self.batch.min(count.max(1));
        let mut buffers = Buffers::new(&self.plan, batch);
        for (index, images) in images.chunks(batch * image).enumerate() {
            let first = first_image_index.wrapping_add((index * batch) as u64);
            self.run_batch(images, images.len() / image, &mut outcomes, first, &mut buffers);
        }
        Ok(outcomes)
    }

    fn run_batch(&self, images: &[f32], batch: usize, outcomes: &mut [Outcome], first: u64, buffers: &mut Buffers) {
        let plan = &self.plan;
        buffers.reset(plan);
        if matches!(plan.feed, Feed::Direct) {
            buffers.slots[plan.input.slot][..images.len()].copy_from_slice(images);
        }
        for step in &plan.once {
            execute(step, batch, buffers);
        }
        let mut done = 0;
        for outcome in outcomes {
            while done < outcome.timesteps {
                if let Feed::Poisson { amplitude, seed, state } = &plan.feed {
                    let target = &mut buffers.slots[plan.input.slot][..images.len()];
                    let counts = &mut buffers.states[*state].counts;
                    draw(images, &amplitude.values, *seed, first, done as u64, target, counts);
                }
                for step in &plan.each {
                    execute(step, batch, buffers);
                }
                let output = &buffers.slots[plan.output.slot][..batch * plan.output.len];
                buffers.sums.iter_mut().zip(output).for_each(|(sum, &y)| *sum += f64::from(y));
                done += 1;
            }
            self.read_out(outcome, batch, buffers);
        }
    }

    fn read_out(&self, outcome: &mut Outcome, batch: usize, buffers: &Buffers) {
        let plan = &self.plan;
        let steps = outcome.timesteps as f64;
        let means = buffers.sums[..batch * plan.output.len].iter().map(|&sum| (sum / steps) as f32);
        outcome.logits.extend(means.map(|mean| if plan.is_rectified && mean < 0.0 { 0.0 } else { mean }));
        outcome.images += batch;
        for image in 0..batch {
            let mut counts: Vec<&[f32]> = vec![&[]; self.activity.populations.len()];
            let mut nets = counts.clone();
            for (state, spec) in buffers.states.iter().zip(&plan.states) {
                if let Some(population) = spec.population {
                    counts[population] = &state.counts[image * spec.counts..][..spec.counts];
                    nets[population] = &state.nets[image * spec.nets..][..spec.nets];
                }
            }
            let total = |counts: &[f32]| counts.iter().map(|&count| f64::from(count)).sum::<f64>() as u64;
            outcome.spikes.extend(counts.iter().map(|counts| total(counts)));
            // Spikes less their sum: every correction makes a difference of two. No sum is negative.
            let corrections = |(counts, nets): (&&[f32], &&[f32])| if nets.is_empty() { 0 } else { (total(counts) - total(nets)) / 2 };
            outcome.corrections.extend(counts.iter().zip(&nets).map(corrections));
            outcome.synaptic_ops.extend(self.activity.operations(&counts));
        }
    }
}

/// The Poisson spikes of a batch at one step.
fn draw(images: &[f32], amplitudes: &[f32], seed: u64, first: u64, step: u64, target: &mut [f32], counts: &mut [f32]) {
    let len = amplitudes.len();
    let batch = images.chunks(len).zip(target.chunks_mut(len)).zip(counts.chunks_mut(len));
    for (index, ((image, target), counts)) in (0u64..).zip(batch) {
        let draws = Draws::new(seed, first.wrapping_add(index), step);
        let pixels = image.iter().zip(amplitudes).zip(target).zip(counts);
        for (pixel, (((&value, &amplitude), target), count)) in (0u64..).zip(pixels) {
            *target = draws.spike(pixel, value, amplitude);
            *count += target.abs();
        }
    }
}

/// Runs one operator.
fn execute(step: &Step, batch: usize, buffers: &mut Buffers) {
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
        Op::Conv { conv, size, weight, bias, may_skip } => ops::conv(conv, *size, weight, bias.as_deref(), *may_skip, operand(0), y),
        Op::Linear { shape, weight, bias } => ops::linear(*shape, weight, bias.as_deref(), operand(0), y),
        Op::Scale(factor) => factor.apply(y, |y, factor| *y *= factor),
        Op::Shift(offset) => offset.apply(y, |y, offset| *y += offset),
        Op::Add => {
            for index in 1..step.operands.len() {
                y.iter_mut().zip(operand(index)).for_each(|(y, &x)| *y += x);
            }
        }
        Op::AveragePool(pool) => pool.average(operand(0), y),
        Op::Mean(mean) => mean.run(operand(0), y),
        Op::Concat(concat) => {
            let parts: Vec<&[f32]> = (0..step.operands.len()).map(operand).collect();
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
            state.counts.iter_mut().zip(&*y).for_each(|(count, &y)| *count += f32::from(u8::from(y != 0.0)));
        }
    }
    buffers.slots[result.slot] = buffer;
}
