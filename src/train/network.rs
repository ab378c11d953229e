//! The spiking network on the CPU: forward over all time steps, and backward through time.
//!
//! Forward keeps what backward needs and nothing else: the currents of neurons, the operands of layers whose weights are
//! trained; spikes are kept as bytes. Potentials are computed again ([`snnc_kernels::neuron`]). All buffers go round in a
//! [`Workspace`], so a step of a descent allocates nothing after the first.
//!
//! Images are independent of each other, so a batch may be cut into parts that run on different threads; their gradients are
//! then added in order.

use std::collections::BTreeMap;

use super::plan::{NOWHERE, NeuronSlots, Op, Plan, Span, Twin};
use crate::simulate::Workspace;
use snnc_kernels::{
    Pool2d, bias_gradient, linear_forward, linear_input_gradient, linear_weight_gradient,
    neuron::{Derivation, NeuronGradients, Neurons},
};

/// A loss over the logits `[N, classes]` of a batch: its value and its gradient, in the same order.
pub type Loss<'a> = &'a dyn Fn(&[f32]) -> (f64, Vec<f32>);

/// What neurons should stand for beside the output: the activations of the float network.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    /// Weight of a layer's error in the loss, shared out over the layers.
    pub weight: f64,
    /// By step: the activations `[N, len]`, and what a firing rate of 1 stands for, one value for each entry.
    pub layers: BTreeMap<usize, (Vec<f32>, Vec<f32>)>,
}

/// What is differentiated with respect to.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// For each parameter, whether its gradient is wanted.
    pub parameters: Vec<bool>,
    /// Whether that of the input is: the image with direct coding, each step's spikes with Poisson coding.
    pub input: bool,
}

/// What a backward pass found.
#[derive(Clone, Debug, Default)]
pub struct Gradients {
    /// The loss.
    pub loss: f64,
    /// The logits of the forward pass.
    pub logits: Vec<f32>,
    /// For each parameter its gradient; empty where it is not wanted.
    pub parameters: Vec<Vec<f32>>,
    /// Of the input; empty where it is not wanted.
    pub input: Vec<f32>,
}

impl Gradients {
    /// No loss, and no slope.
    #[must_use]
    pub fn zeros(values: &[Vec<f32>], wanted: &Wanted) -> Self {
        let parameters = values.iter().zip(&wanted.parameters).map(|(v, &is)| vec![0.0; if is { v.len() } else { 0 }]).collect();
        Self { parameters, ..Self::default() }
    }

    /// Adds the loss and the gradients of the parameters of another.
    pub fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        self.parameters.iter_mut().zip(&other.parameters).for_each(|(sum, part)| add(sum, part));
    }
}

/// The buffers of one thread.
#[derive(Default)]
pub struct Buffers {
    pub(crate) floats: Workspace,
    bytes: Vec<Vec<i8>>,
}

impl Buffers {
    fn bytes(&mut self, len: usize) -> Vec<i8> {
        let fitting = self.bytes.iter().position(|b| b.len() == len);
        fitting.map_or_else(|| vec![0; len], |at| self.bytes.swap_remove(at))
    }

    fn give(&mut self, data: Data) {
        match data {
            Data::Floats(values) => self.floats.give(values),
            Data::Spikes(values) => self.bytes.push(values),
        }
    }
}

/// What a step made.
enum Data {
    Floats(Vec<f32>),
    Spikes(Vec<i8>),
}

impl Data {
    /// Lends it as floats to `body`.
    fn with<R>(&self, buffers: &mut Buffers, body: impl FnOnce(&[f32], &mut Buffers) -> R) -> R {
        match self {
            Self::Floats(values) => body(values, buffers),
            Self::Spikes(bytes) => {
                let mut values = buffers.floats.take(bytes.len());
                values.iter_mut().zip(bytes).for_each(|(v, &b)| *v = f32::from(b));
                let result = body(&values, buffers);
                buffers.floats.give(values);
                result
            }
        }
    }
}

/// The plan with the parameters as they are now, spread out over the entries that they broadcast to.
pub struct Network<'a> {
    plan: &'a Plan,
    values: &'a [Vec<f32>],
    /// For each step, its parameters, one value an entry; empty where the step reads them as they are.
    spread: Vec<Vec<Vec<f32>>>,
    /// The last step that reads a step's result.
    last_use: Vec<usize>,
}

impl<'a> Network<'a> {
    /// Prepares a plan with these values of its parameters.
    #[must_use]
    pub fn new(plan: &'a Plan, values: &'a [Vec<f32>]) -> Self {
        let entries = |(slot, index): &(usize, Vec<usize>)| index.iter().map(|&i| values[*slot][i]).collect::<Vec<f32>>();
        let spread = plan.steps.iter().map(|step| match &step.op {
            Op::Scale(slot, index) | Op::Shift(slot, index) => vec![index.iter().map(|&i| values[*slot][i]).collect()],
            Op::Neuron(slots) | Op::Twin(_, slots) => {
                let leak = slots.leak.as_ref().map_or_else(|| vec![1.0; step.len], entries);
                vec![entries(&slots.threshold), entries(&slots.initial), leak]
            }
            _ => Vec::new(),
        });
        let spread = spread.collect();
        let mut last_use: Vec<usize> = (0..plan.steps.len()).collect();
        for (at, step) in plan.steps.iter().enumerate() {
            step.operands.iter().for_each(|&operand| last_use[operand] = at);
        }
        last_use[plan.output] = plan.steps.len();
        Self { plan, values, spread, last_use }
    }

    /// Mean output over time, `[N, classes]`, for `images` inputs: `[N, ..]`, or `[T, N, ..]` where the input varies.
    #[must_use]
    pub fn logits(&self, input: &[f32], images: usize, buffers: &mut Buffers) -> Vec<f32> {
        let none = Wanted { parameters: vec![false; self.values.len()], input: false };
        let (results, logits) = self.forward(input, images, &none, &Hints::default(), buffers);
        results.into_iter().flatten().for_each(|data| buffers.give(data));
        logits
    }

    /// The gradients of a loss.
    #[must_use]
    pub fn gradients(
        &self,
        input: &[f32],
        images: usize,
        wanted: &Wanted,
        how: Derivation,
        (loss, hints): (Loss<'_>, &Hints),
        buffers: &mut Buffers,
    ) -> Gradients {
        let (mut results, logits) = self.forward(input, images, wanted, hints, buffers);
        let (value, seed) = loss(&logits);
        let mut gradients = Gradients { loss: value, logits, ..Gradients::zeros(self.values, wanted) };
        let needed = self.needed(wanted);
        let steps = &self.plan.steps;
        let mut flowing: Vec<Option<Vec<f32>>> = steps.iter().map(|_| None).collect();
        let mut first = buffers.floats.take(self.plan.rows(self.plan.output, images) * steps[self.plan.output].len);
        let share = seed.len() as f32 / first.len() as f32;
        first.chunks_mut(seed.len()).for_each(|step| step.iter_mut().zip(&seed).for_each(|(g, s)| *g = s * share));
        flowing[self.plan.output] = Some(first);
        for at in (0..steps.len()).rev() {
            if let Some((target, size)) = hints.layers.get(&at) {
                let rows = self.plan.rows(at, images) * steps[at].len;
                let mut flow = flowing[at].take().unwrap_or_else(|| {
                    let mut empty = buffers.floats.take(rows);
                    empty.fill(0.0);
                    empty
                });
                gradients.loss +=
                    hints.weight * result(&results, at).with(buffers, |spikes, _| hint(spikes, target, size, hints, &mut flow));
                flowing[at] = Some(flow);
            }
            if let (Some(gradient), true) = (flowing[at].take(), needed[at]) {
                if at == 0 {
                    gradients.input = gradient;
                    continue;
                }
                self.backward(at, images, &results, gradient, wanted, &needed, how, &mut gradients.parameters, &mut flowing, buffers);
            }
            // Whoever read this result came later and is done.
            if let Some(data) = results[at].take() {
                buffers.give(data);
            }
        }
        results.into_iter().flatten().for_each(|data| buffers.give(data));
        gradients
    }

    /// Whether anything that is wanted lies at a step or before it.
    fn needed(&self, wanted: &Wanted) -> Vec<bool> {
        let mut needed: Vec<bool> = Vec::with_capacity(self.plan.steps.len());
        for (at, step) in self.plan.steps.iter().enumerate() {
            let own = at == 0 && wanted.input || slots(&step.op).into_iter().any(|slot| wanted.parameters[slot]);
            needed.push(own || step.operands.iter().any(|&o| needed[o]));
        }
        needed
    }

    /// Which results backward will read.
    fn kept(&self, wanted: &Wanted) -> Vec<bool> {
        let needed = self.needed(wanted);
        let mut kept = vec![false; self.plan.steps.len()];
        for (at, step) in self.plan.steps.iter().enumerate() {
            let reads = match &step.op {
                Op::Convolution { weight, .. } | Op::Linear { weight, .. } => wanted.parameters[*weight],
                Op::Scale(slot, _) => wanted.parameters[*slot],
                Op::Neuron(_) | Op::Twin(..) | Op::CountMaxPool(..) => needed[at],
                _ => false,
            };
            if reads {
                kept[step.operands[0]] = true;
            }
        }
        kept
    }

    /// Results that backward will read, and the logits.
    fn forward(
        &self,
        input: &[f32],
        images: usize,
        wanted: &Wanted,
        hints: &Hints,
        buffers: &mut Buffers,
    ) -> (Vec<Option<Data>>, Vec<f32>) {
        let mut kept = self.kept(wanted);
        hints.layers.keys().for_each(|&at| kept[at] = true);
        let steps = &self.plan.steps;
        let mut results: Vec<Option<Data>> = Vec::with_capacity(steps.len());
        for (at, step) in steps.iter().enumerate() {
            let result = if at == 0 { Data::Floats(buffers.floats.copy(input)) } else { self.step(at, images, &results, buffers) };
            results.push(Some(result));
            for &operand in &step.operands {
                if self.last_use[operand] == at
                    && !kept[operand]
                    && let Some(data) = results[operand].take()
                {
                    buffers.give(data);
                }
            }
        }
        let output = self.plan.output;
        let len = images * steps[output].len;
        let mut logits = vec![0.0f32; len];
        let result = results[output].as_ref().expect("the output outlives the steps");
        result.with(buffers, |values, _| add_steps(values, &mut logits));
        let count = self.plan.rows(output, images) / images;
        logits.iter_mut().for_each(|z| *z /= count as f32);
        (results, logits)
    }

    fn step(&self, at: usize, images: usize, results: &[Option<Data>], buffers: &mut Buffers) -> Data {
        let plan = self.plan;
        let step = &plan.steps[at];
        let rows = plan.rows(at, images);
        let x = result(results, step.operands[0]);
        if let Op::Neuron(slots) = &step.op {
            let mut spikes = buffers.bytes(rows * step.len);
            x.with(buffers, |x, _| self.neurons(at, slots).forward(x, images, &mut spikes));
            return Data::Spikes(spikes);
        }
        let mut y = buffers.floats.take(rows * step.len);
        match &step.op {
            Op::Input | Op::Neuron(_) => unreachable!("handled above"),
            Op::Convolution { conv, size, weight, bias } => {
                let bias = bias.map(|b| &self.values[b][..]);
                x.with(buffers, |x, _| conv.forward(x, rows, *size, &self.values[*weight], bias, false, &mut y));
            }
            Op::Linear { inputs, outputs, weight, bias } => {
                let bias = bias.map(|b| &self.values[b][..]);
                x.with(buffers, |x, _| linear_forward(x, [rows, *inputs, *outputs], &self.values[*weight], bias, false, &mut y));
            }
            Op::Scale(..) => x.with(buffers, |x, _| {
                for (x, y) in x.chunks(step.len).zip(y.chunks_mut(step.len)) {
                    x.iter().zip(&self.spread[at][0]).zip(y).for_each(|((x, f), y)| *y = x * f);
                }
            }),
            Op::Shift(..) => x.with(buffers, |x, _| {
                for (x, y) in x.chunks(step.len).zip(y.chunks_mut(step.len)) {
                    x.iter().zip(&self.spread[at][0]).zip(y).for_each(|((x, o), y)| *y = x + o);
                }
            }),
            Op::Add => {
                y.fill(0.0);
                for &operand in &step.operands {
                    result(results, operand).with(buffers, |x, _| {
                        // What is the same at every step is added at every step.
                        y.chunks_mut(x.len()).for_each(|y| y.iter_mut().zip(x).for_each(|(y, x)| *y += x));
                    });
                }
            }
            Op::AveragePool(pool, channels, size) => x.with(buffers, |x, _| pool.average_forward(x, rows * channels, *size, &mut y)),
            Op::Place(maps, factor) => {
                y.fill(0.0);
                for (&operand, map) in step.operands.iter().zip(maps) {
                    result(results, operand).with(buffers, |x, _| {
                        let rows_of_x = x.len() / map.len();
                        for (row, y) in y.chunks_mut(step.len).enumerate() {
                            let x = &x[row % rows_of_x * map.len()..][..map.len()];
                            for (x, &place) in x.iter().zip(map) {
                                if place != NOWHERE {
                                    y[place as usize] += factor * x;
                                }
                            }
                        }
                    });
                }
            }
            Op::CountMaxPool(pool, channels, size) if step.span == Span::Static => {
                x.with(buffers, |x, _| pool.max_forward(x, rows * channels, *size, &mut y));
            }
            Op::CountMaxPool(pool, channels, size) => {
                x.with(buffers, |x, buffers| count_max(pool, x, &mut y, images * channels, *size, buffers));
            }
            Op::Twin(twin, slots) => x.with(buffers, |x, buffers| self.twin(at, *twin, slots, x, &mut y, buffers)),
            Op::TimeMean => {
                y.fill(0.0);
                x.with(buffers, |x, _| add_steps(x, &mut y));
                let share = 1.0 / plan.timesteps as f32;
                y.iter_mut().for_each(|y| *y *= share);
            }
        }
        if !step.is_spikes {
            return Data::Floats(y);
        }
        let mut bytes = buffers.bytes(y.len());
        bytes.iter_mut().zip(&y).for_each(|(b, &v)| *b = v as i8);
        buffers.floats.give(y);
        Data::Spikes(bytes)
    }

    /// What a twin's activation makes of mean currents.
    fn twin(&self, at: usize, twin: Twin, slots: &NeuronSlots, x: &[f32], y: &mut [f32], buffers: &mut Buffers) {
        let steps = self.plan.timesteps;
        let [threshold, initial, _] = &self.spread[at][..] else { unreachable!("neurons have three parameters") };
        if twin == Twin::Response {
            let images = x.len() / threshold.len();
            let mut spikes = buffers.bytes(steps * x.len());
            self.neurons(at, slots).forward(x, images, &mut spikes);
            y.fill(0.0);
            for step in spikes.chunks(y.len()) {
                y.iter_mut().zip(step).for_each(|(y, &s)| *y += f32::from(s) / steps as f32);
            }
            return buffers.give(Data::Spikes(spikes));
        }
        let per_step = 1.0 / steps as f32;
        for (x, y) in x.chunks(threshold.len()).zip(y.chunks_mut(threshold.len())) {
            for (i, (x, y)) in x.iter().zip(y).enumerate() {
                let rate = mean_rate(*x, threshold[i], initial[i], per_step, twin).max(0.0);
                *y = match twin {
                    Twin::Relu | Twin::Response => rate,
                    Twin::Clipped => rate.min(1.0),
                    Twin::Quantised => (rate.min(1.0) * steps as f32).floor() * per_step,
                };
            }
        }
    }

    /// The gradient of a twin's mean currents, in place: the activation's, and where that is a staircase, the one of its envelope.
    fn twin_gradient(&self, at: usize, twin: Twin, x: &[f32], gradient: &mut [f32]) {
        let [threshold, initial, _] = &self.spread[at][..] else { unreachable!("neurons have three parameters") };
        let per_step = 1.0 / self.plan.timesteps as f32;
        for (x, g) in x.chunks(threshold.len()).zip(gradient.chunks_mut(threshold.len())) {
            for (i, (x, g)) in x.iter().zip(g).enumerate() {
                let rate = mean_rate(*x, threshold[i], initial[i], per_step, twin);
                let passes = rate > 0.0 && (twin == Twin::Relu || rate < 1.0);
                *g = if passes { *g / threshold[i] } else { 0.0 };
            }
        }
    }

    fn neurons(&self, at: usize, slots: &NeuronSlots) -> Neurons<'_> {
        let [threshold, initial, leak] = &self.spread[at][..] else { unreachable!("neurons have three parameters") };
        Neurons { threshold, initial, leak, reset: slots.reset }
    }

    /// Adds the gradients of a step's parameters and hands that of its result on to its operands.
    #[expect(clippy::too_many_arguments, reason = "the state of one sweep")]
    fn backward(
        &self,
        at: usize,
        images: usize,
        results: &[Option<Data>],
        mut dy: Vec<f32>,
        wanted: &Wanted,
        needed: &[bool],
        how: Derivation,
        parameters: &mut [Vec<f32>],
        flowing: &mut [Option<Vec<f32>>],
        buffers: &mut Buffers,
    ) {
        let plan = self.plan;
        let step = &plan.steps[at];
        let rows = plan.rows(at, images);
        let operand = step.operands[0];
        let operand_len = plan.steps[operand].len;
        let is_wanted = |slot: usize| wanted.parameters[slot];
        match &step.op {
            Op::Input => unreachable!("the input has no operand"),
            Op::Convolution { conv, size, weight, bias } => {
                if let Some(slot) = bias.filter(|&b| is_wanted(b)) {
                    let mut db = buffers.floats.take(conv.out_channels);
                    bias_gradient(&dy, rows, conv.out_channels, step.len / conv.out_channels, &mut db);
                    add(&mut parameters[slot], &db);
                    buffers.floats.give(db);
                }
                if is_wanted(*weight) {
                    let mut dw = buffers.floats.take(self.values[*weight].len());
                    result(results, operand).with(buffers, |x, _| conv.weight_gradient(x, &dy, rows, *size, &mut dw));
                    add(&mut parameters[*weight], &dw);
                    buffers.floats.give(dw);
                }
                if needed[operand] {
                    let mut dx = buffers.floats.take(rows * operand_len);
                    conv.input_gradient(&dy, rows, *size, &self.values[*weight], &mut dx);
                    self.flow(at, operand, images, dx, flowing, buffers);
                }
                buffers.floats.give(dy);
            }
            Op::Linear { inputs, outputs, weight, bias } => {
                let shape = [rows, *inputs, *outputs];
                if let Some(slot) = bias.filter(|&b| is_wanted(b)) {
                    dy.chunks(*outputs).for_each(|row| add(&mut parameters[slot], row));
                }
                if is_wanted(*weight) {
                    let mut dw = buffers.floats.take(self.values[*weight].len());
                    result(results, operand).with(buffers, |x, _| linear_weight_gradient(x, &dy, shape, &mut dw));
                    add(&mut parameters[*weight], &dw);
                    buffers.floats.give(dw);
                }
                if needed[operand] {
                    let mut dx = buffers.floats.take(rows * inputs);
                    linear_input_gradient(&dy, shape, &self.values[*weight], &mut dx);
                    self.flow(at, operand, images, dx, flowing, buffers);
                }
                buffers.floats.give(dy);
            }
            Op::Scale(slot, index) => {
                if is_wanted(*slot) {
                    let mut sum = buffers.floats.take(step.len);
                    sum.fill(0.0);
                    result(results, operand).with(buffers, |x, _| {
                        for (x, dy) in x.chunks(step.len).zip(dy.chunks(step.len)) {
                            sum.iter_mut().zip(x.iter().zip(dy)).for_each(|(s, (x, d))| *s += x * d);
                        }
                    });
                    gather(&sum, index, &mut parameters[*slot]);
                    buffers.floats.give(sum);
                }
                for dy in dy.chunks_mut(step.len) {
                    dy.iter_mut().zip(&self.spread[at][0]).for_each(|(d, f)| *d *= f);
                }
                self.flow_if(needed, at, operand, images, dy, flowing, buffers);
            }
            Op::Shift(slot, index) => {
                if is_wanted(*slot) {
                    let mut sum = buffers.floats.take(step.len);
                    sum.fill(0.0);
                    dy.chunks(step.len).for_each(|dy| add(&mut sum, dy));
                    gather(&sum, index, &mut parameters[*slot]);
                    buffers.floats.give(sum);
                }
                self.flow_if(needed, at, operand, images, dy, flowing, buffers);
            }
            Op::Add => {
                for &operand in &step.operands[1..] {
                    if needed[operand] {
                        let part = buffers.floats.copy(&dy);
                        self.flow(at, operand, images, part, flowing, buffers);
                    }
                }
                self.flow_if(needed, at, operand, images, dy, flowing, buffers);
            }
            Op::AveragePool(pool, channels, size) => {
                let mut dx = buffers.floats.take(rows * operand_len);
                pool.average_input_gradient(&dy, rows * channels, *size, &mut dx);
                buffers.floats.give(dy);
                self.flow_if(needed, at, operand, images, dx, flowing, buffers);
            }
            Op::Place(maps, factor) => {
                for (&operand, map) in step.operands.iter().zip(maps) {
                    if needed[operand] {
                        let mut dx = buffers.floats.take(rows * map.len());
                        for (dy, dx) in dy.chunks(step.len).zip(dx.chunks_mut(map.len())) {
                            dx.iter_mut()
                                .zip(map)
                                .for_each(|(dx, &place)| *dx = if place == NOWHERE { 0.0 } else { factor * dy[place as usize] });
                        }
                        self.flow(at, operand, images, dx, flowing, buffers);
                    }
                }
                buffers.floats.give(dy);
            }
            Op::Neuron(slots) => {
                let mut sums = [(); 3].map(|()| {
                    let mut sum = buffers.floats.take(step.len);
                    sum.fill(0.0);
                    sum
                });
                let [threshold, initial, leak] = &mut sums;
                let of = NeuronGradients { threshold, initial, leak };
                result(results, operand).with(buffers, |x, _| self.neurons(at, slots).backward(x, images, how, &mut dy, of));
                let [threshold, initial, leak] = sums;
                let lists = [Some(&slots.threshold), Some(&slots.initial), slots.leak.as_ref()];
                for (sum, list) in [threshold, initial, leak].into_iter().zip(lists) {
                    if let Some((slot, index)) = list.filter(|(slot, _)| is_wanted(*slot)) {
                        gather(&sum, index, &mut parameters[*slot]);
                    }
                    buffers.floats.give(sum);
                }
                self.flow_if(needed, at, operand, images, dy, flowing, buffers);
            }
            Op::Twin(twin, _) => {
                result(results, operand).with(buffers, |x, _| self.twin_gradient(at, *twin, x, &mut dy));
                self.flow_if(needed, at, operand, images, dy, flowing, buffers);
            }
            Op::CountMaxPool(pool, channels, size) => {
                let mut dx = buffers.floats.take(rows * operand_len);
                result(results, operand).with(buffers, |x, buffers| {
                    if step.span == Span::Static {
                        pool.max_input_gradient(x, &dy, rows * channels, *size, &mut dx);
                    } else {
                        count_max_gradient(pool, x, &dy, &mut dx, images * channels, *size, buffers);
                    }
                });
                buffers.floats.give(dy);
                self.flow_if(needed, at, operand, images, dx, flowing, buffers);
            }
            Op::TimeMean => {
                let share = 1.0 / plan.timesteps as f32;
                let mut dx = buffers.floats.take(plan.timesteps * dy.len());
                dx.chunks_mut(dy.len()).for_each(|dx| dx.iter_mut().zip(&dy).for_each(|(dx, dy)| *dx = dy * share));
                buffers.floats.give(dy);
                self.flow_if(needed, at, operand, images, dx, flowing, buffers);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one sweep")]
    fn flow_if(
        &self,
        needed: &[bool],
        at: usize,
        operand: usize,
        images: usize,
        gradient: Vec<f32>,
        flowing: &mut [Option<Vec<f32>>],
        buffers: &mut Buffers,
    ) {
        if needed[operand] {
            self.flow(at, operand, images, gradient, flowing, buffers);
        } else {
            buffers.floats.give(gradient);
        }
    }

    /// Adds a gradient, of as many rows as step `at` has, to that of an operand, which may be the same at every step.
    fn flow(&self, at: usize, operand: usize, images: usize, gradient: Vec<f32>, flowing: &mut [Option<Vec<f32>>], buffers: &mut Buffers) {
        let plan = self.plan;
        let is_summed = plan.steps[at].span == Span::Temporal && plan.steps[operand].span == Span::Static;
        let gradient = if is_summed {
            let mut sum = buffers.floats.take(images * plan.steps[operand].len);
            sum.fill(0.0);
            add_steps(&gradient, &mut sum);
            buffers.floats.give(gradient);
            sum
        } else {
            gradient
        };
        match &mut flowing[operand] {
            Some(sum) => {
                add(sum, &gradient);
                buffers.floats.give(gradient);
            }
            empty => *empty = Some(gradient),
        }
    }
}

/// The rate that a mean current stands for, before it is bounded. Counting rounds down, so a start potential of half a threshold rounds to
/// the nearest: to a twin that does not count, it is what lies beyond that half which is a current.
fn mean_rate(current: f32, threshold: f32, initial: f32, per_step: f32, twin: Twin) -> f32 {
    let rounding = if twin == Twin::Quantised { 0.0 } else { 0.5 * threshold };
    (current + (initial - rounding) * per_step) / threshold
}

/// The squared error of what spikes stand for on average over time, over the squared activations; its gradient times the weight is
/// added to that of the spikes.
fn hint(spikes: &[f32], target: &[f32], size: &[f32], hints: &Hints, flow: &mut [f32]) -> f64 {
    let steps = (spikes.len() / target.len()) as f32;
    let mut error = vec![0.0f32; target.len()];
    add_steps(spikes, &mut error);
    let mut square = 0.0f64;
    for (error, target) in error.chunks_mut(size.len()).zip(target.chunks(size.len())) {
        for (e, (t, s)) in error.iter_mut().zip(target.iter().zip(size)) {
            *e = *e / steps * s - t;
            square += f64::from(*e).powi(2);
        }
    }
    let norm = target.iter().map(|&t| f64::from(t).powi(2)).sum::<f64>().max(f64::MIN_POSITIVE);
    let share = hints.layers.len() as f64;
    let factor = (2.0 * hints.weight / (norm * share)) as f32 / steps;
    for error in error.chunks_mut(size.len()) {
        error.iter_mut().zip(size).for_each(|(e, s)| *e *= s * factor);
    }
    flow.chunks_mut(error.len()).for_each(|flow| add(flow, &error));
    square / (norm * share)
}

fn result(results: &[Option<Data>], at: usize) -> &Data {
    results[at].as_ref().expect("a result lives until its last reader is done")
}

/// The parameters of a step.
fn slots(op: &Op) -> Vec<usize> {
    match op {
        Op::Convolution { weight, bias, .. } | Op::Linear { weight, bias, .. } => std::iter::once(*weight).chain(*bias).collect(),
        Op::Scale(slot, _) | Op::Shift(slot, _) => vec![*slot],
        Op::Neuron(slots) | Op::Twin(_, slots) => {
            [slots.threshold.0, slots.initial.0].into_iter().chain(slots.leak.as_ref().map(|l| l.0)).collect()
        }
        Op::Input | Op::Add | Op::AveragePool(..) | Op::Place(..) | Op::CountMaxPool(..) | Op::TimeMean => Vec::new(),
    }
}

fn add(sum: &mut [f32], part: &[f32]) {
    sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
}

/// Adds every step of `values` to `sum`, in order.
fn add_steps(values: &[f32], sum: &mut [f32]) {
    let len = sum.len();
    values.chunks(len).for_each(|step| add(sum, step));
}

/// Adds per-entry gradients to those of the parameter that was spread over the entries.
fn gather(entries: &[f32], index: &[usize], parameter: &mut [f32]) {
    entries.iter().zip(index).for_each(|(g, &i)| parameter[i] += g);
}

/// The largest accumulated count of every window, as it grows.
fn count_max(pool: &Pool2d, x: &[f32], y: &mut [f32], planes: usize, size: [usize; 2], buffers: &mut Buffers) {
    let (step, result) = (planes * size[0] * size[1], planes * pool.output[0] * pool.output[1]);
    let (mut total, mut before, mut now) = (buffers.floats.take(step), buffers.floats.take(result), buffers.floats.take(result));
    total.fill(0.0);
    before.fill(0.0);
    for (x, y) in x.chunks(step).zip(y.chunks_mut(result)) {
        add(&mut total, x);
        pool.max_forward(&total, planes, size, &mut now);
        y.iter_mut().zip(now.iter().zip(&before)).for_each(|(y, (n, b))| *y = n - b);
        std::mem::swap(&mut now, &mut before);
    }
    [total, before, now].into_iter().for_each(|buffer| buffers.floats.give(buffer));
}

/// `y(t) = max A(t) - max A(t-1)`: what arrives at step t counts in `A` from t on, so its gradient is the sum over the later steps of
/// what the largest count got.
fn count_max_gradient(pool: &Pool2d, x: &[f32], dy: &[f32], dx: &mut [f32], planes: usize, size: [usize; 2], buffers: &mut Buffers) {
    let (step, result) = (planes * size[0] * size[1], planes * pool.output[0] * pool.output[1]);
    let (mut total, mut part, mut routed) = (buffers.floats.take(step), buffers.floats.take(result), buffers.floats.take(step));
    total.fill(0.0);
    add_steps(x, &mut total);
    let steps = x.len() / step;
    for t in (0..steps).rev() {
        let now = &dy[t * result..][..result];
        part.copy_from_slice(now);
        if t + 1 < steps {
            part.iter_mut().zip(&dy[(t + 1) * result..][..result]).for_each(|(p, later)| *p -= later);
        }
        pool.max_input_gradient(&total, &part, planes, size, &mut routed);
        let (earlier, later) = dx.split_at_mut((t + 1) * step);
        let dx = &mut earlier[t * step..];
        dx.copy_from_slice(&routed);
        if t + 1 < steps {
            add(dx, &later[..step]);
        }
        total.iter_mut().zip(&x[t * step..][..step]).for_each(|(a, x)| *a -= x);
    }
    [total, part, routed].into_iter().for_each(|buffer| buffers.floats.give(buffer));
}
