//! Neurons, step after step, out of tensor operations.
//!
//! A spike is `surrogate + (step - surrogate) detached`, so its value is that of the step function and its derivative that of the
//! surrogate; nothing here is shared with the sweep that [`snnc_kernels::neuron`] makes backward, and that is what makes it a reference. On a
//! graphics card in 32 bits, neurons run in a kernel of their own (`crate::cuda`), which does what that sweep does.

use super::network::TensorNetwork;
use crate::plan::{Counting, NeuronSlots, RadixSlots, Spread, Twin};
use candle_core::{Tensor, Var};
use snnc_kernels::neuron::{Reset, Surrogate};

/// The parameters of a layer of neurons, one value a neuron.
struct Layer {
    threshold: Tensor,
    initial: Tensor,
    leak: Tensor,
    reset: Reset,
    is_whole: bool,
    images: usize,
}

impl TensorNetwork<'_> {
    /// The spikes `[T·N, len]` under the currents `[T·N, len]`, or `[N, len]` where they are the same at every step.
    pub(super) fn neurons(&self, slots: &NeuronSlots, x: &Tensor, images: usize, variables: &[Var]) -> candle_core::Result<Tensor> {
        let layer = self.layer(slots, images, variables)?;
        #[cfg(feature = "cuda")]
        if self.device.is_cuda() && self.dtype == candle_core::DType::F32 && !layer.is_whole {
            let kernel = crate::cuda::Layer {
                reset: layer.reset,
                derivation: self.derivation,
                timesteps: self.plan.timesteps,
                images: layer.images,
            };
            return kernel.spikes(x, &layer.threshold, &layer.initial, &layer.leak);
        }
        self.composed(&layer, x)
    }

    /// The counts of neurons of the radix code under the currents `[N, len]`, whose slope is that of the line that they climb.
    pub(super) fn radix(&self, slots: &RadixSlots, x: &Tensor, variables: &[Var]) -> candle_core::Result<Tensor> {
        let (threshold, initial) = (self.spread(&slots.threshold, variables)?, self.spread(&slots.initial, variables)?);
        let counted = x.broadcast_add(&initial)?.broadcast_div(&threshold)?;
        let most = f64::from(slots.levels);
        let between = |x: &Tensor, most: f64| (x.relu()?.neg()? + most)?.relu()?.neg()? + most;
        match slots.counting {
            Counting::Digits => {
                let line = between(&counted, most + 1.0)?;
                (&line - line.detach())? + counted.detach().floor()?.clamp(0.0, most)?
            }
            Counting::Bounded => between(&(counted - 0.5)?, most),
            Counting::Endless => (counted - 0.5)?.relu(),
        }
    }

    /// What a twin's activation makes of mean currents `[N, len]`.
    pub(super) fn twin(&self, twin: Twin, slots: &NeuronSlots, x: &Tensor, variables: &[Var]) -> candle_core::Result<Tensor> {
        let layer = self.layer(slots, x.dim(0)?, variables)?;
        let steps = self.plan.timesteps as f64;
        let [theta, initial] = [&layer.threshold, &layer.initial].map(Tensor::detach);
        let start = match twin {
            Twin::Limit => theta.zeros_like()?,
            Twin::Quantised => initial,
            Twin::Relu | Twin::Clipped | Twin::Response => (initial - (&theta * 0.5)?)?,
        };
        let rate = x.broadcast_add(&(start / steps)?)?.broadcast_div(&theta)?.relu()?;
        let bounded = (&rate - (&rate - 1.0)?.relu()?)?;
        Ok(match twin {
            Twin::Relu | Twin::Limit => rate,
            Twin::Clipped => bounded,
            // The value of the staircase, the slope of its envelope.
            Twin::Quantised => ((&bounded - bounded.detach())? + ((bounded.detach() * steps)?.floor()? / steps)?)?,
            Twin::Response => {
                let len = x.dim(1)?;
                let answer = self.composed(&layer, &x.detach())?.reshape((self.plan.timesteps, layer.images, len))?.mean(0)?;
                ((&bounded - bounded.detach())? + answer.detach())?
            }
        })
    }

    fn layer(&self, slots: &NeuronSlots, images: usize, variables: &[Var]) -> candle_core::Result<Layer> {
        let spread = |spread: &Spread| self.spread(spread, variables);
        let leak = match &slots.leak {
            Some(leak) => spread(leak)?,
            None => Tensor::ones(slots.threshold.index.len(), self.dtype, self.device)?,
        };
        Ok(Layer {
            threshold: spread(&slots.threshold)?,
            initial: spread(&slots.initial)?,
            leak,
            reset: slots.reset,
            is_whole: slots.is_whole,
            images,
        })
    }

    fn composed(&self, layer: &Layer, x: &Tensor) -> candle_core::Result<Tensor> {
        let Layer { reset, images, .. } = *layer;
        let len = layer.threshold.dim(0)?;
        let shape = (images, len);
        let varies = x.dim(0)? != images;
        let threshold = layer.threshold.broadcast_as(shape)?;
        let leak = layer.leak.broadcast_as(shape)?;
        let zero = Tensor::zeros(shape, self.dtype, self.device)?;
        let mut v = layer.initial.broadcast_as(shape)?;
        let mut net = zero.clone();
        let mut steps = Vec::with_capacity(self.plan.timesteps);
        let through = self.derivation.through_reset;
        for t in 0..self.plan.timesteps {
            let current = if varies { x.narrow(0, t * images, images)? } else { x.clone() };
            let left = (&v * &leak)?;
            let m = (if layer.is_whole { left.floor()? } else { left } + current)?;
            let up = self.step_function(&(&m - &threshold)?, &threshold)?;
            let spike = match reset {
                Reset::Soft | Reset::Hard => up,
                Reset::Signed => {
                    let may = net.gt(&zero)?.to_dtype(self.dtype)?;
                    let below = m.lt(&zero)?.to_dtype(self.dtype)?;
                    // 1 at a potential of 0, for which nothing is taken back.
                    let kept = self.straight_through(&below.affine(-1.0, 1.0)?, &m, &threshold)?;
                    (up - (may * kept.affine(-1.0, 1.0)?)?)?
                }
            };
            net = (net + spike.detach())?;
            let (by_spike, by_threshold) = if through { (spike.clone(), threshold.clone()) } else { (spike.detach(), threshold.detach()) };
            v = if reset == Reset::Hard { (&m * by_spike.affine(-1.0, 1.0)?)? } else { (m - (by_threshold * by_spike)?)? };
            steps.push(spike);
        }
        Tensor::cat(&steps, 0)
    }

    /// `H(distance)` whose derivative is the surrogate's.
    fn step_function(&self, distance: &Tensor, threshold: &Tensor) -> candle_core::Result<Tensor> {
        let fired = distance.ge(&distance.zeros_like()?)?.to_dtype(self.dtype)?;
        self.straight_through(&fired, distance, threshold)
    }

    /// A tensor with the value of `value` that is differentiated as `g(distance / θ) / θ · distance`, θ and `g` being constants.
    fn straight_through(&self, value: &Tensor, distance: &Tensor, threshold: &Tensor) -> candle_core::Result<Tensor> {
        let theta = threshold.detach();
        let u = (distance.detach() / &theta)?;
        let slope = match self.derivation.surrogate {
            Surrogate::Triangle { height } => (u.abs()?.affine(-1.0, 1.0)?.relu()? * f64::from(height))?,
            Surrogate::Atan { slope } => {
                let a = f64::from(slope);
                ((u * (std::f64::consts::FRAC_PI_2 * a))?.sqr()? + 1.0)?.recip()?.affine(a / 2.0, 0.0)?
            }
            Surrogate::Sigmoid { slope } => {
                let a = f64::from(slope);
                let e = (u.abs()? * -a)?.exp()?;
                (&e / (&e + 1.0)?.sqr()?)?.affine(a, 0.0)?
            }
        };
        let line = (distance * (slope / &theta)?.detach())?;
        (&line - line.detach())? + value.detach()
    }
}
