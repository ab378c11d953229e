//! An artifact in the simulator that the compiler calibrates with: a second opinion on the runtime, made of other code.

use crate::{
    error::{Error, Result},
    simulate::{Signal, SpikingSimulator},
};
use candle_core::{Device, Tensor};
use snnc_ir::{Conv2d, Graph, Head, NodeId, Operator, Origin, ParamId, Phase, Provenance, Reset, TensorType, Window, verify};
use snnc_runtime::{
    artifact::{self, Artifact, Coding, InputSpec, NodeSpec, OpSpec},
    poisson::Draws,
};
use std::collections::BTreeMap;

/// Values that a batch may have over all steps in its largest tensor.
const BATCH_VALUES: usize = 1 << 25;

/// An artifact, read back into the IR.
pub(crate) struct Simulated {
    graph: Graph,
    input: InputSpec,
    seed: u64,
    rectified: bool,
}

impl Simulated {
    /// Reads an artifact back.
    pub(crate) fn new(artifact: &Artifact) -> Result<Self> {
        let spec = &artifact.graph;
        let mut graph = Graph::new("artifact", Phase::Calibrated);
        let mut nodes: BTreeMap<&str, NodeId> = BTreeMap::new();
        let input = graph.add_input(TensorType::f32(spec.input.shape.clone()), Origin::one(&spec.input.name));
        nodes.insert(&spec.input.name, input);
        let mut params: BTreeMap<&str, ParamId> = BTreeMap::new();
        for (name, tensor) in &artifact.tensors {
            let tensor = snnc_ir::Tensor::new(tensor.dims.clone(), tensor.data.clone());
            params.insert(name, graph.add_param(name, tensor, Provenance::Derived));
        }
        // The artifact was checked when it was read: what it names exists and fits.
        let missing = |what: &str| Error::Internal(format!("a checked artifact lacks `{what}`"));
        for node in &spec.nodes {
            let op = operator(node, |role| node.tensors.get(role).and_then(|name| params.get(name.as_str())).copied())
                .ok_or_else(|| missing(&node.name))?;
            let operands: Vec<NodeId> =
                node.inputs.iter().map(|name| nodes.get(name.as_str()).copied().ok_or_else(|| missing(name))).collect::<Result<_>>()?;
            let id =
                graph.add_node(op, &operands, Origin::one(&node.name)).map_err(|e| Error::Internal(format!("`{}`: {e}", node.name)))?;
            nodes.insert(&node.name, id);
        }
        let output = *nodes.get(spec.output.node.as_str()).ok_or_else(|| missing(&spec.output.node))?;
        graph.set_output(output, &spec.output.name, Head::None);
        verify(&graph).map_err(|violations| Error::broken("reading the artifact back", &violations))?;
        Ok(Self { graph, input: spec.input.clone(), seed: spec.seed, rectified: spec.output.head == artifact::Head::Relu })
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
        let (steps, values) = match &self.input.coding {
            Coding::Direct => (1, images.to_vec()),
            Coding::Poisson { amplitude } => (timesteps, self.draw(images, len, timesteps, first, amplitude)),
        };
        let mut shape = self.input.shape.clone();
        shape[0] = steps * count;
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?;
        let signal = match self.input.coding {
            Coding::Direct => Signal::Static(tensor),
            Coding::Poisson { .. } => Signal::Temporal(tensor),
        };
        let mut logits = SpikingSimulator { timesteps }.logits(&self.graph, &signal)?.flatten_all()?.to_vec1::<f32>()?;
        if self.rectified {
            logits.iter_mut().for_each(|v| *v = v.max(0.0));
        }
        Ok(logits)
    }

    fn draw(&self, images: &[f32], len: usize, timesteps: usize, first: usize, amplitude: &[f32]) -> Vec<f32> {
        let amplitude = |entry: usize| if amplitude.len() == 1 { amplitude[0] } else { amplitude[self.input.channel_of(entry)] };
        let mut spikes = Vec::with_capacity(images.len() * timesteps);
        for step in 0..timesteps {
            for (k, image) in images.chunks(len).enumerate() {
                let draws = Draws::new(self.seed, (first + k) as u64, step as u64);
                spikes.extend(image.iter().enumerate().map(|(i, &x)| draws.spike(i as u64, x, amplitude(i))));
            }
        }
        spikes
    }
}

/// `None` where a parameter is missing.
fn operator(node: &NodeSpec, param: impl Fn(&str) -> Option<ParamId>) -> Option<Operator> {
    let reset = |reset: artifact::Reset| match reset {
        artifact::Reset::Soft => Reset::Soft,
        artifact::Reset::Signed => Reset::Signed,
        artifact::Reset::Hard => Reset::Hard,
    };
    let neuron = |r| -> Option<Operator> {
        Some(Operator::Neuron {
            threshold: param("threshold")?,
            initial: param("initial")?,
            leak: param("leak"),
            reset: reset(r),
            cap: None,
        })
    };
    Some(match &node.op {
        &OpSpec::Conv2d { stride, dilation, pads, groups } => {
            Operator::Conv2d { weight: param("weight")?, bias: param("bias"), geometry: Conv2d { stride, dilation, pads, groups } }
        }
        OpSpec::Linear => Operator::Linear { weight: param("weight")?, bias: param("bias") },
        OpSpec::Scale => Operator::Scale { factor: param("factor")? },
        OpSpec::Shift => Operator::Shift { offset: param("offset")? },
        OpSpec::Add => Operator::Add,
        &OpSpec::AveragePool2d { kernel, stride, pads, ceil, count_include_pad } => {
            Operator::AveragePool2d { window: Window { kernel, stride, pads, ceil }, count_include_pad }
        }
        OpSpec::Mean { axes } => Operator::Mean { axes: axes.clone() },
        &OpSpec::Concat { axis } => Operator::Concat { axis },
        OpSpec::Pad { pads } => Operator::Pad { pads: pads.clone(), value: 0.0 },
        OpSpec::Slice { ranges } => {
            Operator::Slice { ranges: ranges.iter().map(|&(start, step, len)| (start, step as isize, len)).collect() }
        }
        OpSpec::Reshape => Operator::Reshape { dims: node.shape.clone() },
        OpSpec::Transpose { permutation } => Operator::Transpose { permutation: permutation.clone() },
        &OpSpec::IfNeuron { reset } | &OpSpec::LifNeuron { reset } => neuron(reset)?,
        &OpSpec::CountMaxPool2d { kernel, stride, pads, ceil } => {
            Operator::CountMaxPool2d { window: Window { kernel, stride, pads, ceil } }
        }
    })
}
