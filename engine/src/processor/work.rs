//! One step at work: what it makes of its operands, and what their gradients are.
//!
//! Forward keeps what backward needs and nothing else ([`Work::reads`]): the currents of neurons, the operands of layers whose weights are
//! asked for. Potentials are computed again ([`snnc_kernels::neuron`]).

use super::{
    activation, count,
    data::{Buffers, Data},
    moves, twin,
};
use crate::{
    plan::{Counting, NeuronSlots, Op, RadixSlots, Span, Spread, Step},
    sums::{add, add_steps},
};
use snnc_kernels::{
    bias_gradient, linear_forward, linear_input_gradient, linear_weight_gradient,
    neuron::{Derivation, NeuronGradients, Neurons, RadixGradients, RadixNeurons},
    spikes,
};
use std::borrow::Cow;

/// A step, its parameters, and how often it runs.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    pub(crate) step: &'a Step,
    /// All parameters of the plan.
    pub(crate) values: &'a [Cow<'a, [f32]>],
    /// The step's own, spread out over entries; see [`spread`].
    pub(crate) own: &'a [Vec<f32>],
    pub(crate) images: usize,
    /// How often the step's result stands in memory: once an image, or once an image and time step.
    pub(crate) rows: usize,
    pub(crate) timesteps: usize,
}

/// What a step's backward pass is asked for.
pub(crate) struct Asked<'a> {
    /// For each operand, whether its gradient is needed.
    pub(crate) operands: &'a [bool],
    /// For each parameter of the plan, whether its gradient is wanted.
    pub(crate) parameters: &'a [bool],
    pub(crate) how: Derivation,
}

/// Which results backward will read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    pub(crate) operand: bool,
    pub(crate) result: bool,
}

/// The parameters of a step that it reads entry by entry, spread out so.
pub(crate) fn spread(step: &Step, values: &[Cow<'_, [f32]>]) -> Vec<Vec<f32>> {
    let entries = |spread: &Spread| spread.of(&values[spread.slot]);
    match &step.op {
        Op::Scale(spread) | Op::Shift(spread) => vec![entries(spread)],
        Op::Normalise { slots, epsilon, .. } => {
            let [gamma, beta, mean, variance] = slots.map(|slot| &values[slot]);
            let deviation: Vec<f32> = variance.iter().map(|v| (v + epsilon).sqrt()).collect();
            let factor = gamma.iter().zip(&deviation).map(|(g, d)| g / d).collect();
            let offset = (0..gamma.len()).map(|c| beta[c] - mean[c] * gamma[c] / deviation[c]).collect();
            vec![factor, offset, deviation]
        }
        Op::Radix(slots) => vec![entries(&slots.threshold), entries(&slots.initial)],
        Op::Neuron(slots) | Op::Twin(_, slots) => {
            let leak = slots.leak.as_ref().map_or_else(|| vec![1.0; step.len], entries);
            vec![entries(&slots.threshold), entries(&slots.initial), leak]
        }
        _ => Vec::new(),
    }
}

impl Work<'_> {
    /// The step's result.
    pub(crate) fn forward(&self, operands: &[&Data], buffers: &mut Buffers) -> Data {
        let Self { step, rows, images, .. } = *self;
        let x = operands[0];
        if let Op::Neuron(slots) = &step.op {
            let mut spikes = buffers.take_bytes(rows * step.len);
            x.with(buffers, |x, _| self.neurons(slots).forward(x, images, &mut spikes));
            return Data::Spikes(spikes);
        }
        let mut y = buffers.take(rows * step.len);
        match &step.op {
            Op::Input | Op::Neuron(_) => unreachable!("inputs are given, and neurons are handled above"),
            Op::Convolution { conv, size, weight, bias, rectified } => {
                let bias = bias.map(|b| &self.values[b][..]);
                x.with(buffers, |x, _| conv.forward(x, rows, *size, &self.values[*weight], bias, *rectified, &mut y));
            }
            Op::Linear { inputs, outputs, weight, bias, rectified } => {
                let bias = bias.map(|b| &self.values[b][..]);
                x.with(buffers, |x, _| linear_forward(x, [rows, *inputs, *outputs], &self.values[*weight], bias, *rectified, &mut y));
            }
            Op::Scale(_) => self.each(x, &mut y, |x, factor| x * factor),
            Op::Shift(_) => self.each(x, &mut y, |x, offset| x + offset),
            Op::Add => {
                // What is the same at every step is added at every step.
                x.with(buffers, |x, _| y.chunks_mut(x.len()).for_each(|y| y.copy_from_slice(x)));
                for operand in &operands[1..] {
                    operand.with(buffers, |x, _| y.chunks_mut(x.len()).for_each(|y| add(y, x)));
                }
            }
            Op::AveragePool(pool) => x.with(buffers, |x, _| pool.pool.average_forward(x, rows * pool.channels, pool.size, &mut y)),
            Op::SumPool(pool) => x.with(buffers, |x, _| pool.pool.sum_forward(x, rows * pool.channels, pool.size, &mut y)),
            Op::MaxPool(pool) if step.span == Span::Temporal => {
                x.with(buffers, |x, buffers| count::forward(pool, x, &mut y, images, buffers));
            }
            Op::MaxPool(pool) => x.with(buffers, |x, _| pool.pool.max_forward(x, rows * pool.channels, pool.size, &mut y)),
            Op::Move { maps, fill } => {
                y.fill(*fill);
                for (operand, map) in operands.iter().zip(maps) {
                    operand.with(buffers, |x, _| moves::forward(x, map, &mut y, step.len));
                }
            }
            Op::Mean { map, share } => x.with(buffers, |x, _| moves::mean(x, map, *share, &mut y, step.len)),
            Op::Normalise { plane, .. } => {
                x.with(buffers, |x, _| activation::normalise(x, [&self.own[0][..], &self.own[1][..]], *plane, &mut y))
            }
            Op::Clamp { low, high } => x.with(buffers, |x, _| activation::clamp(x, &mut y, *low, *high)),
            Op::ClipFloorShift { max, levels } => x.with(buffers, |x, _| activation::clip_floor_shift(x, &mut y, *max, *levels)),
            Op::Radix(slots) => x.with(buffers, |x, _| self.radix(slots).counts(x, &mut y)),
            Op::Twin(twin, slots) => x.with(buffers, |x, _| twin::forward(*twin, self.neurons(slots), x, &mut y, self.timesteps)),
            Op::TimeMean => {
                y.fill(0.0);
                x.with(buffers, |x, _| add_steps(x, &mut y));
                y.iter_mut().for_each(|y| *y /= self.timesteps as f32);
            }
        }
        if !step.is_spikes {
            return Data::Floats(y);
        }
        let mut bytes = buffers.take_bytes(y.len());
        bytes.iter_mut().zip(&y).for_each(|(b, &v)| *b = v as i8);
        buffers.give(y);
        Data::Spikes(bytes)
    }

    /// Which results [`Work::backward`] reads, if the gradients of these parameters are wanted.
    pub(crate) fn reads(op: &Op, parameters: &[bool]) -> Reads {
        let (operand, result) = match op {
            Op::Convolution { weight, rectified, .. } | Op::Linear { weight, rectified, .. } => (parameters[*weight], *rectified),
            Op::Scale(spread) => (parameters[spread.slot], false),
            Op::Normalise { slots, .. } => (parameters[slots[0]], false),
            Op::Neuron(_) | Op::Radix(_) | Op::Twin(..) | Op::MaxPool(_) | Op::Clamp { .. } | Op::ClipFloorShift { .. } => (true, false),
            Op::Input | Op::Shift(_) | Op::Add | Op::AveragePool(_) | Op::SumPool(_) | Op::Move { .. } | Op::Mean { .. } | Op::TimeMean => {
                (false, false)
            }
        };
        Reads { operand, result }
    }

    /// Adds the gradients of the step's parameters and returns those of its operands, each with as many rows as the step has, where they
    /// are asked for. `x` and `y` are the first operand and the result, where [`Work::reads`] wants them.
    pub(crate) fn backward(
        &self,
        (x, y): (Option<&Data>, Option<&Data>),
        mut dy: Vec<f32>,
        asked: &Asked<'_>,
        parameters: &mut [Vec<f32>],
        buffers: &mut Buffers,
    ) -> Vec<Option<Vec<f32>>> {
        let Self { step, rows, images, .. } = *self;
        let is_wanted = |slot: usize| asked.parameters[slot];
        let kept = |data: Option<&Data>, buffers: &mut Buffers, body: &mut dyn FnMut(&[f32], &mut Buffers)| {
            data.expect("forward has kept what backward reads").with(buffers, |values, buffers| body(values, buffers));
        };
        // The first operand's, for steps that have one.
        let mut dx = None;
        match &step.op {
            Op::Input => unreachable!("the input has no operand"),
            Op::Convolution { conv, size, weight, bias, rectified } => {
                if *rectified {
                    kept(y, buffers, &mut |y, _| activation::between(y, &mut dy, 0.0, f32::INFINITY));
                }
                if let Some(slot) = bias.filter(|&b| is_wanted(b)) {
                    let mut db = buffers.take(conv.out_channels);
                    bias_gradient(&dy, rows, conv.out_channels, step.len / conv.out_channels, &mut db);
                    add(&mut parameters[slot], &db);
                    buffers.give(db);
                }
                if is_wanted(*weight) {
                    let mut dw = buffers.take(self.values[*weight].len());
                    kept(x, buffers, &mut |x, _| conv.weight_gradient(x, &dy, rows, *size, &mut dw));
                    add(&mut parameters[*weight], &dw);
                    buffers.give(dw);
                }
                if asked.operands[0] {
                    let mut of_x = buffers.take(rows * conv.in_channels * size[0] * size[1]);
                    conv.input_gradient(&dy, rows, *size, &self.values[*weight], &mut of_x);
                    dx = Some(of_x);
                }
                buffers.give(dy);
            }
            Op::Linear { inputs, outputs, weight, bias, rectified } => {
                let shape = [rows, *inputs, *outputs];
                if *rectified {
                    kept(y, buffers, &mut |y, _| activation::between(y, &mut dy, 0.0, f32::INFINITY));
                }
                if let Some(slot) = bias.filter(|&b| is_wanted(b)) {
                    dy.chunks(*outputs).for_each(|row| add(&mut parameters[slot], row));
                }
                if is_wanted(*weight) {
                    let mut dw = buffers.take(self.values[*weight].len());
                    kept(x, buffers, &mut |x, _| linear_weight_gradient(x, &dy, shape, &mut dw));
                    add(&mut parameters[*weight], &dw);
                    buffers.give(dw);
                }
                if asked.operands[0] {
                    let mut of_x = buffers.take(rows * inputs);
                    linear_input_gradient(&dy, shape, &self.values[*weight], &mut of_x);
                    dx = Some(of_x);
                }
                buffers.give(dy);
            }
            Op::Scale(spread) => {
                if is_wanted(spread.slot) {
                    let mut sum = buffers.zeros(step.len);
                    kept(x, buffers, &mut |x, _| add_products(&mut sum, x, &dy));
                    gather(&sum, spread, &mut parameters[spread.slot]);
                    buffers.give(sum);
                }
                for dy in dy.chunks_mut(step.len) {
                    dy.iter_mut().zip(&self.own[0]).for_each(|(d, f)| *d *= f);
                }
                dx = Some(dy);
            }
            Op::Shift(spread) => {
                if is_wanted(spread.slot) {
                    let mut sum = buffers.zeros(step.len);
                    add_steps(&dy, &mut sum);
                    gather(&sum, spread, &mut parameters[spread.slot]);
                    buffers.give(sum);
                }
                dx = Some(dy);
            }
            Op::Add => {
                let mut copy = |&needed: &bool| needed.then(|| buffers.copy(&dy));
                let others: Vec<Option<Vec<f32>>> = asked.operands[1..].iter().map(&mut copy).collect();
                return std::iter::once(Some(dy)).chain(others).collect();
            }
            Op::AveragePool(pool) => {
                let mut of_x = buffers.take(rows * pool.channels * pool.size[0] * pool.size[1]);
                pool.pool.average_input_gradient(&dy, rows * pool.channels, pool.size, &mut of_x);
                buffers.give(dy);
                dx = Some(of_x);
            }
            Op::SumPool(pool) => {
                let mut of_x = buffers.take(rows * pool.channels * pool.size[0] * pool.size[1]);
                pool.pool.sum_input_gradient(&dy, rows * pool.channels, pool.size, &mut of_x);
                buffers.give(dy);
                dx = Some(of_x);
            }
            Op::MaxPool(pool) => {
                let mut of_x = buffers.take(rows * pool.channels * pool.size[0] * pool.size[1]);
                kept(x, buffers, &mut |x, buffers| {
                    if step.span == Span::Temporal {
                        count::backward(pool, x, &dy, &mut of_x, images, buffers);
                    } else {
                        pool.pool.max_input_gradient(x, &dy, rows * pool.channels, pool.size, &mut of_x);
                    }
                });
                buffers.give(dy);
                dx = Some(of_x);
            }
            Op::Move { maps, .. } => {
                let back = |(map, &needed): (&Vec<u32>, &bool)| {
                    needed.then(|| {
                        let mut of_x = buffers.take(rows * map.len());
                        moves::backward(&dy, map, 1.0, &mut of_x, step.len);
                        of_x
                    })
                };
                let parts = maps.iter().zip(asked.operands).map(back).collect();
                buffers.give(dy);
                return parts;
            }
            Op::Mean { map, share } => {
                let mut of_x = buffers.take(rows * map.len());
                moves::backward(&dy, map, *share, &mut of_x, step.len);
                buffers.give(dy);
                dx = Some(of_x);
            }
            Op::Normalise { slots: [scale, shift, mean, _], plane, .. } => {
                let [factor, _, deviation] = self.own else { unreachable!("a normalisation has three") };
                if is_wanted(*shift) {
                    bias_gradient_into(&mut parameters[*shift], &dy, *plane, |_, d| d);
                }
                if is_wanted(*scale) {
                    let mean = &self.values[*mean];
                    kept(x, buffers, &mut |x, _| {
                        let channels = mean.len();
                        let of = |at: usize, d: f32| d * (x[at] - mean[at / plane % channels]) / deviation[at / plane % channels];
                        bias_gradient_into(&mut parameters[*scale], &dy, *plane, of);
                    });
                }
                for (k, dy) in dy.chunks_mut(*plane).enumerate() {
                    dy.iter_mut().for_each(|d| *d *= factor[k % factor.len()]);
                }
                dx = Some(dy);
            }
            Op::Clamp { low, high } => {
                kept(x, buffers, &mut |x, _| activation::between(x, &mut dy, *low, *high));
                dx = Some(dy);
            }
            Op::ClipFloorShift { max, .. } => {
                kept(x, buffers, &mut |x, _| activation::between(x, &mut dy, 0.0, *max));
                dx = Some(dy);
            }
            Op::Neuron(slots) => {
                let mut sums = [(); 3].map(|()| buffers.zeros(step.len));
                let [threshold, initial, leak] = &mut sums;
                let mut of = Some(NeuronGradients { threshold, initial, leak });
                kept(x, buffers, &mut |x, _| {
                    if let Some(of) = of.take() {
                        self.neurons(slots).backward(x, images, asked.how, &mut dy, of);
                    }
                });
                let lists = [Some(&slots.threshold), Some(&slots.initial), slots.leak.as_ref()];
                for (sum, list) in sums.into_iter().zip(lists) {
                    if let Some(spread) = list.filter(|spread| is_wanted(spread.slot)) {
                        gather(&sum, spread, &mut parameters[spread.slot]);
                    }
                    buffers.give(sum);
                }
                dx = Some(dy);
            }
            Op::Radix(slots) => {
                let mut sums = [(); 2].map(|()| buffers.zeros(step.len));
                let [threshold, initial] = &mut sums;
                let mut of = Some(RadixGradients { threshold, initial });
                kept(x, buffers, &mut |x, _| {
                    if let Some(of) = of.take() {
                        self.radix(slots).backward(x, &mut dy, of);
                    }
                });
                for (sum, spread) in sums.into_iter().zip([&slots.threshold, &slots.initial]) {
                    if is_wanted(spread.slot) {
                        gather(&sum, spread, &mut parameters[spread.slot]);
                    }
                    buffers.give(sum);
                }
                dx = Some(dy);
            }
            Op::Twin(twin, slots) => {
                kept(x, buffers, &mut |x, _| twin::backward(*twin, self.neurons(slots), x, &mut dy, self.timesteps));
                dx = Some(dy);
            }
            Op::TimeMean => {
                let share = 1.0 / self.timesteps as f32;
                let mut of_x = buffers.take(self.timesteps * dy.len());
                of_x.chunks_mut(dy.len()).for_each(|dx| dx.iter_mut().zip(&dy).for_each(|(dx, dy)| *dx = dy * share));
                buffers.give(dy);
                dx = Some(of_x);
            }
        }
        vec![dx]
    }

    /// `y = of(x, own)` entry by entry.
    fn each(&self, x: &Data, y: &mut [f32], of: impl Fn(f32, f32) -> f32) {
        let own = &self.own[0];
        match x {
            Data::Floats(x) => {
                for (x, y) in x.chunks(own.len()).zip(y.chunks_mut(own.len())) {
                    x.iter().zip(own).zip(y).for_each(|((&x, &own), y)| *y = of(x, own));
                }
            }
            Data::Spikes(x) => {
                for (x, y) in x.chunks(own.len()).zip(y.chunks_mut(own.len())) {
                    spikes::to_floats(x, y);
                    y.iter_mut().zip(own).for_each(|(y, &own)| *y = of(*y, own));
                }
            }
        }
    }

    fn radix(&self, slots: &RadixSlots) -> RadixNeurons<'_> {
        let [threshold, initial] = self.own else { unreachable!("neurons of the radix code have two parameters") };
        let levels = if slots.counting == Counting::Endless { f32::INFINITY } else { slots.levels as f32 };
        RadixNeurons { threshold, initial, levels, rounds: slots.counting == Counting::Digits }
    }

    fn neurons(&self, slots: &NeuronSlots) -> Neurons<'_> {
        let [threshold, initial, leak] = self.own else { unreachable!("neurons have three parameters") };
        Neurons { threshold, initial, leak, reset: slots.reset, is_whole: slots.is_whole }
    }
}

/// Adds per-entry gradients to those of the parameter that was spread over the entries.
fn gather(entries: &[f32], spread: &Spread, parameter: &mut [f32]) {
    entries.iter().zip(&spread.index).for_each(|(g, &i)| parameter[i as usize] += g);
}

/// Adds the products of every row to `sum`.
fn add_products(sum: &mut [f32], x: &[f32], dy: &[f32]) {
    for (x, dy) in x.chunks(sum.len()).zip(dy.chunks(sum.len())) {
        sum.iter_mut().zip(x.iter().zip(dy)).for_each(|(s, (x, d))| *s += x * d);
    }
}

/// Adds what `of` makes of every entry of a gradient to the entry of its channel.
fn bias_gradient_into(parameter: &mut [f32], dy: &[f32], plane: usize, of: impl Fn(usize, f32) -> f32) {
    let channels = parameter.len();
    dy.iter().enumerate().for_each(|(at, &d)| parameter[at / plane % channels] += of(at, d));
}
