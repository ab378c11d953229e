//! The specification, read naively: one image, one step, one entry at a time, in 128 bits, with nothing shared with the crate
//! but the artifact's structures. In the radix code it goes window by window and digit by digit. Every number on the way must fit in 32
//! bits, as the file promises. Events are followed one by one along with the values.

use snnc_runtime::{Artifact, Code, Coding, Head, NodeSpec, OpSpec, Reset, Tensor};
use std::collections::BTreeMap;

/// What a run of one image gives.
#[derive(Default)]
pub struct Result {
    pub logits: Vec<f32>,
    /// Per population, its spikes at every step or digit of its window.
    pub trains: BTreeMap<String, Vec<Vec<i8>>>,
    /// Per node, and for the input: what it says at every step, or in its window.
    pub values: BTreeMap<String, Vec<Vec<i32>>>,
    pub spikes: BTreeMap<String, u64>,
    pub corrections: BTreeMap<String, u64>,
    pub synaptic_ops: BTreeMap<String, u64>,
}

/// A value at one step, with the events that each of its entries carries; none where it does not carry spikes.
#[derive(Clone)]
struct Value {
    dims: Vec<usize>,
    data: Vec<i128>,
    events: Option<Vec<i128>>,
}

struct State {
    main: Vec<i128>,
    /// The maxima so far of a pooling; the sum of the spikes so far of neurons.
    best: Vec<i128>,
}

/// The number, which fits in 32 bits.
#[track_caller]
fn fits(v: i128, what: &str) -> i32 {
    i32::try_from(v).unwrap_or_else(|_| panic!("{what}: {v} does not fit in 32 bits"))
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

fn broadcast(tensor: &Tensor, dims: &[usize], index: usize) -> i128 {
    let place = unravel(index, dims);
    let place = &place[dims.len() - tensor.dims.len()..];
    let place: Vec<usize> = place.iter().zip(&tensor.dims).map(|(&i, &d)| if d == 1 { 0 } else { i }).collect();
    tensor.data.get(ravel(&place, &tensor.dims)).into()
}

/// `image` is quantised. In the radix code `timesteps` is of no account.
pub fn run(artifact: &Artifact, image: &[u16], timesteps: usize, image_index: u64) -> Result {
    let mut result = Result::default();
    let sums = match artifact.graph.code {
        Code::Rate => step_by_step(artifact, image, timesteps, image_index, &mut result),
        Code::Radix => window_by_window(artifact, image, &mut result),
    };
    let steps = if artifact.graph.code == Code::Rate { timesteps as f64 } else { 1.0 };
    let read_out = |sum: &i128| (*sum as f64 / steps * f64::from(artifact.graph.output.scale)) as f32;
    let is_rectified = artifact.graph.output.head == Head::Relu;
    result.logits = sums.iter().map(read_out).map(|v| if is_rectified { v.max(0.0) } else { v }).collect();
    for (name, trains) in &result.trains {
        let spikes = trains.iter().flatten().map(|&spike| u64::from(spike.unsigned_abs())).sum();
        result.spikes.insert(name.clone(), spikes);
        let is_neuron = artifact.graph.nodes.iter().any(|node| node.name == *name && is_signed(&node.op));
        let corrections = if is_neuron { trains.iter().flatten().filter(|&&spike| spike < 0).count() } else { 0 };
        result.corrections.insert(name.clone(), corrections as u64);
    }
    result
}

impl Result {
    fn spikes_of(&mut self, name: &str, data: &[i128]) {
        self.trains.entry(name.to_owned()).or_default().push(data.iter().map(|v| v.signum() as i8).collect());
    }

    fn value_of(&mut self, name: &str, data: &[i128]) {
        self.values.entry(name.to_owned()).or_default().push(data.iter().map(|&v| fits(v, name)).collect());
    }
}

fn step_by_step(artifact: &Artifact, image: &[u16], timesteps: usize, image_index: u64, result: &mut Result) -> Vec<i128> {
    let graph = &artifact.graph;
    let mut states: BTreeMap<&str, State> = BTreeMap::new();
    let mut sums: Vec<i128> = Vec::new();
    for step in 0..timesteps {
        let mut values: BTreeMap<&str, Value> = BTreeMap::new();
        values.insert(&graph.input.name, input(artifact, image, step as u64, image_index, result));
        result.value_of(&graph.input.name, &values[graph.input.name.as_str()].data);
        for node in &graph.nodes {
            let operands: Vec<&Value> = node.inputs.iter().map(|name| &values[name.as_str()]).collect();
            let value = match &node.op {
                OpSpec::IfNeuron { .. } | OpSpec::LifNeuron { .. } | OpSpec::CountMaxPool2d { .. } => {
                    stateful(artifact, node, operands[0], &mut states, result)
                }
                _ => affine(artifact, node, &operands, true, result),
            };
            assert_eq!(value.dims, node.shape, "{}", node.name);
            if node.spikes {
                let may_correct = graph.nodes.iter().any(|node| is_signed(&node.op));
                assert!(value.data.iter().all(|&v| v == 0 || v == 1 || (may_correct && v == -1)), "{} makes spikes", node.name);
            }
            result.value_of(&node.name, &value.data);
            values.insert(&node.name, value);
        }
        let output = &values[graph.output.node.as_str()].data;
        sums.resize(output.len(), 0);
        sums.iter_mut().zip(output).for_each(|(sum, y)| *sum += y);
    }
    sums
}

fn is_signed(op: &OpSpec) -> bool {
    matches!(op, OpSpec::IfNeuron { reset: Reset::Signed } | OpSpec::LifNeuron { reset: Reset::Signed })
}

/// Every node's digits in its window, most significant first.
fn window_by_window(artifact: &Artifact, image: &[u16], result: &mut Result) -> Vec<i128> {
    let graph = &artifact.graph;
    let mut windows: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let digits = graph.input.quantiser.digits;
    let digit = |k: u32| {
        let data: Vec<i128> = image.iter().map(|&q| i128::from(q >> k & 1)).collect();
        Value { dims: graph.input.shape.clone(), events: Some(data.clone()), data }
    };
    windows.insert(&graph.input.name, (0..digits).rev().map(digit).collect());
    let input = &windows[graph.input.name.as_str()];
    input.iter().for_each(|digit| result.spikes_of(&graph.input.name, &digit.data));
    result.value_of(&graph.input.name, &integrate(input, "x"));
    for node in &graph.nodes {
        let operands: Vec<&Vec<Value>> = node.inputs.iter().map(|name| &windows[name.as_str()]).collect();
        let window: Vec<Value> = match &node.op {
            OpSpec::RadixNeuron { digits, levels } => fire(artifact, node, operands[0], *digits, *levels),
            OpSpec::DigitMaxPool2d { kernel, stride, pads, .. } => {
                largest(operands[0], &self::windows(&operands[0][0].dims, &node.shape, *kernel, *stride, *pads), &node.shape)
            }
            _ => {
                let length = operands.iter().map(|window| window.len()).max().unwrap();
                let at = |place: usize| {
                    // Streams are aligned at their last digit; before its first, a shorter one is silent.
                    let digits: Vec<Value> = operands
                        .iter()
                        .map(|window| match (place + window.len()).checked_sub(length) {
                            Some(own) => window[own].clone(),
                            None => {
                                let silence = vec![0; window[0].data.len()];
                                let events = window[0].events.is_some().then(|| silence.clone());
                                Value { dims: window[0].dims.clone(), events, data: silence }
                            }
                        })
                        .collect();
                    affine(artifact, node, &digits.iter().collect::<Vec<_>>(), place + 1 == length, result)
                };
                (0..length).map(at).collect()
            }
        };
        if node.op.is_stateful() {
            window.iter().for_each(|digit| result.spikes_of(&node.name, &digit.data));
        }
        for digit in &window {
            assert_eq!(digit.dims, node.shape, "{}", node.name);
            assert!(!node.spikes || digit.data.iter().all(|&v| v == 0 || v == 1), "{} makes spikes", node.name);
        }
        result.value_of(&node.name, &integrate(&window, &node.name));
        windows.insert(&node.name, window);
    }
    integrate(&windows[graph.output.node.as_str()], "output")
}

/// `u ← 2u + x`, digit by digit.
fn integrate(window: &[Value], what: &str) -> Vec<i128> {
    let mut sums = vec![0; window[0].data.len()];
    for digit in window {
        for (u, &x) in sums.iter_mut().zip(&digit.data) {
            fits(x, what);
            *u = i128::from(fits(2 * *u + x, what));
        }
    }
    sums
}

fn fire(artifact: &Artifact, node: &NodeSpec, operand: &[Value], digits: u32, levels: u32) -> Vec<Value> {
    let parameter = |role: &str, index: usize| broadcast(&artifact.tensors[&node.tensors[role]], &node.shape, index);
    let mut v: Vec<i128> = integrate(operand, &node.name);
    for (index, v) in v.iter_mut().enumerate() {
        let potential = fits(*v + parameter("initial", index), &node.name);
        let most = fits(parameter("threshold", index) * i128::from(levels), &node.name);
        *v = potential.min(most).into();
    }
    let digit = |k: u32| {
        let fire = |(index, v): (usize, &mut i128)| {
            let worth: i128 = fits(parameter("threshold", index) << k, &node.name).into();
            if *v < worth {
                return 0;
            }
            *v -= worth;
            1
        };
        let data: Vec<i128> = v.iter_mut().enumerate().map(fire).collect();
        Value { dims: node.shape.clone(), events: Some(data.clone()), data }
    };
    (0..digits).rev().map(digit).collect()
}

/// Digit by digit: whoever says 0 where another that is still in says 1 drops out.
fn largest(operand: &[Value], windows: &[Vec<usize>], shape: &[usize]) -> Vec<Value> {
    let mut survivors = windows.to_vec();
    let digit = |x: &Value| {
        let data: Vec<i128> = survivors
            .iter_mut()
            .map(|window| {
                let fires = window.iter().any(|&entry| x.data[entry] == 1);
                window.retain(|&entry| !fires || x.data[entry] == 1);
                i128::from(fires)
            })
            .collect();
        Value { dims: shape.to_vec(), events: Some(data.clone()), data }
    };
    operand.iter().map(digit).collect()
}

fn input(artifact: &Artifact, image: &[u16], step: u64, image_index: u64, result: &mut Result) -> Value {
    let graph = &artifact.graph;
    let dims = graph.input.shape.clone();
    if graph.input.coding == Coding::Direct {
        return Value { dims, data: image.iter().map(|&q| q.into()).collect(), events: None };
    }
    let mut data = Vec::new();
    for (pixel, &q) in image.iter().enumerate() {
        let middle = 1i128 << (graph.input.quantiser.digits - 1);
        let v = i128::from(q) - middle;
        let bits = mix(mix(mix(mix(graph.seed) ^ image_index) ^ step) ^ pixel as u64);
        data.push(if i128::from(bits >> 40) * middle < v.abs() * 16_777_216 { v.signum() } else { 0 });
    }
    result.spikes_of(&graph.input.name, &data);
    Value { dims, events: Some(data.iter().map(|v| v.abs()).collect()), data }
}

/// The value made of places of operands: `places[i]` is the operand and the entry that entry `i` is, none for a zero.
fn moved(dims: &[usize], operands: &[&Value], places: &[Option<(usize, usize)>]) -> Value {
    let take = |of: &dyn Fn(usize) -> Option<Vec<i128>>| -> Option<Vec<i128>> {
        let sources: Option<Vec<Vec<i128>>> = (0..operands.len()).map(of).collect();
        let sources = sources?;
        Some(places.iter().map(|place| place.map_or(0, |(operand, entry)| sources[operand][entry])).collect())
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

/// An operator without state; its constants come in only if they are wanted.
fn affine(artifact: &Artifact, node: &NodeSpec, operands: &[&Value], has_constants: bool, result: &mut Result) -> Value {
    let x = operands[0];
    let dims = node.shape.clone();
    let len: usize = dims.iter().product();
    let tensor = |role: &str| node.tensors.get(role).map(|name| &artifact.tensors[name]);
    // Adds `weight` times entry `from` to entry `to`, for every connection of a layer.
    let mut connect = |connections: Vec<(usize, usize, i128)>, start: Vec<i128>| {
        let mut data = start;
        let mut operations = 0;
        for (from, to, weight) in connections {
            data[to] += weight * x.data[from];
            operations += x.events.as_ref().map_or(0, |events| events[from]);
        }
        *result.synaptic_ops.entry(node.name.clone()).or_default() += operations as u64;
        data
    };
    let bias = |plane: usize| -> Vec<i128> {
        let bias = tensor("bias").filter(|_| has_constants);
        (0..len).map(|index| bias.map_or(0, |bias| bias.data.get(index / plane).into())).collect()
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
                        let weight = weight.data.get(ravel(&[place[1], tap[0], tap[1], tap[2]], &weight.dims));
                        connections.push((from, index, weight.into()));
                    }
                }
            }
            Value { data: connect(connections, bias(dims[2] * dims[3])), dims, events: None }
        }
        OpSpec::Linear => {
            let weight = tensor("weight").unwrap();
            let connections = (0..weight.data.len()).map(|index| {
                let place = unravel(index, &weight.dims);
                (place[1], place[0], weight.data.get(index).into())
            });
            Value { data: connect(connections.collect(), bias(1)), dims, events: None }
        }
        OpSpec::Scale => {
            let factor = tensor("factor").unwrap();
            let connections = (0..len).map(|index| (index, index, broadcast(factor, &dims, index))).collect();
            Value { data: connect(connections, vec![0; len]), dims, events: x.events.clone() }
        }
        OpSpec::Shift { .. } if !has_constants => x.clone(),
        OpSpec::Shift { rows, columns } => {
            let offset = tensor("offset").unwrap();
            let of = |index: usize| match (rows, columns) {
                (Some(rows), Some(columns)) => {
                    let place = unravel(index, &dims);
                    let channel = if offset.dims[1] == 1 { 0 } else { place[1] };
                    offset.data.get(ravel(&[0, channel, rows[place[2]], columns[place[3]]], &offset.dims)).into()
                }
                _ => broadcast(offset, &dims, index),
            };
            let data = (0..len).map(|index| x.data[index] + of(index)).collect();
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
        OpSpec::SumPool2d { kernel, stride, pads, .. } => {
            let windows = windows(&x.dims, &dims, *kernel, *stride, *pads);
            let sums = |data: &Vec<i128>| windows.iter().map(|window| window.iter().map(|&i| data[i]).sum()).collect::<Vec<i128>>();
            Value { data: sums(&x.data), events: x.events.as_ref().map(sums), dims }
        }
        OpSpec::Sum { axes } => {
            let sums = |data: &Vec<i128>| {
                let mut y = vec![0; len];
                for (index, v) in data.iter().enumerate() {
                    let mut place = unravel(index, &x.dims);
                    axes.iter().for_each(|&axis| place[axis] = 0);
                    y[ravel(&place, &dims)] += v;
                }
                y
            };
            Value { data: sums(&x.data), events: x.events.as_ref().map(sums), dims }
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
        op => panic!("{} has state", op.name()),
    }
}

/// One step of an operator of the rate code that has state.
fn stateful<'a>(
    artifact: &'a Artifact,
    node: &'a NodeSpec,
    x: &Value,
    states: &mut BTreeMap<&'a str, State>,
    result: &mut Result,
) -> Value {
    let dims = node.shape.clone();
    let len: usize = dims.iter().product();
    let tensor = |role: &str| node.tensors.get(role).map(|name| &artifact.tensors[name]);
    match &node.op {
        OpSpec::IfNeuron { reset } | OpSpec::LifNeuron { reset } => {
            let parameter = |role: &str, index: usize| tensor(role).map_or(65_536, |tensor| broadcast(tensor, &dims, index));
            let state = states
                .entry(&node.name)
                .or_insert_with(|| State { main: (0..len).map(|index| parameter("initial", index)).collect(), best: vec![0; len] });
            let mut data = vec![0; len];
            for (index, v) in state.main.iter_mut().enumerate() {
                let threshold = parameter("threshold", index);
                *v = fits((parameter("leak", index) * *v).div_euclid(65_536) + x.data[index], &node.name).into();
                if *v >= threshold {
                    data[index] = 1;
                    *v = if *reset == Reset::Hard { 0 } else { *v - threshold };
                } else if *reset == Reset::Signed && *v < 0 && state.best[index] > 0 {
                    data[index] = -1;
                    *v += threshold;
                }
                fits(*v, &node.name);
                state.best[index] += data[index];
                assert!(state.best[index] >= 0, "{} takes back what it has not fired", node.name);
            }
            result.spikes_of(&node.name, &data);
            Value { dims, events: Some(data.iter().map(|v| v.abs()).collect()), data }
        }
        OpSpec::CountMaxPool2d { kernel, stride, pads, .. } => {
            let windows = windows(&x.dims, &dims, *kernel, *stride, *pads);
            let state = states.entry(&node.name).or_insert_with(|| State { main: vec![0; x.data.len()], best: vec![0; len] });
            state.main.iter_mut().zip(&x.data).for_each(|(arrived, v)| *arrived = fits(*arrived + v, &node.name).into());
            let mut data = Vec::new();
            for (window, best) in windows.iter().zip(&mut state.best) {
                let largest = window.iter().map(|&i| state.main[i]).max().unwrap();
                data.push(largest - *best);
                *best = largest;
            }
            let events = x.events.is_some().then(|| data.iter().map(|&v| i128::from(v != 0)).collect());
            if events.is_some() {
                result.spikes_of(&node.name, &data);
            }
            Value { dims, data, events }
        }
        op => panic!("{} has no state", op.name()),
    }
}
