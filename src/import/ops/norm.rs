//! Normalisation with constants.

use crate::import::{
    cx::{Call, Cx, Value},
    problem::{Outcome, malformed, unsupported_use},
};
use snnc_ir::Operator;

/// `BatchNormalization` as it is in inference.
pub(super) fn batch_normalization(cx: &mut Cx, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let node = call.node;
    node.ignore(&["momentum"]);
    let help = "call `model.eval()` before the export";
    // Before operator set 14 it was the outputs that told training from inference.
    let old_training = node.opset < 14 && node.outputs.iter().skip(1).any(|o| !o.is_empty());
    if node.int("training_mode", 0)? != 0 || old_training {
        return Err(unsupported_use("operator `BatchNormalization` in training mode")
            .note("it would normalise by the images of the batch, and not by the recorded statistics")
            .help(help)
            .into());
    }
    call.check_counts(5, 1)?;
    if node.int("spatial", 1)? == 0 {
        return Err(unsupported_use("operator `BatchNormalization` with `spatial` = 0")
            .note("it would normalise every position by itself")
            .help("export with operator set 9 or newer")
            .into());
    }
    let epsilon = node.float("epsilon", 1e-5)?;
    let operand = call.activation(0)?;
    let (scale, shift, mean, variance) =
        (call.constant(1)?.clone(), call.constant(2)?.clone(), call.constant(3)?.clone(), call.constant(4)?.clone());
    let scale = cx.param(&scale, "", Ok)?;
    let shift = cx.param(&shift, "", Ok)?;
    let mean = cx.param(&mean, "", Ok)?;
    let name = variance.name.clone();
    let variance = cx.param(&variance, "", Ok)?;
    let positive = |v: f32| v >= 0.0 && (v + epsilon) > 0.0;
    if !epsilon.is_finite() || !cx.graph.param(variance).tensor.data.iter().all(|&v| positive(v)) {
        return Err(malformed(format!("variance `{name}` of operator `BatchNormalization` is not positive")).help(help).into());
    }
    let op = Operator::BatchNorm { scale, shift, mean, variance, epsilon };
    Ok(vec![Value::Node(cx.add(node, op, &[operand])?)])
}
