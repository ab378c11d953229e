//! What the operators ask of a unit: that weights fill their bits and fit in them, and that nothing overflows.

use super::{
    grid::common_unit,
    units::{Units, flows},
};
use crate::{PassError, Settings, rewrite::affine::broadcast};
use snnc_ir::{Code, Diagnostic, Graph, NodeId, Operator, ParamId};
use std::collections::{BTreeMap, BTreeSet};

/// What currents and potentials stay below, by a good margin: their bounds move a little when weights are rounded and means corrected.
pub(super) const ROOM: f64 = (1u64 << 30) as f64;

/// The largest factor of a scale whose size nothing else determines.
const LARGEST_FACTOR: u32 = 1 << 20;

/// Rounds of finding units where layers read currents, whose units have to be found before.
const ROUNDS: usize = 64;

/// Units, and the bounds that led to them.
pub(super) struct Sizes {
    /// What 1 stands for, by class.
    pub(super) units: Vec<f64>,
    /// The largest value that a channel of a node can have, at a step (rate) or after a window (radix), before anything was rounded.
    pub(super) bounds: BTreeMap<NodeId, Vec<f64>>,
}

/// The units of all classes.
///
/// # Errors
/// If no unit makes all currents fit.
pub(super) fn sizes(graph: &Graph, units: &Units, settings: &Settings) -> Result<Sizes, PassError> {
    let bounds = bounds(graph, settings);
    let mut demands = vec![Demand::default(); units.count()];
    for node in graph.topological() {
        match &graph[node].op {
            Operator::Conv2d { .. } | Operator::Linear { .. } | Operator::Scale { .. } => {
                for channel in 0..graph[node].ty.channels() {
                    if let Some(class) = units.class(node, channel) {
                        demands[class].rows.push((node, channel));
                    }
                }
            }
            _ => {}
        }
        // A potential gathers what arrives over all steps.
        let steps = if settings.code == Code::Rate { settings.timesteps as f64 + 1.0 } else { 1.0 };
        for (channel, &bound) in bounds[&node].iter().enumerate() {
            if let Some(class) = units.class(node, channel) {
                demands[class].least = demands[class].least.max(bound * steps / ROOM);
            }
        }
        let Some((threshold, levels)) = threshold(&graph[node].op) else { continue };
        let operand = graph.operand(node).expect("a neuron has one operand");
        let thetas = broadcast(&graph.param(threshold).tensor, &graph[node].ty.dims);
        let (channels, plane) = (graph[node].ty.channels(), graph[node].ty.plane());
        for (entry, theta) in thetas.into_iter().enumerate() {
            if let Some(class) = units.class(operand, entry / plane % channels) {
                demands[class].least = demands[class].least.max(f64::from(theta) * (levels + 1.0) / ROOM);
            }
        }
    }
    let mut sizes = vec![1.0; units.count()];
    for round in 0.. {
        let before = sizes.clone();
        for (class, demand) in demands.iter().enumerate() {
            sizes[class] = demand.unit(graph, units, &before, settings);
        }
        let reads_currents = |node: NodeId| graph.operand(node).is_some_and(|operand| units.class(operand, 0).is_some());
        let is_settled = sizes == before || (round == 0 && demands.iter().all(|d| d.rows.iter().all(|&(node, _)| !reads_currents(node))));
        if is_settled {
            return Ok(Sizes { units: sizes, bounds });
        }
        if round == ROUNDS {
            break;
        }
    }
    let node = demands.iter().find_map(|d| d.rows.first()).map_or_else(String::new, |&(node, _)| graph[node].origin.to_string());
    Err(PassError::User(
        Diagnostic::error("E0112", "the currents of the network do not fit 32 bits")
            .at(node)
            .note("layers that read each other without activations between grow beyond all bounds")
            .help("use `--code radix`, which puts neurons between such layers, or fewer time steps"),
    ))
}

/// Threshold and largest count of neurons.
pub(super) fn threshold(op: &Operator) -> Option<(ParamId, f64)> {
    match *op {
        Operator::Neuron { threshold, .. } => Some((threshold, 1.0)),
        Operator::RadixNeuron { threshold, levels, .. } => Some((threshold, f64::from(levels))),
        _ => None,
    }
}

/// What is asked of the unit of a class.
#[derive(Clone, Default)]
struct Demand {
    /// Output channels of layers and scales that have it.
    rows: Vec<(NodeId, usize)>,
    /// What it cannot be less than.
    least: f64,
}

impl Demand {
    fn unit(&self, graph: &Graph, units: &Units, sizes: &[f64], settings: &Settings) -> f64 {
        let of = |node: NodeId, channel| Row::new(graph, units, sizes, node, channel).0;
        let is_layer = |node: NodeId| !matches!(graph[node].op, Operator::Scale { .. });
        let layers: Vec<(NodeId, usize)> = self.rows.iter().copied().filter(|&(node, _)| is_layer(node)).collect();
        let (rows, most): (&[(NodeId, usize)], _) = if layers.is_empty() {
            (&self.rows, None)
        } else {
            (&layers, layers.iter().map(|&(node, _)| settings.bits(node).largest()).max())
        };
        let largest = |values: &[f64]| values.iter().fold(0.0f64, |largest, v| largest.max(v.abs()));
        let filled = rows.iter().map(|&(node, channel)| {
            let most = if is_layer(node) { settings.bits(node).largest() } else { LARGEST_FACTOR };
            largest(&of(node, channel)) / f64::from(most)
        });
        let filled = filled.fold(0.0f64, f64::max);
        let values: Vec<f64> = rows.iter().flat_map(|&(node, channel)| of(node, channel)).collect();
        let exact = common_unit(&values, most.unwrap_or(LARGEST_FACTOR.min(1 << 12))).filter(|unit| *unit >= filled * (1.0 - 1e-9));
        let unit = exact.unwrap_or(filled).max(self.least);
        if unit > 0.0 { unit } else { 1.0 }
    }
}

/// The weights of one output channel, in units of what they read.
struct Row(Vec<f64>);

impl Row {
    fn new(graph: &Graph, units: &Units, sizes: &[f64], node: NodeId, channel: usize) -> Self {
        let operand = graph.operand(node).expect("a layer has one operand");
        let size = |channel: usize| units.class(operand, channel).map_or(1.0, |class| sizes[class]);
        let of = |role: usize| &graph.param(graph[node].op.params()[role].1).tensor;
        match &graph[node].op {
            Operator::Scale { .. } => {
                let ty = &graph[node].ty;
                let factors = broadcast(of(0), &ty.dims);
                let mut seen = BTreeSet::new();
                let plane = ty.plane().max(1);
                let own = factors.chunks(plane).skip(channel).step_by(ty.channels()).flatten();
                Self(own.filter(|f| seen.insert(f.to_bits())).map(|&f| f64::from(f) * size(channel)).collect())
            }
            op => {
                let groups = if let Operator::Conv2d { geometry, .. } = op { geometry.groups } else { 1 };
                let weight = of(0);
                let (outputs, inputs) = (weight.dims[0], weight.dims[1]);
                let taps = weight.dims[2..].iter().product::<usize>().max(1);
                let first = channel / (outputs / groups) * inputs;
                let row = &weight.data[channel * inputs * taps..][..inputs * taps];
                Self(row.iter().enumerate().map(|(k, &w)| f64::from(w) * size(first + k / taps)).collect())
            }
        }
    }
}

/// The largest size of what every channel of every node can be.
fn bounds(graph: &Graph, settings: &Settings) -> BTreeMap<NodeId, Vec<f64>> {
    let mut bounds: BTreeMap<NodeId, Vec<f64>> = BTreeMap::new();
    for node in graph.topological() {
        let operands = graph.operands(node);
        let (ty, channels) = (&graph[node].ty, graph[node].ty.channels());
        let plane = ty.plane().max(1);
        let tensor = |id: &ParamId| &graph.param(*id).tensor;
        let largest_of = |id: &ParamId| {
            let mut largest = vec![0.0f64; channels];
            for (entry, value) in broadcast(tensor(id), &ty.dims).into_iter().enumerate() {
                let at = &mut largest[entry / plane % channels];
                *at = at.max(f64::from(value.abs()));
            }
            largest
        };
        let mut own = vec![0.0f64; channels];
        match &graph[node].op {
            Operator::Input => own.fill(f64::from(settings.input_levels)),
            Operator::Neuron { .. } => own.fill(1.0),
            Operator::RadixNeuron { levels, .. } => own.fill(f64::from(*levels)),
            Operator::Conv2d { weight, bias, .. } | Operator::Linear { weight, bias } => {
                let groups = if let Operator::Conv2d { geometry, .. } = &graph[node].op { geometry.groups } else { 1 };
                let dims = &tensor(weight).dims;
                let taps = dims[2..].iter().product::<usize>().max(1);
                let x = &bounds[&operands[0]];
                for (o, row) in tensor(weight).data.chunks(dims[1] * taps).enumerate() {
                    let first = o / (dims[0] / groups) * dims[1];
                    let sum: f64 =
                        row.chunks(taps).zip(&x[first..]).map(|(w, x)| w.iter().map(|w| f64::from(w.abs())).sum::<f64>() * x).sum();
                    own[o] = sum + bias.as_ref().map_or(0.0, |b| f64::from(tensor(b).data[o].abs()));
                }
            }
            Operator::Scale { factor } => {
                own = largest_of(factor).iter().zip(&bounds[&operands[0]]).map(|(f, x)| f * x).collect();
            }
            Operator::Shift { offset } => {
                own = largest_of(offset).iter().zip(&bounds[&operands[0]]).map(|(o, x)| o + x).collect();
            }
            op => {
                // How many entries of the operand can meet in one of the result.
                let count = match op {
                    Operator::SumPool2d { window } => window.kernel[0] * window.kernel[1],
                    Operator::Sum { axes } => {
                        axes.iter().filter(|&&axis| axis != 1).map(|&axis| graph[operands[0]].ty.dims[axis]).product()
                    }
                    // What has arrived so far, and the most that it was before.
                    Operator::CountMaxPool2d { .. } => 2,
                    _ => 1,
                };
                let adds = matches!(op, Operator::Add) || matches!(op, Operator::Sum { axes } if axes.contains(&1));
                for (slot, operand) in operands.iter().enumerate() {
                    let whole = matches!(op, Operator::Transpose { permutation } if permutation.get(1) != Some(&1));
                    let most = bounds[operand].iter().copied().fold(0.0f64, f64::max);
                    for (from, to) in flows(graph, node, slot, *operand) {
                        let x = count as f64 * if whole { most } else { bounds[operand][from] };
                        own[to] = if adds { own[to] + x } else { own[to].max(x) };
                    }
                }
            }
        }
        bounds.insert(node, own);
    }
    bounds
}
