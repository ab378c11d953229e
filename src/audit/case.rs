//! What all attacks of one audit share: the artifact, the networks beside it, the images, the judge.

use super::{
    jury::Juror,
    pictures::Pictures,
    twins::Twins,
    weights::{Readability, Weights, readability},
};
use crate::{
    artifact::lift_in_units,
    coding::{in_units, units},
    error::{Error, Result},
    import::Imported,
    options::{self, Preprocess},
    synthesize::{Canvas, random::Random},
    train::device,
};
use snnc_engine::{Device, Plan, plan::Tail};
use snnc_ir::{Graph, Operator, ParamId, Provenance, TensorType};
use snnc_runtime::{Code, Network, artifact::Artifact};
use std::collections::BTreeSet;

pub use crate::options::Effort;

/// Images with which an audit may judge and attack. All are of the user; an audit needs none.
#[derive(Clone, Debug, Default)]
pub struct Material {
    /// Real images of the kind that was trained on.
    pub reference: Option<Labelled>,
    /// Images that were trained on.
    pub members: Option<Labelled>,
    /// Images of the same kind that were not.
    pub nonmembers: Option<Labelled>,
    /// Samples that the network was calibrated or trained on.
    pub samples: Option<Labelled>,
    /// Images that the compilation saw and that must not be in the file.
    pub calibration: Pictures,
}

/// Pictures with their classes, where these are known.
#[derive(Clone, Debug, Default)]
pub struct Labelled {
    /// What is seen.
    pub pictures: Pictures,
    /// Classes.
    pub labels: Option<Vec<usize>>,
}

/// What is audited, and with what.
pub struct Given<'a> {
    /// The artifact.
    pub artifact: &'a Artifact,
    /// Its file.
    pub bytes: &'a [u8],
    /// The ONNX file, read.
    pub imported: &'a Imported,
    /// Its network in the canonical phase.
    pub float: &'a Graph,
    /// The same with its batch norms, if it has any.
    pub normed: Option<&'a Graph>,
    /// Who says what pictures show; with none, the ANN does.
    pub judges: Vec<Juror>,
    /// Whose features distances are in; without one, the first judge's.
    pub features: Option<Juror>,
    /// Images.
    pub material: Material,
    /// What must not stand in the file: names of users, hosts, folders.
    pub words: Vec<String>,
    /// Numbers of time steps at which the artifact is attacked; with none, the attacks choose by effort.
    pub timesteps: Vec<usize>,
    /// Names of the attacks to make; with none, those that the effort has.
    pub only: Vec<String>,
    /// Whether to ask what would be left if the read-out were locked.
    pub as_locked: bool,
    /// Where gradients are computed; `auto` is the processor, since a card finds much the same, not the same bytes.
    pub device: options::Device,
    /// Of everything random.
    pub seed: u64,
}

/// The case.
pub struct Case<'a> {
    /// What was given.
    pub given: Given<'a>,
    /// The artifact, ready to run.
    pub network: Network,
    /// The artifact as a graph.
    pub spiking: Graph,
    /// The ANN with noise in its weights that is as long as what tells the SNN's from them.
    pub control: Graph,
    /// How the SNN's weights compare with the ANN's.
    pub readability: Readability,
    /// The image behind the input.
    pub canvas: Canvas,
    /// Preprocessing of the input.
    pub preprocess: Preprocess,
    /// Number of classes.
    pub classes: usize,
    /// Who judges: at least one.
    pub judges: Vec<Juror>,
    /// Whether all judges are other networks than the one that was compiled.
    pub is_independent: bool,
    /// The class that each reconstruction is to show.
    pub shown: Vec<usize>,
    /// With Poisson coding, the value of each entry of the input that fires at every step.
    pub units: Option<Vec<f32>>,
    /// Twins that were distilled from the artifact.
    pub twins: Twins,
    /// Where gradients are computed.
    pub device: Device,
}

impl<'a> Case<'a> {
    /// Prepares a case.
    ///
    /// # Errors
    /// If the judge knows other classes, or the card that is asked for cannot be used.
    pub fn new(mut given: Given<'a>, effort: Effort) -> Result<Self> {
        let spec = &given.artifact.graph;
        let network = Network::new(given.artifact.clone()).map_err(|e| Error::Internal(e.to_string()))?;
        let spiking = lift_in_units(given.artifact)?;
        let canvas = Canvas::new(&TensorType::f32(spec.input.shape.clone()), spec.input.layout, &spec.input.preprocess);
        let classes = network.classes();
        let preprocess = spec.input.preprocess.clone();
        let mut judges = std::mem::take(&mut given.judges);
        if judges.is_empty() {
            judges.push(Juror::new(given.float, preprocess.clone(), given.imported.source_sha256.clone())?);
        }
        let is_independent = judges.iter().all(|judge| judge.sha256() != given.imported.source_sha256);
        if let Some(judge) = judges.iter().find(|judge| judge.classes() != classes) {
            return Err(Error::Usage(format!("the judge tells {} classes apart, but the network {classes}", judge.classes())));
        }
        let readability = readability(&weights(&spiking), &weights(given.float), given.seed);
        let control = noisy(given.float, &readability, given.seed);
        let units = units(spec.input.coding, &spec.input.quantiser, (0..canvas.len()).map(|entry| spec.input.channel_of(entry)));
        let shown = shown(classes, effort);
        let twins = Twins::default();
        let device = match given.device {
            options::Device::Cuda(_) => device::open(given.device)?,
            options::Device::Auto | options::Device::Cpu => Device::Cpu,
        };
        Ok(Self {
            given,
            network,
            spiking,
            control,
            readability,
            canvas,
            preprocess,
            classes,
            judges,
            is_independent,
            shown,
            units,
            twins,
            device,
        })
    }

    /// Whether an attack of this name is to be made, as far as the user says.
    #[must_use]
    pub fn asks_for(&self, attack: &str) -> bool {
        self.given.only.is_empty() || self.given.only.iter().any(|name| name == attack)
    }

    /// Whose features distances are in.
    #[must_use]
    pub fn features(&self) -> &Juror {
        self.given.features.as_ref().unwrap_or(&self.judges[0])
    }

    /// T of the artifact.
    #[must_use]
    pub fn timesteps(&self) -> usize {
        self.network.spec().timesteps
    }

    /// The spiking network as a list of steps.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn plan(&self, timesteps: usize) -> Result<Plan> {
        Ok(Plan::spiking(&self.spiking, timesteps, self.units.is_none(), Tail::OnMean)?)
    }

    /// Shape of the input; the first dimension is the batch and is 1.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.network.spec().input.shape
    }

    /// Images in the units of the spiking network's input: as they are, but with Poisson coding.
    #[must_use]
    pub fn in_units(&self, images: &[f32]) -> Vec<f32> {
        in_units(images, self.units.as_deref())
    }

    /// Multiply-accumulates of the float network for one image.
    #[must_use]
    pub fn float_macs(&self) -> f64 {
        macs(self.given.float)
    }

    /// Those of the spiking network for one image: in the rate code as if all of it ran at every step; in the radix code all steps are one
    /// pass, in counts.
    #[must_use]
    pub fn spiking_macs(&self, timesteps: usize) -> f64 {
        let passes = match self.network.spec().code {
            Code::Rate => timesteps,
            Code::Radix => 1,
        };
        macs(&self.spiking) * passes as f64
    }
}

/// What a step of a neuron, and an entry of any other result, costs, in multiply-accumulates of a product of matrices: the former is a few
/// operations that wait for each other and for memory. Measured on networks with few inputs a neuron, which it decides.
const OF_NEURON: f64 = 150.0;
const OF_ENTRY: f64 = 30.0;
/// What is left of those of a convolution that goes by Winograd's way.
const OF_WINOGRAD: f64 = 0.45;

/// Multiply-accumulates of a network for one image and time step, as long as they take: fewer than [`Graph::macs`] where the kernels
/// save some, and all else counted as such.
pub fn macs(graph: &Graph) -> f64 {
    let of = |id| match &graph[id].op {
        Operator::Conv2d { weight, geometry, .. } => {
            let dims = &graph.param(*weight).tensor.dims;
            let is_tiled = dims[2..] == [3, 3] && geometry.stride == [1, 1] && geometry.dilation == [1, 1] && geometry.groups == 1;
            let of_one = if is_tiled { OF_WINOGRAD } else { 1.0 };
            of_one * graph.macs(id) as f64
        }
        Operator::Linear { .. } => graph.macs(id) as f64,
        Operator::Neuron { .. } | Operator::RadixNeuron { .. } => OF_NEURON * graph[id].ty.len() as f64,
        _ => OF_ENTRY * graph[id].ty.len() as f64,
    };
    graph.node_ids().into_iter().map(of).sum()
}

/// Weights of convolutions and linear layers, front to back, each once.
pub fn weights(graph: &Graph) -> Vec<Weights<'_>> {
    let mut seen: BTreeSet<ParamId> = BTreeSet::new();
    let of = |id| match &graph[id].op {
        Operator::Conv2d { weight, geometry, .. } => Some((*weight, geometry.groups)),
        Operator::Linear { weight, .. } => Some((*weight, 1)),
        _ => None,
    };
    let ids = graph.topological().into_iter().filter_map(of).filter(|&(id, _)| seen.insert(id)).collect::<Vec<_>>();
    ids.into_iter()
        .map(|(id, groups)| {
            let param = graph.param(id);
            Weights { groups, name: &param.name, dims: &param.tensor.dims, values: &param.tensor.data }
        })
        .collect()
}

/// Relative distance of weights that is rounding: there the control is the ANN itself.
const ROUNDING: f64 = 1e-5;

/// The float network with normal noise in every layer's weights, as long as what is left of the SNN's once the scales of their channels
/// are taken off.
fn noisy(float: &Graph, readability: &Readability, seed: u64) -> Graph {
    let mut graph = float.clone();
    for (k, layer) in readability.layers.iter().enumerate() {
        let Some((id, tensor)) = float.params().find(|(_, p)| p.name == layer.ann).map(|(id, p)| (id, p.tensor.clone())) else { continue };
        if layer.relative_distance < ROUNDING {
            continue;
        }
        let mut random = Random::new(seed ^ 0xC0_4701, k as u64);
        let noise: Vec<f32> = tensor.data.iter().map(|_| random.normal()).collect();
        let length = |values: &[f32]| values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let size = (layer.relative_distance * length(&tensor.data) / length(&noise).max(f64::MIN_POSITIVE)) as f32;
        let values = tensor.data.iter().zip(noise).map(|(w, n)| w + size * n).collect();
        graph.set_param(id, snnc_ir::Tensor::new(tensor.dims, values), Provenance::Derived);
    }
    graph
}

/// Classes to show: all in turn where there are few, else some of them, evenly spaced.
fn shown(classes: usize, effort: Effort) -> Vec<usize> {
    let (count, most) = match effort {
        Effort::Quick => (30, 3),
        Effort::Full => (100, 10),
    };
    let each = (count / classes.max(1)).clamp(1, most);
    let chosen: Vec<usize> = if classes <= count { (0..classes).collect() } else { (0..count).map(|k| k * classes / count).collect() };
    (0..each).flat_map(|_| chosen.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_shown_as_often() {
        assert_eq!(shown(3, Effort::Quick), [0, 1, 2, 0, 1, 2, 0, 1, 2]);
        assert_eq!((shown(10, Effort::Quick).len(), shown(10, Effort::Full).len()), (30, 100));
        let many = shown(1000, Effort::Quick);
        assert!(many.len() == 30 && many[0] == 0 && many[29] < 1000 && many.windows(2).all(|w| w[0] < w[1]));
    }
}
