//! One layer of the artifact against one of the ANN.

use super::{
    Layer, LayerMatch,
    channels::{shuffled, with_inputs, with_outputs},
    distance::relative_distance,
    equilibrate::equilibrate,
    matching::Matching,
    similarity::{cosine, cosines},
};
use crate::synthesize::random::Random;

/// Two layers of one shape.
pub(crate) struct Comparison<'a> {
    pub(crate) artifact: &'a Layer<'a>,
    pub(crate) ann: &'a Layer<'a>,
    /// For each channel of the artifact's layer before this one, the channel of the ANN that it is; none for in place.
    pub(crate) order: Option<&'a [usize]>,
}

/// How many channels are recognised, and whether in another order than expected.
struct Verdict {
    matched: usize,
    permuted: bool,
}

impl Verdict {
    /// `floor` is the cosine that chance reaches. Another order must explain more than twice the channels that are in place, and
    /// more than a few: some channel always exceeds what chance reached once.
    fn new(matching: &Matching, expected: &[usize], floor: f32) -> Self {
        let (in_place, permuted) = (matching.as_expected(expected.iter().copied()), matching.above(floor));
        if permuted > 2 * in_place + (expected.len() / 4).min(8) {
            Self { matched: permuted, permuted: true }
        } else {
            Self { matched: in_place, permuted: false }
        }
    }
}

/// The match, and the order in which the channels of the artifact's layer stand, for the layer after it.
pub(crate) fn compare(comparison: &Comparison<'_>, random: &mut Random) -> (LayerMatch, Option<Vec<usize>>) {
    let Comparison { artifact, ann, order } = *comparison;
    let (shape, channels) = (artifact.shape, artifact.shape.rows);
    let match_with = |unit: &[f32]| Matching::new(&cosines(&artifact.unit, unit, channels), channels);
    let mut null = || {
        let unit = equilibrate(&shuffled(ann.weight.values, &shape, random), &shape);
        (cosine(&artifact.unit, &unit), match_with(&unit))
    };
    let places: Vec<usize> = (0..channels).collect();
    // The first draw says what similarity chance reaches, the second how often chance then seems a match.
    let floor = null().1.greatest();
    let (null_cosine, by_chance) = null();
    let null_verdict = Verdict::new(&by_chance, &places, floor);

    // A depthwise layer hands channels on: they stand as in the layer before.
    let hands_on = shape.columns == 1 && shape.groups == channels;
    let mut expected = order.filter(|o| hands_on && o.len() == channels).map_or(places, <[usize]>::to_vec);
    let mut inputs = None;
    let mut matching = match_with(&ann.unit);
    let mut verdict = Verdict::new(&matching, &expected, floor);
    if let Some(order) = order
        && let Some(unit) = with_inputs(&ann.unit, &shape, order)
    {
        let other = match_with(&unit);
        let places: Vec<usize> = (0..channels).collect();
        let implied = Verdict::new(&other, &places, floor);
        if implied.matched > verdict.matched {
            (matching, verdict, expected, inputs) = (other, implied, places, Some(order));
        }
    }
    if verdict.permuted {
        expected.clone_from(&matching.assigned);
    }
    let outputs = expected.iter().enumerate().any(|(o, &e)| o != e).then_some(expected);

    let mut weight = inputs.and_then(|order| with_inputs(ann.weight.values, &shape, order));
    if let Some(outputs) = &outputs {
        weight = Some(with_outputs(weight.as_deref().unwrap_or(ann.weight.values), &shape, outputs));
    }
    let share = |matched: usize| matched as f64 / channels as f64;
    let found = LayerMatch {
        artifact: artifact.weight.name.to_owned(),
        ann: ann.weight.name.to_owned(),
        cosine: cosine(&artifact.unit, &ann.unit),
        permuted: outputs.is_some() || inputs.is_some(),
        matched_channels: share(verdict.matched),
        nearest_cosine: matching.mean(),
        channels,
        relative_distance: relative_distance(&artifact.unit, weight.as_deref().unwrap_or(ann.weight.values), &shape),
        null_cosine,
        null_matched_channels: share(null_verdict.matched),
        null_nearest_cosine: by_chance.mean(),
    };
    (found, outputs)
}
