//! Samples and what the float network says of them.

use super::samples::Samples;
use crate::error::{Error, Result};
use snnc_engine::Network;
use snnc_ir::{Graph, Head};
use snnc_runtime::argmax;

/// Samples with what the float network makes of them.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// In the model's own layout and units.
    pub samples: Samples,
    /// `[N, classes]`: soft labels before any softmax, rectified where the head is a rectifier.
    pub logits: Vec<f32>,
    /// Number of classes.
    pub classes: usize,
}

impl Labelled {
    /// Asks the float network.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn new(float: &Graph, samples: Samples) -> Result<Self> {
        let output = float.output().ok_or_else(|| Error::Internal("a verified graph has an output".into()))?;
        let mut logits = Network::float(float, &[])?.all_logits(&samples.data);
        if output.head == Head::Relu {
            logits.iter_mut().for_each(|z| *z = z.max(0.0));
        }
        Ok(Self { samples, logits, classes: float[output.node].ty.len() })
    }

    /// The float network's class of every sample.
    #[must_use]
    pub fn predictions(&self) -> Vec<usize> {
        self.logits.chunks(self.classes.max(1)).map(argmax).collect()
    }

    /// How unlike each other the samples are.
    #[must_use]
    pub fn diversity(&self) -> Diversity {
        let mut classes = self.predictions();
        classes.sort_unstable();
        classes.dedup();
        let confidence = |row: &[f32]| {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            1.0 / row.iter().map(|&z| f64::from(z - largest).exp()).sum::<f64>()
        };
        let rows = self.logits.chunks(self.classes.max(1));
        let mean_confidence = rows.map(confidence).sum::<f64>() / self.samples.count.max(1) as f64;
        Diversity { classes: classes.len(), of: self.classes, mean_confidence, spread: self.samples.spread() }
    }
}

/// How unlike each other samples are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diversity {
    /// Classes that at least one sample shows, to the float network.
    pub classes: usize,
    /// Classes that there are.
    pub of: usize,
    /// Mean probability of the class that is shown.
    pub mean_confidence: f64,
    /// Root mean square difference of two samples over that of an entry from its mean value: 1.41 for unrelated samples.
    pub spread: f64,
}
