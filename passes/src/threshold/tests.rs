use super::*;
use crate::{Activations, Traces};
use snnc_ir::{Reset, eval::neuron_sum};

/// Neurons as the reference evaluator steps them.
struct Reference;

impl Firing for Reference {
    fn counts(&self, neuron: Neuron, threshold: f32, currents: &[f32], counts: &mut [f32]) {
        let (len, theta) = (counts.len(), f64::from(threshold));
        let steps = currents.len() / len;
        let start = f64::from(neuron.initial) * theta;
        for (place, count) in counts.iter_mut().enumerate() {
            let current = |step: usize| f64::from(currents[step.min(steps - 1) * len + place]);
            *count = match neuron.counting {
                Counting::Rate { timesteps, reset } => neuron_sum(start, (0..timesteps).map(current), theta, 1.0, reset),
                Counting::Radix { levels } => ((current(0) + start) / theta).floor().clamp(0.0, f64::from(levels)),
            } as f32;
        }
    }
}

fn activations(channels: usize, plane: usize, data: Vec<f32>) -> Activations {
    Activations { channels, plane, data }
}

/// Currents that are the activations themselves, at every step.
fn even(target: &Activations) -> Traces {
    let plane = target.plane;
    let places = (0..target.images() * plane).map(|k| (k / plane, k % plane)).collect();
    Traces { steps: 1, places, data: (0..target.channels).flat_map(|c| target.channel(c)).collect() }
}

fn thresholds(rule: Rule, target: &Activations, traces: &Traces, timesteps: usize, bound: f32, scope: Option<Scope>) -> Vec<f32> {
    let neuron = Neuron { counting: Counting::Rate { timesteps, reset: Reset::Signed }, initial: 0.5 };
    let layer = Layer { target, traces, recorded: None, neuron, firing: &Reference, bound };
    choose(&*rule.method().expect("a calibrated rule"), &layer, scope)
}

#[test]
fn max_is_one_value_for_the_layer() {
    let a = activations(2, 2, vec![0.0, 1.0, 4.0, 2.0]);
    let max = |bound, scope| thresholds(Rule::Max, &a, &even(&a), 8, bound, scope);
    assert_eq!(max(f32::INFINITY, None), [4.0, 4.0]);
    assert_eq!(max(3.0, None), [3.0, 3.0]);
    assert_eq!(max(f32::INFINITY, Some(Scope::Channel)), [1.0, 4.0]);
}

#[test]
fn percentile_ignores_silence_and_dead_channels_borrow() {
    let a = activations(2, 4, vec![0.0, 0.0, 1.0, 3.0, -1.0, 0.0, 0.0, 0.0]);
    let percentile = |p| thresholds(Rule::Percentile(p), &a, &even(&a), 8, f32::INFINITY, None);
    assert_eq!(percentile(50.0), [1.0, 1.0]);
    assert_eq!(percentile(100.0), [3.0, 3.0]);
}

#[test]
fn least_squares_cuts_an_outlier_at_few_steps_and_keeps_it_at_many() {
    let mut data: Vec<f32> = (0..1000).map(|i| i as f32 / 1000.0).collect();
    data.push(4.0);
    let a = activations(1, data.len(), data);
    let few = thresholds(Rule::LeastSquares, &a, &even(&a), 4, f32::INFINITY, None)[0];
    let many = thresholds(Rule::LeastSquares, &a, &even(&a), 256, f32::INFINITY, None)[0];
    assert!(few < 1.5, "{few}");
    assert!(many > 3.0, "{many}");
}

#[test]
fn least_squares_leaves_room_for_currents_that_come_late() {
    // One neuron of activation 1 over 8 steps: evenly, or all of it in the second half.
    let a = activations(1, 1, vec![1.0]);
    let late = Traces { steps: 8, places: vec![(0, 0)], data: [[0.0; 4], [2.0; 4]].concat() };
    let theta = |traces: &Traces| thresholds(Rule::LeastSquares, &a, traces, 8, f32::INFINITY, None)[0];
    assert!(theta(&even(&a)) <= 1.01, "{}", theta(&even(&a)));
    // Half of the steps are silent, so the activation needs more than one spike's worth in those that are left: no threshold up
    // to the largest activation gives it, and the largest comes nearest.
    assert!(theta(&late) >= 1.0, "{}", theta(&late));
}

#[test]
fn balance_stays_below_the_maximum_and_bounds_most_values() {
    let data: Vec<f32> = (0..64 * 16).map(|i| if i == 100 { 50.0 } else { (i % 16) as f32 / 8.0 - 1.0 }).collect();
    let a = activations(1, 16, data);
    let theta = thresholds(Rule::Balance, &a, &even(&a), 8, f32::INFINITY, None)[0];
    assert!(theta > 0.7 && theta < 25.0, "{theta}");
}

#[test]
fn batch_norm_needs_no_sample() {
    let a = activations(2, 1, vec![0.0, 0.0]);
    let traces = even(&a);
    let recorded = Recorded { mean: vec![0.5, -1.0], deviation: vec![1.0, 2.0] };
    let neuron = Neuron { counting: Counting::Rate { timesteps: 8, reset: Reset::Signed }, initial: 0.5 };
    let layer = Layer { target: &a, traces: &traces, recorded: Some(&recorded), neuron, firing: &Reference, bound: f32::INFINITY };
    assert_eq!(choose(&*Rule::BatchNorm(3.0).method().expect("calibrated"), &layer, None), [3.5, 5.0]);
}

#[test]
fn channel_reads_image_after_image() {
    let a = activations(2, 2, (0..8).map(|i| i as f32).collect());
    assert_eq!(a.channel(1).collect::<Vec<_>>(), [2.0, 3.0, 6.0, 7.0]);
    assert_eq!(a.channel_means(), [2.5, 4.5]);
}

/// Thresholds of neurons of the radix code with so many levels.
fn radix(rule: Rule, target: &Activations, levels: u32, bound: f32) -> Vec<f32> {
    let traces = even(target);
    let neuron = Neuron { counting: Counting::Radix { levels }, initial: 0.5 };
    let layer = Layer { target, traces: &traces, recorded: None, neuron, firing: &Reference, bound };
    choose(&*rule.method().expect("a calibrated rule"), &layer, None)
}

#[test]
fn the_largest_count_of_the_radix_code_stands_for_the_range_and_a_margin() {
    let a = activations(1, 2, vec![1.0, 3.0]);
    // Few levels: each counts. Many: real images go further than samples.
    assert_eq!(radix(Rule::Max, &a, 15, f32::INFINITY), [3.0 / 15.0]);
    assert_eq!(radix(Rule::Max, &a, 63, f32::INFINITY), [3.0 * 1.1 / 63.0]);
    assert_eq!(radix(Rule::Max, &a, 255, f32::INFINITY), [3.0 * 1.25 / 255.0]);
    // A bound holds for the margin too.
    assert_eq!(radix(Rule::Max, &a, 255, 3.2), [3.2 / 255.0]);
}

#[test]
fn least_squares_cuts_an_outlier_where_levels_are_few() {
    let mut data: Vec<f32> = (0..1000).map(|i| i as f32 / 1000.0).collect();
    data.push(4.0);
    let a = activations(1, data.len(), data);
    let range = |levels: u32| radix(Rule::LeastSquares, &a, levels, f32::INFINITY)[0] * levels as f32;
    assert!(range(3) < 1.5, "{}", range(3));
    assert!(range(255) > 3.0, "{}", range(255));
}
