//! Steps, their parameters, and the list of them.

use super::{
    op::{Op, RadixSlots, Slot},
    twin::Twin,
};
use snnc_ir::{Graph, Head, NodeId, ParamId};
use std::collections::BTreeMap;

/// How often a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Once an image: it is the same at every time step.
    Static,
    /// At every time step.
    Temporal,
    /// Once an image, on the mean over time.
    Mean,
}

/// What lies behind the last neurons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// It runs once an image.
    OnMean,
    /// It runs at every time step, as it does in the deployed network.
    EveryStep,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does.
    pub op: Op,
    /// The steps whose results it reads.
    pub operands: Vec<usize>,
    /// Entries of its result for one image and time step.
    pub len: usize,
    /// How often it runs.
    pub span: Span,
    /// Whether its entries are -1, 0 or 1.
    pub is_spikes: bool,
    /// The node of the graph; none for a mean over time.
    pub node: Option<NodeId>,
}

/// What a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Of a convolution, a linear layer or a scale: what a spike adds.
    Weight,
    /// A constant current.
    Bias,
    /// θ.
    Threshold,
    /// v(0).
    Initial,
    /// λ.
    Leak,
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its key in the graph.
    pub id: ParamId,
    /// What it is.
    pub kind: Kind,
    /// Entries that belong together: those of one output channel, say. They come one after the other.
    pub row: usize,
    /// The parameter whose size says what a small step is: of a bias the weight beside it, of a start potential the threshold.
    pub measure: Option<Slot>,
    /// Whether it may change: constants of the compiler may not.
    pub is_fixed: bool,
}

/// A network as a list of steps.
#[derive(Clone, Debug)]
pub struct Plan {
    /// In order: each follows its operands. The first is the input.
    pub steps: Vec<Step>,
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// The step whose mean over time is the output.
    pub output: usize,
    /// T; 1 for a float network and for one of the radix code.
    pub timesteps: usize,
    /// What is done to the output; no run does it unasked.
    pub head: Head,
    /// The step that makes a node's result.
    pub(super) at: BTreeMap<NodeId, usize>,
}

impl Plan {
    /// The same network without time: neurons answer their mean current by a static activation.
    #[must_use]
    pub fn twin(&self, twin: Twin) -> Self {
        let mut plan = self.clone();
        for step in &mut plan.steps {
            step.span = Span::Static;
            step.is_spikes = false;
            match &step.op {
                Op::Neuron(slots) => step.op = Op::Twin(twin, slots.clone()),
                Op::Radix(slots) => step.op = Op::Radix(RadixSlots { counting: twin.counting(), ..slots.clone() }),
                // A sum of one.
                Op::TimeMean => step.op = Op::Add,
                _ => {}
            }
        }
        plan
    }

    /// The step whose result is a node's; none where the result is nowhere by itself.
    #[must_use]
    pub fn at(&self, node: NodeId) -> Option<usize> {
        self.at.get(&node).copied()
    }

    /// Values of a step's result for so many images.
    #[must_use]
    pub fn rows(&self, step: usize, images: usize) -> usize {
        match self.steps[step].span {
            Span::Temporal => images * self.timesteps,
            Span::Static | Span::Mean => images,
        }
    }

    /// The parameters' values in the graph.
    #[must_use]
    pub fn values(&self, graph: &Graph) -> Vec<Vec<f32>> {
        self.parameters.iter().map(|p| graph.param(p.id).tensor.data.clone()).collect()
    }

    /// Whether any step steps neurons.
    #[must_use]
    pub fn has_neurons(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.op, Op::Neuron(_) | Op::Radix(_)))
    }
}
