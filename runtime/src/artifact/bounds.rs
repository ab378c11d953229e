//! The safety theorem: in a file that is accepted, no sum overflows 32 bits, whatever the image.
//!
//! Every value gets a bound on the magnitude of its entries, one for each index of its axis 1 (a *channel*): from those of its
//! operands and from the parameters, node by node. Bounds are of absolute values term by term, so that they hold for every partial
//! sum in any order. `docs/artifact.md` has the rules one by one and the proof.

use super::{Artifact, Coding, MAX_TIMESTEPS, NodeSpec, OpSpec, Tensor};
use crate::error::LoadError;
use alloc::{format, string::String, vec, vec::Vec};

/// No magnitude may be larger.
const LIMIT: i64 = i32::MAX as i64;

/// How large the values of a network can become.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// The largest magnitude of each value over all channels; value 0 is the input, `i + 1` the result of node `i`.
    pub(crate) values: Vec<i32>,
    /// Most time steps for which no potential overflows; [`MAX_TIMESTEPS`] in the radix code.
    pub(crate) timesteps: usize,
    /// The largest magnitude of each channel of the output, at a time step; in the radix code of its value.
    #[cfg_attr(not(feature = "locked"), allow(dead_code, reason = "locked read-outs alone ask for it"))]
    pub(crate) output: Vec<i64>,
}

impl Bounds {
    /// Works out the bounds of an artifact whose shapes were checked.
    ///
    /// # Errors
    /// The first node with a value or potential that might not fit in 32 bits.
    pub(super) fn prove(artifact: &Artifact, operands: &[Vec<usize>]) -> Result<Self, LoadError> {
        let graph = &artifact.graph;
        let input = &graph.input;
        let pixel = match input.coding {
            Coding::Digits | Coding::Direct => i64::from(input.quantiser.top()),
            Coding::Poisson => 1,
        };
        // Channels may be many: they are kept until the last node that reads them, as values would be.
        let mut last = vec![0; graph.nodes.len() + 1];
        for (index, operands) in operands.iter().enumerate() {
            operands.iter().for_each(|&value| last[value] = index);
        }
        let mut channels = vec![vec![pixel; count(&input.shape)]];
        // Everything was compared with the limit, which is that of an `i32`.
        let largest = |most: &[i64]| most.iter().max().map_or(0, |&most| most as i32);
        let mut values = vec![largest(&channels[0])];
        let mut timesteps = MAX_TIMESTEPS as i64;
        for (index, (node, operands)) in graph.nodes.iter().zip(operands).enumerate() {
            let fail = |problem: String| LoadError::Node { node: node.name.clone(), problem };
            let xs: Vec<Channels<'_>> = operands
                .iter()
                .map(|&value| Channels {
                    dims: if value == 0 { &input.shape } else { &graph.nodes[value - 1].shape },
                    most: &channels[value],
                })
                .collect();
            let parameter = |role: &str| node.tensors.get(role).and_then(|name| artifact.tensors.get(name));
            let result = bound(node, &xs, &parameter);
            if let Some((channel, most)) = result.iter().enumerate().find(|(_, most)| **most > LIMIT) {
                return Err(fail(format!("in channel {channel} it may reach {most} in magnitude, more than the {LIMIT} of 32 bits")));
            }
            let allowed = potentials(node, &xs[0], &parameter).map_err(fail)?;
            if allowed < graph.timesteps as i64 {
                let problem = format!("its potential fits in 32 bits for {allowed} time steps, but the network runs {}", graph.timesteps);
                return Err(fail(problem));
            }
            timesteps = timesteps.min(allowed);
            values.push(largest(&result));
            channels.push(result);
            operands.iter().filter(|&&value| last[value] == index).for_each(|&value| channels[value] = Vec::new());
        }
        // The last node is the output, since it depends on all others: nobody has read it.
        Ok(Self { values, timesteps: timesteps as usize, output: channels.pop().unwrap_or_default() })
    }
}

/// Number of channels: the size of axis 1, if there is one.
fn count(dims: &[usize]) -> usize {
    dims.get(1).copied().unwrap_or(1)
}

/// An operand: its shape and the bound of each index of axis 1.
struct Channels<'a> {
    dims: &'a [usize],
    most: &'a [i64],
}

impl Channels<'_> {
    fn largest(&self) -> i64 {
        self.most.iter().copied().max().unwrap_or(0)
    }
}

type Parameter<'t, 'f> = &'f dyn Fn(&str) -> Option<&'t Tensor>;

/// The bound of every channel of the result. Sums saturate: beyond the limit it does not matter how far.
fn bound(node: &NodeSpec, xs: &[Channels<'_>], parameter: Parameter<'_, '_>) -> Vec<i64> {
    let x = &xs[0];
    match &node.op {
        OpSpec::Conv2d { groups, .. } => layer(count(&node.shape), *groups, x.most, parameter),
        OpSpec::Linear => layer(count(&node.shape), 1, x.most, parameter),
        OpSpec::Scale => combine(x.most, &magnitudes(parameter("factor"), x.dims), i64::saturating_mul),
        OpSpec::Shift { .. } => combine(x.most, &magnitudes(parameter("offset"), x.dims), i64::saturating_add),
        OpSpec::Add => xs[1..].iter().fold(x.most.to_vec(), |sum, other| combine(&sum, other.most, i64::saturating_add)),
        OpSpec::SumPool2d { kernel, .. } => times(x.most, kernel[0] as i64 * kernel[1] as i64),
        OpSpec::Sum { axes } => {
            let others: i64 = axes.iter().filter(|&&axis| axis != 1).map(|&axis| x.dims[axis] as i64).product();
            let sums = times(x.most, others);
            if axes.contains(&1) { vec![sums.into_iter().fold(0, i64::saturating_add)] } else { sums }
        }
        OpSpec::Concat { axis: 1 } => xs.iter().flat_map(|x| x.most.iter().copied()).collect(),
        OpSpec::Concat { .. } => xs[1..].iter().fold(x.most.to_vec(), |most, other| combine(&most, other.most, i64::max)),
        OpSpec::Pad { pads } => {
            let (before, after) = pads.get(1).copied().unwrap_or_default();
            [&vec![0; before][..], x.most, &vec![0; after][..]].concat()
        }
        OpSpec::Slice { ranges } => {
            let (start, step, len) = ranges.get(1).copied().unwrap_or((0, 1, 1));
            (0..len as i64).map(|index| x.most[(start as i64 + index * step) as usize]).collect()
        }
        OpSpec::Reshape => reshaped(x.most, count(&node.shape)),
        OpSpec::Transpose { permutation } if permutation.get(1) == Some(&1) => x.most.to_vec(),
        OpSpec::Transpose { .. } => vec![x.largest(); count(&node.shape)],
        OpSpec::IfNeuron { .. } | OpSpec::LifNeuron { .. } => vec![1; x.most.len()],
        OpSpec::RadixNeuron { levels, .. } => vec![i64::from(*levels); x.most.len()],
        OpSpec::CountMaxPool2d { .. } | OpSpec::DigitMaxPool2d { .. } => x.most.to_vec(),
    }
}

/// `Σ |w| · most + |b|` of every output of a convolution or a linear layer.
fn layer(outputs: usize, groups: usize, most: &[i64], parameter: Parameter<'_, '_>) -> Vec<i64> {
    let (Some(weight), bias) = (parameter("weight"), parameter("bias")) else { return Vec::new() };
    let per_output = weight.data.len() / outputs;
    let inputs = weight.dims[1];
    let taps = per_output / inputs;
    let sum = |output: usize| {
        let first = output / (outputs / groups) * inputs;
        let start = bias.map_or(0, |bias| i64::from(bias.data.get(output)).abs());
        (0..inputs).fold(start, |sum, input| {
            let from = output * per_output + input * taps;
            let weights: i64 = (from..from + taps).map(|index| i64::from(weight.data.get(index)).abs()).sum();
            sum.saturating_add(weights.saturating_mul(most[first + input]))
        })
    };
    (0..outputs).map(sum).collect()
}

/// The largest magnitude that a parameter, which broadcasts over a value, has in each channel of the value.
fn magnitudes(parameter: Option<&Tensor>, dims: &[usize]) -> Vec<i64> {
    let channels = count(dims);
    let Some(tensor) = parameter else { return vec![0; channels] };
    let behind = dims.len().saturating_sub(2);
    // The parameter's own axis of channels, if it reaches as far.
    let own = if tensor.dims.len() > behind { tensor.dims[tensor.dims.len() - 1 - behind] } else { 1 };
    let run: usize = tensor.dims[tensor.dims.len().saturating_sub(behind)..].iter().product();
    let mut most = vec![0; own];
    for (index, entry) in tensor.data.iter().enumerate() {
        let place = &mut most[index / run % own];
        *place = i64::from(entry).abs().max(*place);
    }
    if own == channels { most } else { vec![most[0]; channels] }
}

fn combine(a: &[i64], b: &[i64], of: impl Fn(i64, i64) -> i64) -> Vec<i64> {
    a.iter().zip(b).map(|(&a, &b)| of(a, b)).collect()
}

fn times(most: &[i64], factor: i64) -> Vec<i64> {
    most.iter().map(|most| most.saturating_mul(factor)).collect()
}

/// In row-major order every channel, before and after, is a run of entries: the bound of a new one is the largest of those that it meets.
fn reshaped(most: &[i64], channels: usize) -> Vec<i64> {
    if channels == most.len() {
        return most.to_vec();
    }
    // Lengths of runs are as the numbers of channels, the other way round; so positions are counted in parts of `old · new`.
    let (old, new) = (most.len(), channels);
    (0..new).map(|channel| most[channel * old / new..((channel + 1) * old).div_ceil(new)].iter().copied().max().unwrap_or(0)).collect()
}

/// Checks the potentials of a stateful operator; for how many time steps they fit.
fn potentials(node: &NodeSpec, x: &Channels<'_>, parameter: Parameter<'_, '_>) -> Result<i64, String> {
    let initial = || magnitudes(parameter("initial"), x.dims);
    let threshold = || magnitudes(parameter("threshold"), x.dims);
    let unlimited = MAX_TIMESTEPS as i64;
    // Steps that a potential takes which starts with `used` and changes by at most `most` a step.
    let steps = |used: i64, most: i64| if used > LIMIT { 0 } else { (LIMIT - used).checked_div(most).unwrap_or(unlimited).min(unlimited) };
    match &node.op {
        OpSpec::IfNeuron { .. } | OpSpec::LifNeuron { .. } => {
            let used = combine(&initial(), &threshold(), i64::saturating_add);
            Ok(used.iter().zip(x.most).map(|(&used, &most)| steps(used, most)).min().unwrap_or(unlimited))
        }
        OpSpec::CountMaxPool2d { .. } => Ok(steps(0, x.largest())),
        OpSpec::RadixNeuron { digits, levels } => {
            let potential = combine(x.most, &initial(), i64::saturating_add);
            if let Some((channel, most)) = potential.iter().enumerate().find(|(_, most)| **most > LIMIT) {
                return Err(format!("in channel {channel} its potential may reach {most}, more than the {LIMIT} of 32 bits"));
            }
            let digit = (i64::from(*levels) + 1).max(1 << (digits - 1));
            match threshold().iter().find(|&&threshold| threshold * digit > LIMIT) {
                Some(threshold) => Err(format!("its threshold {threshold} times {digit} is more than the {LIMIT} of 32 bits")),
                None => Ok(unlimited),
            }
        }
        _ => Ok(unlimited),
    }
}
