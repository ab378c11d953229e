//! Integrate-and-fire neurons over all time steps, forward and backward through time.
//!
//! With potential `v`, leak `λ`, threshold `θ` and current `x`, at every step
//!
//! ```text
//! m(t) = λ v(t-1) + x(t)
//! s(t) = H(m(t) - θ)                                  ([`Reset::Soft`], [`Reset::Hard`])
//! s(t) = H(m(t) - θ) - H(-m(t)) where n(t-1) > 0      ([`Reset::Signed`]), n(t) = s(1) + .. + s(t)
//! v(t) = m(t) - θ s(t), or with a hard reset m(t) (1 - s(t))
//! ```
//!
//! The step function `H` has no useful derivative: backward, a [`Surrogate`] stands in for it. The reset is differentiated too
//! where [`Derivation::through_reset`] says so. Then what a current causes is used up by the spike that it causes; without, the
//! same current is credited for spikes at all later steps (what most training of spiking networks does, the PrivateSNN paper
//! included).
//!
//! Backward computes the potentials again from the currents, a block of neurons at a time, and never writes them to memory:
//! all that a forward pass has to leave behind are the currents.

use super::surrogate::{Atan, Derivation, Derivative, Sigmoid, Surrogate, Triangle};
use crate::{
    simd::{Loop, dispatch},
    tasks::{self, Shared},
};

/// What a spike does to the potential, and whether it can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// The threshold is subtracted.
    Soft,
    /// The potential becomes 0.
    Hard,
    /// Soft, and a spike that proves to be one too many is taken back by one of -1.
    Signed,
}

/// A layer of neurons. Every slice has one value for each of the `len` neurons of an image.
#[derive(Clone, Copy, Debug)]
pub struct Neurons<'a> {
    /// θ, positive.
    pub threshold: &'a [f32],
    /// v(0).
    pub initial: &'a [f32],
    /// λ; 1 for a neuron without leak.
    pub leak: &'a [f32],
    /// What a spike does.
    pub reset: Reset,
    /// Whether what is left of a potential is rounded down, as it is in whole numbers.
    pub is_whole: bool,
}

/// Gradients of what a layer of neurons has, one value per neuron, to which [`Neurons::backward`] adds.
#[derive(Debug)]
pub struct NeuronGradients<'a> {
    /// Of θ.
    pub threshold: &'a mut [f32],
    /// Of v(0).
    pub initial: &'a mut [f32],
    /// Of λ.
    pub leak: &'a mut [f32],
}

/// Neurons whose potentials are followed together.
const BLOCK: usize = 64;
/// As constants of a generic: enumerations cannot be.
const SOFT: u8 = 0;
const HARD: u8 = 1;
const SIGNED: u8 = 2;

impl Neurons<'_> {
    /// The spikes `[T, images, len]` under the currents `[T, images, len]`, or `[images, len]` where they are the same at every
    /// step.
    ///
    /// # Panics
    /// If a slice does not have the length of its shape.
    pub fn forward(&self, current: &[f32], images: usize, spikes: &mut [i8]) {
        let (len, steps) = self.check(current.len(), images, spikes.len());
        self.run(current, images, (len, steps), Spikes(&Shared::new(spikes)));
    }

    /// The sum of every neuron's spikes over so many steps, `[images, len]`, under the currents of [`Neurons::forward`].
    ///
    /// # Panics
    /// If a slice does not have the length of its shape.
    pub fn sums(&self, current: &[f32], images: usize, steps: usize, sums: &mut [f32]) {
        let (len, _) = self.check(current.len(), images, steps * sums.len());
        self.run(current, images, (len, steps), Sums(&Shared::new(sums)));
    }

    fn run<S: Sink>(&self, current: &[f32], images: usize, (len, steps): (usize, usize), sink: S) {
        let varies = current.len() == steps * images * len;
        // A step of a neuron is a handful of operations.
        tasks::for_each(images, 8 * steps * images * len, |image| match self.reset {
            Reset::Soft => dispatch(Forward::<SOFT, S> { neurons: self, current, varies, images, image, len, steps, sink }),
            Reset::Hard => dispatch(Forward::<HARD, S> { neurons: self, current, varies, images, image, len, steps, sink }),
            Reset::Signed => dispatch(Forward::<SIGNED, S> { neurons: self, current, varies, images, image, len, steps, sink }),
        });
    }

    /// Turns the gradient of the spikes `[T, images, len]` into that of the current at every step, in place, and adds the gradients
    /// of the parameters, summed over images. Currents as for [`Neurons::forward`]; where they are the same at every step,
    /// their gradient is the sum of what stands here over the steps.
    ///
    /// # Panics
    /// If a slice does not have the length of its shape.
    pub fn backward(&self, current: &[f32], images: usize, how: Derivation, gradient: &mut [f32], parameters: NeuronGradients<'_>) {
        let (len, steps) = self.check(current.len(), images, gradient.len());
        let NeuronGradients { threshold, initial, leak } = &parameters;
        assert!([threshold.len(), initial.len(), leak.len()] == [len; 3], "gradients of parameters must be [len]");
        match how.surrogate {
            Surrogate::Triangle { height } => self.backward_by(Triangle(height), how, current, images, steps, gradient, parameters),
            Surrogate::Atan { slope } => self.backward_by(Atan(slope), how, current, images, steps, gradient, parameters),
            Surrogate::Sigmoid { slope } => self.backward_by(Sigmoid(slope), how, current, images, steps, gradient, parameters),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one call, passed through to a loop")]
    fn backward_by<D: Derivative>(
        &self,
        derivative: D,
        how: Derivation,
        current: &[f32],
        images: usize,
        steps: usize,
        gradient: &mut [f32],
        parameters: NeuronGradients<'_>,
    ) {
        let varies = current.len() == gradient.len();
        let through = if how.through_reset { 1.0 } else { 0.0 };
        let mut trace = vec![[[0.0f32; BLOCK]; 3]; steps];
        let call = BackwardCall { neurons: self, derivative, through, current, varies, images, gradient, parameters, trace: &mut trace };
        match self.reset {
            Reset::Soft => dispatch(Backward::<D, SOFT>(call)),
            Reset::Hard => dispatch(Backward::<D, HARD>(call)),
            Reset::Signed => dispatch(Backward::<D, SIGNED>(call)),
        }
    }

    /// Number of neurons of an image, and of steps.
    fn check(&self, current: usize, images: usize, result: usize) -> (usize, usize) {
        let len = self.threshold.len();
        assert!(self.initial.len() == len && self.leak.len() == len, "parameters must be [len]");
        let step = images * len;
        assert!(step > 0 && result.is_multiple_of(step), "the result must be [T, images, len]");
        assert!(current == result || current == step, "currents must be [T, images, len] or [images, len]");
        (len, result / step)
    }
}

/// One step of one neuron: the potential before the spike, the spike, and the potential after it.
#[inline(always)]
fn step<const RESET: u8>(v: f32, n: f32, current: f32, threshold: f32, leak: f32, is_whole: bool) -> (f32, f32, f32) {
    let left = leak * v;
    let m = if is_whole { left.floor() } else { left } + current;
    let up = if m >= threshold { 1.0 } else { 0.0 };
    if RESET == HARD {
        return (m, up, if m >= threshold { 0.0 } else { m });
    }
    let back = if RESET == SIGNED && m < 0.0 && n > 0.0 { 1.0 } else { 0.0 };
    let spike = up - back;
    (m, spike, m - threshold * spike)
}

/// The values of a block, and others behind them.
#[inline(always)]
fn padded(values: &[f32], other: f32) -> [f32; BLOCK] {
    let mut block = [other; BLOCK];
    block[..values.len()].copy_from_slice(values);
    block
}

/// Where the spikes of a block of neurons of an image go: each block of an image has a place of its own, which one task writes.
trait Sink: Copy + Sync {
    /// Those of one step; they stand at `at` of `[T, images, len]`.
    fn step(self, at: usize, spikes: &[f32]);
    /// Their sums over all steps; they stand at `at` of `[images, len]`.
    fn end(self, at: usize, sums: &[f32]);
}

/// All of them, as bytes.
#[derive(Clone, Copy)]
struct Spikes<'a>(&'a Shared<'a, i8>);

impl Sink for Spikes<'_> {
    #[inline(always)]
    fn step(self, at: usize, spikes: &[f32]) {
        // SAFETY: blocks of images do not overlap.
        let out = unsafe { self.0.part(at, spikes.len()) };
        // A cast would look at every value by itself, for what is not a number.
        out.iter_mut().zip(spikes).for_each(|(out, &spike)| *out = i8::from(spike > 0.0) - i8::from(spike < 0.0));
    }

    #[inline(always)]
    fn end(self, _: usize, _: &[f32]) {}
}

/// Their sums alone.
#[derive(Clone, Copy)]
struct Sums<'a>(&'a Shared<'a, f32>);

impl Sink for Sums<'_> {
    #[inline(always)]
    fn step(self, _: usize, _: &[f32]) {}

    #[inline(always)]
    fn end(self, at: usize, sums: &[f32]) {
        // SAFETY: blocks of images do not overlap.
        unsafe { self.0.part(at, sums.len()) }.copy_from_slice(sums);
    }
}

/// The neurons of one image.
struct Forward<'a, const RESET: u8, S> {
    neurons: &'a Neurons<'a>,
    current: &'a [f32],
    varies: bool,
    images: usize,
    image: usize,
    len: usize,
    steps: usize,
    sink: S,
}

impl<const RESET: u8, S: Sink> Loop for Forward<'_, RESET, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { neurons, current, varies, images, image, len, steps, sink } = self;
        for first in (0..len).step_by(BLOCK) {
            let count = BLOCK.min(len - first);
            let (mut v, mut n, mut spikes) = (padded(&neurons.initial[first..][..count], 0.0), [0.0f32; BLOCK], [0.0f32; BLOCK]);
            let (threshold, leak) = (&neurons.threshold[first..][..count], &neurons.leak[first..][..count]);
            for t in 0..steps {
                let at = (t * images + image) * len + first;
                let x = &current[if varies { at } else { image * len + first }..][..count];
                let spikes = &mut spikes[..count];
                for i in 0..count {
                    let (_, spike, after) = step::<RESET>(v[i], n[i], x[i], threshold[i], leak[i], neurons.is_whole);
                    v[i] = after;
                    n[i] += spike;
                    spikes[i] = spike;
                }
                sink.step(at, spikes);
            }
            sink.end(image * len + first, &n[..count]);
        }
    }
}

struct Backward<'a, D, const RESET: u8>(BackwardCall<'a, D>);

struct BackwardCall<'a, D> {
    neurons: &'a Neurons<'a>,
    derivative: D,
    /// 1 where the reset is differentiated, else 0.
    through: f32,
    current: &'a [f32],
    varies: bool,
    images: usize,
    gradient: &'a mut [f32],
    parameters: NeuronGradients<'a>,
    /// Room for every step of a block: the potential after the step before, that before the spike, the sum of earlier spikes.
    trace: &'a mut [[[f32; BLOCK]; 3]],
}

impl<D: Derivative, const RESET: u8> Loop for Backward<'_, D, RESET> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let BackwardCall { neurons, derivative, through, current, varies, images, gradient, parameters, trace } = self.0;
        let len = neurons.threshold.len();
        for image in 0..images {
            for first in (0..len).step_by(BLOCK) {
                let count = BLOCK.min(len - first);
                let threshold = padded(&neurons.threshold[first..][..count], 1.0);
                let leak = padded(&neurons.leak[first..][..count], 0.0);
                let inverse = threshold.map(|theta| 1.0 / theta);
                let (mut v, mut n) = (padded(&neurons.initial[first..][..count], 0.0), [0.0f32; BLOCK]);
                for (t, [before, now, sums]) in trace.iter_mut().enumerate() {
                    let at = if varies { (t * images + image) * len } else { image * len } + first;
                    let x = &current[at..][..count];
                    for i in 0..count {
                        before[i] = v[i];
                        sums[i] = n[i];
                        let (m, spike, after) = step::<RESET>(v[i], n[i], x[i], threshold[i], leak[i], neurons.is_whole);
                        now[i] = m;
                        v[i] = after;
                        n[i] += spike;
                    }
                }
                // What the loss owes to the potential after the step, and to the parameters. The loop works on copies of one length, beyond
                // `count` on nothing: only of these is it known that none lies upon another, and vectors run it.
                let (mut dv, mut of_threshold, mut of_leak) = ([0.0f32; BLOCK], [0.0f32; BLOCK], [0.0f32; BLOCK]);
                for (t, &[before, now, sums]) in trace.iter().enumerate().rev() {
                    let at = (t * images + image) * len + first;
                    let of_spike = padded(&gradient[at..][..count], 0.0);
                    let mut of_current = [0.0f32; BLOCK];
                    for i in 0..BLOCK {
                        let (theta, m) = (threshold[i], now[i]);
                        let up = derivative.at(m * inverse[i] - 1.0) * inverse[i];
                        let fired = if m >= theta { 1.0 } else { 0.0 };
                        let (slope, spike) = if RESET == SIGNED {
                            let may = if sums[i] > 0.0 { 1.0 } else { 0.0 };
                            let back = if m < 0.0 { may } else { 0.0 };
                            (up + may * derivative.at(m * inverse[i]) * inverse[i], fired - back)
                        } else {
                            (up, fired)
                        };
                        let (kept, owed) = if RESET == HARD { (1.0 - spike, m) } else { (1.0, theta) };
                        let ds = of_spike[i] - through * owed * dv[i];
                        let by_reset = if RESET == HARD { 0.0 } else { through * spike * dv[i] };
                        let dm = kept * dv[i] + ds * slope;
                        of_threshold[i] -= ds * up + by_reset;
                        of_leak[i] += dm * before[i];
                        of_current[i] = dm;
                        dv[i] = leak[i] * dm;
                    }
                    gradient[at..][..count].copy_from_slice(&of_current[..count]);
                }
                for i in 0..count {
                    parameters.threshold[first + i] += of_threshold[i];
                    parameters.initial[first + i] += dv[i];
                    parameters.leak[first + i] += of_leak[i];
                }
            }
        }
    }
}
