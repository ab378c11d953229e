//! What is done about what training has left of the source network.
//!
//! Training moves no weight that no sample reaches: those of input channels that never spike, those of output channels that nothing drives
//! near the threshold. Others it moves together, which hides as little as the factor of a channel, by which a conversion scales them. Such
//! channels get noise of the size of what training has changed in their layer: whoever compares the files learns no more from them than
//! from the others. Where training has hardly moved a layer at all, noise would be a pretence: then it is said that the
//! source network's channels are still there, and the phase is not `trained`.

use crate::{
    artifact::{
        Shape, Side,
        remains::{ROUNDED, distances},
    },
    synthesize::random::Random,
};
use snnc_engine::plan::{Kind, Op, Plan, Slot};

/// A channel that has moved by less than this share of what the channels of its layer have moved was not trained.
const UNMOVED: f64 = 0.1;

/// The channels of a weight of a plan; `None` for a factor, which has none.
pub(super) fn shape(plan: &Plan, slot: Slot, entries: usize) -> Option<Shape> {
    plan.steps.iter().find_map(|step| match &step.op {
        Op::Convolution { conv, weight, .. } if *weight == slot => {
            let [height, width] = conv.kernel;
            Shape::new(&[conv.out_channels, conv.in_channels / conv.groups, height, width], conv.groups, entries)
        }
        Op::Linear { inputs, outputs, weight, .. } if *weight == slot => Shape::new(&[*outputs, *inputs], 1, entries),
        _ => None,
    })
}

/// Moves what training has left where it was: see the module. `trained` says which parameters were to be trained.
pub(super) fn stir(plan: &Plan, trained: &[bool], before: &[Vec<f32>], after: &mut [Vec<f32>], seed: u64) {
    for (k, (before, after)) in before.iter().zip(after).enumerate().filter(|(k, _)| trained[*k]) {
        let kind = plan.parameters[k].kind;
        let changed = before.iter().zip(after.iter()).filter(|(b, a)| a != b).map(|(b, a)| f64::from(a / b - 1.0).abs());
        let share = median(changed.filter(|share| share.is_finite()).collect()).unwrap_or(1e-3).clamp(1e-4, 0.5) as f32;
        let mut random = Random::new(seed ^ 0x5719_0000, k as u64);
        for (before, after) in before.iter().zip(after.iter_mut()) {
            let noise = random.normal();
            if before == after {
                *after = moved(*after, share * noise, kind);
            }
        }
        if let (Kind::Weight, Some(shape)) = (kind, shape(plan, k, before.len())) {
            for side in [Side::Input, Side::Output] {
                stir_channels(&shape, side, before, after, &mut random);
            }
        }
    }
}

/// Moves channels that training has moved much less than the others of their layer, or only all together.
fn stir_channels(shape: &Shape, side: Side, before: &[f32], after: &mut [f32], random: &mut Random) {
    let distances = distances(shape, side, before, after);
    let Some(median) = median(distances.iter().map(|(_, distance)| *distance).filter(|d| d.is_finite()).collect()) else { return };
    // Where the layer has clearly moved, a channel must not stay in reach of rounding.
    let least = if median > 4.0 * ROUNDED { 2.0 * ROUNDED } else { 0.0 };
    for (channel, _) in distances.into_iter().filter(|(_, distance)| *distance < least.max(UNMOVED * median)) {
        for at in shape.places(side, channel) {
            after[at] = moved(after[at], median.min(0.5) as f32 * random.normal(), Kind::Weight);
        }
    }
}

/// A value moved by a share of itself, within the bounds of its kind.
fn moved(value: f32, share: f32, kind: Kind) -> f32 {
    let moved = value * (1.0 + share);
    match kind {
        Kind::Leak => moved.clamp(0.05, 1.0),
        Kind::Threshold => moved.max(0.25 * value),
        Kind::Weight | Kind::Bias | Kind::Initial => moved,
    }
}

/// The middle one, which a few that are out of all proportion do not change: a weight near 0 may have moved by many times its size.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::remains::left;

    fn normal(count: usize, seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed, 0);
        (0..count).map(|_| random.normal()).collect()
    }

    #[test]
    fn channels_that_training_did_not_reach_are_moved_like_the_others() {
        let shape = Shape::new(&[16, 8, 3, 3], 1, 1152).unwrap();
        let before = normal(1152, 1);
        let change = normal(1152, 2);
        for size in [0.1, 0.3] {
            for (side, channel) in [(Side::Input, 3), (Side::Output, 5)] {
                for (factor, rest) in [(1.0, 1e-4), (0.7, 0.0)] {
                    let mut after: Vec<f32> = before.iter().zip(&change).map(|(b, c)| b * (1.0 + size * c)).collect();
                    shape.places(side, channel).for_each(|at| after[at] = factor * before[at] * (1.0 + rest * change[at]));
                    let reached = after.clone();
                    assert_eq!(left(&shape, side, &before, &after).0, 1);
                    stir_channels(&shape, side, &before, &mut after, &mut Random::new(3, 0));
                    let distances = distances(&shape, side, &before, &after);
                    assert!(distances.iter().all(|(_, distance)| *distance > 0.3 * f64::from(size)), "{side:?} {distances:?}");
                    let own: Vec<usize> = shape.places(side, channel).collect();
                    assert!((0..1152).all(|at| own.contains(&at) || after[at] == reached[at]), "those that were reached stay");
                }
            }
        }
    }

    #[test]
    fn a_layer_that_training_has_hardly_moved_is_left_as_it_is() {
        let shape = Shape::new(&[16, 8, 3, 3], 1, 1152).unwrap();
        let (before, change) = (normal(1152, 1), normal(1152, 2));
        let mut after: Vec<f32> = before.iter().zip(change).map(|(b, c)| b * (1.0 + 1e-4 * c)).collect();
        let reached = after.clone();
        stir_channels(&shape, Side::Input, &before, &mut after, &mut Random::new(3, 0));
        assert_eq!(after, reached);
        assert_eq!(left(&shape, Side::Input, &before, &after), (8, 8));
    }
}
