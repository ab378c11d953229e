//! What a file's batch norms say about the values before its rectifiers.
//!
//! A batch norm with scale γ and shift β makes values with mean β and standard deviation |γ| of the training data it saw. A
//! rectifier behind it halves a normal distribution; a sum of independent terms adds means and variances. That is exact for the
//! first and an approximation behind it: channels are not quite normal, and the branches of a residual block not quite independent.

use snnc_ir::{Graph, NodeId, Operator};
use snnc_passes::threshold::Recorded;
use std::collections::BTreeMap;

/// Mean and variance of every channel of a node.
#[derive(Clone)]
struct Moments {
    mean: Vec<f64>,
    variance: Vec<f64>,
}

/// By rectifier: the moments of its operand, where batch norms tell them. `imported` still has its batch norms.
#[must_use]
pub fn before_rectifiers(imported: &Graph) -> BTreeMap<NodeId, Recorded> {
    let mut known: BTreeMap<NodeId, Moments> = BTreeMap::new();
    let mut recorded = BTreeMap::new();
    for node in imported.topological() {
        let operands = imported.operands(node);
        let values = |id| imported.param(id).tensor.data.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let moments = match &imported[node].op {
            Operator::BatchNorm { scale, shift, .. } => {
                Some(Moments { mean: values(*shift), variance: values(*scale).iter().map(|g| g * g).collect() })
            }
            op if op.is_rectifier() => known.get(&operands[0]).map(|before| {
                let deviation = before.variance.iter().map(|v| v.sqrt() as f32).collect();
                recorded.insert(node, Recorded { mean: before.mean.iter().map(|&m| m as f32).collect(), deviation });
                rectified(before)
            }),
            Operator::Add => operands.iter().map(|o| known.get(o).cloned()).reduce(|a, b| sum(a?, &b?)).flatten(),
            _ => None,
        };
        if let Some(moments) = moments {
            known.insert(node, moments);
        }
    }
    recorded
}

fn sum(mut a: Moments, b: &Moments) -> Option<Moments> {
    if a.mean.len() != b.mean.len() {
        return None;
    }
    a.mean.iter_mut().zip(&b.mean).for_each(|(a, b)| *a += b);
    a.variance.iter_mut().zip(&b.variance).for_each(|(a, b)| *a += b);
    Some(a)
}

/// Of `max(x, 0)` for normal x: `E = μΦ(μ/σ) + σφ(μ/σ)`, `E² = (μ² + σ²)Φ(μ/σ) + μσφ(μ/σ)`.
fn rectified(before: &Moments) -> Moments {
    let of = |(&mean, &variance): (&f64, &f64)| {
        let deviation = variance.sqrt();
        if deviation == 0.0 {
            return (mean.max(0.0), 0.0);
        }
        let z = mean / deviation;
        let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let below = cumulative(z);
        let first = mean * below + deviation * density;
        let second = (mean * mean + variance) * below + mean * deviation * density;
        (first, (second - first * first).max(0.0))
    };
    let (mean, variance) = before.mean.iter().zip(&before.variance).map(of).unzip();
    Moments { mean, variance }
}

/// The standard normal distribution function, to 1e-7 (Abramowitz and Stegun, 26.2.17).
fn cumulative(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = t * (0.319_381_530 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt() * series;
    if z >= 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rectified_normal_has_the_moments_of_the_textbook() {
        let half = rectified(&Moments { mean: vec![0.0, 10.0, -10.0], variance: vec![1.0, 1.0, 1.0] });
        assert!((half.mean[0] - 0.398_942).abs() < 1e-5, "{}", half.mean[0]);
        assert!((half.variance[0] - 0.340_845).abs() < 1e-5, "{}", half.variance[0]);
        assert!((half.mean[1] - 10.0).abs() < 1e-5 && (half.variance[1] - 1.0).abs() < 1e-4, "far above 0 nothing is cut");
        assert!(half.mean[2] < 1e-5 && half.variance[2] < 1e-4, "far below 0 nothing is left");
    }

    #[test]
    fn a_residual_sum_adds_the_norm_and_the_rectified_branch() {
        let text = r#"graph @g imported {
  %0 = input : f32[1x1x2x2] "x"
  %1 = batch_norm %0, @g, @b, @m, @v : f32[1x1x2x2] "/bn1"
  %2 = relu %1 : f32[1x1x2x2] "/relu1"
  %3 = batch_norm %2, @g, @b, @m, @v : f32[1x1x2x2] "/bn2"
  %4 = add %3, %2 : f32[1x1x2x2] "/add"
  %5 = relu %4 : f32[1x1x2x2] "/relu2"
  output %5 "y"
  @b : f32[1] = splat(0) source
  @g : f32[1] = splat(-1) source
  @m : f32[1] = splat(0) source
  @v : f32[1] = splat(1) source
}
"#;
        let graph = snnc_ir::text::parse(text).expect("the graph is well formed");
        let recorded: Vec<Recorded> = before_rectifiers(&graph).into_values().collect();
        assert_eq!((recorded[0].mean[0], recorded[0].deviation[0]), (0.0, 1.0));
        assert!((recorded[1].mean[0] - 0.398_942).abs() < 1e-5);
        assert!((recorded[1].deviation[0] - 1.340_845f32.sqrt()).abs() < 1e-5);
    }
}
