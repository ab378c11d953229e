//! Channels in another order.

use crate::{artifact::Shape, synthesize::random::Random};

/// `values` with its input channels in another order: channel `c` of the result is channel `order[c]`. Where the input has
/// several times as many channels as `order` (a flattened image, channels first), each stands for as many neighbours.
/// `None` where the numbers do not fit, or the layer has groups.
pub(crate) fn with_inputs(values: &[f32], shape: &Shape, order: &[usize]) -> Option<Vec<f32>> {
    if shape.groups != 1 || order.is_empty() || !shape.columns.is_multiple_of(order.len()) {
        return None;
    }
    let block = shape.columns / order.len() * shape.taps;
    let pick = |row: &[f32]| order.iter().flat_map(|&c| row[c * block..][..block].to_vec()).collect::<Vec<f32>>();
    Some(values.chunks_exact(shape.row()).flat_map(pick).collect())
}

/// `values` with its output channels in another order: channel `o` of the result is channel `order[o]`.
pub(crate) fn with_outputs(values: &[f32], shape: &Shape, order: &[usize]) -> Vec<f32> {
    order.iter().flat_map(|&o| values[o * shape.row()..][..shape.row()].iter().copied()).collect()
}

/// `values` in random order (Fisher and Yates): weights of the same shape and distribution that know nothing of the original.
/// Every tap of a kernel is shuffled by itself, so that what kernels of all networks have in common, such as weight in the
/// middle, counts as chance.
pub(crate) fn shuffled(values: &[f32], shape: &Shape, random: &mut Random) -> Vec<f32> {
    let mut shuffled = values.to_vec();
    let kernels = values.len() / shape.taps;
    for tap in 0..shape.taps {
        for last in (1..kernels).rev() {
            shuffled.swap(last * shape.taps + tap, random.below(last + 1) * shape.taps + tap);
        }
    }
    shuffled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_move_with_their_kernels() {
        let shape = Shape::new(&[2, 4, 2], 1, 16).expect("sound");
        let values: Vec<f32> = (0..16u8).map(f32::from).collect();
        let moved = with_inputs(&values, &shape, &[3, 0, 1, 2]).expect("fits");
        assert_eq!(moved[..8], [6.0, 7.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let blocks = with_inputs(&values, &shape, &[1, 0]).expect("fits");
        assert_eq!(blocks[..8], [4.0, 5.0, 6.0, 7.0, 0.0, 1.0, 2.0, 3.0]);
        assert!(with_inputs(&values, &shape, &[0, 1, 2]).is_none());
        assert_eq!(with_outputs(&values, &shape, &[1, 0])[..3], [8.0, 9.0, 10.0]);
    }

    #[test]
    fn a_shuffle_keeps_taps() {
        let shape = Shape::new(&[10, 5, 2], 1, 100).expect("sound");
        let values: Vec<f32> = (0..100u8).map(f32::from).collect();
        let mixed = shuffled(&values, &shape, &mut Random::new(1, 1));
        assert!(mixed != values && mixed.iter().enumerate().all(|(e, v)| e % 2 == *v as usize % 2));
        let mut sorted = mixed;
        sorted.sort_by(f32::total_cmp);
        assert_eq!(sorted, values);
    }
}
