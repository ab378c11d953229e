//! Networks on the processor: forward over all time steps, and backward through time.
//!
//! | file | content |
//! |---|---|
//! | `work` | one step: its result, and the gradients of its operands and parameters |
//! | `activation`, `moves`, `count`, `twin` | what steps compute that is no kernel |
//! | `data` | what steps make; buffers that go round |
//! | `head` | what is done to the output of a float network |
//!
//! Images are independent of each other, so a batch may be cut into parts that run on different threads; their gradients are
//! then added in order.

mod activation;
mod count;
mod data;
mod head;
mod moves;
mod twin;
mod work;

pub(crate) use data::Data;
pub use data::{Buffers, Pool};
pub(crate) use work::{Work, spread};

use crate::{
    error::Result,
    loss::Losses,
    parallel,
    plan::{Plan, Span},
    sums::{add, add_steps},
};
use snnc_ir::{Graph, NodeId};
use snnc_kernels::neuron::{Derivation, Surrogate};
use std::borrow::Cow;
use work::Asked;

/// What is differentiated with respect to.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// For each parameter, whether its gradient is wanted.
    pub parameters: Vec<bool>,
    /// Whether that of the input is: the image with direct coding, each step's spikes with Poisson coding.
    pub input: bool,
}

impl Wanted {
    /// The gradient of the input of a network alone.
    #[must_use]
    pub fn input_of(plan: &Plan) -> Self {
        Self { parameters: vec![false; plan.parameters.len()], input: true }
    }
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
    pub fn zeros<V: AsRef<[f32]>>(values: &[V], wanted: &Wanted) -> Self {
        let parameters = values.iter().zip(&wanted.parameters).map(|(v, &is)| vec![0.0; if is { v.as_ref().len() } else { 0 }]).collect();
        Self { parameters, ..Self::default() }
    }

    /// Adds the loss and the gradients of the parameters of another.
    pub fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        self.parameters.iter_mut().zip(&other.parameters).for_each(|(sum, part)| add(sum, part));
    }
}

/// Images of a float network that go through it together where nobody says how many.
const BATCH: usize = 32;

/// A plan with its parameters as they are now, ready to run.
pub struct Network<'a> {
    plan: Cow<'a, Plan>,
    pub(crate) values: Vec<Cow<'a, [f32]>>,
    /// For each step, the parameters that it reads entry by entry, spread out so.
    own: Vec<Vec<Vec<f32>>>,
    /// The last step that reads a step's result.
    last_use: Vec<usize>,
}

impl<'a> Network<'a> {
    /// A plan with these values of its parameters.
    #[must_use]
    pub fn new(plan: &'a Plan, values: &'a [Vec<f32>]) -> Self {
        Self::ready(Cow::Borrowed(plan), values.iter().map(|v| Cow::Borrowed(&v[..])).collect())
    }

    /// A plan with the values that its parameters have in its graph.
    #[must_use]
    pub fn of(plan: Plan, graph: &'a Graph) -> Self {
        let values = plan.parameters.iter().map(|p| Cow::Borrowed(&graph.param(p.id).tensor.data[..])).collect();
        Self::ready(Cow::Owned(plan), values)
    }

    /// A float network, or what the rates of a spiking one tend to, in which the results of `kept` nodes can be asked for.
    ///
    /// # Errors
    /// Only on a bug: the graph was verified.
    pub fn float(graph: &'a Graph, kept: &[NodeId]) -> Result<Self> {
        Ok(Self::of(Plan::float(graph, kept)?, graph))
    }

    fn ready(plan: Cow<'a, Plan>, values: Vec<Cow<'a, [f32]>>) -> Self {
        let own = plan.steps.iter().map(|step| spread(step, &values)).collect();
        let mut last_use: Vec<usize> = (0..plan.steps.len()).collect();
        for (at, step) in plan.steps.iter().enumerate() {
            step.operands.iter().for_each(|&operand| last_use[operand] = at);
        }
        last_use[plan.output] = plan.steps.len();
        Self { plan, values, own, last_use }
    }

    /// The same, with parameters of its own.
    #[must_use]
    pub fn into_owned(self) -> Network<'static> {
        let values = self.values.into_iter().map(|v| Cow::Owned(v.into_owned())).collect();
        Network { plan: Cow::Owned(self.plan.into_owned()), values, own: self.own, last_use: self.last_use }
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Values of an image, or of one of its time steps.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.plan.steps[0].len
    }

    /// Mean output over time, `[N, classes]`, for `images` inputs: `[N, ..]`, or `[T, N, ..]` where the input varies.
    #[must_use]
    pub fn logits(&self, input: &[f32], images: usize, buffers: &mut Buffers) -> Vec<f32> {
        self.results(input, images, &[], buffers).0
    }

    /// The logits, and what each of `nodes` makes, `[N, ..]`, both on the mean over time.
    ///
    /// # Panics
    /// If a node's result is nowhere by itself: name it when the plan is made.
    #[must_use]
    pub fn results(&self, input: &[f32], images: usize, nodes: &[NodeId], buffers: &mut Buffers) -> (Vec<f32>, Vec<Vec<f32>>) {
        let places: Vec<usize> = nodes.iter().map(|&node| self.plan.at(node).expect("the plan keeps the node's result")).collect();
        let mut kept = vec![false; self.plan.steps.len()];
        places.iter().for_each(|&at| kept[at] = true);
        let mut results = self.forward(input, images, &kept, buffers);
        let means = places.iter().map(|&at| self.mean(&results, at, images)).collect();
        let logits = self.mean(&results, self.plan.output, images);
        results.iter_mut().filter_map(Option::take).for_each(|data| buffers.give_data(data));
        (logits, means)
    }

    /// Logits `[N, classes]` of the images of a float network, some at a time.
    #[must_use]
    pub fn all_logits(&self, images: &[f32]) -> Vec<f32> {
        let len = self.input_len();
        let mut buffers = Buffers::default();
        images.chunks(BATCH * len).flat_map(|batch| self.logits(batch, batch.len() / len, &mut buffers)).collect()
    }

    /// [`Network::results`] of the images of a float network, `at_once` at a time, on the threads there are.
    ///
    /// # Panics
    /// As there.
    #[must_use]
    pub fn side_by_side(&self, images: &[f32], at_once: usize, nodes: &[NodeId]) -> Vec<(Vec<f32>, Vec<Vec<f32>>)> {
        let (len, pool) = (self.input_len(), Pool::default());
        let run = |_, part: &[f32]| pool.with(|buffers| self.results(part, part.len() / len, nodes, buffers));
        parallel::over(images.chunks(at_once * len).collect(), run)
    }

    /// A float network's own output for logits: with its head applied.
    #[must_use]
    pub fn head(&self, logits: &[f32]) -> Vec<f32> {
        head::apply(self.plan.head, logits, self.plan.steps[self.plan.output].len)
    }

    /// The gradients of a loss.
    #[must_use]
    pub fn gradients(
        &self,
        input: &[f32],
        images: usize,
        wanted: &Wanted,
        how: Derivation,
        losses: &Losses<'_>,
        buffers: &mut Buffers,
    ) -> Gradients {
        let plan = &*self.plan;
        let needed = self.needed(wanted);
        let kept = self.kept(wanted, &needed, losses);
        let mut results = self.forward(input, images, &kept, buffers);
        let logits = self.mean(&results, plan.output, images);
        let (value, seed) = (losses.output)(&logits);
        let mut gradients = Gradients { loss: value, logits, ..Gradients::zeros(&self.values, wanted) };
        let mut flowing: Vec<Option<Vec<f32>>> = plan.steps.iter().map(|_| None).collect();
        let mut first = buffers.take(plan.rows(plan.output, images) * plan.steps[plan.output].len);
        let share = seed.len() as f32 / first.len() as f32;
        first.chunks_mut(seed.len()).for_each(|step| step.iter_mut().zip(&seed).for_each(|(g, s)| *g = s * share));
        flowing[plan.output] = Some(first);
        for at in (0..plan.steps.len()).rev() {
            let step = &plan.steps[at];
            for (_, inside) in losses.inside.iter().filter(|(of, _)| *of == at) {
                let len = plan.rows(at, images) * step.len;
                let mut flow = flowing[at].take().unwrap_or_else(|| buffers.zeros(len));
                let result = results[at].as_ref().expect("forward has kept it");
                gradients.loss += result.with(buffers, |values, _| inside.add(values, images, &mut flow));
                flowing[at] = Some(flow);
            }
            if let (Some(gradient), true) = (flowing[at].take(), needed[at]) {
                if at == 0 {
                    gradients.input = gradient;
                    continue;
                }
                let operands: Vec<bool> = step.operands.iter().map(|&operand| needed[operand]).collect();
                let asked = Asked { operands: &operands, parameters: &wanted.parameters, how };
                let data = (results[step.operands[0]].as_ref(), results[at].as_ref());
                let parts = self.work(at, images).backward(data, gradient, &asked, &mut gradients.parameters, buffers);
                for (&operand, part) in step.operands.iter().zip(parts) {
                    match part {
                        Some(part) if needed[operand] => self.flow(at, operand, images, part, &mut flowing, buffers),
                        Some(part) => buffers.give(part),
                        None => {}
                    }
                }
            }
            // Whoever read this result came later and is done.
            if let Some(data) = results[at].take() {
                buffers.give_data(data);
            }
        }
        results.into_iter().flatten().for_each(|data| buffers.give_data(data));
        gradients
    }

    /// The gradient of a loss with respect to the input alone, of a network without neurons.
    #[must_use]
    pub fn input_gradient(&self, input: &[f32], images: usize, losses: &Losses<'_>, buffers: &mut Buffers) -> Gradients {
        let wanted = Wanted { parameters: vec![false; self.values.len()], input: true };
        // There is no step function to be differentiated.
        let how = Derivation { surrogate: Surrogate::Triangle { height: 0.3 }, through_reset: false };
        self.gradients(input, images, &wanted, how, losses, buffers)
    }

    fn work(&self, at: usize, images: usize) -> Work<'_> {
        let rows = self.plan.rows(at, images);
        Work { step: &self.plan.steps[at], values: &self.values, own: &self.own[at], images, rows, timesteps: self.plan.timesteps }
    }

    /// A step's result on the mean over time.
    fn mean(&self, results: &[Option<Data>], at: usize, images: usize) -> Vec<f32> {
        results[at].as_ref().expect("forward has kept it").mean(images * self.plan.steps[at].len)
    }

    /// Whether anything that is wanted lies at a step or before it.
    fn needed(&self, wanted: &Wanted) -> Vec<bool> {
        let mut needed: Vec<bool> = Vec::with_capacity(self.plan.steps.len());
        for (at, step) in self.plan.steps.iter().enumerate() {
            let own = at == 0 && wanted.input || step.op.slots().into_iter().any(|slot| wanted.parameters[slot]);
            needed.push(own || step.operands.iter().any(|&o| needed[o]));
        }
        needed
    }

    /// Which results backward will read.
    fn kept(&self, wanted: &Wanted, needed: &[bool], losses: &Losses<'_>) -> Vec<bool> {
        let mut kept = vec![false; self.plan.steps.len()];
        for (at, step) in self.plan.steps.iter().enumerate().filter(|(at, _)| needed[*at]) {
            let reads = Work::reads(&step.op, &wanted.parameters);
            kept[at] |= reads.result;
            if reads.operand {
                kept[step.operands[0]] = true;
            }
        }
        losses.inside.iter().for_each(|(at, _)| kept[*at] = true);
        kept
    }

    /// The results of the kept steps and of the output.
    fn forward(&self, input: &[f32], images: usize, kept: &[bool], buffers: &mut Buffers) -> Vec<Option<Data>> {
        let mut results: Vec<Option<Data>> = Vec::with_capacity(self.plan.steps.len());
        for (at, step) in self.plan.steps.iter().enumerate() {
            let result = if at == 0 {
                Data::Floats(buffers.copy(input))
            } else {
                let alive = |&o: &usize| results[o].as_ref().expect("a result lives until its last reader is done");
                let operands: Vec<&Data> = step.operands.iter().map(alive).collect();
                self.work(at, images).forward(&operands, buffers)
            };
            results.push(Some(result));
            for &operand in &step.operands {
                if self.last_use[operand] == at
                    && !kept[operand]
                    && let Some(data) = results[operand].take()
                {
                    buffers.give_data(data);
                }
            }
        }
        results
    }

    /// Adds a gradient, of as many rows as step `at` has, to that of an operand, which may be the same at every step.
    fn flow(&self, at: usize, operand: usize, images: usize, gradient: Vec<f32>, flowing: &mut [Option<Vec<f32>>], buffers: &mut Buffers) {
        let steps = &self.plan.steps;
        let is_summed = steps[at].span == Span::Temporal && steps[operand].span == Span::Static;
        let gradient = if is_summed {
            let mut sum = buffers.zeros(images * steps[operand].len);
            add_steps(&gradient, &mut sum);
            buffers.give(gradient);
            sum
        } else {
            gradient
        };
        match &mut flowing[operand] {
            Some(sum) => {
                add(sum, &gradient);
                buffers.give(gradient);
            }
            empty => *empty = Some(gradient),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_do_not_grow_from_step_to_step() {
        let text = r#"graph @g imported {
  %0 = input : f32[1x2x4x4] "x"
  %1 = conv2d %0, @w {pads=1} : f32[1x2x4x4] "/conv"
  %2 = relu %1 : f32[1x2x4x4] "/relu"
  %3 = add %2, %0 : f32[1x2x4x4] "/sum"
  %4 = slice %3 {ranges=[0:1:1, 0:1:2, 0:2:2, 3:-1:4]} : f32[1x2x2x4] "/slice"
  %5 = pad %4 {pads=[0:0, 1:0, 0:0, 0:1]} : f32[1x3x2x5] "/pad"
  %6 = transpose %5 {permutation=[0, 2, 3, 1]} : f32[1x2x5x3] "/transpose"
  %7 = clip %6 {max=6, min=0} : f32[1x2x5x3] "/bounds"
  %8 = reshape %7 : f32[1x30] "/flatten"
  %9 = linear %8, @v : f32[1x3] "/fc"
  output %9 "y"
  @v : f32[3x30] = noise(2, 1) source
  @w : f32[2x2x3x3] = noise(1, 1) source
}
"#;
        let graph = snnc_ir::text::parse(text).expect("the graph is well formed");
        let network = Network::of(Plan::float(&graph, &[]).expect("it can be planned"), &graph);
        let squares = |z: &[f32]| (0.0, z.iter().map(|z| 2.0 * z).collect());
        let mut buffers = Buffers::default();
        let mut sizes = Vec::new();
        for _ in 0..4 {
            let _ = network.input_gradient(&[0.5; 64], 2, &Losses { output: &squares, inside: &[] }, &mut buffers);
            sizes.push(buffers.count());
        }
        assert!(sizes[1] == sizes[3] && sizes[0] >= sizes[3], "buffers at rest after each step: {sizes:?}");
    }
}
