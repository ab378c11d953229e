//! One layer of the artifact against one of the ANN.

use super::{
    Layer,
    channels::{shuffled, with_inputs, with_outputs},
    distance::relative_distance,
    equilibrate::equilibrate,
    matching::Matching,
    similarity::{cosine, cosines},
};
use crate::synthesize::random::Random;
use serde::Serialize;

/// A layer of the artifact beside the layer of the ANN that it was paired with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerMatch {
    /// Name of the tensor in the artifact.
    pub artifact: String,
    /// Name of the tensor in the ANN.
    pub ann: String,
    /// Cosine of the equilibrated weights, in place.
    pub cosine: f64,
    /// Whether the channels match better in another order than in place.
    pub permuted: bool,
    /// Share of the output channels that are recognised. In place: whose most similar channel of the ANN's layer, by magnitude of
    /// the cosine, is the one in that place. Permuted: which a one-to-one assignment gives a channel more similar than
    /// the most similar pair of the null.
    pub matched_channels: f64,
    /// Mean magnitude of the cosine of each output channel with the most similar one of the ANN's layer.
    pub nearest_cosine: f64,
    /// Output channels.
    pub channels: usize,
    /// `‖W′ - D_o W D_i‖ / ‖D_o W D_i‖` at the best positive diagonal `D_o`, `D_i` (W in the order found, where `permuted`), in
    /// the units of W and corrected for what the factors absorb: the size of what training changed. Large for unrelated
    /// weights, about 1000 at most.
    pub relative_distance: f64,
    /// [`LayerMatch::cosine`] with the ANN's weights in random order.
    pub null_cosine: f64,
    /// [`LayerMatch::matched_channels`] with the ANN's weights in random order.
    pub null_matched_channels: f64,
    /// [`LayerMatch::nearest_cosine`] with the ANN's weights in random order.
    pub null_nearest_cosine: f64,
}

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
