//! The parameters of one node, rounded.

use super::{
    demands::{ROOM, Sizes, threshold},
    is_stream,
    units::Units,
};
use crate::{
    PassError, Settings,
    rewrite::{
        affine::{aligned, broadcast, combine, per_channel},
        scale::{concat_factors, moved},
    },
};
use snnc_ir::{Graph, LEAK_UNIT, NodeId, Operator, Origin, ParamId, Provenance, Tensor};
use std::collections::BTreeMap;

/// The largest threshold, bias or factor.
const LARGEST: f32 = 2_147_483_520.0;

/// Relative error of θ up to which a neuron that was trained with its steps keeps the unit of its weights.
const EXACT: f64 = 1e-6;

/// What every node's numbers stand for, as far as nodes have been rounded.
pub(super) struct Rounding<'a> {
    units: &'a Units,
    sizes: &'a Sizes,
    /// What a stream's spikes are worth now, in spikes of the graph before; broadcasts over the stream.
    worth: BTreeMap<NodeId, Tensor>,
    /// Units of nodes that were not there when units were sought, by channel.
    added: BTreeMap<NodeId, Vec<f64>>,
}

impl<'a> Rounding<'a> {
    pub(super) fn new(units: &'a Units, sizes: &'a Sizes) -> Self {
        Self { units, sizes, worth: BTreeMap::new(), added: BTreeMap::new() }
    }

    /// What 1 stands for in a channel of a current.
    pub(super) fn unit(&self, node: NodeId, channel: usize) -> f64 {
        let found = self.units.class(node, channel).map(|class| self.sizes.units[class]);
        found.or_else(|| self.added.get(&node).map(|units| units[channel])).unwrap_or(1.0)
    }

    /// What a spike of a stream is worth, by channel, in spikes of the graph before.
    pub(super) fn worth(&self, graph: &Graph, node: NodeId) -> Vec<f32> {
        let channels = vec![1.0; graph[node].ty.channels()];
        self.worth.get(&node).and_then(|worth| per_channel(worth, &graph[node].ty.dims)).unwrap_or(channels)
    }

    /// The units of a current as a factor over its channels.
    fn units(&self, graph: &Graph, node: NodeId) -> Tensor {
        let channels = graph[node].ty.channels();
        Tensor::new(graph[node].ty.per_channel(), (0..channels).map(|c| self.unit(node, c) as f32).collect())
    }

    /// What 1 in an operand stands for: of a stream its worth, of a current its unit.
    fn size(&self, graph: &Graph, operand: NodeId) -> Tensor {
        if is_stream(graph, operand) {
            self.worth.get(&operand).cloned().unwrap_or_else(|| Tensor::splat(vec![1; graph[operand].ty.dims.len()], 1.0))
        } else {
            self.units(graph, operand)
        }
    }

    /// Rounds the parameters of a node, whose operands were rounded before.
    pub(super) fn node(&mut self, graph: &mut Graph, node: NodeId, settings: &Settings) -> Result<(), PassError> {
        match graph[node].op.clone() {
            Operator::Conv2d { .. } | Operator::Linear { .. } => self.layer(graph, node, settings.bits(node).largest() as f32),
            Operator::Scale { .. } => {
                let operand = graph.operand(node).expect("a scale has one operand");
                let size = combine(&self.size(graph, operand), &self.units(graph, node), &graph[node].ty.dims, |x, u| x / u);
                self.rounded(graph, node, "factor", |factor, dims| combine(factor, &size, dims, |f, s| f * s));
            }
            Operator::Shift { .. } => {
                let units = self.units(graph, node);
                self.rounded(graph, node, "offset", |offset, dims| combine(offset, &units, dims, |o, u| o / u));
            }
            Operator::Neuron { .. } | Operator::RadixNeuron { .. } => self.neuron(graph, node)?,
            op if is_stream(graph, node) && !matches!(op, Operator::Input) => {
                let operands = graph.operands(node);
                let dims = |id: NodeId| graph[id].ty.dims.clone();
                let worth = match &op {
                    Operator::Concat { axis } => {
                        let parts: Vec<_> = operands.iter().map(|&o| (aligned(&self.size(graph, o), dims(o).len()), dims(o))).collect();
                        concat_factors(&parts, *axis, &dims(node))
                    }
                    op => moved(op, &self.size(graph, operands[0]), &dims(operands[0]), &dims(node)),
                };
                self.worth.insert(node, worth);
            }
            _ => {}
        }
        Ok(())
    }

    /// `w · (what 1 in the operand stands for) / unit`, and the bias over the unit.
    fn layer(&self, graph: &mut Graph, node: NodeId, most: f32) {
        let operand = graph.operand(node).expect("a layer has one operand");
        let (size, dims) = (self.size(graph, operand), graph[operand].ty.dims.clone());
        let (is_conv, groups) = match &graph[node].op {
            Operator::Conv2d { geometry, .. } => (true, geometry.groups),
            _ => (false, 1),
        };
        // A convolution sees channels alone. Where a worth varies along other axes it is within a percent of 1.
        let inputs = if is_conv { per_channel(&size, &dims) } else { Some(broadcast(&size, &dims)) };
        let weight = graph.own_param(node, "weight");
        let shape = graph.param(weight).tensor.dims.clone();
        let (outputs, per_group, taps) = (shape[0], shape[1], shape[2..].iter().product::<usize>().max(1));
        let inputs = inputs.unwrap_or_else(|| vec![1.0; per_group * groups]);
        let mut tensor = graph.param(weight).tensor.clone();
        for (o, row) in tensor.data.chunks_mut(per_group * taps).enumerate() {
            let (unit, first) = (self.unit(node, o), o / (outputs / groups) * per_group);
            for (k, w) in row.iter_mut().enumerate() {
                *w = ((f64::from(*w) * f64::from(inputs[first + k / taps]) / unit).round() as f32).clamp(-most, most);
            }
        }
        set(graph, weight, tensor);
        if graph[node].op.params().len() > 1 {
            let bias = graph.own_param(node, "bias");
            let mut tensor = graph.param(bias).tensor.clone();
            tensor.data.iter_mut().enumerate().for_each(|(o, b)| *b = whole(f64::from(*b) / self.unit(node, o)));
            set(graph, bias, tensor);
        }
    }

    /// θ and the start potential over the unit of the current; what that changes of a spike's worth is remembered.
    fn neuron(&mut self, graph: &mut Graph, node: NodeId) -> Result<(), PassError> {
        let is_given = matches!(graph[node].op, Operator::RadixNeuron { is_given: true, .. });
        if is_given {
            self.refine(graph, node)?;
        }
        let operand = graph.operand(node).expect("a neuron has one operand");
        let units = self.size(graph, operand);
        let (parameter, _) = threshold(&graph[node].op).expect("it is a neuron");
        let before = graph.param(parameter).tensor.clone();
        self.rounded(graph, node, "initial", |initial, dims| combine(initial, &units, dims, |v, u| v / u));
        self.rounded(graph, node, "threshold", |theta, dims| combine(theta, &units, dims, |t, u| (t / u).max(1.0)));
        let (parameter, _) = threshold(&graph[node].op).expect("it still is one");
        let dims = graph[node].ty.dims.clone();
        let size = combine(&graph.param(parameter).tensor, &units, &dims, |t, u| t * u);
        let worth = combine(&size, &before, &dims, |now, before| now / before);
        self.worth.insert(node, if is_given { Tensor::splat(vec![1; dims.len()], 1.0) } else { worth });
        if let Operator::Neuron { leak: Some(_), .. } = graph[node].op {
            let leak = graph.own_param(node, "leak");
            let tensor = graph.param(leak).tensor.map(|l| (l / LEAK_UNIT).round().clamp(1.0, 1.0 / LEAK_UNIT) * LEAK_UNIT);
            set(graph, leak, tensor);
        }
        Ok(())
    }

    /// Puts a scale by a power of two before a neuron whose θ is no multiple of the unit, as large as there is room for: then the unit is
    /// small enough for θ to be one nearly.
    fn refine(&mut self, graph: &mut Graph, node: NodeId) -> Result<(), PassError> {
        let operand = graph.operand(node).expect("a neuron has one operand");
        let (parameter, levels) = threshold(&graph[node].op).expect("it is a neuron");
        let thetas = broadcast(&graph.param(parameter).tensor, &graph[node].ty.dims);
        let (channels, plane) = (graph[node].ty.channels(), graph[node].ty.plane().max(1));
        let bounds = &self.sizes.bounds[&operand];
        let mut gains = vec![1.0f64; channels];
        for channel in 0..channels {
            let unit = if is_stream(graph, operand) { 1.0 } else { self.unit(operand, channel) };
            let own = thetas.chunks(plane).skip(channel).step_by(channels).flatten();
            let (mut largest, mut is_exact) = (0.0f64, true);
            for theta in own {
                let multiple = f64::from(*theta) / unit;
                is_exact &= (multiple - multiple.round()).abs() <= EXACT * multiple;
                largest = largest.max(multiple);
            }
            if !is_exact {
                let room = ROOM / (largest * (levels + 1.0)).max(bounds[channel] / unit).max(1.0);
                gains[channel] = room.log2().floor().max(0.0).exp2();
            }
        }
        if gains.iter().all(|&gain| gain == 1.0) {
            return Ok(());
        }
        let shape = graph[operand].ty.per_channel();
        let factor = Tensor::new(shape, gains.iter().map(|&gain| gain as f32).collect());
        let factor = graph.add_param("gain", factor, Provenance::Fixed);
        let scale = graph.insert_before(node, 0, Operator::Scale { factor }, Origin::default())?;
        let units = (0..channels).map(|c| if is_stream(graph, operand) { 1.0 } else { self.unit(operand, c) } / gains[c]).collect();
        self.added.insert(scale, units);
        Ok(())
    }

    /// Gives a parameter other values, rounded.
    fn rounded(&self, graph: &mut Graph, node: NodeId, role: &str, of: impl FnOnce(&Tensor, &[usize]) -> Tensor) {
        let parameter = graph.own_param(node, role);
        let tensor = of(&graph.param(parameter).tensor, &graph[node].ty.dims);
        set(graph, parameter, tensor.map(|v| whole(f64::from(v))));
    }
}

/// The nearest whole number that fits.
fn whole(value: f64) -> f32 {
    (value.round() as f32).clamp(-LARGEST, LARGEST)
}

/// The same parameter with other values. Units follow from weights, so what was rounded by them knows as much of the source network as they.
fn set(graph: &mut Graph, parameter: ParamId, tensor: Tensor) {
    let known = graph.params().map(|(_, p)| p.provenance).max().unwrap_or(Provenance::Fixed);
    graph.set_param(parameter, tensor, graph.param(parameter).provenance.join(known));
}
