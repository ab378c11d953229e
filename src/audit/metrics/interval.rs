//! How sure a number is.

use crate::synthesize::random::Random;

/// The quantile of the normal distribution that leaves 2.5 % above it.
const Z: f64 = 1.959_964;

/// Where a share lies with a probability of 95 %, of which `hits` of `of` draws were seen (Wilson, J. Am. Stat. Assoc. 22, 1927).
#[must_use]
pub fn wilson(hits: usize, of: usize) -> [f64; 2] {
    let n = of.max(1) as f64;
    let share = hits as f64 / n;
    let centre = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    [(centre - half).clamp(0.0, 1.0), (centre + half).clamp(0.0, 1.0)]
}

/// Where the difference of two independent shares lies with a probability of 95 % (Newcombe, Statistics in Medicine 17, 1998, method 10).
#[must_use]
pub fn difference(a: (usize, usize), b: (usize, usize)) -> [f64; 2] {
    let share = |(hits, of): (usize, usize)| hits as f64 / of.max(1) as f64;
    let ([low_a, high_a], [low_b, high_b]) = (wilson(a.0, a.1), wilson(b.0, b.1));
    let between = share(a) - share(b);
    let below = ((share(a) - low_a).powi(2) + (high_b - share(b)).powi(2)).sqrt();
    let above = ((high_a - share(a)).powi(2) + (share(b) - low_b).powi(2)).sqrt();
    [between - below, between + above]
}

/// Draws with replacement that a bootstrap makes.
const DRAWS: u64 = 200;

/// Where a statistic of `count` things lies with a probability of 95 %: percentiles over draws with replacement (Efron, Ann. Stat. 7, 1979).
/// None where there is nothing to draw.
pub fn bootstrap(count: usize, seed: u64, mut statistic: impl FnMut(&[usize]) -> f64) -> Option<[f64; 2]> {
    if count < 2 {
        return None;
    }
    let mut values: Vec<f64> = (0..DRAWS)
        .map(|draw| {
            let mut random = Random::new(seed ^ 0xB007_0000, draw);
            let chosen: Vec<usize> = (0..count).map(|_| random.below(count)).collect();
            statistic(&chosen)
        })
        .filter(|v| v.is_finite())
        .collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get(((values.len() as f64 - 1.0) * share).round() as usize).copied();
    Some([at(0.025)?, at(0.975)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        // Of the textbook: 8 of 10 is 49.0 to 94.3 %.
        let [low, high] = wilson(8, 10);
        assert!((low - 0.4902).abs() < 1e-4 && (high - 0.9433).abs() < 1e-4, "{low} {high}");
        let [low, high] = wilson(64, 64);
        assert!(low > 0.94 && high == 1.0, "{low} {high}");
    }

    #[test]
    fn the_difference_is_newcombes() {
        // His table II: 56/70 against 48/80 is 0.0524 to 0.3339.
        let [low, high] = difference((56, 70), (48, 80));
        assert!((low - 0.0524).abs() < 1e-4 && (high - 0.3339).abs() < 1e-4, "{low} {high}");
    }

    #[test]
    fn a_bootstrap_of_a_mean_is_as_wide_as_the_normal_one() {
        let values: Vec<f64> = (0..400).map(|k| f64::from(k % 20)).collect();
        let mean = |chosen: &[usize]| chosen.iter().map(|&k| values[k]).sum::<f64>() / chosen.len() as f64;
        let [low, high] = bootstrap(values.len(), 1, mean).unwrap();
        // A standard deviation of 5.77 over 20.
        assert!((high - low - 2.0 * 1.96 * 5.766 / 20.0).abs() < 0.25, "{low} {high}");
        assert!(low < 9.5 && high > 9.5);
        assert_eq!(bootstrap(1, 1, mean), None);
    }
}
