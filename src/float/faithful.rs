//! Whether the float network is what the file says.
//!
//! Accuracy, agreement and the audit compare with the float network: the file, imported and rewritten by passes, run by our kernels. A
//! fault in any of that would be in both sides of every comparison, and unseen. So on a few images, before anything is built on
//! it, it is held against an evaluation of the graph as imported, before any pass, by the slow evaluator in double precision, and
//! that against tract's evaluation of the file, where tract can read it.

use crate::{
    error::{Error, Result},
    import::{Imported, second_opinion},
    synthesize::{Canvas, prior, random::Random},
};
use snnc_engine::Network;
use snnc_ir::{
    Diagnostic, Graph, NodeId, Operator, Tensor,
    eval::{self, Mode},
};
use snnc_passes::{PassCx, Settings, manager};
use std::path::Path;

/// Images: as many as the evaluator does in about a second, one at least.
const MOST: usize = 4;
const MACS: usize = 400_000_000;

/// Largest difference, in units of the largest score: rounding of 32-bit floats stays far below it, even over a hundred layers.
const TOLERANCE: f64 = 1e-3;

/// The same where activations are rounded to steps: rounding may push an entry over the edge of one.
const TOLERANCE_IN_STEPS: f64 = 5e-2;

/// Compares the float network with the file.
///
/// # Errors
/// [`Error::Diagnostics`] if they differ, or if scores are infinite or no numbers.
pub fn check(model: &Path, imported: &Imported, float: &Graph, canvas: &Canvas, seed: u64) -> Result<()> {
    let broken = || Error::Internal("a verified graph has an input and an output".into());
    let graph = &imported.graph;
    let (input, output) = (graph.input().ok_or_else(broken)?, graph.output().ok_or_else(broken)?);
    let mut dims = graph[input].ty.dims.clone();
    let count = (MACS / work(graph).max(1)).clamp(1, MOST);
    dims[0] = count;
    let images = Tensor::new(dims, images(canvas, count, seed));
    let values = eval::run_all(graph, &images, Mode::Float).map_err(|e| Error::Internal(e.to_string()))?;
    let as_imported = &values[&output.node].data;
    // A network with one score has become one with two classes, of which that is the second.
    let is_split = as_imported.len() == count && float.output().is_some_and(|output| float[output.node].ty.len() == 2);
    let of_file = |scores: Vec<f32>| -> Vec<f32> { if is_split { scores.chunks(2).map(|pair| pair[1]).collect() } else { scores } };
    let tolerance = if rounds(graph) { TOLERANCE_IN_STEPS } else { TOLERANCE };

    let network = Network::float(float, &[])?;
    let logits = network.all_logits(&images.data);
    let (scores, logits) = (of_file(network.head(&logits)), of_file(logits));
    let told =
        |problem: Option<Difference>, by: &str| problem.map_or(Ok(()), |found| Err(Error::from(found.diagnostic(model, &output.name, by))));
    told(difference(as_imported, &scores, tolerance), THE_IMPORTED)?;
    // A softmax hides what goes wrong before it.
    let before_head = before_head(graph)?.and_then(|node| values.get(&node));
    if let Some(before_head) = before_head.filter(|tensor| tensor.data.len() == logits.len()) {
        told(difference(&before_head.data, &logits, tolerance), THE_IMPORTED)?;
    }
    if let Some(theirs) = second_opinion::scores(model, &output.name, &graph[input].ty.dims, imported.batch, &images.data) {
        let theirs = if ends_in_head(graph) { without_scale(theirs, as_imported) } else { theirs };
        told(difference(&theirs, as_imported, tolerance), "tract's evaluation of the file")?;
    }
    Ok(())
}

/// The node of the imported graph that makes what the head is applied to.
fn before_head(imported: &Graph) -> Result<Option<NodeId>> {
    let mut graph = imported.clone();
    let pass = snnc_passes::find("extract-head").ok_or_else(|| Error::Internal("pass `extract-head` is in the list".into()))?;
    let settings = Settings::default();
    match manager::run(pass, &mut graph, &mut PassCx::new(&settings), &mut |_, _, _, _| ()) {
        Ok(_) => Ok(graph.output().map(|output| output.node)),
        Err(error) => Err(Error::Internal(format!("{error:?}"))),
    }
}

/// Whether the graph ends in a head: a factor and an offset of all that it makes are then left out, since they change no class.
fn ends_in_head(imported: &Graph) -> bool {
    let mut node = imported.output().map(|output| output.node);
    while let Some(reshape) = node.filter(|&node| matches!(imported[node].op, Operator::Reshape { .. })) {
        node = imported.operand(reshape);
    }
    node.is_some_and(|node| matches!(imported[node].op, Operator::Softmax { .. } | Operator::LogSoftmax { .. } | Operator::Sigmoid))
}

/// `scores` without the positive factor and the offset by which they are nearest to `reference`.
fn without_scale(scores: Vec<f32>, reference: &[f32]) -> Vec<f32> {
    let mean = |values: &[f32]| values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len().max(1) as f64;
    let (own, other) = (mean(&scores), mean(reference));
    let (mut both, mut square) = (0.0, 0.0);
    for (&a, &b) in scores.iter().zip(reference) {
        both += (f64::from(a) - own) * (f64::from(b) - other);
        square += (f64::from(b) - other).powi(2);
    }
    if square == 0.0 {
        // One score says nothing of a factor and an offset.
        return reference.to_vec();
    }
    let factor = both / square;
    if !(factor > 0.0 && factor.is_finite()) {
        return scores;
    }
    scores.into_iter().map(|v| ((f64::from(v) - own) / factor + other) as f32).collect()
}

const THE_IMPORTED: &str = "an evaluation of the file's graph as it is";

/// What two lists of scores have between them.
enum Difference {
    /// Scores that are infinite or no numbers, where the reference has them.
    NotFinite,
    /// The largest difference, and the size of the scores.
    Apart { most: f64, size: f64 },
    /// Another number of scores.
    Count(usize, usize),
}

/// How scores differ from those that they should be, if they do beyond the tolerance.
fn difference(expected: &[f32], found: &[f32], tolerance: f64) -> Option<Difference> {
    if expected.len() != found.len() {
        return Some(Difference::Count(expected.len(), found.len()));
    }
    if expected.iter().any(|v| !v.is_finite()) {
        return Some(Difference::NotFinite);
    }
    let size = expected.iter().fold(0.0, |size: f64, &v| size.max(f64::from(v).abs()));
    let apart = |(&a, &b): (&f32, &f32)| if b.is_finite() { (f64::from(a) - f64::from(b)).abs() } else { f64::INFINITY };
    let most = expected.iter().zip(found).map(apart).fold(0.0, f64::max);
    (most > tolerance * size + f64::from(f32::MIN_POSITIVE)).then_some(Difference::Apart { most, size })
}

impl Difference {
    fn diagnostic(&self, model: &Path, output: &str, by: &str) -> Diagnostic {
        let problem = match self {
            Self::NotFinite => Diagnostic::error("E0110", format!("the network's scores `{output}` are infinite or no numbers"))
                .note("an image of the range that `--scale`, `--mean` and `--std` say was given to it")
                .help("the file is damaged or the training diverged: look for absurdly large weights"),
            Self::Apart { most, size } => {
                Diagnostic::error("E0111", format!("the float network computes `{output}` unlike {by}"))
                    .note(format!("scores of up to {size:.3} differ by {most:.3}"))
                    .note("all that is said of a conversion would compare with the wrong network")
                    .help("look for weights, offsets or bounds that are millions of times larger than what they meet: in 32-bit floats they swallow it")
                    .help("if there are none, this is a fault of snnc's: please report it with the file")
            }
            Self::Count(expected, found) => {
                Diagnostic::error("E0111", format!("the float network has {found} scores `{output}`, and {by} {expected}"))
                    .help("this is a fault of snnc's: please report it with the file")
            }
        };
        problem.in_file(model.display().to_string())
    }
}

/// Procedural images, and noise as the last: in the model's own layout and units.
fn images(canvas: &Canvas, count: usize, seed: u64) -> Vec<f32> {
    let mut pixels = Vec::with_capacity(count * canvas.len());
    for k in 0..count {
        let mut random = Random::new(seed, (2 << 32) + k as u64);
        if k + 1 == count {
            pixels.extend((0..canvas.len()).map(|_| random.uniform()));
        } else {
            pixels.extend(prior::image(canvas, &mut random));
        }
    }
    canvas.to_model(&pixels)
}

fn rounds(graph: &Graph) -> bool {
    graph.node_ids().into_iter().any(|node| matches!(graph[node].op, Operator::Floor | Operator::Round))
}

/// What an image costs the evaluator: multiply-accumulates, and where there are none an operation for every entry.
fn work(graph: &Graph) -> usize {
    graph.node_ids().into_iter().map(|node| graph.macs(node).max(graph[node].ty.len())).sum()
}

#[cfg(test)]
mod tests {
    use super::{Difference, difference};

    #[test]
    fn rounding_is_no_difference() {
        assert!(difference(&[10.0, -3.0], &[10.001, -3.0], 1e-3).is_none());
        assert!(matches!(difference(&[10.0, -3.0], &[10.02, -3.0], 1e-3), Some(Difference::Apart { .. })));
        assert!(difference(&[0.0, 0.0], &[0.0, 0.0], 1e-3).is_none(), "scores may all be 0");
    }

    #[test]
    fn what_is_no_number_is_said() {
        assert!(matches!(difference(&[f32::NAN], &[0.0], 1e-3), Some(Difference::NotFinite)));
        assert!(matches!(difference(&[0.0], &[f32::NAN], 1e-3), Some(Difference::Apart { most, .. }) if most.is_infinite()));
        assert!(matches!(difference(&[0.0], &[0.0, 1.0], 1e-3), Some(Difference::Count(1, 2))));
    }
}
