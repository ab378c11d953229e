//! What the operators ask of a unit: that weights fill their bits and fit in them, and that nothing overflows.

use super::{
    grid::common_unit,
    units::{Units, flows},
};
use crate::{PassError, Settings, rewrite::affine::broadcast};
use snnc_ir::{Code, Diagnostic, Graph, NodeId, Operator, ParamId, Tensor, TensorType};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

/// What currents and potentials stay below, by a good margin: their bounds move a little when weights are rounded and means corrected.
pub(super) const ROOM: f64 = (1u64 << 30) as f64;

/// Share of their bits that biases may fill, where these are limited: correcting means moves them.
const BIAS_ROOM: f64 = 0.75;

/// The largest factor of a scale whose size nothing else determines: finer than weights, and what is scaled again has room left.
const LARGEST_FACTOR: u32 = 1 << 14;

/// It may be as large as this where nothing but neurons reads what comes of it: in a sum of two streams, say, counts are then those of exact
/// factors nearly everywhere. A float holds it.
const LARGEST_LAST_FACTOR: u32 = 1 << 22;

/// Up to this factor, those of scales are tried for a unit of which they are exact multiples.
const FINEST_FACTOR: u32 = 1 << 12;

/// A layer or scale whose largest weight is less than this may have more bits, if the current that it reads can spare them.
const FEW: f64 = 127.0;

/// It does not spare them below a largest weight of this: others may read it too.
const KEPT: f64 = 48.0;

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
        if let (Some(bits), Some(currents)) = (settings.bias_bits, constant_currents(graph, node)) {
            let most = BIAS_ROOM * most_in(bits);
            ask(&mut demands, units, node, currents.into_iter().map(|current| current / most));
        }
        match &graph[node].op {
            Operator::Conv2d { .. } | Operator::Linear { .. } | Operator::Scale { .. } => {
                for channel in 0..graph[node].ty.channels() {
                    if let Some(class) = units.class(node, channel) {
                        demands[class].rows.push((node, channel));
                    }
                }
                let operand = graph.operand(node).expect("a layer has one operand");
                for &class in units.classes(graph, operand).into_iter().flatten() {
                    demands[class].is_read = true;
                }
            }
            _ => {}
        }
        ask(&mut demands, units, node, bounds[&node].iter().map(|&bound| gathered(bound, settings) / ROOM));
        let Some((threshold, levels)) = threshold(&graph[node].op) else { continue };
        let operand = graph.operand(node).expect("a neuron has one operand");
        let most = settings.threshold_bits.map_or(f64::INFINITY, most_in);
        let thetas = largest_by_channel(&graph.param(threshold).tensor, &graph[node].ty);
        ask(&mut demands, units, operand, thetas.into_iter().map(|theta| (theta * (levels + 1.0) / ROOM).max(theta / most)));
    }
    let rows = Rows::new(graph, units, &bounds);
    while let Some(sizes) = settle(&demands, &rows, settings) {
        let crowded = crowded(&demands, &rows, &sizes);
        if crowded.is_empty() {
            return Ok(Sizes { units: sizes, bounds });
        }
        crowded.into_iter().for_each(|class| demands[class].least = 2.0 * sizes[class]);
    }
    let node = demands.iter().find_map(|d| d.rows.first()).map_or_else(String::new, |&(node, _)| graph[node].origin.to_string());
    Err(PassError::User(
        Diagnostic::error("E0112", "the currents of the network do not fit 32 bits")
            .at(node)
            .note("layers that read each other without activations between grow beyond all bounds")
            .help("use `--code radix`, which puts neurons between such layers, or fewer time steps"),
    ))
}

/// Asks of the units of a node's channels that they be no less than this, channel by channel.
fn ask(demands: &mut [Demand], units: &Units, node: NodeId, least: impl Iterator<Item = f64>) {
    for (channel, least) in least.enumerate() {
        if let Some(class) = units.class(node, channel) {
            demands[class].least = demands[class].least.max(least);
        }
    }
}

/// The largest size of the constant currents of every channel: of biases, or of a shift.
fn constant_currents(graph: &Graph, node: NodeId) -> Option<Vec<f64>> {
    match &graph[node].op {
        Operator::Conv2d { bias: Some(bias), .. } | Operator::Linear { bias: Some(bias), .. } => {
            Some(graph.param(*bias).tensor.data.iter().map(|b| f64::from(b.abs())).collect())
        }
        Operator::Shift { offset } => Some(largest_by_channel(&graph.param(*offset).tensor, &graph[node].ty)),
        _ => None,
    }
}

/// The largest size of a parameter in every channel of what it broadcasts over.
fn largest_by_channel(tensor: &Tensor, ty: &TensorType) -> Vec<f64> {
    let (channels, plane) = (ty.channels(), ty.plane().max(1));
    let mut largest = vec![0.0f64; channels];
    for (entry, value) in broadcast(tensor, &ty.dims).into_iter().enumerate() {
        let at = &mut largest[entry / plane % channels];
        *at = at.max(f64::from(value.abs()));
    }
    largest
}

/// The largest whole number of so many bits, its sign included.
pub(super) fn most_in(bits: u32) -> f64 {
    f64::from((1u32 << (bits - 1)) - 1)
}

/// Units that all demands agree on; none where each asks for more than the last.
fn settle(demands: &[Demand], rows: &Rows<'_>, settings: &Settings) -> Option<Vec<f64>> {
    let mut sizes = vec![1.0; demands.len()];
    for round in 0..ROUNDS {
        let before = sizes.clone();
        // Classes are numbered front to back, so mostly each finds those before it settled.
        for (class, demand) in demands.iter().enumerate() {
            let unit = demand.unit(rows, &sizes, settings);
            // What does not settle may only grow, until all fits.
            sizes[class] = if round < ROUNDS / 2 { unit } else { unit.max(sizes[class]) };
        }
        if sizes == before {
            return Some(sizes);
        }
    }
    None
}

/// The classes whose weights are so fine that they leave few bits of the 32 for those of the layers and scales that read them.
fn crowded(demands: &[Demand], rows: &Rows<'_>, sizes: &[f64]) -> BTreeSet<usize> {
    let largest = |class: usize, of: Option<NodeId>| {
        let own = demands[class].rows.iter().filter(|(node, _)| of.is_none_or(|of| of == *node));
        own.map(|&(node, channel)| rows.largest(node, channel, sizes)).fold(0.0f64, f64::max) / sizes[class]
    };
    // The largest weight of the most demanding reader of a class.
    let mut least = vec![f64::INFINITY; demands.len()];
    for (class, demand) in demands.iter().enumerate() {
        let nodes: BTreeSet<NodeId> = demand.rows.iter().map(|&(node, _)| node).collect();
        for node in nodes {
            let Some(reads) = rows.classes_read(node) else { continue };
            let own = largest(class, Some(node));
            if own > 0.0 && own < FEW {
                reads.iter().filter(|&&read| read != class).for_each(|&read| least[read] = least[read].min(own));
            }
        }
    }
    let is_crowded = |&class: &usize| least[class].is_finite() && largest(class, None) > (2.0 * least[class]).max(KEPT);
    (0..demands.len()).filter(is_crowded).collect()
}

/// What a potential gathers, with so much at a step or in a window: in the rate code over all steps, and what it starts with.
pub(super) fn gathered(bound: f64, settings: &Settings) -> f64 {
    if settings.code == Code::Rate { bound * (settings.timesteps as f64 + 1.0) } else { bound }
}

/// Threshold and largest count of neurons.
pub(super) fn threshold(op: &Operator) -> Option<(ParamId, f64)> {
    match *op {
        Operator::Neuron { threshold, .. } => Some((threshold, 1.0)),
        Operator::RadixNeuron { threshold, levels, .. } => Some((threshold, f64::from(levels))),
        _ => None,
    }
}

/// Weights of a class that are asked first whether they are multiples of a unit.
const SOME: usize = 16;

/// What is asked of the unit of a class.
#[derive(Clone, Default)]
struct Demand {
    /// Output channels of layers and scales that have it.
    rows: Vec<(NodeId, usize)>,
    /// What it cannot be less than.
    least: f64,
    /// Whether layers or scales read it.
    is_read: bool,
}

impl Demand {
    fn unit(&self, rows: &Rows<'_>, sizes: &[f64], settings: &Settings) -> f64 {
        // The factor of a scale has bits to spare.
        let of_scale = if self.is_read { LARGEST_FACTOR } else { LARGEST_LAST_FACTOR };
        let most = |node: NodeId| if rows.is_layer(node) { settings.bits(node).largest() } else { of_scale };
        let has_layers = self.rows.iter().any(|&(node, _)| rows.is_layer(node));
        let own = || self.rows.iter().copied().filter(move |&(node, _)| !has_layers || rows.is_layer(node));
        let (mut largest, mut filled) = (0.0f64, 0.0f64);
        for (node, channel) in own() {
            let weight = rows.largest(node, channel, sizes);
            largest = largest.max(weight);
            filled = filled.max(weight / f64::from(most(node)));
        }
        let multiples = if has_layers { own().map(|(node, _)| most(node)).max().unwrap_or(0) } else { FINEST_FACTOR };
        let some = RefCell::new(Vec::with_capacity(SOME));
        // Small ones seldom say no, and zeros never.
        let collect = |v: f64| {
            if v.abs() > 0.01 * largest {
                some.borrow_mut().push(v);
            }
            some.borrow().len() < SOME
        };
        // It ends by itself, at the latest with the last.
        let _ = own().all(|(node, channel)| rows.all(node, channel, sizes, &collect));
        let exact =
            common_unit(largest, multiples, &some.into_inner(), |is| own().all(|(node, channel)| rows.all(node, channel, sizes, is)));
        let least = filled.max(self.least);
        match exact.filter(|unit| *unit >= filled * (1.0 - 1e-9)) {
            // Multiples of a unit are multiples of a part of it. The smallest says best what else is rounded by it: biases, thresholds, and what
            // rounded thresholds have changed of factors.
            Some(unit) => (unit / (unit / least * (1.0 + 1e-9)).floor().max(1.0)).max(self.least),
            None if least > 0.0 => least,
            None => 1.0,
        }
    }
}

/// The weights of output channels, in units of what they read.
struct Rows<'g> {
    graph: &'g Graph,
    units: &'g Units,
    bounds: &'g BTreeMap<NodeId, Vec<f64>>,
    /// Of scales the factors of every channel, each once.
    factors: BTreeMap<NodeId, Vec<Vec<f32>>>,
}

impl<'g> Rows<'g> {
    fn new(graph: &'g Graph, units: &'g Units, bounds: &'g BTreeMap<NodeId, Vec<f64>>) -> Self {
        let mut factors = BTreeMap::new();
        for node in graph.topological() {
            if let Operator::Scale { factor } = graph[node].op {
                let (ty, tensor) = (&graph[node].ty, &graph.param(factor).tensor);
                let mut of_channels = vec![BTreeSet::new(); ty.channels()];
                for (entry, factor) in broadcast(tensor, &ty.dims).into_iter().enumerate() {
                    of_channels[entry / ty.plane().max(1) % ty.channels()].insert(factor.to_bits());
                }
                factors.insert(node, of_channels.into_iter().map(|bits| bits.into_iter().map(f32::from_bits).collect()).collect());
            }
        }
        Self { graph, units, bounds, factors }
    }

    /// The classes of what a layer or scale reads; none of streams.
    fn classes_read(&self, node: NodeId) -> Option<&[usize]> {
        self.units.classes(self.graph, self.graph.operand(node).expect("a layer has one operand"))
    }

    fn is_layer(&self, node: NodeId) -> bool {
        !self.factors.contains_key(&node)
    }

    /// The largest weight.
    fn largest(&self, node: NodeId, channel: usize, sizes: &[f64]) -> f64 {
        let largest = Cell::new(0.0f64);
        self.all(node, channel, sizes, &|weight| {
            largest.set(largest.get().max(weight.abs()));
            true
        });
        largest.get()
    }

    /// Whether something holds for all weights of a channel.
    fn all(&self, node: NodeId, channel: usize, sizes: &[f64], holds: &dyn Fn(f64) -> bool) -> bool {
        let graph = self.graph;
        let operand = graph.operand(node).expect("a layer has one operand");
        let classes = self.units.classes(graph, operand);
        let bounds = &self.bounds[&operand];
        // Nothing depends on the weights of a channel that is 0.
        let size = |channel: usize| if bounds[channel] == 0.0 { 0.0 } else { classes.map_or(1.0, |classes| sizes[classes[channel]]) };
        if let Some(factors) = self.factors.get(&node) {
            return factors[channel].iter().all(|&factor| holds(f64::from(factor) * size(channel)));
        }
        let groups = if let Operator::Conv2d { geometry, .. } = &graph[node].op { geometry.groups } else { 1 };
        let weight = &graph.param(graph[node].op.params()[0].1).tensor;
        let (outputs, inputs) = (weight.dims[0], weight.dims[1]);
        let taps = weight.dims[2..].iter().product::<usize>().max(1);
        let first = channel / (outputs / groups) * inputs;
        let row = &weight.data[channel * inputs * taps..][..inputs * taps];
        row.chunks(taps).enumerate().all(|(k, taps)| {
            let size = size(first + k);
            taps.iter().all(|&w| holds(f64::from(w) * size))
        })
    }
}

/// The largest size of what every channel of every node can be.
fn bounds(graph: &Graph, settings: &Settings) -> BTreeMap<NodeId, Vec<f64>> {
    let mut bounds: BTreeMap<NodeId, Vec<f64>> = BTreeMap::new();
    for node in graph.topological() {
        let operands = graph.operands(node);
        let (ty, channels) = (&graph[node].ty, graph[node].ty.channels());
        let tensor = |id: &ParamId| &graph.param(*id).tensor;
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
                own = largest_by_channel(tensor(factor), ty).iter().zip(&bounds[&operands[0]]).map(|(f, x)| f * x).collect();
            }
            Operator::Shift { offset } => {
                own = largest_by_channel(tensor(offset), ty).iter().zip(&bounds[&operands[0]]).map(|(o, x)| o + x).collect();
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
