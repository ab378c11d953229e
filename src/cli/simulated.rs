//! An artifact in the engine that the compiler calibrates with: a second opinion on the runtime, made of other code.

use crate::{
    artifact::lift,
    coding::{spikes, units},
    error::Result,
};
use snnc_engine::{Buffers, Network, Plan, plan::Tail};
use snnc_ir::{Graph, Operator};
use snnc_runtime::artifact::{self, Artifact, InputSpec};

/// Values that a batch may have over all steps in its largest tensor.
const BATCH_VALUES: usize = 1 << 25;

/// An artifact, read back into the IR.
pub(crate) struct Simulated {
    graph: Graph,
    input: InputSpec,
    seed: u64,
    /// What 1 in the output stands for.
    scale: f32,
    rectified: bool,
}

impl Simulated {
    /// Reads an artifact back.
    pub(crate) fn new(artifact: &Artifact) -> Result<Self> {
        let spec = &artifact.graph;
        let rectified = spec.output.head == artifact::Head::Relu;
        Ok(Self { graph: lift(artifact)?, input: spec.input.clone(), seed: spec.seed, scale: spec.output.scale, rectified })
    }

    /// Whether neurons leak: the runtime rounds down what is left of a potential, the engine does not.
    pub(crate) fn leaks(&self) -> bool {
        self.graph.node_ids().into_iter().any(|id| matches!(self.graph[id].op, Operator::Neuron { leak: Some(_), .. }))
    }

    /// How many images should run together.
    pub(crate) fn batch(&self, timesteps: usize) -> usize {
        let largest = self.graph.node_ids().into_iter().map(|id| self.graph[id].ty.len()).max().unwrap_or(1);
        (BATCH_VALUES / (largest * timesteps).max(1)).clamp(1, 32)
    }

    /// The mean output over time, `[count, classes]`, of images whose first has the index `first` among all.
    pub(crate) fn logits(&self, images: &[f32], timesteps: usize, first: usize) -> Result<Vec<f32>> {
        let len: usize = self.input.shape.iter().product();
        let count = images.len() / len;
        let channel = |entry: usize| self.input.channel_of(entry);
        let units = units(self.input.coding, &self.input.quantiser, (0..len).map(channel));
        let varies = units.is_some();
        let numbers = || images.iter().enumerate().map(|(k, &x)| f32::from(self.input.quantiser.apply(channel(k % len), x))).collect();
        let input: Vec<f32> = units.map_or_else(numbers, |units| spikes(images, &units, timesteps, self.seed, first));
        // As the runtime does: whatever lies behind the last neurons runs at every step.
        let plan = Plan::spiking(&self.graph, timesteps, !varies, Tail::EveryStep)?;
        let network = Network::of(plan, &self.graph);
        let mut logits = network.logits(&input, count, &mut Buffers::default());
        logits.iter_mut().for_each(|v| *v *= self.scale);
        if self.rectified {
            logits.iter_mut().for_each(|v| *v = v.max(0.0));
        }
        Ok(logits)
    }
}
