//! How alike the layers of two networks are in what they answer to the same images.

use super::{attack::Subject, case::Case, models::float};
use crate::{coding::spikes, error::Result};
use snnc_engine::{Buffers, Network, Plan, plan::Tail};
use snnc_ir::{Graph, NodeId};

/// The centred kernel alignment (linear; Kornblith et al., ICML 2019, with the unbiased estimate of Nguyen, Raghu and Kornblith, ICLR 2021)
/// between the ANN's rectifiers and a subject's rectifiers or firing rates, on average over the layers, and how many there are; none where the
/// layers do not correspond.
///
/// # Errors
/// Only on a bug.
pub fn mean(case: &Case<'_>, subject: Subject, timesteps: Option<usize>, images: &[f32]) -> Result<Option<(f64, usize)>> {
    let count = images.len() / case.canvas.len();
    let ann = activations(case.given.float);
    let own = activations(float(case, subject).unwrap_or(&case.spiking));
    if ann.is_empty() || ann.len() != own.len() || count < 4 {
        return Ok(None);
    }
    let kept = |network: &Network<'_>, nodes: &[NodeId], input: &[f32]| network.results(input, count, nodes, &mut Buffers::default()).1;
    let of_ann = kept(&Network::float(case.given.float, &ann)?, &ann, images);
    let of_subject = match float(case, subject) {
        Some(graph) => kept(&Network::float(graph, &own)?, &own, images),
        None => {
            let timesteps = timesteps.unwrap_or(case.timesteps());
            let plan = Plan::spiking(&case.spiking, timesteps, case.units.is_none(), Tail::EveryStep)?;
            let input = case.units.as_ref().map(|units| spikes(images, units, timesteps, case.given.seed, 0));
            kept(&Network::of(plan, &case.spiking), &own, input.as_deref().unwrap_or(images))
        }
    };
    let pairs = of_ann.iter().zip(&of_subject);
    let sum: f64 = pairs.map(|(a, b)| alignment(&gram(a, count), &gram(b, count), count)).sum();
    Ok(Some((sum / ann.len() as f64, ann.len())))
}

/// Rectifiers, or neurons, front to back.
fn activations(graph: &Graph) -> Vec<NodeId> {
    let is = |id: &NodeId| graph[*id].op.is_rectifier() || graph[*id].op.is_neuron();
    graph.topological().into_iter().filter(is).collect()
}

/// Products of all pairs of rows.
fn gram(values: &[f32], rows: usize) -> Vec<f64> {
    let len = values.len() / rows;
    let row = |k: usize| &values[k * len..][..len];
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let mut products = vec![0.0; rows * rows];
    for a in 0..rows {
        for b in 0..=a {
            let product = dot(row(a), row(b));
            (products[a * rows + b], products[b * rows + a]) = (product, product);
        }
    }
    products
}

/// Unbiased linear CKA of two Gram matrices.
fn alignment(a: &[f64], b: &[f64], n: usize) -> f64 {
    let size = (hsic(a, a, n) * hsic(b, b, n)).sqrt();
    if size > 0.0 { hsic(a, b, n) / size } else { 0.0 }
}

/// The unbiased estimate of the Hilbert-Schmidt independence criterion (Song et al., JMLR 13, 2012, eq. 5), up to a factor.
fn hsic(a: &[f64], b: &[f64], n: usize) -> f64 {
    let off = |m: &[f64], i: usize, j: usize| if i == j { 0.0 } else { m[i * n + j] };
    let row = |m: &[f64], i: usize| (0..n).map(|j| off(m, i, j)).sum::<f64>();
    let (rows_a, rows_b): (Vec<f64>, Vec<f64>) = (0..n).map(|i| (row(a, i), row(b, i))).unzip();
    let trace: f64 = (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| off(a, i, j) * off(b, i, j)).sum();
    let (sum_a, sum_b): (f64, f64) = (rows_a.iter().sum(), rows_b.iter().sum());
    let product: f64 = rows_a.iter().zip(&rows_b).map(|(a, b)| a * b).sum();
    let m = n as f64;
    trace + sum_a * sum_b / ((m - 1.0) * (m - 2.0)) - 2.0 * product / (m - 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesize::random::Random;

    #[test]
    fn alignment_is_1_of_the_same_and_0_of_unrelated_layers() {
        let mut random = Random::new(1, 0);
        let mut normal = |count: usize| (0..count).map(|_| random.normal()).collect::<Vec<f32>>();
        let (x, y) = (normal(64 * 500), normal(64 * 500));
        let scaled: Vec<f32> = x.iter().map(|v| 3.0 * v + 1.0).collect();
        let of = |a: &[f32], b: &[f32]| alignment(&gram(a, 64), &gram(b, 64), 64);
        assert!((of(&x, &scaled) - 1.0).abs() < 1e-6);
        // The biased estimate would be about 0.89 here.
        assert!(of(&x, &y).abs() < 0.15, "{}", of(&x, &y));
    }
}
