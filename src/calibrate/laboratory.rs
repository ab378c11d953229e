//! The float network and the spiking network side by side on the same samples: what passes ask through
//! [`snnc_passes::Calibration`].

use crate::{
    error::{Error, Result},
    simulate::{FloatNetwork, Signal, SpikingSimulator, kernel::with_slice},
    synthesize::Samples,
};
use candle_core::Tensor;
use snnc_ir::{Graph, NodeId, Operator, Reset, TensorType};
use snnc_kernels::neuron::{self, Neurons};
use snnc_passes::{
    Activations, Calibration, Traces,
    threshold::{self, Recorded},
};
use std::collections::BTreeMap;

/// Bytes that the signals of one layer over all steps may take; samples are left out beyond that.
const SIGNAL_BYTES: usize = 128 << 20;

/// Both networks on the same samples.
pub struct Laboratory {
    simulator: SpikingSimulator,
    input: Signal,
    targets: BTreeMap<NodeId, Activations>,
    recorded: BTreeMap<NodeId, Recorded>,
    /// What nodes of the spiking graph made; kept while a later node may still read it.
    signals: BTreeMap<NodeId, Signal>,
}

impl Laboratory {
    /// Runs the float network `canonical` on the samples and keeps the activations of its rectifiers and its output.
    ///
    /// `encode` turns the samples into the spiking network's input signal; `recorded` is what batch norms say of the rectifiers.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn new(
        canonical: &Graph,
        samples: &Samples,
        timesteps: usize,
        recorded: BTreeMap<NodeId, Recorded>,
        encode: impl FnOnce(&Tensor) -> Result<Signal>,
    ) -> Result<Self> {
        let input = canonical.input().ok_or_else(|| Error::Internal("a verified graph has an input".into()))?;
        let output = canonical.output().ok_or_else(|| Error::Internal("a verified graph has an output".into()))?.node;
        let images = samples.tensor(&canonical[input].ty.dims)?;
        let mut wanted: Vec<NodeId> = canonical.node_ids().into_iter().filter(|&n| canonical[n].op.is_rectifier()).collect();
        wanted.push(output);
        let network = FloatNetwork::keeping(canonical, &wanted)?;
        let mut collected: BTreeMap<NodeId, Vec<f32>> = BTreeMap::new();
        for first in (0..samples.count).step_by(CHUNK) {
            let chunk = images.narrow(0, first, CHUNK.min(samples.count - first))?;
            let results = network.run(&chunk)?;
            for &node in &wanted {
                collected.entry(node).or_default().extend(results[&node].flatten_all()?.to_vec1::<f32>()?);
            }
        }
        let targets = collected.into_iter().map(|(node, data)| (node, activations(canonical, node, data))).collect();
        Ok(Self { simulator: SpikingSimulator { timesteps }, input: encode(&images)?, targets, recorded, signals: BTreeMap::new() })
    }

    /// How many of `wanted` samples fit in memory for T steps.
    #[must_use]
    pub fn affordable(graph: &Graph, timesteps: usize, wanted: usize) -> usize {
        let widest = graph.node_ids().into_iter().map(|n| graph[n].ty.len()).max().unwrap_or(1);
        (SIGNAL_BYTES / (widest * timesteps * size_of::<f32>())).clamp(8.min(wanted), wanted)
    }

    fn signal(&mut self, graph: &Graph, node: NodeId) -> Result<Signal> {
        // Depth first without recursion: graphs are deep.
        let mut stack = vec![node];
        while let Some(&top) = stack.last() {
            if self.signals.contains_key(&top) {
                stack.pop();
                continue;
            }
            let operands = graph.operands(top);
            let missing: Vec<NodeId> = operands.iter().copied().filter(|o| !self.signals.contains_key(o)).collect();
            if !missing.is_empty() {
                stack.extend(missing);
                continue;
            }
            let signal = if matches!(graph[top].op, Operator::Input) {
                self.input.clone()
            } else {
                let signals: Vec<&Signal> = operands.iter().map(|o| &self.signals[o]).collect();
                self.simulator.node(graph, top, &signals)?
            };
            self.signals.insert(top, signal);
            stack.pop();
            self.forget_read(graph, node);
        }
        Ok(self.signals[&node].clone())
    }

    /// Lets go of signals that all their readers have read, except what `asked` reads: a pass may change that node and ask again.
    fn forget_read(&mut self, graph: &Graph, asked: NodeId) {
        let operands = graph.operands(asked);
        let kept: Vec<NodeId> = operands.iter().copied().chain(operands.iter().flat_map(|&o| graph.operands(o))).collect();
        let known: Vec<NodeId> = self.signals.keys().copied().collect();
        let read = |n: NodeId| {
            let uses = graph.uses(n);
            !uses.is_empty() && uses.iter().all(|(user, _)| known.contains(user))
        };
        let done: Vec<NodeId> = known.iter().copied().filter(|&n| n != asked && !kept.contains(&n) && read(n)).collect();
        for node in done {
            self.signals.remove(&node);
        }
    }
}

/// Images that go through the float network together.
const CHUNK: usize = 32;

fn activations(graph: &Graph, node: NodeId, data: Vec<f32>) -> Activations {
    let ty = &graph[node].ty;
    Activations { channels: ty.channels(), plane: ty.plane(), data }
}

/// What evenly chosen places of a signal carry over time.
fn sampled(signal: &Signal, timesteps: usize, ty: &TensorType, places: usize) -> Result<Traces> {
    let (tensor, steps) = match signal {
        Signal::Static(tensor) => (tensor, 1),
        Signal::Temporal(tensor) => (tensor, timesteps),
    };
    let (channels, plane) = (ty.channels(), ty.plane());
    let images = tensor.dim(0)? / steps;
    // An odd stride does not fall in step with rows of even width.
    let stride = (images * plane / places.max(1)).max(1) | 1;
    let places: Vec<(usize, usize)> = (0..images * plane).step_by(stride).map(|k| (k / plane, k % plane)).collect();
    let data = with_slice(&tensor.contiguous()?, |values| {
        let mut data = Vec::with_capacity(channels * steps * places.len());
        for channel in 0..channels {
            for step in 0..steps {
                data.extend(
                    places.iter().map(|&(image, position)| values[((step * images + image) * channels + channel) * plane + position]),
                );
            }
        }
        data
    })?;
    Ok(Traces { steps, places, data })
}

impl threshold::Firing for Laboratory {
    fn sums(&self, neuron: threshold::Neuron, theta: f32, currents: &[f32], sums: &mut [f32]) {
        let count = sums.len();
        let (threshold, initial, leak) = (vec![theta; count], vec![neuron.initial * theta; count], vec![1.0; count]);
        let reset = match neuron.reset {
            Reset::Soft => neuron::Reset::Soft,
            Reset::Hard => neuron::Reset::Hard,
            Reset::Signed => neuron::Reset::Signed,
        };
        Neurons { threshold: &threshold, initial: &initial, leak: &leak, reset }.sums(currents, 1, neuron.timesteps, sums);
    }
}

impl Calibration for Laboratory {
    fn target(&mut self, neuron: NodeId) -> std::result::Result<Activations, String> {
        self.targets.get(&neuron).cloned().ok_or_else(|| format!("no float activations for node {}", neuron.number()))
    }

    fn mean(&mut self, graph: &Graph, node: NodeId) -> std::result::Result<Activations, String> {
        let mean = self.signal(graph, node).and_then(|s| s.mean(self.simulator.timesteps)).map_err(|e| e.to_string())?;
        let data = mean.flatten_all().and_then(|t| t.to_vec1::<f32>()).map_err(|e| e.to_string())?;
        Ok(activations(graph, node, data))
    }

    fn traces(&mut self, graph: &Graph, node: NodeId, places: usize) -> std::result::Result<Traces, String> {
        let signal = self.signal(graph, node).map_err(|e| e.to_string())?;
        sampled(&signal, self.simulator.timesteps, &graph[node].ty, places).map_err(|e| e.to_string())
    }

    fn recorded(&self, neuron: NodeId) -> Option<&Recorded> {
        self.recorded.get(&neuron)
    }

    fn changed(&mut self, graph: &Graph, node: NodeId) {
        let mut stack = vec![node];
        while let Some(node) = stack.pop() {
            self.signals.remove(&node);
            stack.extend(graph.uses(node).into_iter().map(|(user, _)| user).filter(|user| self.signals.contains_key(user)));
        }
    }
}
