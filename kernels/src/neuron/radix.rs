//! Neurons of the radix code in the count domain: what a window of digits says, in one step.
//!
//! Digit by digit a neuron says `q = min(max(⌊(x + v(0)) / θ⌋, 0), L)` of the count `x` that its operands said (`snnc_ir` has the
//! steps), so nobody who only asks for counts needs time. Backward, the staircase is differentiated as the line that it climbs, between 0
//! and L (straight-through; for θ as in learned step size quantisation, Esser et al., ICLR 2020, in units of counts).

use crate::{
    simd::{Loop, dispatch},
    tasks::{self, Shared},
};

/// A layer of neurons. Every slice has one value for each of the `len` neurons of an image.
#[derive(Clone, Copy, Debug)]
pub struct RadixNeurons<'a> {
    /// θ, positive.
    pub threshold: &'a [f32],
    /// v(0).
    pub initial: &'a [f32],
    /// L, the largest count; infinite where there is none.
    pub levels: f32,
    /// Whether they count: else a count is `min(max((x + v(0)) / θ - 1/2, 0), L)`, the half being what made up for rounding down.
    pub rounds: bool,
}

/// Gradients of what a layer of neurons has, one value per neuron, to which [`RadixNeurons::backward`] adds.
#[derive(Debug)]
pub struct RadixGradients<'a> {
    /// Of θ.
    pub threshold: &'a mut [f32],
    /// Of v(0).
    pub initial: &'a mut [f32],
}

impl RadixNeurons<'_> {
    /// The counts `[images, len]` under currents `[images, len]`.
    ///
    /// # Panics
    /// If a slice does not have the length of its shape.
    pub fn counts(&self, current: &[f32], counts: &mut [f32]) {
        let len = self.check(current.len(), counts.len());
        let shared = Shared::new(counts);
        tasks::for_each(current.len() / len, 8 * current.len(), |image| {
            // SAFETY: every image has a place of its own.
            let counts = unsafe { shared.part(image * len, len) };
            dispatch(Counts { neurons: self, current: &current[image * len..][..len], counts });
        });
    }

    /// Turns the gradient of the counts `[images, len]` into that of the currents, in place, and adds the gradients of the parameters.
    ///
    /// # Panics
    /// If a slice does not have the length of its shape.
    pub fn backward(&self, current: &[f32], gradient: &mut [f32], parameters: RadixGradients<'_>) {
        let len = self.check(current.len(), gradient.len());
        let RadixGradients { threshold, initial } = parameters;
        assert!([threshold.len(), initial.len()] == [len; 2], "gradients of parameters must be [len]");
        for (x, g) in current.chunks_exact(len).zip(gradient.chunks_exact_mut(len)) {
            dispatch(Backward { neurons: self, current: x, gradient: g, threshold, initial });
        }
    }

    fn check(&self, current: usize, result: usize) -> usize {
        let len = self.threshold.len();
        assert!(len > 0 && self.initial.len() == len, "parameters must be [len]");
        assert!(current == result && current.is_multiple_of(len), "currents and counts must be [images, len]");
        len
    }
}

struct Counts<'a> {
    neurons: &'a RadixNeurons<'a>,
    current: &'a [f32],
    counts: &'a mut [f32],
}

impl Loop for Counts<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { neurons, current, counts } = self;
        let levels = neurons.levels;
        let each = counts.iter_mut().zip(current).zip(neurons.threshold.iter().zip(neurons.initial));
        if neurons.rounds {
            each.for_each(|((q, &x), (&theta, &initial))| *q = ((x + initial) / theta).floor().max(0.0).min(levels));
        } else {
            each.for_each(|((q, &x), (&theta, &initial))| *q = ((x + initial) / theta - 0.5).max(0.0).min(levels));
        }
    }
}

struct Backward<'a> {
    neurons: &'a RadixNeurons<'a>,
    current: &'a [f32],
    gradient: &'a mut [f32],
    threshold: &'a mut [f32],
    initial: &'a mut [f32],
}

impl Loop for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { neurons, current, gradient, threshold, initial } = self;
        // Where a step begins is not where the line does that runs through the middle of all steps.
        let (first, last) = if neurons.rounds { (0.0, neurons.levels + 1.0) } else { (0.5, neurons.levels + 0.5) };
        // All of one length, so that nothing is left to check within the loop, which vectors then run.
        let len = current.len();
        let (theta, v) = (&neurons.threshold[..len], &neurons.initial[..len]);
        let (gradient, threshold, initial) = (&mut gradient[..len], &mut threshold[..len], &mut initial[..len]);
        for i in 0..len {
            let steps = (current[i] + v[i]) / theta[i];
            let all = gradient[i] / theta[i];
            let slope = if steps > first && steps < last { all } else { 0.0 };
            gradient[i] = slope;
            initial[i] += slope;
            threshold[i] -= slope * steps;
        }
    }
}
