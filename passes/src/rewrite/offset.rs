//! Sinking `shift` through the graph: what a constant becomes on the other side of an operator.

use super::{
    affine::{add_bias, broadcast, combine, per_channel},
    next,
};
use crate::PassError;
use snnc_ir::{
    Conv2d, Graph, NodeId, Operator, Origin, Phase, Provenance, Tensor, TensorType,
    eval::{self, Mode},
};
use std::collections::{BTreeMap, BTreeSet};

/// Moves the `shift` at `node` as far down as it goes: into the biases of the layers that read it, and where padding dilutes it there,
/// to behind the layer, where it differs from place to place. It ends before rectifiers and at the output.
///
/// A shift with several users is copied to each of them first. Returns whether anything changed.
///
/// # Errors
/// Only on a bug.
pub fn sink(graph: &mut Graph, node: NodeId) -> Result<bool, PassError> {
    let mut changed = false;
    let mut pending = BTreeSet::from([node]);
    while let Some(node) = next(graph, &mut pending) {
        let users = users(graph, node);
        let is_output = graph.output().is_some_and(|o| o.node == node);
        if users.len() + usize::from(is_output) > 1 {
            for (user, slots) in users {
                if can_pass(graph, node, user) {
                    let operand = graph.operand(node).expect("a shift has one operand");
                    let copy = graph.add_node(graph[node].op.clone(), &[operand], graph[node].origin.clone())?;
                    slots.into_iter().for_each(|slot| graph.set_operand(user, slot, copy));
                    pending.insert(copy);
                    changed = true;
                }
            }
        } else if let Some((user, slots)) = users.into_iter().next()
            && can_pass(graph, node, user)
        {
            pending.extend(pass_through(graph, node, user, &slots)?);
            changed = true;
        }
    }
    Ok(changed)
}

/// The users of a node, each with the slots in which it reads it: an activation that is copied is joined with itself.
fn users(graph: &Graph, node: NodeId) -> BTreeMap<NodeId, Vec<usize>> {
    let mut users: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
    for (user, slot) in graph.uses(node) {
        users.entry(user).or_default().push(slot);
    }
    users
}

fn offset_of(graph: &Graph, shift: NodeId) -> (&Tensor, Provenance) {
    match graph[shift].op {
        Operator::Shift { offset } => (&graph.param(offset).tensor, graph.param(offset).provenance),
        _ => unreachable!("only shifts are sunk"),
    }
}

/// Whether `shift → user` can become `user' → shift'`, or `user'` alone.
fn can_pass(graph: &Graph, shift: NodeId, user: NodeId) -> bool {
    match &graph[user].op {
        Operator::Conv2d { .. }
        | Operator::Linear { .. }
        | Operator::Scale { .. }
        | Operator::Shift { .. }
        | Operator::Add
        | Operator::AveragePool2d { .. }
        | Operator::Mean { .. }
        | Operator::SumPool2d { .. }
        | Operator::Sum { .. }
        | Operator::Concat { .. }
        | Operator::Slice { .. }
        | Operator::Reshape { .. }
        | Operator::Transpose { .. } => true,
        Operator::Pad { value, .. } => *value == 0.0,
        // A constant for all that compete with each other.
        Operator::MaxPool2d { .. } | Operator::DigitMaxPool2d { .. } => {
            per_channel(offset_of(graph, shift).0, &graph[shift].ty.dims).is_some()
        }
        _ => false,
    }
}

/// Does what [`can_pass`] promised. Returns the shift that may move on, if there is one.
fn pass_through(graph: &mut Graph, shift: NodeId, user: NodeId, slots: &[usize]) -> Result<Option<NodeId>, PassError> {
    let (offset, provenance) = offset_of(graph, shift);
    let (offset, dims) = (offset.clone(), graph[shift].ty.dims.clone());
    let operand = graph.operand(shift).expect("a shift has one operand");
    let behind = image(graph, user, slots, &offset, &dims)?;
    let provenance = graph[user].op.params().iter().fold(provenance, |p, (_, id)| p.join(graph.param(*id).provenance));
    slots.iter().for_each(|&slot| graph.set_operand(user, slot, operand));
    if let Operator::Shift { offset: other } = graph[user].op {
        let sum = combine(&offset, &graph.param(other).tensor, &dims, |a, b| a + b);
        let new = graph.add_param("constant", sum, provenance);
        graph.set_op(user, Operator::Shift { offset: new })?;
        return Ok(Some(user));
    }
    let new = graph.add_param("constant", behind.clone(), provenance);
    let is_layer = matches!(graph[user].op, Operator::Conv2d { .. } | Operator::Linear { .. });
    match per_channel(&behind, &graph[user].ty.dims).filter(|_| is_layer) {
        Some(bias) => {
            add_bias(graph, user, &bias, new);
            Ok(None)
        }
        None => {
            let shift = graph.insert_after(user, Operator::Shift { offset: new }, Origin::default())?;
            // What differs from place to place stays behind the layer: no later one could take it in either.
            Ok(Some(shift).filter(|_| !is_layer))
        }
    }
}

/// What `user` makes of a constant at the operands `slots`, its bias and its other operands being 0.
fn image(graph: &Graph, user: NodeId, slots: &[usize], offset: &Tensor, dims: &[usize]) -> Result<Tensor, PassError> {
    let bug = |error: eval::EvalError| PassError::Bug(error.to_string());
    if let Operator::Conv2d { weight, geometry, .. } = &graph[user].op
        && let Some(offset) = per_channel(offset, dims)
    {
        let result = &graph[user].ty.dims;
        return Ok(plainest(convolved(&graph.param(*weight).tensor, geometry, &offset, [dims[2], dims[3]], [result[2], result[3]])));
    }
    let mut alone = Graph::new("image", Phase::Imported);
    let input = alone.add_input(TensorType::f32(dims.to_vec()), Origin::default());
    let mut op = graph[user].op.clone();
    if let Operator::Conv2d { bias, .. } | Operator::Linear { bias, .. } = &mut op {
        *bias = None;
    }
    for (role, id) in op.params_mut() {
        *id = alone.add_param(role, graph.param(*id).tensor.clone(), Provenance::Fixed);
    }
    let result = match &op {
        Operator::Shift { .. } => input,
        Operator::Add if slots.len() == 1 => input,
        Operator::Add => alone.add_node(op, &vec![input; slots.len()], Origin::default())?,
        Operator::Concat { axis } => {
            let sizes: Vec<usize> = graph.operands(user).iter().map(|&o| graph[o].ty.dims[*axis]).collect();
            let mut parts = Vec::new();
            for &slot in slots {
                let mut pads = vec![(0, 0); dims.len()];
                pads[*axis] = (sizes[..slot].iter().sum(), sizes[slot + 1..].iter().sum());
                parts.push(alone.add_node(Operator::Pad { pads, value: 0.0 }, &[input], Origin::default())?);
            }
            if let [one] = parts[..] { one } else { alone.add_node(Operator::Add, &parts, Origin::default())? }
        }
        _ => alone.add_node(op, &[input], Origin::default())?,
    };
    alone.set_output(result, "y", snnc_ir::Head::None);
    let image = Tensor::new(dims.to_vec(), broadcast(offset, dims));
    Ok(plainest(eval::run(&alone, &image, Mode::Float).map_err(bug)?))
}

/// What a convolution makes of one number a channel: at every place the sum of the taps that lie inside the operand. Those are the same in whole
/// rows and columns, but near the border.
fn convolved(weight: &Tensor, geometry: &Conv2d, offset: &[f32], size: [usize; 2], result: [usize; 2]) -> Tensor {
    let (outputs, inputs, kernel) = (weight.dims[0], weight.dims[1], [weight.dims[2], weight.dims[3]]);
    let mut taps = vec![0.0f64; outputs * kernel[0] * kernel[1]];
    for (k, plane) in weight.data.chunks(kernel[0] * kernel[1]).enumerate() {
        let (output, input) = (k / inputs, k % inputs);
        let number = f64::from(offset[output / (outputs / geometry.groups) * inputs + input]);
        let sums = &mut taps[output * plane.len()..][..plane.len()];
        sums.iter_mut().zip(plane).for_each(|(sum, &w)| *sum += f64::from(w) * number);
    }
    // The taps, first to one after the last, that lie inside at each place along an axis.
    let inside = |axis: usize| -> Vec<(usize, usize)> {
        let (pad, step) = (geometry.pads[axis], geometry.dilation[axis]);
        let of = |at: usize| {
            let start = at * geometry.stride[axis];
            let first = pad.saturating_sub(start).div_ceil(step).min(kernel[axis]);
            let end = (pad + size[axis]).saturating_sub(start).div_ceil(step).min(kernel[axis]);
            (first, end.max(first))
        };
        (0..result[axis]).map(of).collect()
    };
    let (rows, columns) = (inside(0), inside(1));
    let mut known: BTreeMap<[(usize, usize); 2], f32> = BTreeMap::new();
    let mut data = Vec::with_capacity(outputs * rows.len() * columns.len());
    for taps in taps.chunks(kernel[0] * kernel[1]) {
        known.clear();
        let mut sum = |[row, column]: [(usize, usize); 2]| {
            // A sum of nothing is -0, which adding 0 makes 0.
            let sum = || (row.0..row.1).map(|y| taps[y * kernel[1]..][column.0..column.1].iter().sum::<f64>()).sum::<f64>() as f32 + 0.0;
            *known.entry([row, column]).or_insert_with(sum)
        };
        for &row in &rows {
            data.extend(columns.iter().map(|&column| sum([row, column])));
        }
    }
    Tensor::new([1, outputs, rows.len(), columns.len()], data)
}

/// A tensor in the smallest shape that broadcasts to it.
fn plainest(tensor: Tensor) -> Tensor {
    // Nothing is 0, not -0.
    let mut tensor = tensor.map(|v| v + 0.0);
    for axis in 0..tensor.dims.len() {
        let (size, inner): (usize, usize) = (tensor.dims[axis], tensor.dims[axis + 1..].iter().product());
        let first = |k: usize| k / (size * inner) * (size * inner) + k % inner;
        if size > 1 && (0..tensor.data.len()).all(|k| tensor.data[k] == tensor.data[first(k)]) {
            let data = tensor.data.chunks(size * inner).flat_map(|outer| outer[..inner].iter().copied()).collect();
            tensor.dims[axis] = 1;
            tensor = Tensor::new(tensor.dims.clone(), data);
        }
    }
    tensor
}

#[cfg(test)]
mod tests {
    use super::plainest;
    use snnc_ir::Tensor;

    #[test]
    fn axes_without_a_difference_go() {
        let tensor = Tensor::new([1, 2, 2, 2], vec![1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]);
        assert_eq!(plainest(tensor), Tensor::new([1, 2, 1, 1], vec![1.0, 2.0]));
        let tensor = Tensor::new([1, 1, 2, 2], vec![1.0, 2.0, 1.0, 2.0]);
        assert_eq!(plainest(tensor), Tensor::new([1, 1, 1, 2], vec![1.0, 2.0]));
    }
}
