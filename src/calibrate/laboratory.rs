//! The float network and the spiking network side by side on the same samples: what passes ask through
//! [`snnc_passes::Calibration`].

use crate::{
    error::{Error, Result},
    synthesize::Samples,
};
use snnc_engine::{Buffers, Network, Walk, plan::kernel_reset};
use snnc_ir::{Graph, NodeId};
use snnc_kernels::neuron::{Neurons, RadixNeurons};
use snnc_passes::{
    Activations, Calibration, Traces,
    threshold::{self, Counting, Firing, Recorded},
};
use std::collections::BTreeMap;

/// Bytes that the signals of one layer over all steps may take; samples are left out beyond that.
const SIGNAL_BYTES: usize = 128 << 20;

/// Both networks on the same samples.
pub struct Laboratory {
    walk: Walk,
    targets: BTreeMap<NodeId, Activations>,
    answers: Activations,
    recorded: BTreeMap<NodeId, Recorded>,
}

impl Laboratory {
    /// Runs the float network `canonical` on the samples and keeps the activations of its rectifiers and its output.
    ///
    /// `input` is the spiking network's input for the samples, and whether it differs from step to step; `recorded` is what batch norms say of
    /// the rectifiers.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn new(
        canonical: &Graph,
        samples: &Samples,
        timesteps: usize,
        recorded: BTreeMap<NodeId, Recorded>,
        (input, varies): (Vec<f32>, bool),
    ) -> Result<Self> {
        let output = canonical.output().ok_or_else(|| Error::Internal("a verified graph has an output".into()))?.node;
        let mut wanted: Vec<NodeId> = canonical.node_ids().into_iter().filter(|&n| canonical[n].op.is_rectifier()).collect();
        wanted.push(output);
        let network = Network::float(canonical, &wanted)?;
        let (len, mut buffers) = (network.input_len(), Buffers::default());
        let mut collected: BTreeMap<NodeId, Vec<f32>> = BTreeMap::new();
        for chunk in samples.data.chunks(CHUNK * len) {
            let (_, results) = network.results(chunk, chunk.len() / len, &wanted, &mut buffers);
            for (&node, values) in wanted.iter().zip(results) {
                collected.entry(node).or_default().extend(values);
            }
        }
        let targets: BTreeMap<NodeId, Activations> =
            collected.into_iter().map(|(node, data)| (node, activations(canonical, node, data))).collect();
        let answers = targets.get(&output).cloned().unwrap_or_else(|| activations(canonical, output, Vec::new()));
        Ok(Self { answers, walk: Walk::new(timesteps, samples.count, input, varies), targets, recorded })
    }

    /// Root mean square of what the scores of the spiking network are off by, over that of the float network's.
    ///
    /// # Errors
    /// If the network cannot be run.
    pub fn error_of_answers(&mut self, graph: &Graph) -> Result<f64> {
        self.restart();
        let output = graph.output().ok_or_else(|| Error::Internal("a verified graph has an output".into()))?;
        let target = self.answers().map_err(Error::Internal)?;
        let mean = self.mean(graph, output.node).map_err(Error::Internal)?;
        let off = target.data.iter().zip(&mean.data).map(|(a, b)| f64::from(b * output.scale - a).powi(2)).sum::<f64>();
        let size = target.data.iter().map(|a| f64::from(*a).powi(2)).sum::<f64>();
        Ok(if size > 0.0 { (off / size).sqrt() } else { 0.0 })
    }

    /// Forgets what the spiking network made: it is another graph from here on.
    pub fn restart(&mut self) {
        self.walk.restart();
    }

    /// How many of `wanted` samples fit in memory for T steps.
    #[must_use]
    pub fn affordable(graph: &Graph, timesteps: usize, wanted: usize) -> usize {
        let widest = graph.node_ids().into_iter().map(|n| graph[n].ty.len()).max().unwrap_or(1);
        (SIGNAL_BYTES / (widest * timesteps * size_of::<f32>())).clamp(8.min(wanted), wanted)
    }
}

/// Images that go through the float network together.
const CHUNK: usize = 32;

fn activations(graph: &Graph, node: NodeId, data: Vec<f32>) -> Activations {
    let ty = &graph[node].ty;
    Activations { channels: ty.channels(), plane: ty.plane(), data }
}

/// Evenly chosen places of a plane of so many images.
fn places(images: usize, plane: usize, wanted: usize) -> Vec<(usize, usize)> {
    // An odd stride does not fall in step with rows of even width.
    let stride = (images * plane / wanted.max(1)).max(1) | 1;
    (0..images * plane).step_by(stride).map(|k| (k / plane, k % plane)).collect()
}

impl Firing for Laboratory {
    fn counts(&self, neuron: threshold::Neuron, theta: f32, currents: &[f32], counts: &mut [f32]) {
        let count = counts.len();
        let (threshold, initial) = (vec![theta; count], vec![neuron.initial * theta; count]);
        match neuron.counting {
            Counting::Rate { timesteps, reset } => {
                let (leak, reset) = (vec![1.0; count], kernel_reset(reset));
                Neurons { threshold: &threshold, initial: &initial, leak: &leak, reset, is_whole: false }
                    .sums(currents, 1, timesteps, counts);
            }
            Counting::Radix { levels } => {
                RadixNeurons { threshold: &threshold, initial: &initial, levels: levels as f32, rounds: true }.counts(currents, counts);
            }
        }
    }
}

impl Calibration for Laboratory {
    fn target(&mut self, neuron: NodeId) -> std::result::Result<Activations, String> {
        self.targets.get(&neuron).cloned().ok_or_else(|| format!("no float activations for node {}", neuron.number()))
    }

    fn answers(&mut self) -> std::result::Result<Activations, String> {
        Ok(self.answers.clone())
    }

    fn mean(&mut self, graph: &Graph, node: NodeId) -> std::result::Result<Activations, String> {
        let mean = self.walk.see(graph, node).map_err(|e| e.to_string())?.mean();
        Ok(activations(graph, node, mean))
    }

    fn traces(&mut self, graph: &Graph, node: NodeId, wanted: usize) -> std::result::Result<Traces, String> {
        let (channels, plane, images) = (graph[node].ty.channels(), graph[node].ty.plane(), self.walk.images());
        let places = places(images, plane, wanted);
        let seen = self.walk.see(graph, node).map_err(|e| e.to_string())?;
        let mut data = Vec::with_capacity(channels * seen.steps * places.len());
        for channel in 0..channels {
            for step in 0..seen.steps {
                let at = |&(image, position): &(usize, usize)| ((step * images + image) * channels + channel) * plane + position;
                data.extend(places.iter().map(|place| seen.at(at(place))));
            }
        }
        Ok(Traces { steps: seen.steps, places, data })
    }

    fn recorded(&self, neuron: NodeId) -> Option<&Recorded> {
        self.recorded.get(&neuron)
    }

    fn changed(&mut self, graph: &Graph, node: NodeId) {
        self.walk.changed(graph, node);
    }
}
