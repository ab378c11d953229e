//! Soft targets: the paper's Dirichlet draws from class similarity, and the kind of output that a trained classifier gives.

use super::random::Random;
use snnc_ir::{Graph, Operator, Tensor};

/// Concentrations for every class from the rows of the last weight matrix: cosine similarity, each row stretched to
/// [0, 1], plus 1e-4 so that no concentration is 0 (Nayak et al., ICML 2019; PrivateSNN uses it without a further scale).
///
/// `None` where the network does not end in a linear layer (or a convolution that does its work) with a row per class.
#[must_use]
pub fn concentrations(graph: &Graph, classes: usize) -> Option<Vec<Vec<f64>>> {
    let mut node = graph.output()?.node;
    let weight: &Tensor = loop {
        match &graph[node].op {
            Operator::Linear { weight, .. } | Operator::Conv2d { weight, .. } => break &graph.param(*weight).tensor,
            Operator::Input => return None,
            _ => node = *graph.operands(node).first()?,
        }
    };
    if weight.dims[0] != classes {
        return None;
    }
    let rows: Vec<&[f32]> = weight.data.chunks(weight.data.len() / classes).collect();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let norm: Vec<f64> = rows.iter().map(|r| dot(r, r).sqrt().max(1e-30)).collect();
    Some(
        (0..classes)
            .map(|i| {
                let similarity: Vec<f64> = (0..classes).map(|j| dot(rows[i], rows[j]) / (norm[i] * norm[j])).collect();
                let low = similarity.iter().copied().fold(f64::INFINITY, f64::min);
                let high = similarity.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                similarity.iter().map(|s| (s - low) / (high - low).max(1e-30) + 1e-4).collect()
            })
            .collect(),
    )
}

/// One draw from a Dirichlet distribution.
pub fn dirichlet(concentration: &[f64], random: &mut Random) -> Vec<f32> {
    let draws: Vec<f64> = concentration.iter().map(|&a| random.gamma(a)).collect();
    let sum: f64 = draws.iter().sum();
    if sum <= 0.0 {
        return vec![1.0 / concentration.len() as f32; concentration.len()];
    }
    draws.into_iter().map(|d| (d / sum) as f32).collect()
}

/// A target like the output of a trained classifier on an image of `class`: most of the mass there (0.68 to 0.999; most are sure, as
/// classifiers are on real images), the rest falling off over the other classes in random order.
pub fn confident(class: usize, classes: usize, random: &mut Random) -> Vec<f32> {
    let top = 1.0 - 10f32.powf(random.range(-3.0, -0.5));
    let others: Vec<f64> = (0..classes).map(|c| if c == class { 0.0 } else { random.gamma(0.3) }).collect();
    let sum: f64 = others.iter().sum::<f64>().max(1e-30);
    (0..classes).map(|c| if c == class { top } else { ((1.0 - f64::from(top)) * others[c] / sum) as f32 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_distributions() {
        let mut random = Random::new(0, 0);
        for target in [dirichlet(&[1.0, 1e-4, 0.3], &mut random), confident(1, 3, &mut random)] {
            assert!((target.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{target:?}");
            assert!(target.iter().all(|&p| p >= 0.0));
        }
        assert!(confident(2, 10, &mut random)[2] >= 0.68);
    }
}
