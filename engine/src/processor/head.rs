//! What a float network does to its output.

use super::activation::{sigmoid, softmax};
use snnc_ir::Head;

/// `head` over logits `[N, classes]`.
pub(super) fn apply(head: Head, logits: &[f32], classes: usize) -> Vec<f32> {
    let line = (classes, 1);
    let mut outputs = vec![0.0; logits.len()];
    match head {
        Head::None => outputs.copy_from_slice(logits),
        Head::Relu => outputs.iter_mut().zip(logits).for_each(|(y, x)| *y = x.max(0.0)),
        Head::Softmax => softmax(logits, &mut outputs, line, false),
        Head::LogSoftmax => softmax(logits, &mut outputs, line, true),
        Head::Sigmoid => outputs.iter_mut().zip(logits).for_each(|(y, &x)| *y = sigmoid(x)),
    }
    outputs
}
