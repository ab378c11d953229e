//! Attack 5, weight readability: how much of a network's weights can be read off an artifact, by one who knows the network
//! or has a candidate for it.
//!
//! Layers of one shape are paired and compared in their equilibrated forms, which positive scalings of channels, all that a
//! conversion does to weights, leave as they are. Three things are asked of every pair: do the weights agree in place, is each
//! output channel most like the right one of the ANN, and if neither, are they the channels of the ANN in another order. Where
//! they are, the order is carried on to the inputs of the next layer of the list. That suits sequential networks; in others, a
//! layer whose input channels were permuted by a layer that is not its predecessor in the list counts as unreadable.
//!
//! Every statistic is also taken of the ANN's weights in random order, with the same artifact: what chance gives.
//!
//! Features of a linear layer after a flattened image are scaled one by one, though those of a channel share their scale: an
//! attacker loses little by it. Layers whose scalings explain (nearly) all of their entries, such as `[O, 1]`, tell nothing and are
//! left out.

mod channels;
mod distance;
pub(crate) mod equilibrate;
mod layer;
mod matching;
mod pairing;
mod similarity;

use crate::{artifact::Shape, synthesize::random::Random};
use equilibrate::{equilibrate, freedom};
use layer::{Comparison, compare};
use serde::Serialize;

/// Entries that scalings must leave free for a layer to be compared.
pub(crate) const LEAST_FREEDOM: usize = 16;

/// The weight of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// Name of the tensor.
    pub name: &'a str,
    /// `[O, I / groups, kernel..]` or `[O, I]`.
    pub dims: &'a [usize],
    /// Groups of a convolution; 1 for others.
    pub groups: usize,
    /// Row-major entries.
    pub values: &'a [f32],
}

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

/// What can be read off an artifact's weights by one who knows the ANN. Means are over output channels, so that every channel
/// counts alike, whatever layer it is in.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Readability {
    /// In the order of the artifact.
    pub layers: Vec<LayerMatch>,
    /// Names of the artifact's tensors that were not compared: no layer of that shape is left in the ANN, or scalings explain
    /// all entries.
    pub skipped: Vec<String>,
    /// Mean of [`LayerMatch::cosine`].
    pub cosine: f64,
    /// Mean of [`LayerMatch::nearest_cosine`].
    pub nearest_cosine: f64,
    /// Output channels recognised, and of how many.
    pub matched: (usize, usize),
    /// Mean of [`LayerMatch::null_cosine`]: the chance level.
    pub null_cosine: f64,
    /// Mean of [`LayerMatch::null_nearest_cosine`]: the chance level.
    pub null_nearest_cosine: f64,
    /// Output channels recognised by chance, and of how many.
    pub null_matched: (usize, usize),
}

/// A weight with its equilibrated form.
pub(crate) struct Layer<'a> {
    pub(crate) weight: Weights<'a>,
    pub(crate) shape: Shape,
    /// Equilibrated: rows have unit norm.
    pub(crate) unit: Vec<f32>,
}

impl<'a> Layer<'a> {
    /// `None` for weights that tell nothing.
    fn new(weight: &Weights<'a>) -> Option<Self> {
        let shape = Shape::new(weight.dims, weight.groups, weight.values.len())?;
        let tells = freedom(weight.values, &shape) >= LEAST_FREEDOM && weight.values.iter().all(|v| v.is_finite());
        tells.then(|| Self { weight: *weight, shape, unit: equilibrate(weight.values, &shape) })
    }
}

/// Compares the weights of an artifact with those of an ANN, both front to back. `seed` is that of the null.
#[must_use]
pub fn readability(artifact: &[Weights<'_>], ann: &[Weights<'_>], seed: u64) -> Readability {
    let layers: Vec<Option<Layer<'_>>> = artifact.iter().map(Layer::new).collect();
    let mut skipped: Vec<String> = artifact.iter().zip(&layers).filter(|(_, l)| l.is_none()).map(|(w, _)| w.name.to_owned()).collect();
    let layers: Vec<Layer<'_>> = layers.into_iter().flatten().collect();
    let ann: Vec<Layer<'_>> = ann.iter().filter_map(Layer::new).collect();
    let pairs = pairing::pairs(&layers, &ann);
    skipped.extend((0..layers.len()).filter(|&k| pairs.iter().all(|&(a, _)| a != k)).map(|k| layers[k].weight.name.to_owned()));

    let mut read = Readability { skipped, ..Readability::default() };
    // The order in which the channels of the layer before stand in the artifact; none where they stand in place.
    let mut order: Option<Vec<usize>> = None;
    for (stream, (a, b)) in pairs.into_iter().enumerate() {
        let mut random = Random::new(seed, stream as u64);
        let (found, next) = compare(&Comparison { artifact: &layers[a], ann: &ann[b], order: order.as_deref() }, &mut random);
        order = next;
        read.add(found);
    }
    read.finish()
}

impl Readability {
    /// Adds a layer to the sums.
    fn add(&mut self, layer: LayerMatch) {
        let channels = layer.channels as f64;
        let count = |share: f64| (share * channels).round() as usize;
        self.cosine += channels * layer.cosine;
        self.nearest_cosine += channels * layer.nearest_cosine;
        self.null_cosine += channels * layer.null_cosine;
        self.null_nearest_cosine += channels * layer.null_nearest_cosine;
        self.matched = (self.matched.0 + count(layer.matched_channels), self.matched.1 + layer.channels);
        self.null_matched = (self.null_matched.0 + count(layer.null_matched_channels), self.null_matched.1 + layer.channels);
        self.layers.push(layer);
    }

    /// Makes means of the sums.
    fn finish(mut self) -> Self {
        let channels = self.matched.1.max(1) as f64;
        for mean in [&mut self.cosine, &mut self.nearest_cosine, &mut self.null_cosine, &mut self.null_nearest_cosine] {
            *mean /= channels;
        }
        self
    }
}

#[cfg(test)]
mod tests;
