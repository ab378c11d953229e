//! Losses over the output, and over what lies before it.

/// A loss over the logits `[N, classes]` of a batch: its value and its gradient, in the same order.
pub type Loss<'a> = &'a dyn Fn(&[f32]) -> (f64, Vec<f32>);

/// A loss over what a step makes, beside that over the output.
pub trait Inside: Sync {
    /// The loss of values `[N, ..]`, or `[T, N, ..]` at every time step, of `images` images. Its gradient is added to `gradient`.
    fn add(&self, values: &[f32], images: usize, gradient: &mut [f32]) -> f64;
}

/// All that is descended at once: the sum.
pub struct Losses<'a> {
    /// Over the logits.
    pub output: Loss<'a>,
    /// Over the results of steps, by their place in the plan.
    pub inside: &'a [(usize, &'a dyn Inside)],
}
