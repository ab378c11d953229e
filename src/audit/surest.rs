//! Procedural images of which a network is the surest: what anybody can show who may ask it, or any other network of these classes.

use super::case::Case;
use snnc_engine::loss::log_softmax;

/// For each of [`Case::shown`] the image that is surest of its class, the next surest where a class is shown again: of `asked`, to which
/// the network gave these answers. Both in the model's own layout and units.
#[must_use]
pub fn surest(case: &Case<'_>, asked: &[f32], answers: &[f32]) -> Vec<f32> {
    let len = case.canvas.len();
    let mut images = Vec::with_capacity(case.shown.len() * len);
    for (k, &class) in case.shown.iter().enumerate() {
        let rank = case.shown[..k].iter().filter(|&&c| c == class).count();
        let mut by_answer: Vec<(f64, usize)> = answers.chunks(case.classes).map(|row| log_softmax(row, 1.0)[class]).zip(0..).collect();
        by_answer.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let best = by_answer[rank % by_answer.len()].1;
        images.extend_from_slice(&asked[best * len..][..len]);
    }
    images
}
