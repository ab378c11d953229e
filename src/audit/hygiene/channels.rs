//! Channels of a source tensor that are left in a tensor of the artifact.
//!
//! What training has left, say: see [`crate::artifact::remains`].

use super::{How, Source};
use crate::artifact::{Shape, Side, remains::left};

/// The input or output channels, whichever are the greater part, of a source that the tensor of the same shape holds up to a factor each.
/// `None` where there are none. Groups are not known here: a channel of a grouped convolution is taken with those in its place in
/// the other groups.
pub(super) fn of(source: &Source<'_>, values: &[f32]) -> Option<How> {
    let shape = Shape::new(source.dims, 1, source.values.len())?;
    let left = |side| left(&shape, side, source.values, values).0;
    let (inputs, outputs) = (left(Side::Input), left(Side::Output));
    let of = |side| shape.count(side);
    if inputs.max(outputs) == 0 {
        None
    } else if inputs * of(Side::Output) >= outputs * of(Side::Input) {
        Some(How::Inputs { copied: inputs, of: of(Side::Input) })
    } else {
        Some(How::Outputs { copied: outputs, of: of(Side::Output) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesize::random::Random;

    #[test]
    fn channels_that_training_left_are_counted() {
        let dims = [16, 8, 3, 3];
        let mut random = Random::new(5, 0);
        let values: Vec<f32> = (0..16 * 72).map(|_| random.normal()).collect();
        let source = Source { name: "w", dims: &dims, values: &values };
        let moved: Vec<f32> = values.iter().map(|v| v * (1.0 + 0.1 * random.normal())).collect();
        assert_eq!(of(&source, &moved), None);
        let mut inputs = moved.clone();
        for (k, v) in inputs.iter_mut().enumerate().filter(|(k, _)| [1, 6].contains(&(k / 9 % 8))) {
            *v = -0.4 * (1 + k / 9 % 8) as f32 * values[k];
        }
        assert_eq!(of(&source, &inputs), Some(How::Inputs { copied: 2, of: 8 }));
        let mut outputs = moved;
        outputs[72..144].iter_mut().zip(&values[72..]).for_each(|(v, s)| *v = 7.0 * s);
        assert_eq!(of(&source, &outputs), Some(How::Outputs { copied: 1, of: 16 }));
    }
}
