//! What is trained on, and what a network knows of it.

use crate::synthesize::Canvas;
use snnc_engine::{Network, Pool, parallel};
use snnc_ir::NodeId;
use snnc_runtime::argmax;

/// Images that go through the network together: enough for the kernels to run at speed, few enough for memory.
pub(super) const SHARD: usize = 8;

/// Turns images into the spiking network's input; the number tells batches apart.
pub type Encode<'a> = dyn Fn(&[f32], u64) -> Vec<f32> + Sync + 'a;

/// What is trained on.
pub struct Lessons<'a> {
    /// The float network; it keeps the activations that the neurons stand for.
    pub teacher: &'a Network<'a>,
    /// The neurons' steps with the nodes of the float network that they stand for, and what a firing rate of 1 stands for.
    pub neurons: &'a [(usize, NodeId, Vec<f32>)],
    /// The image behind it.
    pub canvas: &'a Canvas,
    /// Samples to train on, `[N, ..]`.
    pub samples: &'a [f32],
    /// Samples that judge, `[N, ..]`.
    pub held_out: &'a [f32],
    /// The float network's logits for those, `[N, classes]`.
    pub held_out_logits: &'a [f32],
    /// Number of classes.
    pub classes: usize,
    /// For each parameter the largest whole number that its weights may become.
    pub largest: &'a [f32],
    /// Makes the spiking network's input.
    pub encode: &'a Encode<'a>,
    /// Turns images into the mean over time of that input.
    pub still: &'a (dyn Fn(&[f32]) -> Vec<f32> + Sync),
}

impl Lessons<'_> {
    /// A network's logits for the held-out samples, and for how many of how many it chooses the float network's class. `input` makes its
    /// input of the images of a shard, given with its number.
    pub(super) fn held_out_answers(
        &self,
        network: &Network<'_>,
        pool: &Pool,
        input: impl Fn(&[f32], usize) -> Vec<f32> + Sync,
    ) -> (Vec<f32>, (usize, usize)) {
        let len = self.canvas.len();
        let shards: Vec<&[f32]> = self.held_out.chunks(SHARD * len).collect();
        let answer = |k, images: &[f32]| {
            let input = input(images, k);
            pool.with(|buffers| network.logits(&input, images.len() / len, buffers))
        };
        let logits = parallel::over(shards, answer).concat();
        let pairs = logits.chunks(self.classes).zip(self.held_out_logits.chunks(self.classes));
        let agreeing = pairs.filter(|(a, b)| argmax(a) == argmax(b)).count();
        (logits, (agreeing, self.held_out.len() / len))
    }
}
