//! What is counted while a network runs, and how counts become operations.
//!
//! A *source* makes spikes: neurons, a pooling that hands on the spikes of the largest, an input of digits or Poisson spikes. While the
//! network runs, only the spikes of every source's entries are counted, whatever their sign: -1 costs what 1 costs. Everything else is
//! linear in these counts: at the end they are carried along the operators that move, pool and add spikes, up to the layers whose
//! fan-outs turn them into operations.

use super::ops;
use crate::artifact::{Artifact, Code, Coding, Links, OpSpec};

/// What a layer's operand carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Drive {
    /// What follows from the constant image alone: computed once per image, with multiplications.
    Analog,
    /// Spikes, moved, pooled, scaled or added: an accumulation per spike and connection.
    Spikes,
    /// Currents of other layers, or a mixture: a multiplication per connection and step.
    Current,
}

/// What makes spikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PopulationKind {
    /// Integrate-and-fire neurons, leaky or not, or neurons of the radix code.
    Neurons,
    /// The entries of a `count_max_pool2d` over spikes.
    CountMaxPool,
    /// The entries of a `digit_max_pool2d`.
    DigitMaxPool,
    /// The entries of an input of digits or Poisson spikes.
    Input,
}

/// Something that makes spikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// The node; the input's name for [`PopulationKind::Input`].
    pub name: String,
    /// What it is.
    pub kind: PopulationKind,
    /// Number of entries for one image.
    pub size: usize,
    /// Digits of its window; in the rate code none, since a window is as long as the run.
    pub digits: Option<usize>,
}

/// Something that has synapses: a `conv2d`, `linear` or `scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The node.
    pub name: String,
    /// What its operand carries.
    pub drive: Drive,
    /// Connections from operand to result, those into padding left out: what the layer costs the float network for an image.
    pub connections: u64,
    /// Whether it is a `conv2d` or `linear`, which the float network has too.
    pub is_weighted: bool,
    /// Whether the image alone drives it: no neuron lies before it.
    pub is_input: bool,
    /// Digits of the window of its operand; none in the rate code.
    pub digits: Option<usize>,
}

/// Connections that an entry of a layer's operand has to the result.
#[derive(Clone, Debug)]
enum FanOut {
    /// The same for all.
    Uniform(u64),
    /// `filters · rows[y] · columns[x]` over planes of `rows.len()` times `columns.len()`.
    Conv { filters: u64, rows: Vec<u64>, columns: Vec<u64> },
}

/// How counts of a value follow from those of its operands.
#[derive(Clone, Debug)]
enum Carry {
    /// Not at all: the value does not carry spikes.
    Nothing,
    /// They were counted.
    Source(usize),
    /// By moving or adding.
    Move(Movement),
}

#[derive(Clone, Debug)]
enum Movement {
    Same,
    Add,
    Gather(Vec<u32>),
    Concat(ops::Concat),
    Pool(ops::Pool),
    Sum(ops::Sum),
}

/// The static side of counting.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    pub(super) populations: Vec<Population>,
    pub(super) layers: Vec<Layer>,
    /// What each value carries; value 0 is the input, `i + 1` the result of node `i`.
    pub(super) drives: Vec<Drive>,
    /// The population that each value is, if it is one.
    pub(super) sources: Vec<Option<usize>>,
    operands: Vec<Vec<usize>>,
    carries: Vec<Carry>,
    /// Per node, the layer that it is and its fan-out.
    fan_outs: Vec<Option<(usize, FanOut)>>,
    /// Per value, the last node that reads its counts; its own node where none does.
    last_use: Vec<usize>,
}

impl Activity {
    pub(super) fn new(artifact: &Artifact, links: &Links) -> Self {
        let graph = &artifact.graph;
        let digits = digits(artifact, links);
        let mut activity = Self {
            populations: Vec::new(),
            layers: Vec::new(),
            drives: Vec::new(),
            sources: Vec::new(),
            operands: links.operands.clone(),
            carries: Vec::new(),
            fan_outs: Vec::new(),
            last_use: vec![0; graph.nodes.len() + 1],
        };
        let size = |dims: &[usize]| dims.iter().product::<usize>();
        // Whether a neuron lies before each value.
        let mut is_behind = vec![false];
        if graph.input.coding != Coding::Direct {
            activity.source(&graph.input.name, PopulationKind::Input, size(&graph.input.shape), digits[0]);
        } else {
            activity.value(Drive::Analog, None, Carry::Nothing);
        }
        for (index, (node, operands)) in graph.nodes.iter().zip(&links.operands).enumerate() {
            for &value in operands {
                activity.last_use[value] = index;
            }
            activity.last_use[index + 1] = index;
            let drive = operands.iter().map(|&value| activity.drives[value]).reduce(|a, b| if a == b { a } else { Drive::Current });
            let drive = drive.expect("a checked node has an operand");
            let dims_of = |value: usize| if value == 0 { &graph.input.shape } else { &graph.nodes[value - 1].shape };
            let dims = dims_of(operands[0]);
            let fan_out = fan_out(artifact, index, dims);
            let is_layer = fan_out.is_some();
            if let Some(fan_out) = fan_out {
                let is_weighted = !matches!(node.op, OpSpec::Scale);
                let layer = Layer {
                    name: node.name.clone(),
                    drive,
                    connections: fan_out.total(size(dims)),
                    is_weighted,
                    is_input: !operands.iter().any(|&value| is_behind[value]),
                    digits: digits[operands[0]],
                };
                activity.fan_outs.push(Some((activity.layers.len(), fan_out)));
                activity.layers.push(layer);
            } else {
                activity.fan_outs.push(None);
            }
            let is_neuron = matches!(node.op, OpSpec::IfNeuron { .. } | OpSpec::LifNeuron { .. } | OpSpec::RadixNeuron { .. });
            is_behind.push(is_neuron || operands.iter().any(|&value| is_behind[value]));
            match &node.op {
                _ if is_neuron => {
                    activity.source(&node.name, PopulationKind::Neurons, size(&node.shape), digits[index + 1]);
                }
                OpSpec::DigitMaxPool2d { .. } => {
                    activity.source(&node.name, PopulationKind::DigitMaxPool, size(&node.shape), digits[index + 1]);
                }
                OpSpec::CountMaxPool2d { .. } if drive == Drive::Spikes => {
                    activity.source(&node.name, PopulationKind::CountMaxPool, size(&node.shape), None);
                }
                OpSpec::CountMaxPool2d { .. } => activity.value(Drive::Current, None, Carry::Nothing),
                OpSpec::Conv2d { .. } | OpSpec::Linear => {
                    debug_assert!(is_layer, "weights are synapses");
                    let result = if drive == Drive::Analog { Drive::Analog } else { Drive::Current };
                    activity.value(result, None, Carry::Nothing);
                }
                _ if drive != Drive::Spikes => activity.value(drive, None, Carry::Nothing),
                op => {
                    let shapes: Vec<&[usize]> = operands.iter().map(|&value| dims_of(value).as_slice()).collect();
                    activity.value(drive, None, Carry::Move(movement(op, &shapes, &node.shape)));
                }
            }
        }
        activity
    }

    fn value(&mut self, drive: Drive, source: Option<usize>, carry: Carry) {
        self.drives.push(drive);
        self.sources.push(source);
        self.carries.push(carry);
    }

    fn source(&mut self, name: &str, kind: PopulationKind, size: usize, digits: Option<usize>) {
        let index = self.populations.len();
        self.populations.push(Population { name: name.to_owned(), kind, size, digits });
        self.value(Drive::Spikes, Some(index), Carry::Source(index));
    }

    /// Operations of each layer, from how often each entry of each population has fired for one image.
    pub(super) fn operations(&self, counts: &[&[u32]]) -> Vec<u64> {
        let mut operations = vec![0; self.layers.len()];
        let mut values: Vec<Vec<f64>> = Vec::with_capacity(self.carries.len());
        values.push(self.carried(0, counts, &values));
        for node in 0..self.operands.len() {
            if let Some((layer, fan_out)) = &self.fan_outs[node]
                && self.layers[*layer].drive == Drive::Spikes
            {
                operations[*layer] = fan_out.events(&values[self.operands[node][0]]);
            }
            let value = self.carried(node + 1, counts, &values);
            values.push(value);
            for operand in self.operands[node].iter().copied().chain([node + 1]) {
                if self.last_use[operand] == node {
                    values[operand] = Vec::new();
                }
            }
        }
        operations
    }

    fn carried(&self, value: usize, counts: &[&[u32]], values: &[Vec<f64>]) -> Vec<f64> {
        let movement = match &self.carries[value] {
            Carry::Nothing => return Vec::new(),
            Carry::Source(_) if self.last_use[value] < value => return Vec::new(),
            Carry::Source(source) => return counts[*source].iter().map(|&count| f64::from(count)).collect(),
            Carry::Move(movement) => movement,
        };
        let operands = &self.operands[value - 1];
        let x = &values[operands[0]];
        match movement {
            Movement::Same => x.clone(),
            Movement::Add => {
                let mut sum = x.clone();
                for &other in &operands[1..] {
                    sum.iter_mut().zip(&values[other]).for_each(|(sum, &count)| *sum += count);
                }
                sum
            }
            Movement::Gather(index) => {
                let mut y = vec![0.0; index.len()];
                ops::gather(index, x, &mut y);
                y
            }
            Movement::Concat(concat) => {
                let parts: Vec<&[f64]> = operands.iter().map(|&value| values[value].as_slice()).collect();
                let mut y = vec![0.0; concat.len()];
                concat.run(&parts, &mut y);
                y
            }
            Movement::Pool(pool) => {
                let mut y = vec![0.0; pool.len()];
                pool.sum(x, &mut y);
                y
            }
            Movement::Sum(sum) => {
                let mut y = vec![0.0; sum.len()];
                sum.run(x, &mut y);
                y
            }
        }
    }
}

fn movement(op: &OpSpec, operands: &[&[usize]], result: &[usize]) -> Movement {
    match op {
        OpSpec::Add => Movement::Add,
        OpSpec::Concat { axis } => Movement::Concat(ops::Concat::new(*axis, operands)),
        OpSpec::SumPool2d { kernel, stride, pads, .. } => Movement::Pool(ops::Pool::new(operands[0], result, *kernel, *stride, *pads)),
        OpSpec::Sum { axes } => Movement::Sum(ops::Sum::new(axes, operands[0])),
        op => match ops::gather_index(op, operands[0], result) {
            Some(index) => Movement::Gather(index),
            None => Movement::Same,
        },
    }
}

/// Length of the window of each value: of a stream its digits, of what is made of several the longest. None in the rate code.
fn digits(artifact: &Artifact, links: &Links) -> Vec<Option<usize>> {
    let graph = &artifact.graph;
    if graph.code == Code::Rate {
        return vec![None; graph.nodes.len() + 1];
    }
    let mut digits = vec![Some(graph.input.quantiser.digits as usize)];
    for (node, operands) in graph.nodes.iter().zip(&links.operands) {
        digits.push(match node.op {
            OpSpec::RadixNeuron { digits, .. } => Some(digits as usize),
            _ => operands.iter().filter_map(|&value| digits[value]).max(),
        });
    }
    digits
}

fn fan_out(artifact: &Artifact, index: usize, operand: &[usize]) -> Option<FanOut> {
    let node = &artifact.graph.nodes[index];
    let weight = || node.tensors.get("weight").and_then(|name| artifact.tensors.get(name)).map(|tensor| tensor.dims.as_slice());
    match &node.op {
        OpSpec::Scale => Some(FanOut::Uniform(1)),
        OpSpec::Linear => Some(FanOut::Uniform(weight()?.first().copied()? as u64)),
        OpSpec::Conv2d { stride, dilation, pads, groups } => {
            let weight = weight()?;
            let side = |axis: usize| {
                let mut taps = vec![0u64; operand[2 + axis]];
                for output in 0..node.shape[2 + axis] {
                    for tap in 0..weight[2 + axis] {
                        let place = (output * stride[axis] + tap * dilation[axis]).checked_sub(pads[axis]);
                        if let Some(taps) = place.and_then(|place| taps.get_mut(place)) {
                            *taps += 1;
                        }
                    }
                }
                taps
            };
            Some(FanOut::Conv { filters: (weight[0] / groups) as u64, rows: side(0), columns: side(1) })
        }
        _ => None,
    }
}

impl FanOut {
    /// Connections of an operand of so many entries.
    fn total(&self, entries: usize) -> u64 {
        match self {
            Self::Uniform(each) => (entries as u64).saturating_mul(*each),
            Self::Conv { filters, rows, columns } => {
                let channels = entries / (rows.len() * columns.len());
                let plane = rows.iter().sum::<u64>().saturating_mul(columns.iter().sum());
                plane.saturating_mul(*filters).saturating_mul(channels as u64)
            }
        }
    }

    /// Operations for an operand whose entries carried so many events.
    fn events(&self, counts: &[f64]) -> u64 {
        match self {
            Self::Uniform(each) => (counts.iter().sum::<f64>() * *each as f64) as u64,
            Self::Conv { filters, rows, columns } => {
                let columns: Vec<f64> = columns.iter().map(|&taps| taps as f64).collect();
                let lines = counts.chunks(columns.len()).zip(rows.iter().cycle());
                let sum: f64 =
                    lines.map(|(line, &taps)| taps as f64 * line.iter().zip(&columns).map(|(count, taps)| count * taps).sum::<f64>()).sum();
                (sum * *filters as f64) as u64
            }
        }
    }
}
