//! How a threshold follows from activations: pure functions, no graph.
//!
//! A neuron with threshold θ that sees the mean current x for T steps, from a start potential v₀ = ιθ, fires
//! `n = clamp(⌊T·x/θ + ι⌋, 0, T)` times if the current arrives evenly, and stands for the activation `θ·n/T`.

use crate::Activations;

/// How thresholds are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Per channel, the θ for which `θ·n/T` is nearest to the float activation in the least-squares sense, leaning on the
    /// whole layer where the channel says little.
    LeastSquares,
    /// Per layer, the largest float activation (threshold balancing by the maximum; PrivateSNN, AAAI 2022).
    Max,
    /// Per channel, a percentile (in percent) of the positive float activations.
    Percentile(f32),
    /// One value everywhere; nothing is calibrated.
    Fixed(f32),
}

/// Positive thresholds per channel for a layer whose float activations are `target` and whose spiking mean currents are
/// `current`, both for the same images. `initial` is ι above; `cap` bounds the thresholds.
///
/// A channel that no sample excites gets the mean of the others, so that it can still speak on images unlike the samples.
#[must_use]
pub fn choose(rule: Rule, target: &Activations, current: &Activations, timesteps: usize, initial: f32, cap: Option<f32>) -> Vec<f32> {
    let channels = target.channels;
    let bound = cap.unwrap_or(f32::INFINITY);
    let positive = |value: f32| if value.is_finite() && value > f32::MIN_POSITIVE { Some(value) } else { None };
    let raw: Vec<Option<f32>> = match rule {
        Rule::Fixed(value) => return vec![value; channels],
        Rule::Max => vec![positive(target.data.iter().copied().fold(0.0, f32::max)); channels],
        Rule::Percentile(percent) => (0..channels).map(|c| positive(percentile(target.channel(c).filter(|&v| v > 0.0), percent))).collect(),
        Rule::LeastSquares => {
            let pairs: Vec<Vec<(f32, f32)>> =
                (0..channels).map(|c| subsample(target.channel(c).zip(current.channel(c)), target.images() * target.plane)).collect();
            let stride = (pairs.iter().map(Vec::len).sum::<usize>() / ENOUGH).max(1) | 1;
            let layer: Vec<(f32, f32)> = pairs.iter().flatten().copied().step_by(stride).collect();
            pairs.iter().map(|channel| positive(least_squares(channel, &layer, timesteps, initial, bound))).collect()
        }
    };
    let known: Vec<f32> = raw.iter().flatten().copied().collect();
    let fallback = if known.is_empty() { 1.0 } else { known.iter().sum::<f32>() / known.len() as f32 };
    raw.into_iter().map(|theta| theta.unwrap_or(fallback).min(bound)).collect()
}

/// Values that make a stable fit.
const ENOUGH: usize = 1 << 13;

/// Enough values for a stable fit, taken evenly.
fn subsample<T>(values: impl Iterator<Item = T>, count: usize) -> Vec<T> {
    // An odd stride does not fall in step with rows of even width.
    let stride = (count / ENOUGH).max(1) | 1;
    values.step_by(stride).collect()
}

/// The value under which `percent` of the values lie; 0 for none.
fn percentile(values: impl Iterator<Item = f32>, percent: f32) -> f32 {
    let mut sorted: Vec<f32> = values.collect();
    if sorted.is_empty() {
        return 0.0;
    }
    sorted.sort_unstable_by(f32::total_cmp);
    let rank = (f64::from(percent) / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// Weight of the whole layer's error beside the channel's own.
const LAYER_WEIGHT: f64 = 0.25;

/// Minimises the mean of (a - θ·n(x)/T)² over the channel's pairs (a, x), plus [`LAYER_WEIGHT`] times that over the layer's,
/// on a grid of θ and then on a finer one around the best.
///
/// The layer's share keeps a channel that the samples hardly excite from a threshold that real images would overrun.
fn least_squares(channel: &[(f32, f32)], layer: &[(f32, f32)], timesteps: usize, initial: f32, bound: f32) -> f32 {
    let largest = channel.iter().chain(layer).map(|&(a, x)| a.max(x)).fold(0.0, f32::max).min(bound);
    if largest <= 0.0 {
        return 0.0;
    }
    let steps = timesteps as f32;
    let mean_error = |pairs: &[(f32, f32)], theta: f32| -> f64 {
        let error = |&(a, x): &(f32, f32)| {
            let spikes = (steps * x / theta + initial).floor().clamp(0.0, steps);
            let error = a - theta * spikes / steps;
            f64::from(error * error)
        };
        pairs.iter().map(error).sum::<f64>() / pairs.len().max(1) as f64
    };
    let cost = |theta: f32| mean_error(channel, theta) + LAYER_WEIGHT * mean_error(layer, theta);
    let search = |low: f32, high: f32, count: usize| -> f32 {
        let mut best = (f64::INFINITY, high);
        for k in 0..count {
            let theta = low * (high / low).powf(k as f32 / (count - 1) as f32);
            let c = cost(theta);
            if c < best.0 {
                best = (c, theta);
            }
        }
        best.1
    };
    let coarse = search(largest * 0.02, largest, 24);
    search(coarse * 0.9, (coarse * 1.1).min(bound), 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activations(channels: usize, plane: usize, data: Vec<f32>) -> Activations {
        Activations { channels, plane, data }
    }

    #[test]
    fn max_is_one_value_for_the_layer() {
        let a = activations(2, 2, vec![0.0, 1.0, 4.0, 2.0]);
        assert_eq!(choose(Rule::Max, &a, &a, 8, 0.5, None), [4.0, 4.0]);
        assert_eq!(choose(Rule::Max, &a, &a, 8, 0.5, Some(3.0)), [3.0, 3.0]);
    }

    #[test]
    fn percentile_ignores_silence_and_dead_channels_borrow() {
        let a = activations(2, 4, vec![0.0, 0.0, 1.0, 3.0, -1.0, 0.0, 0.0, 0.0]);
        assert_eq!(choose(Rule::Percentile(50.0), &a, &a, 8, 0.5, None), [1.0, 1.0]);
        assert_eq!(choose(Rule::Percentile(100.0), &a, &a, 8, 0.5, None), [3.0, 3.0]);
    }

    #[test]
    fn least_squares_cuts_an_outlier_at_few_steps_and_keeps_it_at_many() {
        let mut data: Vec<f32> = (0..1000).map(|i| i as f32 / 1000.0).collect();
        data.push(4.0);
        let a = activations(1, data.len(), data);
        let few = choose(Rule::LeastSquares, &a, &a, 4, 0.5, None)[0];
        let many = choose(Rule::LeastSquares, &a, &a, 256, 0.5, None)[0];
        assert!(few < 1.5, "{few}");
        assert!(many > 3.0, "{many}");
    }

    #[test]
    fn channel_reads_image_after_image() {
        let a = activations(2, 2, (0..8).map(|i| i as f32).collect());
        assert_eq!(a.channel(1).collect::<Vec<_>>(), [2.0, 3.0, 6.0, 7.0]);
        assert_eq!(a.channel_means(), [2.5, 4.5]);
    }
}
