//! What a float network does to its output.

use snnc_ir::Head;

/// `head` over logits `[N, classes]`.
pub(super) fn apply(head: Head, logits: &[f32], classes: usize) -> Vec<f32> {
    let rows = logits.chunks(classes);
    match head {
        Head::None => logits.to_vec(),
        Head::Relu => logits.iter().map(|x| x.max(0.0)).collect(),
        Head::Softmax => rows.flat_map(|row| softmax(row, |shifted, sum| shifted.exp() / sum)).collect(),
        Head::LogSoftmax => rows.flat_map(|row| softmax(row, |shifted, sum| shifted - sum.ln())).collect(),
        // Of a large negative number the exponential is infinite, and its inverse is the 0 that it should be.
        Head::Sigmoid => logits.iter().map(|x| 1.0 / ((-x).exp() + 1.0)).collect(),
    }
}

/// `of(x - largest, Σ exp(x - largest))` for every entry of a row.
fn softmax(row: &[f32], of: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = row.iter().map(|x| (x - largest).exp()).sum();
    row.iter().map(|x| of(x - largest, sum)).collect()
}
