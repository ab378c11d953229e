//! Arithmetic on the parameters of affine operators.

use snnc_ir::{
    Graph, NodeId, Operator, ParamId, Tensor,
    types::{broadcast_index, broadcasts},
};

/// The entries of `tensor`, broadcast over `dims`.
pub fn broadcast(tensor: &Tensor, dims: &[usize]) -> Vec<f32> {
    broadcast_index(&tensor.dims, dims).into_iter().map(|i| tensor.data[i]).collect()
}

/// The value that all entries of a parameter have.
pub fn one_number(graph: &Graph, param: ParamId) -> Option<f32> {
    let data = &graph.param(param).tensor.data;
    data.first().filter(|first| data.iter().all(|v| v == *first)).copied()
}

/// `tensor` as one value per channel (axis 1) of a tensor of shape `dims`, if it varies along no other axis.
pub fn per_channel(tensor: &Tensor, dims: &[usize]) -> Option<Vec<f32>> {
    let mut shape: Vec<usize> = vec![1; dims.len()];
    if let (Some(slot), Some(&channels)) = (shape.get_mut(1), dims.get(1)) {
        *slot = channels;
    }
    broadcasts(&tensor.dims, &shape).then(|| broadcast(tensor, &shape))
}

/// A parameter that broadcasts over a tensor with `rank` axes, with all of them written out, so that axis numbers mean the same
/// in both.
pub fn aligned(tensor: &Tensor, rank: usize) -> Tensor {
    let dims: Vec<usize> = std::iter::repeat_n(1, rank - tensor.dims.len()).chain(tensor.dims.iter().copied()).collect();
    Tensor::new(dims, tensor.data.clone())
}

/// A parameter that broadcasts over a tensor with as many axes as `permutation`, with its axes permuted as that tensor's are.
pub fn permute(tensor: &Tensor, permutation: &[usize]) -> Tensor {
    let tensor = aligned(tensor, permutation.len());
    let strides: Vec<usize> = (0..permutation.len()).map(|axis| tensor.dims[axis + 1..].iter().product()).collect();
    let mut index = vec![0];
    for &axis in permutation {
        let (len, stride) = (tensor.dims[axis], strides[axis]);
        index = index.iter().flat_map(|&base| (0..len).map(move |i| base + i * stride)).collect();
    }
    let dims: Vec<usize> = permutation.iter().map(|&axis| tensor.dims[axis]).collect();
    Tensor::new(dims, index.into_iter().map(|i| tensor.data[i]).collect())
}

/// A parameter that is the same along `axes` of a tensor of shape `dims`: the mean of the values that it has there.
pub fn even_over(tensor: &Tensor, dims: &[usize], axes: &[usize]) -> Tensor {
    let mut tensor = aligned(tensor, dims.len());
    for &axis in axes.iter().filter(|&&axis| dims[axis] != 1) {
        let (size, inner) = (tensor.dims[axis], tensor.dims[axis + 1..].iter().product::<usize>());
        if size > 1 {
            let mean = |outer: &[f32], k: usize| outer.iter().skip(k).step_by(inner).map(|&v| f64::from(v)).sum::<f64>() / size as f64;
            let data = tensor.data.chunks(size * inner).flat_map(|outer| (0..inner).map(move |k| mean(outer, k) as f32)).collect();
            tensor.dims[axis] = 1;
            tensor = Tensor::new(tensor.dims.clone(), data);
        }
    }
    tensor
}

/// Element by element over the smallest shape that both broadcast to within `dims`.
pub fn combine(a: &Tensor, b: &Tensor, dims: &[usize], f: impl Fn(f32, f32) -> f32) -> Tensor {
    let dim = |t: &Tensor, axis: usize| {
        let missing = dims.len() - t.dims.len();
        if axis < missing { 1 } else { t.dims[axis - missing] }
    };
    let shape: Vec<usize> = (0..dims.len()).map(|axis| dim(a, axis).max(dim(b, axis))).collect();
    let (left, right) = (broadcast(a, &shape), broadcast(b, &shape));
    Tensor::new(shape, left.into_iter().zip(right).map(|(x, y)| f(x, y)).collect())
}

/// Multiplies every output of a convolution or linear layer, weight and bias alike.
pub fn scale_outputs(graph: &mut Graph, node: NodeId, factor: &[f32], from: ParamId) {
    let weight = graph.own_param(node, "weight");
    let rows = graph.param(weight).tensor.data.len() / factor.len().max(1);
    edit(graph, weight, from, |data| {
        for (row, f) in data.chunks_mut(rows.max(1)).zip(factor) {
            row.iter_mut().for_each(|w| *w *= f);
        }
    });
    if graph[node].op.params().iter().any(|(role, _)| *role == "bias") {
        let bias = graph.own_param(node, "bias");
        edit(graph, bias, from, |data| data.iter_mut().zip(factor).for_each(|(b, f)| *b *= f));
    }
}

/// Multiplies what every input channel (convolution) or feature (linear layer) contributes.
pub fn scale_inputs(graph: &mut Graph, node: NodeId, factor: &[f32], from: ParamId) {
    let groups = match &graph[node].op {
        Operator::Conv2d { geometry, .. } => geometry.groups,
        _ => 1,
    };
    let weight = graph.own_param(node, "weight");
    let dims = graph.param(weight).tensor.dims.clone();
    let (outputs, inputs, taps) = (dims[0], dims[1], dims[2..].iter().product::<usize>());
    edit(graph, weight, from, |data| {
        for (k, tap) in data.chunks_mut(taps.max(1)).enumerate() {
            let (output, input) = (k / inputs, k % inputs);
            let group = output / (outputs / groups);
            tap.iter_mut().for_each(|w| *w *= factor[group * inputs + input]);
        }
    });
}

/// Adds to the bias of a convolution or linear layer, which gets one if it has none.
pub fn add_bias(graph: &mut Graph, node: NodeId, offset: &[f32], from: ParamId) {
    let provenance = graph.param(from).provenance;
    let has_bias = graph[node].op.params().iter().any(|(role, _)| *role == "bias");
    if has_bias {
        let bias = graph.own_param(node, "bias");
        edit(graph, bias, from, |data| data.iter_mut().zip(offset).for_each(|(b, o)| *b += o));
        return;
    }
    let weight = graph[node].op.params()[0].1;
    let name = format!("{}.bias", graph.param(weight).name.trim_end_matches(".weight"));
    let new = graph.add_param(name, Tensor::new([offset.len()], offset.to_vec()), provenance.join(graph.param(weight).provenance));
    let mut op = graph[node].op.clone();
    if let Operator::Conv2d { bias, .. } | Operator::Linear { bias, .. } = &mut op {
        *bias = Some(new);
    }
    graph.set_op(node, op).expect("a bias with one entry per output fits");
}

/// What a constant added to every input channel or feature adds to every output, where no padding dilutes it.
pub fn bias_of_offset(graph: &Graph, node: NodeId, offset: &[f32]) -> Vec<f32> {
    let groups = match &graph[node].op {
        Operator::Conv2d { geometry, .. } => geometry.groups,
        _ => 1,
    };
    let weight = &graph.param(graph[node].op.params()[0].1).tensor;
    let (outputs, inputs, taps) = (weight.dims[0], weight.dims[1], weight.dims[2..].iter().product::<usize>().max(1));
    (0..outputs)
        .map(|o| {
            let group = o / (outputs / groups);
            let row = &weight.data[o * inputs * taps..(o + 1) * inputs * taps];
            row.chunks(taps)
                .zip(&offset[group * inputs..])
                .map(|(t, &x)| t.iter().map(|&w| f64::from(w) * f64::from(x)).sum::<f64>())
                .sum::<f64>() as f32
        })
        .collect()
}

/// Changes the values of a parameter that now also depends on the parameter `from`.
fn edit(graph: &mut Graph, id: ParamId, from: ParamId, f: impl FnOnce(&mut [f32])) {
    let mut tensor = graph.param(id).tensor.clone();
    let provenance = graph.param(id).provenance.join(graph.param(from).provenance);
    f(&mut tensor.data);
    graph.set_param(id, tensor, provenance);
}
