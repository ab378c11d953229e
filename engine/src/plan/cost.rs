//! What a plan costs.

use super::{
    op::Op,
    step::{Plan, Step},
};

/// Values that candle's kernels can tell apart in one tensor, with a bit to spare: they count in 32 bits.
const COUNTABLE: usize = 1 << 31;

impl Plan {
    /// Multiply-accumulates for one image over all time steps, forward.
    #[must_use]
    pub fn macs(&self) -> f64 {
        let one = |step: &Step| match &step.op {
            Op::Convolution { conv, .. } => step.len as f64 * (conv.in_channels / conv.groups * conv.kernel[0] * conv.kernel[1]) as f64,
            Op::Linear { inputs, outputs, .. } => (inputs * outputs) as f64,
            // A step of a neuron costs about as much as a few products.
            Op::Neuron(_) => 8.0 * step.len as f64,
            _ => step.len as f64,
        };
        self.steps.iter().enumerate().map(|(at, step)| one(step) * self.rows(at, 1) as f64).sum()
    }

    /// How many images, at least one, can go through the network together on candle tensors, forward and backward, in so many bytes
    /// of memory. An estimate: candle keeps every result until the backward pass is done with it, and convolutions unfold what
    /// they read.
    #[must_use]
    pub fn images_within(&self, bytes: usize) -> usize {
        let (mut kept, mut unfolded) = (0, 0);
        for (at, step) in self.steps.iter().enumerate() {
            let rows = self.rows(at, 1);
            let values = rows * step.len;
            kept += match &step.op {
                Op::MaxPool(pool) => values * pool.pool.kernel[0] * pool.pool.kernel[1],
                _ => values,
            };
            let one = match &step.op {
                Op::Convolution { conv, .. } => rows * step.len / conv.out_channels * conv.in_channels * conv.kernel[0] * conv.kernel[1],
                _ => values,
            };
            unfolded = unfolded.max(one);
        }
        // The result, its gradient, and about as much again for what lies between; unfolded, what is read and a copy.
        let image = size_of::<f32>() * (4 * kept + 2 * unfolded);
        (bytes / image.max(1)).min(COUNTABLE / unfolded.max(1)).max(1)
    }
}
