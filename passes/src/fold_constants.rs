//! `fold-constants`: channels that say the same for every image leave the network.
//!
//! A channel whose weights are all 0 (pruned, or scaled to 0 by its batch norm) is its bias. Behind a rectifier it would be a neuron that
//! fires at a rate which only some numbers of time steps can express; as a part of the biases of those who read it, it is right at
//! every T.
//!
//! Requires: batch norms are folded.
//! Leaves: no `relu`, `clip` around 0 or `clip_floor_shift` whose result is, in one channel, the same number other than 0 for every
//! image. Layers that read such a channel have it in their bias, or in a shift behind them where padding makes it differ from place
//! to place.
//! Keeps: the function, up to rounding.

use crate::{
    About, Changed, Pass, PassCx, PassError,
    rewrite::{affine::per_channel, offset},
};
use snnc_ir::{
    Graph, NodeId, Operator, Origin, ParamId, Phase, Provenance, Tensor,
    types::{Dims, broadcasts},
};
use std::collections::BTreeMap;

pub struct FoldConstants;

impl Pass for FoldConstants {
    fn about(&self) -> About {
        About { name: "fold-constants", accepts: Phase::Imported..=Phase::Canonical, is_required: false }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        let mut known = Known::default();
        // Front to back: what is folded may leave a later layer with nothing but constants.
        for node in graph.topological() {
            changed |= silence(graph, node, &mut known)?;
        }
        Ok(changed.into())
    }
}

/// For every channel the number that all its entries are, whatever the image; none where there is no such number.
type Channels = Vec<Option<f32>>;

/// What a rectifier makes of a number, if it leaves 0 as it is.
fn rectified(op: &Operator, v: f32) -> Option<f32> {
    match *op {
        Operator::Relu => Some(v.max(0.0)),
        Operator::Clip { min, max } if min <= 0.0 && max >= 0.0 => Some(v.clamp(min, max)),
        Operator::ClipFloorShift { max, levels } => {
            let levels = levels as f32;
            Some(max / levels * (v * levels / max + 0.5).floor().clamp(0.0, levels))
        }
        _ => None,
    }
}

/// Takes the constants of the rectifier at `node`, if it is one and has some, down to its readers.
fn silence(graph: &mut Graph, node: NodeId, known: &mut Known) -> Result<bool, PassError> {
    let Some(operand) = graph.operand(node).filter(|_| rectified(&graph[node].op, 0.0).is_some()) else { return Ok(false) };
    let before = known.of(graph, operand);
    let after = known.of(graph, node);
    let is_loud = |value: &Option<f32>| value.is_some_and(|v| v != 0.0);
    if !after.iter().any(is_loud) {
        return Ok(false);
    }
    let chosen = |values: &Channels, sign: f32| -> Vec<f32> {
        values.iter().zip(&after).map(|(v, after)| v.filter(|_| is_loud(after)).map_or(0.0, |v| sign * v)).collect()
    };
    let shape = graph[node].ty.per_channel();
    let (minus, plus) = (chosen(&before, -1.0), chosen(&after, 1.0));
    let minus = graph.add_param("constant", Tensor::new(shape.clone(), minus), Provenance::Derived);
    let plus = graph.add_param("constant", Tensor::new(shape, plus), Provenance::Derived);
    let origin = graph[node].origin.clone();
    graph.insert_before(node, 0, Operator::Shift { offset: minus }, Origin::default())?;
    let shift = graph.insert_after(node, Operator::Shift { offset: plus }, origin)?;
    offset::sink(graph, shift)?;
    known.0.insert(node, after.into_iter().map(|v| v.map(|_| 0.0)).collect());
    Ok(true)
}

/// What is known of the nodes so far.
#[derive(Default)]
struct Known(BTreeMap<NodeId, Channels>);

impl Known {
    /// The constants of a node; those of its operands are found first.
    fn of(&mut self, graph: &Graph, node: NodeId) -> Channels {
        let mut stack = vec![node];
        while let Some(&top) = stack.last() {
            let missing: Vec<NodeId> = graph.operands(top).into_iter().filter(|o| !self.0.contains_key(o)).collect();
            if self.0.contains_key(&top) {
                stack.pop();
            } else if missing.is_empty() {
                let operands: Vec<(NodeId, &Channels)> = graph.operands(top).into_iter().map(|o| (o, &self.0[&o])).collect();
                let channels = channels(graph, top, &operands);
                self.0.insert(top, channels);
                stack.pop();
            } else {
                stack.extend(missing);
            }
        }
        self.0[&node].clone()
    }
}

/// The constants of a node, from those of its operands.
fn channels(graph: &Graph, node: NodeId, operands: &[(NodeId, &Channels)]) -> Channels {
    let ty = &graph[node].ty;
    let varies = || vec![None; ty.channels()];
    let Some(&(first, x)) = operands.first() else { return varies() };
    let dims = &graph[first].ty.dims;
    // The constant of a channel that is 0, where borders of zeros do not tell.
    let where_padded = |padded: bool| -> Channels { x.iter().map(|v| v.filter(|&v| !padded || v == 0.0)).collect() };
    match &graph[node].op {
        Operator::Conv2d { weight, bias, geometry } => {
            layer(graph, *weight, *bias, &where_padded(geometry.pads != [0; 4]), geometry.groups)
        }
        Operator::Linear { weight, bias } => layer(graph, *weight, *bias, x, 1),
        Operator::Scale { factor } => by_parameter(graph, *factor, dims, x, |v, f| v * f),
        Operator::Shift { offset } => by_parameter(graph, *offset, dims, x, |v, o| v + o),
        Operator::Add => {
            let sum = |channel: usize| operands.iter().map(|(_, x)| x[channel]).sum::<Option<f32>>();
            (0..ty.channels()).map(sum).collect()
        }
        op @ (Operator::Relu | Operator::Clip { .. } | Operator::ClipFloorShift { .. }) => {
            x.iter().map(|v| v.and_then(|v| rectified(op, v))).collect()
        }
        Operator::MaxPool2d { .. } => x.clone(),
        Operator::AveragePool2d { window, count_include_pad } => where_padded(*count_include_pad && (window.pads != [0; 4] || window.ceil)),
        Operator::Mean { axes } if !axes.contains(&1) => x.clone(),
        Operator::Concat { axis: 1 } => operands.iter().flat_map(|(_, x)| x.iter().copied()).collect(),
        Operator::Pad { pads, value } if *value == 0.0 && dims.len() >= 2 => {
            let (before, after) = pads[1];
            let inside = where_padded(pads.iter().enumerate().any(|(axis, &pad)| axis != 1 && pad != (0, 0)));
            std::iter::repeat_n(Some(0.0), before).chain(inside).chain(std::iter::repeat_n(Some(0.0), after)).collect()
        }
        Operator::Slice { ranges } if dims.len() >= 2 => {
            let (start, step, len) = ranges[1];
            (0..len as isize).map(|k| x[start.wrapping_add_signed(step * k)]).collect()
        }
        Operator::Transpose { permutation } if permutation.get(1) == Some(&1) => x.clone(),
        Operator::Reshape { dims: new } => match new[..] {
            // Flattened: every entry of a channel becomes a feature.
            [1, features] => (0..features).map(|k| x[k / graph[first].ty.plane().max(1)]).collect(),
            [1, channels, ..] if channels == x.len() => x.clone(),
            _ => varies(),
        },
        _ => varies(),
    }
}

/// A layer's outputs that depend on no input that varies.
fn layer(graph: &Graph, weight: ParamId, bias: Option<ParamId>, x: &Channels, groups: usize) -> Channels {
    let weight = &graph.param(weight).tensor;
    let (outputs, inputs) = (weight.dims[0], weight.dims[1]);
    let taps = weight.dims[2..].iter().product::<usize>();
    let row = |o: usize| {
        let first = o / (outputs / groups) * inputs;
        let mut sum = bias.map_or(0.0, |b| f64::from(graph.param(b).tensor.data[o]));
        for (taps, x) in weight.data[o * inputs * taps..][..inputs * taps].chunks(taps).zip(&x[first..]) {
            match x {
                _ if taps.iter().all(|&w| w == 0.0) => {}
                Some(x) => sum += f64::from(*x) * taps.iter().map(|&w| f64::from(w)).sum::<f64>(),
                None => return None,
            }
        }
        Some(sum as f32)
    };
    (0..outputs).map(row).collect()
}

/// Channels after arithmetic with a parameter, which must be one number for all entries of a channel.
fn by_parameter(graph: &Graph, param: ParamId, dims: &[usize], x: &Channels, f: fn(f32, f32) -> f32) -> Channels {
    let tensor = &graph.param(param).tensor;
    debug_assert!(broadcasts(&tensor.dims, dims), "[{}] over [{}]", Dims(&tensor.dims), Dims(dims));
    match per_channel(tensor, dims) {
        Some(values) => x.iter().zip(values).map(|(x, v)| x.map(|x| f(x, v))).collect(),
        None => vec![None; x.len()],
    }
}
