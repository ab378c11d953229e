//! Sinking `scale` through the graph: what a factor per channel becomes on the other side of an operator.

use super::{
    affine::{aligned, broadcast, combine, per_channel, permute, scale_inputs},
    next,
};
use crate::PassError;
use snnc_ir::{Graph, NodeId, Operator, Origin, ParamId, Tensor};
use std::collections::BTreeSet;

/// Moves the `scale` at `node` as far down as it goes and into weights where it can.
///
/// A scale with several users is copied to each of them first. Returns whether anything changed.
///
/// # Errors
/// Only on a bug.
pub fn sink(graph: &mut Graph, node: NodeId) -> Result<bool, PassError> {
    let mut changed = false;
    let mut pending = BTreeSet::from([node]);
    while let Some(node) = next(graph, &mut pending) {
        let uses = graph.uses(node);
        let is_output = graph.output().is_some_and(|o| o.node == node);
        if uses.len() + usize::from(is_output) > 1 {
            // One copy for each use that it can move past; the others keep this one.
            if uses.iter().all(|&(user, _)| !can_pass(graph, node, user)) {
                continue;
            }
            for (user, slot) in uses {
                if can_pass(graph, node, user) {
                    let operand = graph.operand(node).expect("a scale has one operand");
                    let copy = graph.add_node(graph[node].op.clone(), &[operand], graph[node].origin.clone())?;
                    graph.set_operand(user, slot, copy);
                    pending.insert(copy);
                    changed = true;
                }
            }
            continue;
        }
        let Some(user) = graph.only_user(node) else { continue };
        if can_pass(graph, node, user) {
            changed = true;
            pending.extend(pass_through(graph, node, user)?);
        }
    }
    Ok(changed)
}

fn factor_of(graph: &Graph, scale: NodeId) -> (ParamId, &Tensor) {
    match graph[scale].op {
        Operator::Scale { factor } => (factor, &graph.param(factor).tensor),
        _ => unreachable!("only scales are sunk"),
    }
}

/// Whether `scale(f) → user` can become `user' → scale(f')`, or `user'` alone.
fn can_pass(graph: &Graph, scale: NodeId, user: NodeId) -> bool {
    let (_, factor) = factor_of(graph, scale);
    let dims = &graph[scale].ty.dims;
    let positive = || factor.data.iter().all(|&f| f > 0.0);
    let uniform_over = |axes: &[usize]| {
        let missing = dims.len() - factor.dims.len();
        axes.iter().all(|&axis| axis < missing || factor.dims[axis - missing] == 1)
    };
    match &graph[user].op {
        Operator::Conv2d { .. } => per_channel(factor, dims).is_some(),
        Operator::Linear { .. } | Operator::Scale { .. } => true,
        Operator::Reshape { .. } | Operator::Transpose { .. } | Operator::Slice { .. } => true,
        Operator::Pad { value, .. } => *value == 0.0,
        Operator::AveragePool2d { .. } | Operator::SumPool2d { .. } => uniform_over(&[2, 3]),
        Operator::MaxPool2d { .. } | Operator::CountMaxPool2d { .. } | Operator::DigitMaxPool2d { .. } => {
            uniform_over(&[2, 3]) && positive()
        }
        Operator::Mean { axes } | Operator::Sum { axes } => uniform_over(axes),
        // y = f·x + o = f·(x + o/f), where no factor is 0 and the quotient stays in range.
        Operator::Shift { .. } => factor.data.iter().all(|f| f.is_normal() && f.abs() > 1e-20),
        Operator::Relu | Operator::Clip { .. } | Operator::ClipFloorShift { .. } => false,
        // The cap is one number for all entries.
        Operator::Neuron { cap, .. } | Operator::RadixNeuron { cap, .. } => {
            positive() && (cap.is_none() || factor.data.iter().all(|&f| f == factor.data[0]))
        }
        Operator::Concat { .. } => true,
        Operator::Input
        | Operator::Add
        | Operator::BatchNorm { .. }
        | Operator::Floor
        | Operator::Round
        | Operator::LeakyRelu { .. }
        | Operator::PRelu { .. }
        | Operator::Softmax { .. }
        | Operator::LogSoftmax { .. }
        | Operator::Sigmoid => false,
    }
}

/// Does what [`can_pass`] promised. Returns the scales that may move on.
fn pass_through(graph: &mut Graph, scale: NodeId, user: NodeId) -> Result<Vec<NodeId>, PassError> {
    let (id, factor) = factor_of(graph, scale);
    let factor = factor.clone();
    let dims = graph[scale].ty.dims.clone();
    let operand = graph.operand(scale).expect("a scale has one operand");
    let provenance = graph.param(id).provenance;
    let slot = graph.uses(scale)[0].1;
    match graph[user].op.clone() {
        Operator::Conv2d { .. } => {
            let per_input = per_channel(&factor, &dims).expect("checked by `can_pass`");
            scale_inputs(graph, user, &per_input, id);
            graph.set_operand(user, slot, operand);
            Ok(vec![])
        }
        Operator::Linear { .. } => {
            scale_inputs(graph, user, &broadcast(&factor, &dims), id);
            graph.set_operand(user, slot, operand);
            Ok(vec![])
        }
        Operator::Scale { factor: other } => {
            let joined = provenance.join(graph.param(other).provenance);
            let product = combine(&factor, &graph.param(other).tensor, &dims, |a, b| a * b);
            let name = graph.param(other).name.clone();
            let new = graph.add_param(name, product, joined);
            graph.set_op(user, Operator::Scale { factor: new })?;
            graph.set_operand(user, slot, operand);
            Ok(vec![user])
        }
        Operator::Shift { offset } => {
            let joined = provenance.join(graph.param(offset).provenance);
            let quotient = combine(&graph.param(offset).tensor, &factor, &dims, |o, f| o / f);
            let name = graph.param(offset).name.clone();
            let new = graph.add_param(name, quotient, joined);
            graph.set_op(user, Operator::Shift { offset: new })?;
            graph.set_operand(user, slot, operand);
            below(graph, user, factor, id)
        }
        mut op @ (Operator::Neuron { .. } | Operator::RadixNeuron { .. }) => {
            // f·x against θ is x against θ/f; the potential and the cap scale along.
            let mut quotient = |old: ParamId| {
                let joined = provenance.join(graph.param(old).provenance);
                let tensor = combine(&graph.param(old).tensor, &factor, &dims, |a, f| a / f);
                let name = graph.param(old).name.clone();
                graph.add_param(name, tensor, joined)
            };
            if let Operator::Neuron { threshold, initial, cap, .. } | Operator::RadixNeuron { threshold, initial, cap, .. } = &mut op {
                (*threshold, *initial) = (quotient(*threshold), quotient(*initial));
                *cap = cap.map(|cap| cap / factor.data[0]);
            }
            graph.set_op(user, op)?;
            graph.set_operand(user, slot, operand);
            Ok(vec![])
        }
        Operator::Concat { axis } => {
            // The other operands are scaled by 1, those that are scales themselves by their own factor.
            let mut parts = Vec::new();
            let mut others = Vec::new();
            let mut joined = provenance;
            for (k, part) in graph.operands(user).into_iter().enumerate() {
                let ty = graph[part].ty.clone();
                let tensor = match graph[part].op {
                    Operator::Scale { factor } if part == scale || graph.only_user(part) == Some(user) => {
                        joined = joined.join(graph.param(factor).provenance);
                        others.push((k, graph.operand(part).expect("a scale has one operand")));
                        graph.param(factor).tensor.clone()
                    }
                    _ => Tensor::splat(vec![1; ty.dims.len()], 1.0),
                };
                parts.push((tensor, ty.dims));
            }
            let result = graph[user].ty.dims.clone();
            let factor = concat_factors(&parts, axis, &result);
            for (k, operand) in others {
                graph.set_operand(user, k, operand);
            }
            let name = graph.param(id).name.clone();
            let new = graph.add_param(name, factor, joined);
            let below = graph.insert_after(user, Operator::Scale { factor: new }, Origin::default())?;
            Ok(vec![below])
        }
        op => {
            let factor = moved(&op, &factor, &dims, &graph[user].ty.dims);
            graph.set_operand(user, slot, operand);
            below(graph, user, factor, id)
        }
    }
}

/// Puts a scale with that factor after `node`.
fn below(graph: &mut Graph, node: NodeId, factor: Tensor, from: ParamId) -> Result<Vec<NodeId>, PassError> {
    let name = graph.param(from).name.clone();
    let new = graph.add_param(name, factor, graph.param(from).provenance);
    Ok(vec![graph.insert_after(node, Operator::Scale { factor: new }, Origin::default())?])
}

/// The factor on the other side of an operator that moves, averages or adds up entries.
pub fn moved(op: &Operator, factor: &Tensor, dims: &[usize], result: &[usize]) -> Tensor {
    let factor = aligned(factor, dims.len());
    match op {
        Operator::Transpose { permutation } => permute(&factor, permutation),
        Operator::Reshape { dims: new } => {
            if factor.data.len() == 1 {
                return Tensor::new(vec![1; new.len()], factor.data);
            }
            let channelwise = per_channel(&factor, dims).filter(|_| new.len() >= 2 && dims.len() >= 2 && new[1] == dims[1]);
            match channelwise {
                Some(values) => {
                    let mut shape = vec![1; new.len()];
                    shape[1] = values.len();
                    Tensor::new(shape, values)
                }
                None => Tensor::new(new.clone(), broadcast(&factor, dims)),
            }
        }
        Operator::Slice { ranges } => {
            let mut tensor = factor;
            for (axis, &(start, step, len)) in ranges.iter().enumerate() {
                if tensor.dims[axis] != 1 {
                    let index: Vec<Option<usize>> = (0..len).map(|k| start.checked_add_signed(step * k as isize)).collect();
                    tensor = select(&tensor, axis, &index);
                }
            }
            tensor
        }
        Operator::Pad { pads, .. } => {
            let mut tensor = factor;
            for (axis, &(before, after)) in pads.iter().enumerate() {
                if tensor.dims[axis] != 1 && before + after > 0 {
                    let inner = (0..tensor.dims[axis]).map(Some);
                    let index: Vec<Option<usize>> =
                        std::iter::repeat_n(None, before).chain(inner).chain(std::iter::repeat_n(None, after)).collect();
                    tensor = select(&tensor, axis, &index);
                }
            }
            tensor
        }
        // Pools and means: the factor does not vary over the axes they work on.
        _ => {
            debug_assert_eq!(result.len(), dims.len());
            factor
        }
    }
}

/// Entries of an axis by index; `None` stands for padding, whose factor does not matter and is 1.
fn select(tensor: &Tensor, axis: usize, index: &[Option<usize>]) -> Tensor {
    let inner: usize = tensor.dims[axis + 1..].iter().product();
    let mut dims = tensor.dims.clone();
    dims[axis] = index.len();
    let mut data = Vec::with_capacity(dims.iter().product());
    for outer in tensor.data.chunks(inner * tensor.dims[axis]) {
        for i in index {
            match i {
                Some(i) => data.extend_from_slice(&outer[i * inner..(i + 1) * inner]),
                None => data.extend(std::iter::repeat_n(1.0, inner)),
            }
        }
    }
    Tensor::new(dims, data)
}

/// Factors of the operands of a concatenation, joined along `axis`; every other axis that varies in one of them is written out.
pub fn concat_factors(parts: &[(Tensor, Vec<usize>)], axis: usize, result: &[usize]) -> Tensor {
    let dim = |t: &Tensor, dims: &[usize], a: usize| {
        let missing = dims.len() - t.dims.len();
        if a < missing { 1 } else { t.dims[a - missing] }
    };
    let varies = |a: usize| parts.iter().any(|(t, dims)| dim(t, dims, a) != 1);
    let shape = |dims: &[usize]| -> Vec<usize> { (0..dims.len()).map(|a| if a == axis || varies(a) { dims[a] } else { 1 }).collect() };
    let whole = shape(result);
    let outer: usize = whole[..axis].iter().product();
    let blocks: Vec<(Vec<f32>, usize)> = parts
        .iter()
        .map(|(tensor, dims)| {
            let shape = shape(dims);
            (broadcast(tensor, &shape), shape[axis..].iter().product())
        })
        .collect();
    let data = (0..outer).flat_map(|o| blocks.iter().flat_map(move |(block, len)| block[o * len..(o + 1) * len].iter().copied())).collect();
    Tensor::new(whole, data)
}
