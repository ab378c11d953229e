//! How often a neuron fires: the dynamics of [`snnc_ir::Reset`] over a recorded current.

use snnc_ir::Reset;

/// A kind of neuron without leak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neuron {
    /// T.
    pub timesteps: usize,
    /// Start potential as a fraction of the threshold.
    pub initial: f32,
    /// What a spike does.
    pub reset: Reset,
}

/// Neurons of one threshold, side by side, so that the loop over them is vector code.
#[derive(Default)]
pub(super) struct Bench {
    potential: Vec<f32>,
    net: Vec<f32>,
}

impl Bench {
    /// The sum of the spikes of `count` neurons with threshold `theta` whose currents are `currents`: `[step, neuron]`, or
    /// `[neuron]` where they are the same at every step.
    pub(super) fn run(&mut self, neuron: Neuron, theta: f32, currents: &[f32], count: usize) -> &[f32] {
        self.potential.clear();
        self.potential.resize(count, neuron.initial * theta);
        self.net.clear();
        self.net.resize(count, 0.0);
        let steps = currents.len() / count.max(1);
        for step in 0..neuron.timesteps {
            let current = &currents[step.min(steps - 1) * count..][..count];
            let entries = self.potential.iter_mut().zip(&mut self.net).zip(current);
            match neuron.reset {
                Reset::Soft => entries.for_each(|((v, n), &x)| {
                    *v += x;
                    let spike = if *v >= theta { 1.0 } else { 0.0 };
                    *v -= theta * spike;
                    *n += spike;
                }),
                Reset::Signed => entries.for_each(|((v, n), &x)| {
                    *v += x;
                    let back = if *v < 0.0 && *n > 0.0 { -1.0 } else { 0.0 };
                    let spike = if *v >= theta { 1.0 } else { back };
                    *v -= theta * spike;
                    *n += spike;
                }),
                Reset::Hard => entries.for_each(|((v, n), &x)| {
                    *v += x;
                    let spike = if *v >= theta { 1.0 } else { 0.0 };
                    *v *= 1.0 - spike;
                    *n += spike;
                }),
            }
        }
        &self.net
    }
}
