//! What a run makes.

use alloc::vec::Vec;

/// What a network made of some images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Number of images.
    pub images: usize,
    /// Number of time steps.
    pub timesteps: usize,
    /// `[images, classes]`: the output times its scale, in the rate code its mean over the time steps; rectified if the head is
    /// `relu`; no other head is applied. Empty where the read-out is locked.
    pub logits: Vec<f32>,
    /// Where the read-out is locked, what it says of each image, for the holder of the key.
    #[cfg(feature = "locked")]
    pub answers: Vec<snnc_lock::Answer>,
    /// `[images, populations]`: how often the entries of each of [`Network::populations`](crate::Network::populations) have fired, corrections included.
    pub spikes: Vec<u64>,
    /// `[images, populations]`: how many of these spikes were corrections, -1, of neurons with [`Reset::Signed`]; 0 for all
    /// other populations.
    ///
    /// [`Reset::Signed`]: crate::Reset::Signed
    pub corrections: Vec<u64>,
    /// `[images, layers]`: accumulations of each of [`Network::layers`](crate::Network::layers) that spikes drive: for every spike that its operand
    /// carried, the number of connections from there. 0 for layers that spikes do not drive. A spike is a digit 1 in the radix code.
    pub synaptic_ops: Vec<u64>,
}

/// What a sum over time steps is in the units of the source network.
pub(crate) fn logit(sum: i64, steps: usize, scale: f64, is_rectified: bool) -> f32 {
    let mean = (sum as f64 / steps as f64 * scale) as f32;
    if is_rectified && mean < 0.0 { 0.0 } else { mean }
}

/// The place of the largest value, the first of several.
#[must_use]
pub fn argmax(row: &[f32]) -> usize {
    row.iter().enumerate().fold(0, |best, (i, &v)| if v > row[best] { i } else { best })
}

impl Outcome {
    /// The class of each image: the place of the largest logit, the first of several.
    #[must_use]
    pub fn predictions(&self) -> Vec<usize> {
        let classes = self.logits.len() / self.images.max(1);
        self.logits.chunks(classes.max(1)).map(argmax).collect()
    }

    /// Appends what the same network made of further images in as many steps.
    pub fn append(&mut self, other: &Self) {
        self.images += other.images;
        self.timesteps = other.timesteps;
        self.logits.extend_from_slice(&other.logits);
        #[cfg(feature = "locked")]
        self.answers.extend_from_slice(&other.answers);
        self.spikes.extend_from_slice(&other.spikes);
        self.corrections.extend_from_slice(&other.corrections);
        self.synaptic_ops.extend_from_slice(&other.synaptic_ops);
    }
}
