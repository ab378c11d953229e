//! Forward and backward to the image in one sweep each, without a general tape.
//!
//! candle's own backward makes a tensor of zeros for every gradient and adds to it, which on small networks costs as much as the
//! convolutions. Here a gradient is a buffer that moves from step to step, and what batch norms recorded is compared and
//! differentiated on the way ([`Watch`]).

use super::{
    action::Action,
    float::{FloatNetwork, Step},
    kernel::with_slice,
};
use crate::error::{Error, Result};
use candle_core::{Device, Tensor, Var};
use snnc_ir::NodeId;
use std::collections::BTreeMap;

/// What the channels of a node should look like over a batch: the distance is the mean over channels of
/// `((μ - mean) / deviation)² + (σ² / deviation² - 1)²` (DeepInversion; Yin et al., CVPR 2020).
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// One a channel.
    pub mean: Vec<f32>,
    /// One a channel; a channel with 0 is left alone.
    pub deviation: Vec<f32>,
}

/// A loss and its gradient.
#[derive(Clone, Debug)]
pub struct Gradient {
    /// The loss, the distances included.
    pub loss: f64,
    /// With respect to the images, in their shape.
    pub images: Vec<f32>,
}

impl FloatNetwork {
    /// The gradient with respect to images `[N, ..]` of `of(logits) + weight · Σ distances`. `of` gets the logits `[N, classes]`
    /// and returns the loss and its gradient, in the same order. The network must keep the watched nodes.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn gradient(
        &self,
        images: &Tensor,
        watched: &BTreeMap<NodeId, Watch>,
        weight: f64,
        of: impl FnOnce(&[f32]) -> (f64, Vec<f32>),
    ) -> Result<Gradient> {
        let mut results = BTreeMap::from([(self.input, images.clone())]);
        for step in &self.steps {
            let result = step.apply(&results)?;
            results.insert(step.node, result.contiguous()?);
        }
        let logits = &results[&self.output];
        let (mut loss, seed) = with_slice(logits, of)?;
        let mut gradients: BTreeMap<NodeId, Vec<f32>> = BTreeMap::from([(self.output, seed)]);
        for step in self.steps.iter().rev() {
            let Some(mut gradient) = gradients.remove(&step.node) else { continue };
            let y = &results[&step.node];
            if let Some(watch) = watched.get(&step.node) {
                loss += weight * watch.add_gradient(y, weight, &mut gradient)?;
            }
            for (&operand, part) in step.operands.iter().zip(step.backward(&results, y, gradient)?) {
                match gradients.get_mut(&operand) {
                    Some(sum) => sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part),
                    None => drop(gradients.insert(operand, part)),
                }
            }
        }
        let images = gradients.remove(&self.input).ok_or_else(|| Error::Internal("the output depends on the image".into()))?;
        Ok(Gradient { loss, images })
    }
}

impl Step {
    /// The gradients of the operands from that of the result.
    fn backward(&self, results: &BTreeMap<NodeId, Tensor>, y: &Tensor, gradient: Vec<f32>) -> Result<Vec<Vec<f32>>> {
        let operands: Vec<&Tensor> = self.operands.iter().map(|o| &results[o]).collect();
        match (&self.action, &self.divisor) {
            (Action::Kernel(kernel), None) => {
                let x = operands[0];
                let mut dx = vec![0.0; x.elem_count()];
                with_slice(x, |values| with_slice(y, |result| kernel.input_gradient(values, result, &gradient, x.dims(), &mut dx)))??;
                Ok(vec![dx])
            }
            (Action::Reshape(_) | Action::Shift(_), None) => Ok(vec![gradient]),
            (Action::Add, None) => {
                let mut parts: Vec<Vec<f32>> = operands[1..].iter().map(|_| gradient.clone()).collect();
                parts.push(gradient);
                Ok(parts)
            }
            // Rare, and small: candle differentiates.
            _ => {
                let vars: Vec<Var> = operands.iter().map(|x| Var::from_tensor(x)).collect::<candle_core::Result<_>>()?;
                let tensors: Vec<&Tensor> = vars.iter().map(Var::as_tensor).collect();
                let mut result = self.action.apply(&tensors)?;
                if let Some(divisor) = &self.divisor {
                    result = result.broadcast_div(divisor)?;
                }
                let seed = Tensor::from_vec(gradient, result.shape(), &Device::Cpu)?;
                let gradients = (result * seed)?.sum_all()?.backward()?;
                vars.iter()
                    .map(|x| match gradients.get(x) {
                        Some(gradient) => Ok(gradient.flatten_all()?.to_vec1::<f32>()?),
                        None => Ok(vec![0.0; x.elem_count()]),
                    })
                    .collect()
            }
        }
    }
}

impl Watch {
    /// The distance of values `[N, C, ..]`; `weight` times its gradient is added to `gradient`.
    fn add_gradient(&self, values: &Tensor, weight: f64, gradient: &mut [f32]) -> Result<f64> {
        let channels = self.mean.len();
        let plane = values.elem_count() / values.dim(0)? / channels;
        let count = (values.dim(0)? * plane) as f64;
        Ok(with_slice(values, |values| {
            let mut sums = vec![[0.0f64; 2]; channels];
            for (k, plane) in values.chunks(plane).enumerate() {
                // About the recorded mean, so that the variance does not come from a difference of large numbers.
                let mean = self.mean[k % channels];
                let [first, second] = moments(plane, mean);
                sums[k % channels][0] += first;
                sums[k % channels][1] += second;
            }
            let mut distance = 0.0;
            let mut slopes = vec![(0.0f32, 0.0f32, 0.0f32); channels];
            for (channel, slope) in slopes.iter_mut().enumerate() {
                let square = f64::from(self.deviation[channel]).powi(2);
                if square == 0.0 {
                    continue;
                }
                let shift = sums[channel][0] / count;
                let excess = (sums[channel][1] / count - shift * shift) / square - 1.0;
                distance += (shift * shift / square + excess * excess) / channels as f64;
                let unit = weight * 2.0 / (square * count * channels as f64);
                *slope = ((unit * shift) as f32, (2.0 * unit * excess) as f32, self.mean[channel] + shift as f32);
            }
            for (k, (values, gradient)) in values.chunks(plane).zip(gradient.chunks_mut(plane)).enumerate() {
                let (constant, linear, centre) = slopes[k % channels];
                gradient.iter_mut().zip(values).for_each(|(g, &x)| *g += constant + linear * (x - centre));
            }
            distance
        })?)
    }
}

/// Sums of `x - mean` and of its square.
fn moments(values: &[f32], mean: f32) -> [f64; 2] {
    const LANES: usize = 16;
    let (mut first, mut second) = ([0.0f32; LANES], [0.0f32; LANES]);
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for lane in 0..LANES {
            let x = chunk[lane] - mean;
            first[lane] += x;
            second[lane] += x * x;
        }
    }
    for (lane, &x) in rest.iter().enumerate() {
        first[lane] += x - mean;
        second[lane] += (x - mean) * (x - mean);
    }
    [first, second].map(|lanes| lanes.iter().map(|&v| f64::from(v)).sum())
}
