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

use crate::simd::{Loop, dispatch};

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

/// What stands in for the derivative of the step function at a distance `u = (m - θ)/θ` from the threshold: `ds/dm = g(u)/θ`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Surrogate {
    /// `height · max(0, 1 - |u|)`: the paper's, with height 0.3.
    Triangle {
        /// Value at the threshold.
        height: f32,
    },
    /// `α/2 / (1 + (π α u/2)²)` (Fang et al., ICCV 2021).
    Atan {
        /// α.
        slope: f32,
    },
    /// `α σ(α u) (1 - σ(α u))`.
    Sigmoid {
        /// α.
        slope: f32,
    },
}

/// A derivative of the step function as a type, so that loops over it hold no branch.
trait Derivative: Copy {
    fn at(self, u: f32) -> f32;
}

#[derive(Clone, Copy)]
struct Triangle(f32);
#[derive(Clone, Copy)]
struct Atan(f32);
#[derive(Clone, Copy)]
struct Sigmoid(f32);

impl Derivative for Triangle {
    #[inline(always)]
    fn at(self, u: f32) -> f32 {
        let rest = 1.0 - u.abs();
        if rest > 0.0 { self.0 * rest } else { 0.0 }
    }
}

impl Derivative for Atan {
    #[inline(always)]
    fn at(self, u: f32) -> f32 {
        let x = std::f32::consts::FRAC_PI_2 * self.0 * u;
        0.5 * self.0 / (1.0 + x * x)
    }
}

impl Derivative for Sigmoid {
    #[inline(always)]
    fn at(self, u: f32) -> f32 {
        // Even in u, so the exponential cannot overflow.
        let e = (-(self.0 * u).abs()).exp();
        self.0 * e / ((1.0 + e) * (1.0 + e))
    }
}

impl Surrogate {
    /// The derivative at a distance of `u` thresholds from the threshold.
    #[must_use]
    pub fn at(self, u: f32) -> f32 {
        match self {
            Self::Triangle { height } => Triangle(height).at(u),
            Self::Atan { slope } => Atan(slope).at(u),
            Self::Sigmoid { slope } => Sigmoid(slope).at(u),
        }
    }
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
}

/// How to differentiate a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Derivation {
    /// Stands in for the derivative of the step function.
    pub surrogate: Surrogate,
    /// Whether the reset is differentiated.
    pub through_reset: bool,
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
        let varies = current.len() == spikes.len();
        match self.reset {
            Reset::Soft => dispatch(Forward::<SOFT> { neurons: self, current, varies, images, len, steps, spikes }),
            Reset::Hard => dispatch(Forward::<HARD> { neurons: self, current, varies, images, len, steps, spikes }),
            Reset::Signed => dispatch(Forward::<SIGNED> { neurons: self, current, varies, images, len, steps, spikes }),
        }
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
fn step<const RESET: u8>(v: f32, n: f32, current: f32, threshold: f32, leak: f32) -> (f32, f32, f32) {
    let m = leak * v + current;
    let up = if m >= threshold { 1.0 } else { 0.0 };
    if RESET == HARD {
        return (m, up, if m >= threshold { 0.0 } else { m });
    }
    let back = if RESET == SIGNED && m < 0.0 && n > 0.0 { 1.0 } else { 0.0 };
    let spike = up - back;
    (m, spike, m - threshold * spike)
}

struct Forward<'a, const RESET: u8> {
    neurons: &'a Neurons<'a>,
    current: &'a [f32],
    varies: bool,
    images: usize,
    len: usize,
    steps: usize,
    spikes: &'a mut [i8],
}

impl<const RESET: u8> Loop for Forward<'_, RESET> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { neurons, current, varies, images, len, steps, spikes } = self;
        for image in 0..images {
            for first in (0..len).step_by(BLOCK) {
                let count = BLOCK.min(len - first);
                let (mut v, mut n) = ([0.0f32; BLOCK], [0.0f32; BLOCK]);
                v[..count].copy_from_slice(&neurons.initial[first..][..count]);
                let (threshold, leak) = (&neurons.threshold[first..][..count], &neurons.leak[first..][..count]);
                for t in 0..steps {
                    let at = (t * images + image) * len + first;
                    let x = &current[if varies { at } else { image * len + first }..][..count];
                    let out = &mut spikes[at..][..count];
                    for i in 0..count {
                        let (_, spike, after) = step::<RESET>(v[i], n[i], x[i], threshold[i], leak[i]);
                        v[i] = after;
                        n[i] += spike;
                        out[i] = spike as i8;
                    }
                }
            }
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
                let (threshold, leak) = (&neurons.threshold[first..][..count], &neurons.leak[first..][..count]);
                let mut inverse = [1.0f32; BLOCK];
                inverse.iter_mut().zip(threshold).for_each(|(inverse, theta)| *inverse = 1.0 / theta);
                let (mut v, mut n) = ([0.0f32; BLOCK], [0.0f32; BLOCK]);
                v[..count].copy_from_slice(&neurons.initial[first..][..count]);
                for (t, [before, now, sums]) in trace.iter_mut().enumerate() {
                    let at = if varies { (t * images + image) * len } else { image * len } + first;
                    let x = &current[at..][..count];
                    for i in 0..count {
                        before[i] = v[i];
                        sums[i] = n[i];
                        let (m, spike, after) = step::<RESET>(v[i], n[i], x[i], threshold[i], leak[i]);
                        now[i] = m;
                        v[i] = after;
                        n[i] += spike;
                    }
                }
                // What the loss owes to the potential after the step, and to the parameters.
                let mut dv = [0.0f32; BLOCK];
                let (mut of_threshold, mut of_leak) = ([0.0f32; BLOCK], [0.0f32; BLOCK]);
                for (t, [before, now, sums]) in trace.iter().enumerate().rev() {
                    let at = (t * images + image) * len + first;
                    let gradient = &mut gradient[at..][..count];
                    for i in 0..count {
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
                        let ds = gradient[i] - through * owed * dv[i];
                        let by_reset = if RESET == HARD { 0.0 } else { through * spike * dv[i] };
                        let dm = kept * dv[i] + ds * slope;
                        of_threshold[i] -= ds * up + by_reset;
                        of_leak[i] += dm * before[i];
                        gradient[i] = dm;
                        dv[i] = leak[i] * dm;
                    }
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
