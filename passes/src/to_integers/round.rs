//! The parameters of one node, rounded.

use super::{
    demands::{ROOM, Sizes, gathered, most_in, threshold},
    streams::Streams,
    units::Units,
};
use crate::{
    PassError, Settings,
    rewrite::{
        affine::{aligned, broadcast, combine, even_over, per_channel},
        scale::{concat_factors, moved},
    },
    threshold::Scope,
};
use snnc_ir::{Graph, LEAK_UNIT, NodeId, Operator, Origin, ParamId, Provenance, Tensor, TensorType};
use std::collections::BTreeMap;

/// The largest threshold, bias or factor.
const LARGEST: f32 = 2_147_483_520.0;

/// Relative error of θ up to which a neuron that was trained with its steps keeps the unit of its weights.
const EXACT: f64 = 1e-6;

/// From this many units on, θ is near enough to a multiple of the unit wherever it lies: the range of a neuron changes by less than samples leave
/// open, and what a spike is worth is known.
const COARSE: f64 = 32.0;

/// The same where thresholds are by layer: that is for chips, which have no factor before their neurons.
const COARSE_OF_LAYERS: f64 = 4.0;

/// What every node's numbers stand for, as far as nodes have been rounded.
pub(super) struct Rounding<'a> {
    streams: &'a Streams,
    units: &'a Units,
    sizes: &'a Sizes,
    /// What a stream's spikes are worth now, in spikes of the graph before; broadcasts over the stream.
    worth: BTreeMap<NodeId, Tensor>,
    /// Units of nodes that were not there when units were sought, by channel.
    added: BTreeMap<NodeId, Vec<f64>>,
    /// What rounding has left of the biases of a layer, by channel, as currents of the graph before.
    left: BTreeMap<NodeId, Vec<f64>>,
    /// What units tell of the source network, since they follow from weights.
    known: Provenance,
}

impl<'a> Rounding<'a> {
    pub(super) fn new(graph: &Graph, streams: &'a Streams, units: &'a Units, sizes: &'a Sizes) -> Self {
        let known = graph.params().map(|(_, p)| p.provenance).max().unwrap_or(Provenance::Fixed);
        Self { streams, units, sizes, worth: BTreeMap::new(), added: BTreeMap::new(), left: BTreeMap::new(), known }
    }

    /// What 1 stands for in a channel of a current.
    pub(super) fn unit(&self, node: NodeId, channel: usize) -> f64 {
        let found = self.units.class(node, channel).map(|class| self.sizes.units[class]);
        found.or_else(|| self.added.get(&node).map(|units| units[channel])).unwrap_or(1.0)
    }

    /// What a spike of a stream is worth, by channel, in spikes of the graph before.
    pub(super) fn worth(&self, graph: &Graph, node: NodeId) -> Vec<f32> {
        self.worth.get(&node).map_or_else(|| vec![1.0; graph[node].ty.channels()], |worth| of_channels(worth, &graph[node].ty))
    }

    /// The units of a current as a factor over its channels.
    fn units(&self, graph: &Graph, node: NodeId) -> Tensor {
        let channels = graph[node].ty.channels();
        Tensor::new(graph[node].ty.per_channel(), (0..channels).map(|c| self.unit(node, c) as f32).collect())
    }

    /// 0 for channels of a node that are 0, so that no weight makes much of them, and else 1.
    fn alive(&self, graph: &Graph, node: NodeId) -> Tensor {
        let alive = self.sizes.bounds[&node].iter().map(|&bound| if bound == 0.0 { 0.0 } else { 1.0 });
        Tensor::new(graph[node].ty.per_channel(), alive.collect())
    }

    /// What 1 in an operand stands for: of a stream its worth, of a current its unit.
    fn size(&self, graph: &Graph, operand: NodeId) -> Tensor {
        if self.streams.has(operand) {
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
                let dims = &graph[node].ty.dims;
                let size = combine(&self.size(graph, operand), &self.alive(graph, operand), dims, |x, alive| x * alive);
                let size = combine(&size, &self.units(graph, node), dims, |x, u| x / u);
                self.rounded(graph, node, "factor", |factor, dims| combine(factor, &size, dims, |f, s| f * s));
            }
            Operator::Shift { .. } => {
                let units = self.units(graph, node);
                self.rounded(graph, node, "offset", |offset, dims| combine(offset, &units, dims, |o, u| o / u));
            }
            Operator::Neuron { .. } | Operator::RadixNeuron { .. } => self.neuron(graph, node, settings)?,
            op if self.streams.has(node) && !matches!(op, Operator::Input) => {
                let operands = graph.operands(node);
                let dims = |id: NodeId| graph[id].ty.dims.clone();
                let worth = match &op {
                    Operator::Concat { axis } => {
                        let parts: Vec<_> = operands.iter().map(|&o| (aligned(&self.size(graph, o), dims(o).len()), dims(o))).collect();
                        concat_factors(&parts, *axis, &dims(node))
                    }
                    // Of what meets in a maximum, the worths are the same but for the rounding of thresholds; in a sum, exactly.
                    Operator::CountMaxPool2d { .. } | Operator::DigitMaxPool2d { .. } => {
                        even_over(&self.size(graph, operands[0]), &dims(operands[0]), &[2, 3])
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
    fn layer(&mut self, graph: &mut Graph, node: NodeId, most: f32) {
        let operand = graph.operand(node).expect("a layer has one operand");
        let dims = &graph[operand].ty.dims;
        let size = combine(&self.size(graph, operand), &self.alive(graph, operand), dims, |x, alive| x * alive);
        let (is_conv, groups) = match &graph[node].op {
            Operator::Conv2d { geometry, .. } => (true, geometry.groups),
            _ => (false, 1),
        };
        // A convolution sees channels alone.
        let inputs = if is_conv { of_channels(&size, &graph[operand].ty) } else { broadcast(&size, &graph[operand].ty.dims) };
        let weight = graph.own_param(node, "weight");
        let shape = graph.param(weight).tensor.dims.clone();
        let (outputs, per_group, taps) = (shape[0], shape[1], shape[2..].iter().product::<usize>().max(1));
        let mut tensor = graph.param(weight).tensor.clone();
        for (o, row) in tensor.data.chunks_mut(per_group * taps).enumerate() {
            let (unit, first) = (self.unit(node, o), o / (outputs / groups) * per_group);
            for (k, w) in row.iter_mut().enumerate() {
                *w = ((f64::from(*w) * f64::from(inputs[first + k / taps]) / unit).round() as f32).clamp(-most, most);
            }
        }
        self.set(graph, weight, tensor);
        if graph[node].op.params().len() > 1 {
            let bias = graph.own_param(node, "bias");
            let mut tensor = graph.param(bias).tensor.clone();
            let mut left = Vec::with_capacity(outputs);
            for (o, b) in tensor.data.iter_mut().enumerate() {
                let (exact, unit) = (f64::from(*b), self.unit(node, o));
                *b = whole(exact / unit);
                left.push(exact - f64::from(*b) * unit);
            }
            self.left.insert(node, left);
            self.set(graph, bias, tensor);
        }
    }

    /// θ and the start potential over the unit of the current; what that changes of a spike's worth is remembered.
    fn neuron(&mut self, graph: &mut Graph, node: NodeId, settings: &Settings) -> Result<(), PassError> {
        let layer = graph.operand(node).expect("a neuron has one operand");
        self.refine(graph, node, settings)?;
        let operand = graph.operand(node).expect("a neuron has one operand");
        let units = self.size(graph, operand);
        let theta = |graph: &Graph| graph.param(threshold(&graph[node].op).expect("it is a neuron").0).tensor.clone();
        let before = theta(graph);
        // In the finer unit, a neuron that was trained with its steps starts with what rounding has left of the bias, zero point included.
        if let (Operator::RadixNeuron { is_given: true, .. }, Some(left)) = (&graph[node].op, self.left.get(&layer)) {
            let left = Tensor::new(graph[node].ty.per_channel(), left.iter().map(|&v| v as f32).collect());
            self.changed(graph, node, "initial", |initial, dims| combine(initial, &left, dims, |v, left| v + left));
        }
        // Currents are whole, so that what θ has beyond one of them decides nothing: a start potential may lose its fraction, not gain one.
        self.changed(graph, node, "initial", |initial, dims| combine(initial, &units, dims, |v, u| down(f64::from(v) / f64::from(u))));
        self.changed(graph, node, "threshold", |theta, dims| {
            combine(theta, &units, dims, |t, u| whole((f64::from(t) / f64::from(u)).max(1.0)))
        });
        let dims = graph[node].ty.dims.clone();
        let size = combine(&theta(graph), &units, &dims, |t, u| t * u);
        // A count of a neuron that was trained with its steps stands for what it stood for then, wherever a step now ends.
        if !is_given(&graph[node].op) {
            let worth = combine(&size, &before, &dims, |now, before| now / before);
            self.worth.insert(node, worth);
        }
        if let Operator::Neuron { leak: Some(_), .. } = graph[node].op {
            let leak = graph.own_param(node, "leak");
            let tensor = graph.param(leak).tensor.map(|l| (l / LEAK_UNIT).round().clamp(1.0, 1.0 / LEAK_UNIT) * LEAK_UNIT);
            self.set(graph, leak, tensor);
        }
        Ok(())
    }

    /// Puts a scale by a power of two before a neuron whose θ is not near enough to a multiple of the unit, as large as there is room for:
    /// then the unit is small enough for θ to be one nearly.
    fn refine(&mut self, graph: &mut Graph, node: NodeId, settings: &Settings) -> Result<(), PassError> {
        let operand = graph.operand(node).expect("a neuron has one operand");
        let (parameter, levels) = threshold(&graph[node].op).expect("it is a neuron");
        let is_given = is_given(&graph[node].op);
        let thetas = broadcast(&graph.param(parameter).tensor, &graph[node].ty.dims);
        let (channels, plane) = (graph[node].ty.channels(), graph[node].ty.plane().max(1));
        let units = of_channels(&self.size(graph, operand), &graph[operand].ty);
        let bounds = &self.sizes.bounds[&operand];
        let is_of_layers = settings.scope == Some(Scope::Layer);
        let coarse = if is_of_layers { COARSE_OF_LAYERS } else { COARSE };
        let short = settings.threshold_bits.map_or(f64::INFINITY, most_in);
        // Whether θ is near enough, and the largest factor that there is room for.
        let gain = |channel: usize| {
            let unit = f64::from(units[channel]);
            let (mut largest, mut is_near) = (0.0f64, true);
            for &theta in thetas.chunks(plane).skip(channel).step_by(channels).flatten() {
                let multiple = f64::from(theta) / unit;
                let error = (multiple - multiple.round()).abs();
                is_near &= error <= EXACT * multiple || (!is_given && multiple >= coarse);
                largest = largest.max(multiple);
            }
            let most = (largest * (levels + 1.0)).max(gathered(bounds[channel], settings) / unit).max(1.0);
            let room = (ROOM / most).min(short / largest);
            (is_near, room.log2().floor().max(0.0).exp2())
        };
        let found: Vec<(bool, f64)> = (0..channels).map(gain).collect();
        let gains: Vec<f64> = if is_of_layers {
            // One for all, or thresholds would differ again.
            let least = found.iter().map(|&(_, room)| room).fold(f64::INFINITY, f64::min);
            vec![if found.iter().all(|&(is_near, _)| is_near) { 1.0 } else { least }; channels]
        } else {
            found.into_iter().map(|(is_near, room)| if is_near { 1.0 } else { room }).collect()
        };
        if gains.iter().all(|&gain| gain == 1.0) {
            return Ok(());
        }
        let shape = graph[operand].ty.per_channel();
        let factor = Tensor::new(shape, gains.iter().map(|&gain| gain as f32).collect());
        let factor = graph.add_param("gain", factor, Provenance::Fixed);
        let factor_of = graph.insert_before(node, 0, Operator::Scale { factor }, Origin::default())?;
        self.added.insert(factor_of, units.iter().zip(gains).map(|(&unit, gain)| f64::from(unit) / gain).collect());
        Ok(())
    }

    /// Gives a parameter other values, rounded.
    fn rounded(&self, graph: &mut Graph, node: NodeId, role: &str, of: impl FnOnce(&Tensor, &[usize]) -> Tensor) {
        self.changed(graph, node, role, |tensor, dims| of(tensor, dims).map(|v| whole(f64::from(v))));
    }

    /// Gives a parameter other values.
    fn changed(&self, graph: &mut Graph, node: NodeId, role: &str, of: impl FnOnce(&Tensor, &[usize]) -> Tensor) {
        let parameter = graph.own_param(node, role);
        let tensor = of(&graph.param(parameter).tensor, &graph[node].ty.dims);
        self.set(graph, parameter, tensor);
    }

    /// The same parameter with other values. What was rounded by units knows as much of the source network as they.
    fn set(&self, graph: &mut Graph, parameter: ParamId, tensor: Tensor) {
        graph.set_param(parameter, tensor, graph.param(parameter).provenance.join(self.known));
    }
}

/// Whether a neuron was trained with its steps.
fn is_given(op: &Operator) -> bool {
    matches!(op, Operator::RadixNeuron { is_given: true, .. } | Operator::Neuron { levels: Some(_), .. })
}

/// The nearest whole number that fits.
fn whole(value: f64) -> f32 {
    (value.round() as f32).clamp(-LARGEST, LARGEST)
}

/// The whole number at or right below a number that is known up to rounding.
fn down(value: f64) -> f32 {
    let nearest = value.round();
    let is_whole = (value - nearest).abs() <= EXACT * nearest.abs().max(1.0);
    (if is_whole { nearest } else { value.floor() } as f32).clamp(-LARGEST, LARGEST)
}

/// A factor as one value a channel: the mean of those that a channel has.
fn of_channels(factor: &Tensor, ty: &TensorType) -> Vec<f32> {
    per_channel(factor, &ty.dims).unwrap_or_else(|| {
        let (channels, plane) = (ty.channels(), ty.plane().max(1));
        let mut sums = vec![0.0f64; channels];
        for (entry, value) in broadcast(factor, &ty.dims).into_iter().enumerate() {
            sums[entry / plane % channels] += f64::from(value);
        }
        sums.into_iter().map(|sum| (sum / plane as f64) as f32).collect()
    })
}
