//! How sure a number is.

use crate::synthesize::random::Random;

/// The quantile of the normal distribution that leaves 2.5 % above it.
const Z: f64 = 1.959_964;

/// Where a share lies with a probability of 95 %, of which `hits` of `of` draws were seen (Wilson, J. Am. Stat. Assoc. 22, 1927).
#[must_use]
pub fn wilson(hits: usize, of: usize) -> [f64; 2] {
    let n = of.max(1) as f64;
    around(hits as f64 / n, n)
}

/// The same of a share in groups that are alike inside, each given by its hits and its size: of so many draws as would be as uncertain if each was drawn by
/// itself (the design effect of Rao and Scott, Biometrics 48, 1992). Reconstructions of one class go right or wrong together.
#[must_use]
pub fn clustered(groups: &[(usize, usize)]) -> [f64; 2] {
    let n = groups.iter().map(|&(_, of)| of).sum::<usize>().max(1) as f64;
    let share = groups.iter().map(|&(hits, _)| hits).sum::<usize>() as f64 / n;
    let independent = share * (1.0 - share) / n;
    let count = groups.len() as f64;
    let squares: f64 = groups.iter().map(|&(hits, of)| (hits as f64 - share * of as f64).powi(2)).sum();
    let found = squares / n.powi(2) * count / (count - 1.0).max(1.0);
    let effect = if independent > 0.0 && groups.len() > 1 { (found / independent).max(1.0) } else { 1.0 };
    around(share, n / effect)
}

/// Wilson's interval of a share of `n` draws.
fn around(share: f64, n: f64) -> [f64; 2] {
    let centre = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    [(centre - half).clamp(0.0, 1.0), (centre + half).clamp(0.0, 1.0)]
}

/// Where the difference of two independent shares lies with a probability of 95 %, given both with their intervals (Newcombe, Statistics in
/// Medicine 17, 1998, method 10).
#[must_use]
pub fn difference((a, [low_a, high_a]): (f64, [f64; 2]), (b, [low_b, high_b]): (f64, [f64; 2])) -> [f64; 2] {
    let between = a - b;
    let below = ((a - low_a).powi(2) + (high_b - b).powi(2)).sqrt();
    let above = ((high_a - a).powi(2) + (b - low_b).powi(2)).sqrt();
    [between - below, between + above]
}

/// Draws with replacement that a bootstrap makes.
const DRAWS: u64 = 200;

/// Where a statistic of `count` things lies with a probability of 95 %: percentiles over draws with replacement (Efron, Ann. Stat. 7, 1979).
/// None where there is nothing to draw.
pub fn bootstrap(count: usize, seed: u64, statistic: impl FnMut(&[usize]) -> f64) -> Option<[f64; 2]> {
    percentiles(count, seed, statistic).map(|[low, _, high]| [low, high])
}

/// The same of a statistic that is another for what stands there twice, as distances between distributions are: its draws lie to one side of
/// its `value`, so the percentiles are moved until their median is that.
pub fn bootstrap_around(value: f64, count: usize, seed: u64, statistic: impl FnMut(&[usize]) -> f64) -> Option<[f64; 2]> {
    percentiles(count, seed, statistic).map(|[low, median, high]| [value + low - median, value + high - median])
}

/// The 2.5th, the 50th and the 97.5th.
fn percentiles(count: usize, seed: u64, mut statistic: impl FnMut(&[usize]) -> f64) -> Option<[f64; 3]> {
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
    Some([at(0.025)?, at(0.5)?, at(0.975)?])
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
    fn what_goes_together_counts_for_less() {
        // All or nothing in ten groups of three: as if ten things had been drawn.
        let together: Vec<(usize, usize)> = (0..10).map(|k| (if k < 3 { 3 } else { 0 }, 3)).collect();
        let ([low, high], [low_of_ten, high_of_ten]) = (clustered(&together), wilson(3, 10));
        assert!((low - low_of_ten).abs() < 0.02 && (high - high_of_ten).abs() < 0.02, "{low} {high}");
        // Spread out evenly, or all alike: as many as there are.
        let spread: Vec<(usize, usize)> = (0..10).map(|_| (1, 3)).collect();
        assert_eq!(clustered(&spread), wilson(10, 30));
        assert_eq!(clustered(&[(3, 3); 10]), wilson(30, 30));
    }

    #[test]
    fn the_difference_is_newcombes() {
        // His table II: 56/70 against 48/80 is 0.0524 to 0.3339.
        let share = |hits: usize, of: usize| (hits as f64 / of as f64, wilson(hits, of));
        let [low, high] = difference(share(56, 70), share(48, 80));
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
