//! Matrix products with constant weights.

use super::{
    contract::{contract, transposed},
    copies::transpose,
};
use crate::import::{
    constant::Constant,
    cx::{Call, Cx, Value},
    equation::{Equation, matrix_product},
    problem::{Outcome, Problem, batch_lost, malformed, no_counterpart, unsupported_use},
};
use snnc_ir::{Conv2d, Operator, Tensor};

/// `Gemm`: `alpha · A · B + beta · C`.
pub(super) fn gemm(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(3, 1)?;
    let node = call.node;
    let (alpha, beta) = (node.float("alpha", 1.0)?, node.float("beta", 1.0)?);
    let (transposed_a, transposed_b) = (node.int("transA", 0)? != 0, node.int("transB", 0)? != 0);
    let weight = call.constant(1)?.clone();
    let bias = call.optional_constant(2)?.cloned();
    // Without an axis for the batch alone, the rows are positions of one image.
    let (operand, positions) = match call.input(0) {
        Some(Value::Bare(id)) => match *cx.dims(*id) {
            [_, positions, _] => (*id, Some(positions)),
            _ => return Err(malformed("the first operand of operator `Gemm` is no matrix").into()),
        },
        _ => (call.activation(0)?, None),
    };
    if transposed_a {
        return Err(unsupported_use("operator `Gemm` with a transposed first operand")
            .note("it would make the batch a feature")
            .help("leave `transA` at 0")
            .into());
    }
    if weight.dims.len() != 2 {
        return Err(malformed("the weight of operator `Gemm` is no matrix")
            .note(format!("`{}` has the shape {:?}", weight.name, weight.dims))
            .into());
    }
    let outputs = weight.dims[usize::from(!transposed_b)];
    if outputs == 0 {
        return Err(malformed("the weight of operator `Gemm` is empty").into());
    }
    let how = match (transposed_b, alpha == 1.0) {
        (true, true) => String::new(),
        (t, _) => format!("matrix {t} {alpha}"),
    };
    // On every position a dense layer is a 1x1 convolution.
    let how = if positions.is_some() { format!("pointwise {how}") } else { how };
    let weight = cx.param(&weight, &how, |t| {
        let matrix = if transposed_b { t.map(|v| v * alpha) } else { transposed(&t, alpha) };
        let [rows, columns] = [matrix.dims[0], matrix.dims[1]];
        Ok(if positions.is_some() { matrix.reshaped(vec![rows, columns, 1, 1]) } else { matrix })
    })?;
    let bias = match bias {
        Some(bias) if beta != 0.0 => Some(gemm_bias(cx, &bias, outputs, beta)?),
        _ => None,
    };
    let Some(positions) = positions else {
        return Ok(vec![Value::Node(cx.add(node, Operator::Linear { weight, bias }, &[operand])?)]);
    };
    let features = cx.dims(operand)[2];
    let moved = transpose(cx, node, operand, vec![0, 2, 1])?;
    let image = cx.reshape(node, moved, vec![1, features, positions, 1])?;
    let geometry = Conv2d { stride: [1, 1], dilation: [1, 1], pads: [0; 4], groups: 1 };
    let product = cx.add(node, Operator::Conv2d { weight, bias, geometry }, &[image])?;
    let columns = cx.reshape(node, product, vec![1, outputs, positions])?;
    Ok(vec![Value::Bare(transpose(cx, node, columns, vec![0, 2, 1])?)])
}

/// `C`, which broadcasts over the product, as one value per output.
fn gemm_bias(cx: &mut Cx, bias: &Constant, outputs: usize, beta: f32) -> Outcome<snnc_ir::ParamId> {
    let as_is = bias.data.len() == outputs && beta == 1.0;
    let how = if as_is { String::new() } else { format!("bias {outputs} {beta}") };
    let shape = bias.dims.clone();
    let name = bias.name.clone();
    cx.param(bias, &how, |t| {
        let row = match shape[..] {
            [] | [1] | [1, 1] => vec![t.data[0]; outputs],
            [n] | [1, n] if n == outputs => t.data,
            // A row for each image of the file's fixed batch, which must all be the same.
            [rows, n] if n == outputs && rows > 0 && t.data.chunks(n).all(|row| row == &t.data[..n]) => t.data[..n].to_vec(),
            [_, n] if n == outputs || n == 1 => {
                return Err(batch_lost("the bias of operator `Gemm` differs from image to image")
                    .note(format!("`{name}` has the shape {shape:?}"))
                    .into());
            }
            _ => {
                return Err(malformed("the bias of operator `Gemm` does not fit its outputs")
                    .note(format!("`{name}` has the shape {shape:?}"))
                    .into());
            }
        };
        Ok(Tensor::new([outputs], row.into_iter().map(|v| v * beta).collect()))
    })
}

/// `MatMul` that is not by a constant.
pub(super) fn of_activations() -> Problem {
    no_counterpart("operator `MatMul` of two activations has no spiking counterpart")
        .note("products of activations, as in attention, are not linear in the spikes")
        .help("replace attention by convolutions, or convert the part before it with `--output NAME`")
        .into()
}

/// `MatMul` by a constant, from either side.
pub(super) fn matmul(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    call.check_counts(2, 1)?;
    let (operand, weight, from_left) = match (call.input(0), call.input(1)) {
        (Some(Value::Node(x)), Some(Value::Const(w))) => (*x, w.clone(), false),
        (Some(Value::Const(w)), Some(Value::Node(x))) => (*x, w.clone(), true),
        _ => return Err(of_activations()),
    };
    let (of_x, of_w) = (cx.dims(operand).len(), weight.dims.len());
    let (left, right) = if from_left { (of_w, of_x) } else { (of_x, of_w) };
    let Equation { operands, result } = matrix_product(call, left, right)?;
    let (x, w) = if from_left { (&operands[1], &operands[0]) } else { (&operands[0], &operands[1]) };
    Ok(vec![Value::Node(contract(cx, call, operand, &weight, [x, w, &result])?)])
}
