//! One node of a spiking graph after the other, at every time step, for who changes the graph meanwhile.
//!
//! All steps of one node are run before the next node; what nobody will read again is let go of. Each node is planned when it is asked for, as
//! the graph is then.

use crate::{
    error::{Error, Result},
    plan::{self, Op, Span, Step},
    processor::{Buffers, Data, Work, spread},
};
use snnc_ir::{Graph, NodeId, Operator};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

/// What a node makes over all steps.
#[derive(Clone, Debug)]
struct Signal {
    data: Rc<Data>,
    /// Whether it differs from step to step: `[T, N, ..]` instead of `[N, ..]`.
    varies: bool,
}

/// What a node makes, lent.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    data: &'a Data,
    /// Time steps: T, or 1 where it is the same at every step.
    pub steps: usize,
}

impl Seen<'_> {
    /// An entry, counted over `[steps, N, ..]`.
    #[must_use]
    pub fn at(&self, place: usize) -> f32 {
        self.data.at(place)
    }

    /// The mean over time, `[N, ..]`, summed in the order of the steps.
    #[must_use]
    pub fn mean(&self) -> Vec<f32> {
        self.data.mean(self.data.len() / self.steps)
    }
}

/// A spiking network's input on some images, and what its nodes make of it.
pub struct Walk {
    timesteps: usize,
    images: usize,
    input: Signal,
    /// Kept while a later node may still read it.
    signals: BTreeMap<NodeId, Signal>,
    buffers: Buffers,
}

impl Walk {
    /// For an input `[N, ..]` of so many images, or `[T, N, ..]` where it `varies`.
    #[must_use]
    pub fn new(timesteps: usize, images: usize, input: Vec<f32>, varies: bool) -> Self {
        let input = Signal { data: Rc::new(Data::Floats(input)), varies };
        Self { timesteps, images, input, signals: BTreeMap::new(), buffers: Buffers::default() }
    }

    /// Forgets what nodes made.
    pub fn restart(&mut self) {
        self.signals.clear();
    }

    /// Number of images.
    #[must_use]
    pub fn images(&self) -> usize {
        self.images
    }

    /// What a node makes in the graph as it is now.
    ///
    /// # Errors
    /// Only on a bug: the graph was verified.
    pub fn see(&mut self, graph: &Graph, node: NodeId) -> Result<Seen<'_>> {
        // Depth first without recursion: graphs are deep.
        let mut stack = vec![node];
        while let Some(&top) = stack.last() {
            if self.signals.contains_key(&top) {
                stack.pop();
                continue;
            }
            let missing: Vec<NodeId> = graph.operands(top).into_iter().filter(|o| !self.signals.contains_key(o)).collect();
            if !missing.is_empty() {
                stack.extend(missing);
                continue;
            }
            let signal = self.run(graph, top)?;
            self.signals.insert(top, signal);
            stack.pop();
            self.forget_read(graph, node);
        }
        let signal = &self.signals[&node];
        Ok(Seen { data: &signal.data, steps: if signal.varies { self.timesteps } else { 1 } })
    }

    /// The result of `node` is no longer what it was, and neither are those of all that depend on it.
    pub fn changed(&mut self, graph: &Graph, node: NodeId) {
        let (mut seen, mut stack) = (BTreeSet::from([node]), vec![node]);
        while let Some(node) = stack.pop() {
            self.forget(node);
            // What lies between may have been let go of.
            stack.extend(graph.uses(node).into_iter().map(|(user, _)| user).filter(|user| seen.insert(*user)));
        }
    }

    fn run(&mut self, graph: &Graph, node: NodeId) -> Result<Signal> {
        let operands: Vec<Signal> = graph.operands(node).iter().map(|o| self.signals[o].clone()).collect();
        match graph[node].op {
            Operator::Input => return Ok(self.input.clone()),
            // Values are row-major.
            Operator::Reshape { .. } => return Ok(operands[0].clone()),
            _ => {}
        }
        let (op, parameters) = plan::single(graph, node)?;
        let values: Vec<Cow<'_, [f32]>> = parameters.iter().map(|id| Cow::Borrowed(&graph.param(*id).tensor.data[..])).collect();
        let varies = matches!(op, Op::Neuron(_)) || operands.iter().any(|o| o.varies);
        let span = if varies { Span::Temporal } else { Span::Static };
        let is_spikes = varies && graph[node].ty.element == snnc_ir::Element::Spike;
        let step = Step { op, operands: Vec::new(), len: graph[node].ty.len(), span, is_spikes, node: Some(node) };
        let own = spread(&step, &values);
        let rows = if varies { self.images * self.timesteps } else { self.images };
        let work = Work { step: &step, values: &values, own: &own, images: self.images, rows, timesteps: self.timesteps };
        let data: Vec<&Data> = operands.iter().map(|o| &*o.data).collect();
        if data.is_empty() {
            return Err(Error::Bug(format!("`{}` has no operand", graph[node].op.name())));
        }
        let result = work.forward(&data, &mut self.buffers);
        self.buffers.keep_one(result.len());
        Ok(Signal { data: Rc::new(result), varies })
    }

    /// Lets go of what all its readers have read, except what `asked` reads: who changes that node will ask again.
    fn forget_read(&mut self, graph: &Graph, asked: NodeId) {
        let operands = graph.operands(asked);
        let kept: Vec<NodeId> = operands.iter().copied().chain(operands.iter().flat_map(|&o| graph.operands(o))).collect();
        let read = |n: NodeId| {
            let uses = graph.uses(n);
            !uses.is_empty() && uses.iter().all(|(user, _)| self.signals.contains_key(user))
        };
        let done: Vec<NodeId> = self.signals.keys().copied().filter(|&n| n != asked && !kept.contains(&n) && read(n)).collect();
        done.into_iter().for_each(|node| self.forget(node));
    }

    fn forget(&mut self, node: NodeId) {
        if let Some(signal) = self.signals.remove(&node)
            && let Ok(data) = Rc::try_unwrap(signal.data)
        {
            self.buffers.give_data(data);
        }
    }
}
