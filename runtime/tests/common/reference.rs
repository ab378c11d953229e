//! The specification, read naively: one image, one step, one entry at a time, in `f64`, with nothing shared with the crate
//! but the artifact's structures. Events are followed one by one along with the values.

use snnc_runtime::{Artifact, Coding, Head, Layout, NodeSpec, OpSpec, Reset, Tensor};
use std::collections::BTreeMap;

/// What a run of one image gives.
pub struct Result {
    pub logits: Vec<f32>,
    pub spikes: BTreeMap<String, u64>,
    pub corrections: BTreeMap<String, u64>,
    pub synaptic_ops: BTreeMap<String, u64>,
}

/// A value at one step, with the events that each of its entries carries; none where it does not carry spikes.
#[derive(Clone)]
struct Value {
    dims: Vec<usize>,
    data: Vec<f64>,
    events: Option<Vec<f64>>,
}

struct State {
    main: Vec<f64>,
    /// The maxima so far of a pooling; the sum of the spikes so far of neurons.
    best: Vec<f64>,
}

fn mix(z: u64) -> u64 {
    let mut z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Coordinates of an entry.
fn unravel(mut index: usize, dims: &[usize]) -> Vec<usize> {
    let mut place = vec![0; dims.len()];
    for axis in (0..dims.len()).rev() {
        place[axis] = index % dims[axis];
        index /= dims[axis];
    }
    place
}

fn ravel(place: &[usize], dims: &[usize]) -> usize {
    place.iter().zip(dims).fold(0, |index, (i, d)| index * d + i)
}

fn broadcast(tensor: &Tensor, dims: &[usize], index: usize) -> f64 {
    let place = unravel(index, dims);
    let place = &place[dims.len() - tensor.dims.len()..];
    let place: Vec<usize> = place.iter().zip(&tensor.dims).map(|(&i, &d)| if d == 1 { 0 } else { i }).collect();
    f64::from(tensor.data[ravel(&place, &tensor.dims)])
}

pub fn run(artifact: &Artifact, image: &[f32], timesteps: usize, image_index: u64) -> Result {
    let graph = &artifact.graph;
    let mut states: BTreeMap<&str, State> = BTreeMap::new();
    let mut result = Result { logits: Vec::new(), spikes: BTreeMap::new(), corrections: BTreeMap::new(), synaptic_ops: BTreeMap::new() };
    let mut sums: Vec<f64> = Vec::new();
    for step in 0..timesteps {
        let mut values: BTreeMap<&str, Value> = BTreeMap::new();
        values.insert(&graph.input.name, input(artifact, image, step as u64, image_index, &mut result));
        for node in &graph.nodes {
            let operands: Vec<&Value> = node.inputs.iter().map(|name| &values[name.as_str()]).collect();
            let value = evaluate(artifact, node, &operands, &mut states, &mut result);
            assert_eq!(value.dims, node.shape, "{}", node.name);
            if node.spikes {
                let may_correct = graph.nodes.iter().any(|node| is_signed(&node.op));
                assert!(value.data.iter().all(|&v| v == 0.0 || v == 1.0 || (may_correct && v == -1.0)), "{} makes spikes", node.name);
            }
            values.insert(&node.name, value);
        }
        let output = &values[graph.output.node.as_str()].data;
        sums.resize(output.len(), 0.0);
        sums.iter_mut().zip(output).for_each(|(sum, y)| *sum += y);
    }
    let mean = |sum: &f64| (sum / timesteps as f64) as f32;
    result.logits = sums.iter().map(mean).map(|v| if graph.output.head == Head::Relu { v.max(0.0) } else { v }).collect();
    result
}

fn is_signed(op: &OpSpec) -> bool {
    matches!(op, OpSpec::IfNeuron { reset: Reset::Signed } | OpSpec::LifNeuron { reset: Reset::Signed })
}

fn input(artifact: &Artifact, image: &[f32], step: u64, image_index: u64, result: &mut Result) -> Value {
    let graph = &artifact.graph;
    let dims = graph.input.shape.clone();
    let Coding::Poisson { amplitude } = &graph.input.coding else {
        return Value { dims, data: image.iter().map(|&v| f64::from(v)).collect(), events: None };
    };
    let mut data = Vec::new();
    for (pixel, &value) in image.iter().enumerate() {
        let channel = match graph.input.layout {
            Layout::Nchw => unravel(pixel, &dims)[1],
            Layout::Flat => pixel,
            Layout::Nhwc => unravel(pixel, &dims)[dims.len() - 1],
        };
        let amplitude = if amplitude.len() == 1 { amplitude[0] } else { amplitude[channel] };
        let bits = mix(mix(mix(mix(graph.seed) ^ image_index) ^ step) ^ pixel as u64);
        let fires = f64::from((bits >> 40) as u32) < f64::from(value.abs() / amplitude) * 16_777_216.0;
        data.push(if fires { f64::from(value.signum()) } else { 0.0 });
    }
    let events: Vec<f64> = data.iter().map(|v: &f64| v.abs()).collect();
    *result.spikes.entry(graph.input.name.clone()).or_default() += events.iter().sum::<f64>() as u64;
    Value { dims, data, events: Some(events) }
}

/// The value made of places of operands: `places[i]` is the operand and the entry that entry `i` is, none for a zero.
fn moved(dims: &[usize], operands: &[&Value], places: &[Option<(usize, usize)>]) -> Value {
    let take = |of: &dyn Fn(usize) -> Option<Vec<f64>>| -> Option<Vec<f64>> {
        let sources: Option<Vec<Vec<f64>>> = (0..operands.len()).map(of).collect();
        let sources = sources?;
        Some(places.iter().map(|place| place.map_or(0.0, |(operand, entry)| sources[operand][entry])).collect())
    };
    Value { dims: dims.to_vec(), data: take(&|i| Some(operands[i].data.clone())).unwrap(), events: take(&|i| operands[i].events.clone()) }
}

/// Entries of each window of a pooling, per entry of the result.
fn windows(dims: &[usize], shape: &[usize], kernel: [usize; 2], stride: [usize; 2], pads: [usize; 4]) -> Vec<Vec<usize>> {
    (0..shape.iter().product())
        .map(|index| {
            let place = unravel(index, shape);
            let mut entries = Vec::new();
            for ky in 0..kernel[0] {
                for kx in 0..kernel[1] {
                    let h = (place[2] * stride[0] + ky) as isize - pads[0] as isize;
                    let w = (place[3] * stride[1] + kx) as isize - pads[1] as isize;
                    if (0..dims[2] as isize).contains(&h) && (0..dims[3] as isize).contains(&w) {
                        entries.push(ravel(&[0, place[1], h as usize, w as usize], dims));
                    }
                }
            }
            entries
        })
        .collect()
}

fn evaluate<'a>(
    artifact: &'a Artifact,
    node: &'a NodeSpec,
    operands: &[&Value],
    states: &mut BTreeMap<&'a str, State>,
    result: &mut Result,
) -> Value {
    let x = operands[0];
    let dims = node.shape.clone();
    let len: usize = dims.iter().product();
    let tensor = |role: &str| node.tensors.get(role).map(|name| &artifact.tensors[name]);
    // Adds `weight` times entry `from` to entry `to`, for every connection of a layer.
    let mut connect = |connections: Vec<(usize, usize, f64)>, start: Vec<f64>| {
        let mut data = start;
        let mut operations = 0.0;
        for (from, to, weight) in connections {
            data[to] += weight * x.data[from];
            operations += x.events.as_ref().map_or(0.0, |events| events[from]);
        }
        *result.synaptic_ops.entry(node.name.clone()).or_default() += operations as u64;
        data
    };
    let bias = |plane: usize| -> Vec<f64> {
        (0..len).map(|index| tensor("bias").map_or(0.0, |bias| f64::from(bias.data[index / plane]))).collect()
    };
    match &node.op {
        OpSpec::Conv2d { stride, dilation, pads, groups } => {
            let weight = tensor("weight").unwrap();
            let mut connections = Vec::new();
            for index in 0..len {
                let place = unravel(index, &dims);
                let group = place[1] / (dims[1] / groups);
                for tap in 0..weight.data.len() / dims[1] {
                    let tap = unravel(tap, &weight.dims[1..]);
                    let h = (place[2] * stride[0] + tap[1] * dilation[0]) as isize - pads[0] as isize;
                    let w = (place[3] * stride[1] + tap[2] * dilation[1]) as isize - pads[1] as isize;
                    if (0..x.dims[2] as isize).contains(&h) && (0..x.dims[3] as isize).contains(&w) {
                        let from = ravel(&[0, group * weight.dims[1] + tap[0], h as usize, w as usize], &x.dims);
                        let weight = weight.data[ravel(&[place[1], tap[0], tap[1], tap[2]], &weight.dims)];
                        connections.push((from, index, f64::from(weight)));
                    }
                }
            }
            Value { data: connect(connections, bias(dims[2] * dims[3])), dims, events: None }
        }
        OpSpec::Linear => {
            let weight = tensor("weight").unwrap();
            let connections = (0..weight.data.len()).map(|index| {
                let place = unravel(index, &weight.dims);
                (place[1], place[0], f64::from(weight.data[index]))
            });
            Value { data: connect(connections.collect(), bias(1)), dims, events: None }
        }
        OpSpec::Scale => {
            let factor = tensor("factor").unwrap();
            let connections = (0..len).map(|index| (index, index, broadcast(factor, &dims, index))).collect();
            Value { data: connect(connections, vec![0.0; len]), dims, events: x.events.clone() }
        }
        OpSpec::Shift => {
            let offset = tensor("offset").unwrap();
            let data = (0..len).map(|index| x.data[index] + broadcast(offset, &dims, index)).collect();
            Value { data, ..x.clone() }
        }
        OpSpec::Add => {
            let mut sum = x.clone();
            for other in &operands[1..] {
                sum.data.iter_mut().zip(&other.data).for_each(|(sum, v)| *sum += v);
                sum.events = match (sum.events, &other.events) {
                    (Some(events), Some(others)) => Some(events.iter().zip(others).map(|(a, b)| a + b).collect()),
                    _ => None,
                };
            }
            sum
        }
        OpSpec::AveragePool2d { kernel, stride, pads, count_include_pad, .. } => {
            let windows = windows(&x.dims, &dims, *kernel, *stride, *pads);
            let sums = |data: &Vec<f64>| windows.iter().map(|window| window.iter().map(|&i| data[i]).sum()).collect::<Vec<f64>>();
            let padded = [x.dims[2] + pads[0] + pads[2], x.dims[3] + pads[1] + pads[3]];
            let divisor = |index: usize| {
                if !count_include_pad {
                    return windows[index].len();
                }
                let place = unravel(index, &dims);
                let side = |axis: usize| kernel[axis].min(padded[axis] - place[2 + axis] * stride[axis]);
                side(0) * side(1)
            };
            let data = sums(&x.data).iter().enumerate().map(|(index, sum)| sum / divisor(index) as f64).collect();
            Value { data, events: x.events.as_ref().map(sums), dims }
        }
        OpSpec::Mean { axes } => {
            let sums = |data: &Vec<f64>| {
                let mut y = vec![0.0; len];
                for (index, v) in data.iter().enumerate() {
                    let mut place = unravel(index, &x.dims);
                    axes.iter().for_each(|&axis| place[axis] = 0);
                    y[ravel(&place, &dims)] += v;
                }
                y
            };
            let count = (x.data.len() / len) as f64;
            let data = sums(&x.data).iter().map(|sum| sum / count).collect();
            Value { data, events: x.events.as_ref().map(sums), dims }
        }
        OpSpec::Concat { axis } => {
            let places: Vec<_> = (0..len)
                .map(|index| {
                    let mut place = unravel(index, &dims);
                    let mut operand = 0;
                    while place[*axis] >= operands[operand].dims[*axis] {
                        place[*axis] -= operands[operand].dims[*axis];
                        operand += 1;
                    }
                    Some((operand, ravel(&place, &operands[operand].dims)))
                })
                .collect();
            moved(&dims, operands, &places)
        }
        OpSpec::Pad { pads } => {
            let places: Vec<_> = (0..len)
                .map(|index| {
                    let place: Option<Vec<usize>> = unravel(index, &dims).iter().zip(pads).map(|(&i, pad)| i.checked_sub(pad.0)).collect();
                    let place = place.filter(|place| place.iter().zip(&x.dims).all(|(i, d)| i < d))?;
                    Some((0, ravel(&place, &x.dims)))
                })
                .collect();
            moved(&dims, operands, &places)
        }
        OpSpec::Slice { ranges } => {
            let places: Vec<_> = (0..len)
                .map(|index| {
                    let place = unravel(index, &dims);
                    let place: Vec<usize> =
                        place.iter().zip(ranges).map(|(&i, &(start, step, _))| (start as i64 + i as i64 * step) as usize).collect();
                    Some((0, ravel(&place, &x.dims)))
                })
                .collect();
            moved(&dims, operands, &places)
        }
        OpSpec::Reshape => Value { dims, ..x.clone() },
        OpSpec::Transpose { permutation } => {
            let places: Vec<_> = (0..len)
                .map(|index| {
                    let place = unravel(index, &dims);
                    let mut from = vec![0; place.len()];
                    permutation.iter().zip(place).for_each(|(&axis, i)| from[axis] = i);
                    Some((0, ravel(&from, &x.dims)))
                })
                .collect();
            moved(&dims, operands, &places)
        }
        OpSpec::IfNeuron { reset } | OpSpec::LifNeuron { reset } => {
            let parameter = |role: &str, index: usize| tensor(role).map_or(1.0, |tensor| broadcast(tensor, &dims, index));
            let state = states
                .entry(&node.name)
                .or_insert_with(|| State { main: (0..len).map(|index| parameter("initial", index)).collect(), best: vec![0.0; len] });
            let mut data = vec![0.0; len];
            for (index, v) in state.main.iter_mut().enumerate() {
                let threshold = parameter("threshold", index);
                *v = parameter("leak", index) * *v + x.data[index];
                if *v >= threshold {
                    data[index] = 1.0;
                    *v = if *reset == Reset::Hard { 0.0 } else { *v - threshold };
                } else if *reset == Reset::Signed && *v < 0.0 && state.best[index] > 0.0 {
                    data[index] = -1.0;
                    *v += threshold;
                }
                state.best[index] += data[index];
                assert!(state.best[index] >= 0.0, "{} takes back what it has not fired", node.name);
            }
            let events: Vec<f64> = data.iter().map(|v: &f64| v.abs()).collect();
            *result.spikes.entry(node.name.clone()).or_default() += events.iter().sum::<f64>() as u64;
            *result.corrections.entry(node.name.clone()).or_default() += data.iter().filter(|&&v| v < 0.0).count() as u64;
            Value { dims, events: Some(events), data }
        }
        OpSpec::CountMaxPool2d { kernel, stride, pads, .. } => {
            let windows = windows(&x.dims, &dims, *kernel, *stride, *pads);
            let state = states.entry(&node.name).or_insert_with(|| State { main: vec![0.0; x.data.len()], best: vec![0.0; len] });
            state.main.iter_mut().zip(&x.data).for_each(|(arrived, v)| *arrived += v);
            let mut data = Vec::new();
            for (window, best) in windows.iter().zip(&mut state.best) {
                let largest = window.iter().map(|&i| state.main[i]).fold(f64::NEG_INFINITY, f64::max);
                data.push(largest - *best);
                *best = largest;
            }
            let fired: Vec<f64> = data.iter().map(|&v| f64::from(u8::from(v != 0.0))).collect();
            let events = x.events.is_some().then_some(fired);
            if let Some(events) = &events {
                *result.spikes.entry(node.name.clone()).or_default() += events.iter().sum::<f64>() as u64;
            }
            Value { dims, data, events }
        }
    }
}
