//! Means of clusters of images (k-means; Lloyd, IEEE Trans. Inf. Theory 28, 1982, from starts by k-means++; Arthur and Vassilvitskii, 2007).

use super::{Directions, apart, features::Sample, unit};
use crate::synthesize::random::Random;

/// Rounds.
const ROUNDS: usize = 30;

/// The directions of the means of so many clusters.
#[must_use]
pub fn directions(sample: &Sample, count: usize, seed: u64) -> Directions {
    let mut random = Random::new(seed ^ 0xC105_7E25, 0);
    let mut means: Vec<Vec<f32>> = vec![sample[random.below(sample.len())].clone()];
    let mut far = vec![f32::INFINITY; sample.len()];
    while means.len() < count.min(sample.len()) {
        if let Some(last) = means.last() {
            far.iter_mut().zip(sample).for_each(|(far, x)| *far = far.min(apart(x, last)));
        }
        let mut left = random.uniform() * far.iter().sum::<f32>();
        let at = far.iter().position(|&f| {
            left -= f;
            left <= 0.0
        });
        means.push(sample[at.unwrap_or(sample.len() - 1)].clone());
    }
    for _ in 0..ROUNDS {
        let mut sums = vec![(vec![0.0f32; sample[0].len()], 0usize); means.len()];
        for x in sample {
            let nearest = (0..means.len()).min_by(|&a, &b| apart(x, &means[a]).total_cmp(&apart(x, &means[b]))).unwrap_or(0);
            sums[nearest].0.iter_mut().zip(x).for_each(|(s, v)| *s += v);
            sums[nearest].1 += 1;
        }
        for (mean, (sum, n)) in means.iter_mut().zip(sums).filter(|(_, (_, n))| *n > 0) {
            *mean = sum.into_iter().map(|s| s / n as f32).collect();
        }
    }
    means.into_iter().map(unit).collect()
}
