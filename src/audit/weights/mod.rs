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
mod weight;

pub use layer::LayerMatch;
pub use weight::Weights;
pub(crate) use weight::{LEAST_FREEDOM, Layer};

use crate::synthesize::random::Random;
use layer::{Comparison, compare};
use serde::Serialize;

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
