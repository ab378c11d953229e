//! Telling members of the training data from others by a score.

use super::{Metric, Unit};

/// Area under the curve and true positives at few false ones, of scores that are higher for members.
///
/// The area is the probability that a member scores higher than another image; its interval is DeLong's (DeLong, DeLong and
/// Clarke-Pearson, Biometrics 44, 1988). True positives at 1 % and 0.1 % false ones are what an attack is worth that must not accuse
/// wrongly (Carlini et al., S&P 2022); with fewer than 1000 others the second is that at no false positive at all.
#[must_use]
pub fn metrics(prefix: &str, members: &[f64], others: &[f64]) -> Vec<Metric> {
    if members.is_empty() || others.is_empty() {
        return Vec::new();
    }
    let name = |what: &str| if prefix.is_empty() { what.to_owned() } else { format!("{prefix}_{what}") };
    let (area, interval_95) = area(members, others);
    let of = members.len() + others.len();
    let mut metrics =
        vec![Metric { interval_95: Some(interval_95), chance: Some(0.5), ..Metric::plain(&name("auc"), area, of, Unit::Auc) }];
    for (rate, what) in [(0.01, "tpr_at_fpr_1"), (0.001, "tpr_at_fpr_0_1")] {
        let hits = true_positives(members, others, rate);
        metrics.push(Metric::share(&name(what), hits, members.len(), Some(rate)));
    }
    metrics
}

fn area(members: &[f64], others: &[f64]) -> (f64, [f64; 2]) {
    // For each, the share of the other side that it is on the right side of.
    let share = |x: f64, sorted: &[f64]| {
        let below = sorted.partition_point(|&y| y < x);
        let upto = sorted.partition_point(|&y| y <= x);
        (below as f64 + (upto - below) as f64 / 2.0) / sorted.len() as f64
    };
    let sorted = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let (low, high) = (sorted(others), sorted(members));
    let of_members: Vec<f64> = members.iter().map(|&x| share(x, &low)).collect();
    let of_others: Vec<f64> = others.iter().map(|&y| 1.0 - share(y, &high)).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let area = mean(&of_members);
    let variance = |values: &[f64]| values.iter().map(|v| (v - area).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0).max(1.0);
    let error = (variance(&of_members) / members.len() as f64 + variance(&of_others) / others.len() as f64).sqrt();
    (area, [(area - 1.96 * error).max(0.0), (area + 1.96 * error).min(1.0)])
}

/// Members above the threshold that at most this share of the others exceeds.
fn true_positives(members: &[f64], others: &[f64], rate: f64) -> usize {
    let mut sorted = others.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let allowed = (rate * others.len() as f64).floor() as usize;
    let threshold = sorted.get(allowed).copied().unwrap_or(f64::NEG_INFINITY);
    members.iter().filter(|&&x| x > threshold).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesize::random::Random;

    fn scores(count: usize, shift: f64, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed, 0);
        (0..count).map(|_| f64::from(random.normal()) + shift).collect()
    }

    #[test]
    fn the_area_of_two_normals() {
        // Φ(1 / √2) = 0.760.
        let metrics = metrics("", &scores(4000, 1.0, 1), &scores(4000, 0.0, 2));
        assert!((metrics[0].value - 0.760).abs() < 0.015, "{metrics:?}");
        // P(z > 2.326 - 1) = 0.092.
        assert!((metrics[1].value - 0.092).abs() < 0.03, "{metrics:?}");
    }

    #[test]
    fn chance_is_covered_as_often_as_promised() {
        let covered = (0..200)
            .filter(|&k| {
                let [low, high] = metrics("", &scores(80, 0.0, 2 * k), &scores(120, 0.0, 2 * k + 1))[0].interval_95.unwrap();
                low <= 0.5 && high >= 0.5
            })
            .count();
        assert!((180..=199).contains(&covered), "{covered} of 200");
    }

    #[test]
    fn ties_count_half_and_never_accuse() {
        let metrics = metrics("loss", &[1.0; 10], &[1.0; 10]);
        assert_eq!((metrics[0].value, metrics[1].value, metrics[2].value), (0.5, 0.0, 0.0));
        assert_eq!(metrics[2].name, "loss_tpr_at_fpr_0_1");
    }
}
