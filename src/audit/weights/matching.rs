//! Which channel of one network is which of the other.

/// Candidates that a channel keeps for the assignment.
const CANDIDATES: usize = 8;

/// What the cosines of the channels of two layers say.
#[derive(Clone, Debug)]
pub(crate) struct Matching {
    /// For each channel of the artifact its nearest channel of the ANN, by magnitude of the cosine.
    pub(crate) nearest: Vec<usize>,
    /// The magnitude of that cosine.
    pub(crate) cosine: Vec<f32>,
    /// A one-to-one assignment of channels of the artifact to channels of the ANN, pairs of great cosines first (greedy).
    pub(crate) assigned: Vec<usize>,
    /// The magnitudes of its cosines; 0 for channels that were left over.
    pub(crate) assigned_cosine: Vec<f32>,
}

impl Matching {
    /// From cosines `[O, O]`: channels of the artifact down, of the ANN across.
    pub(crate) fn new(cosines: &[f32], channels: usize) -> Self {
        let mut pairs: Vec<(f32, usize, usize)> = Vec::with_capacity(channels * CANDIDATES);
        let mut nearest = Vec::with_capacity(channels);
        let mut cosine = Vec::with_capacity(channels);
        for (channel, row) in cosines.chunks_exact(channels).enumerate() {
            let best = greatest(row);
            nearest.push(best[0].1);
            cosine.push(best[0].0);
            pairs.extend(best.iter().map(|&(value, other)| (value, channel, other)));
        }
        let (assigned, assigned_cosine) = assign(pairs, channels);
        Self { nearest, cosine, assigned, assigned_cosine }
    }

    /// Channels whose nearest channel is the expected one.
    pub(crate) fn as_expected(&self, expected: impl Iterator<Item = usize>) -> usize {
        self.nearest.iter().zip(expected).filter(|&(&n, e)| n == e).count()
    }

    /// Channels that were assigned one more similar than `floor`.
    pub(crate) fn above(&self, floor: f32) -> usize {
        self.assigned_cosine.iter().filter(|&&c| c > floor).count()
    }

    /// Mean magnitude of the cosine with the nearest channel.
    pub(crate) fn mean(&self) -> f64 {
        self.cosine.iter().map(|&c| f64::from(c)).sum::<f64>() / self.cosine.len().max(1) as f64
    }

    /// Greatest magnitude of a cosine.
    pub(crate) fn greatest(&self) -> f32 {
        self.cosine.iter().copied().fold(0.0, f32::max)
    }
}

/// The greatest magnitudes of a row, in descending order, the first of equal ones first.
fn greatest(row: &[f32]) -> Vec<(f32, usize)> {
    let mut best: Vec<(f32, usize)> = Vec::with_capacity(CANDIDATES + 1);
    for (other, value) in row.iter().map(|v| v.abs()).enumerate() {
        if best.len() == CANDIDATES && value <= best[CANDIDATES - 1].0 {
            continue;
        }
        let place = best.partition_point(|&(b, _)| b >= value);
        best.insert(place, (value, other));
        best.truncate(CANDIDATES);
    }
    best
}

fn assign(mut pairs: Vec<(f32, usize, usize)>, channels: usize) -> (Vec<usize>, Vec<f32>) {
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut to = vec![None; channels];
    let mut cosine = vec![0.0; channels];
    let mut taken = vec![false; channels];
    for (value, channel, other) in pairs {
        if to[channel].is_none() && !taken[other] {
            to[channel] = Some(other);
            cosine[channel] = value;
            taken[other] = true;
        }
    }
    // All candidates of what is left were taken by channels more similar to them: any of the rest, in order.
    let mut left = (0..channels).filter(|&other| !taken[other]).collect::<Vec<_>>().into_iter();
    let assigned = to.into_iter().map(|t| t.or_else(|| left.next()).unwrap_or(0)).collect();
    (assigned, cosine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignment_is_one_to_one_and_greedy() {
        // Channel 0 and 1 both want 2; 0 wants it more.
        let matching = Matching::new(&[0.1, 0.2, -0.9, 0.3, 0.1, 0.8, 0.5, 0.4, 0.3], 3);
        assert_eq!(matching.nearest, [2, 2, 0]);
        assert_eq!(matching.assigned, [2, 1, 0]);
        assert_eq!(matching.assigned_cosine, [0.9, 0.1, 0.5]);
        assert_eq!((matching.above(0.4), matching.as_expected([2, 0, 0].into_iter()), matching.greatest()), (2, 2, 0.9));
        assert!((matching.mean() - 2.2 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_left_over_is_a_permutation_still() {
        let n = 30;
        // All prefer the same few channels.
        let cosines: Vec<f32> = (0..n * n).map(|e| 1.0 / (1.0 + (e % n) as f32)).collect();
        let mut assigned = Matching::new(&cosines, n).assigned;
        assigned.sort_unstable();
        assert!(assigned.into_iter().eq(0..n));
    }
}
