//! Forward and backward to the image in one sweep each, without a general tape.
//!
//! candle's own backward makes a tensor of zeros for every gradient and adds to it, which on small networks costs as much as the
//! convolutions. Here values and gradients are buffers that go round in a [`Workspace`], and what batch norms recorded is compared
//! and differentiated on the way ([`FloatNetwork::gradient`]).

use super::{
    action::Action,
    float::{FloatNetwork, Step},
    kernel::with_slice,
};
use crate::error::{Error, Result};
use candle_core::{Device, Tensor, Var};
use snnc_ir::NodeId;
use snnc_passes::threshold::Recorded;
use std::collections::BTreeMap;

/// A loss and its gradient.
#[derive(Clone, Debug)]
pub struct Gradient {
    /// The loss, the distances included.
    pub loss: f64,
    /// With respect to the images, in their shape.
    pub images: Vec<f32>,
}

/// Buffers that are done with, by length, to be used again: one a thread, over all steps of a descent. Whoever takes one overwrites
/// all of it; only what was taken is given back, so that it does not grow from step to step.
#[derive(Default)]
pub struct Workspace(BTreeMap<usize, Vec<Vec<f32>>>);

impl Workspace {
    pub(crate) fn take(&mut self, len: usize) -> Vec<f32> {
        self.0.get_mut(&len).and_then(Vec::pop).unwrap_or_else(|| vec![0.0; len])
    }

    pub(crate) fn copy(&mut self, values: &[f32]) -> Vec<f32> {
        let mut buffer = self.take(values.len());
        buffer.copy_from_slice(values);
        buffer
    }

    pub(crate) fn give(&mut self, buffer: Vec<f32>) {
        self.0.entry(buffer.len()).or_default().push(buffer);
    }
}

/// What a node made.
struct Value {
    /// Batch first.
    dims: Vec<usize>,
    data: Vec<f32>,
}

impl Value {
    fn tensor(&self) -> candle_core::Result<Tensor> {
        Tensor::from_slice(&self.data, self.dims.clone(), &Device::Cpu)
    }
}

impl FloatNetwork {
    /// The gradient with respect to `images`, of shape `dims` `[N, ..]`, of `of(logits) + weight · Σ distances`. The distance of a watched
    /// node is the mean over channels of `((μ - mean) / deviation)² + (σ² / deviation² - 1)²`, μ and σ being those of the batch
    /// (DeepInversion; Yin et al., CVPR 2020). `of` gets the logits
    /// `[N, classes]` and returns the loss and its gradient, in the same order. The network must keep the watched nodes.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn gradient(
        &self,
        images: &[f32],
        dims: &[usize],
        (watched, weight): (&BTreeMap<NodeId, Recorded>, f64),
        workspace: &mut Workspace,
        of: impl FnOnce(&[f32]) -> (f64, Vec<f32>),
    ) -> Result<Gradient> {
        let mut values = BTreeMap::from([(self.input, Value { dims: dims.to_vec(), data: workspace.copy(images) })]);
        for step in &self.steps {
            let value = step.forward(&values, workspace)?;
            values.insert(step.node, value);
        }
        let (mut loss, seed) = of(&values[&self.output].data);
        let mut gradients: BTreeMap<NodeId, Vec<f32>> = BTreeMap::from([(self.output, workspace.copy(&seed))]);
        for step in self.steps.iter().rev() {
            let Some(mut gradient) = gradients.remove(&step.node) else { continue };
            let y = &values[&step.node];
            if let Some(watch) = watched.get(&step.node) {
                loss += weight * add_distance(watch, y, weight, &mut gradient);
            }
            for (&operand, part) in step.operands.iter().zip(step.backward(&values, y, gradient, workspace)?) {
                match gradients.get_mut(&operand) {
                    Some(sum) => {
                        sum.iter_mut().zip(&part).for_each(|(sum, part)| *sum += part);
                        workspace.give(part);
                    }
                    None => drop(gradients.insert(operand, part)),
                }
            }
        }
        values.into_values().for_each(|value| workspace.give(value.data));
        let images = gradients.remove(&self.input).ok_or_else(|| Error::Internal("the output depends on the image".into()))?;
        Ok(Gradient { loss, images })
    }
}

impl Step {
    fn forward(&self, values: &BTreeMap<NodeId, Value>, workspace: &mut Workspace) -> Result<Value> {
        let x = &values[&self.operands[0]];
        match (&self.action, &self.divisor) {
            (Action::Kernel(kernel), None) => {
                let dims = kernel.result_dims(&x.dims);
                let mut data = workspace.take(dims.iter().product());
                kernel.forward(&x.data, &x.dims, &mut data);
                Ok(Value { dims, data })
            }
            (Action::Kernel(kernel), Some(divisor)) => {
                let dims = kernel.result_dims(&x.dims);
                let mut data = workspace.take(dims.iter().product());
                kernel.forward(&x.data, &x.dims, &mut data);
                divide(&mut data, &dims, divisor)?;
                Ok(Value { dims, data })
            }
            (Action::Add, None) => {
                let mut data = workspace.copy(&x.data);
                for operand in &self.operands[1..] {
                    data.iter_mut().zip(&values[operand].data).for_each(|(sum, term)| *sum += term);
                }
                Ok(Value { dims: x.dims.clone(), data })
            }
            (Action::Reshape(dims), None) => {
                let dims = std::iter::once(x.dims[0]).chain(dims.iter().copied()).collect();
                Ok(Value { dims, data: workspace.copy(&x.data) })
            }
            _ => {
                let operands: Vec<Tensor> = self.operands.iter().map(|o| values[o].tensor()).collect::<candle_core::Result<_>>()?;
                let result = self.applied(&operands.iter().collect::<Vec<_>>())?;
                let data = with_slice(&result.contiguous()?, |values| workspace.copy(values))?;
                Ok(Value { dims: result.dims().to_vec(), data })
            }
        }
    }

    /// The gradients of the operands from that of the result.
    fn backward(
        &self,
        values: &BTreeMap<NodeId, Value>,
        y: &Value,
        gradient: Vec<f32>,
        workspace: &mut Workspace,
    ) -> Result<Vec<Vec<f32>>> {
        let x = &values[&self.operands[0]];
        match (&self.action, &self.divisor) {
            (Action::Kernel(kernel), None) => {
                let mut dx = workspace.take(x.data.len());
                kernel.input_gradient(&x.data, &y.data, &gradient, &x.dims, &mut dx);
                workspace.give(gradient);
                Ok(vec![dx])
            }
            // A rectifier with a positive divisor: which entries passed is seen from the quotient too.
            (Action::Kernel(kernel), Some(divisor)) => {
                let mut gradient = gradient;
                divide(&mut gradient, &y.dims, divisor)?;
                let mut dx = workspace.take(x.data.len());
                kernel.input_gradient(&x.data, &y.data, &gradient, &x.dims, &mut dx);
                workspace.give(gradient);
                Ok(vec![dx])
            }
            (Action::Reshape(_) | Action::Shift(_), None) => Ok(vec![gradient]),
            (Action::Add, None) => {
                let mut parts: Vec<Vec<f32>> = self.operands[1..].iter().map(|_| workspace.copy(&gradient)).collect();
                parts.push(gradient);
                Ok(parts)
            }
            (Action::Slice(ranges), None) => {
                let mut dx = workspace.take(x.data.len());
                dx.fill(0.0);
                places(&x.dims, ranges, |whole, part| dx[whole] = gradient[part]);
                workspace.give(gradient);
                Ok(vec![dx])
            }
            (Action::Pad(pads), None) => {
                // What the operand got is the part of the result inside the border.
                let inside: Vec<(usize, isize, usize)> = pads.iter().zip(&x.dims).map(|(p, &len)| (p.0, 1, len)).collect();
                let mut dx = workspace.take(x.data.len());
                places(&y.dims, &inside, |whole, part| dx[part] = gradient[whole]);
                workspace.give(gradient);
                Ok(vec![dx])
            }
            // Rare, and small: candle differentiates.
            _ => {
                let operands = self.operands.iter().map(|o| Var::from_tensor(&values[o].tensor()?));
                let vars: Vec<Var> = operands.collect::<candle_core::Result<_>>()?;
                let result = self.applied(&vars.iter().map(Var::as_tensor).collect::<Vec<_>>())?;
                let seed = Tensor::from_slice(&gradient, result.shape(), &Device::Cpu)?;
                workspace.give(gradient);
                let gradients = (result * seed)?.sum_all()?.backward()?;
                vars.iter()
                    .map(|x| match gradients.get(x) {
                        Some(gradient) => Ok(with_slice(&gradient.contiguous()?, |values| workspace.copy(values))?),
                        None => Ok(workspace.copy(&vec![0.0; x.elem_count()])),
                    })
                    .collect()
            }
        }
    }
}

/// Divides values `dims` by what broadcasts over one image of them.
fn divide(values: &mut [f32], dims: &[usize], divisor: &Tensor) -> Result<()> {
    let one: Vec<usize> = std::iter::once(1).chain(dims[1..].iter().copied()).collect();
    let spread = divisor.broadcast_as(one)?.flatten_all()?.to_vec1::<f32>()?;
    for image in values.chunks_mut(spread.len().max(1)) {
        image.iter_mut().zip(&spread).for_each(|(v, d)| *v /= d);
    }
    Ok(())
}

/// Calls `body(whole, part)` with the places of every entry of the part of a tensor that `ranges` (start, step, length per axis)
/// choose; the batch is whole whatever its range says.
fn places(dims: &[usize], ranges: &[(usize, isize, usize)], mut body: impl FnMut(usize, usize)) {
    let range = |axis: usize| if axis == 0 { (0, 1, dims[0]) } else { ranges[axis] };
    let last = dims.len() - 1;
    let mut rows = vec![0usize];
    for axis in 0..last {
        let (start, step, count) = range(axis);
        let stride: usize = dims[axis + 1..].iter().product();
        let at = |k: usize| (start as isize + k as isize * step) as usize * stride;
        rows = rows.iter().flat_map(|&row| (0..count).map(move |k| row + at(k))).collect();
    }
    let (start, step, count) = range(last);
    let mut part = 0;
    for row in rows {
        for k in 0..count {
            body((row as isize + start as isize + k as isize * step) as usize, part);
            part += 1;
        }
    }
}

/// The distance of values `[N, C, ..]`; `weight` times its gradient is added to `gradient`. A channel with deviation 0 is left alone.
fn add_distance(watch: &Recorded, values: &Value, weight: f64, gradient: &mut [f32]) -> f64 {
    let channels = watch.mean.len();
    let plane = values.data.len() / values.dims[0] / channels;
    let count = (values.dims[0] * plane) as f64;
    let mut sums = vec![[0.0f64; 2]; channels];
    for (k, plane) in values.data.chunks(plane).enumerate() {
        // About the recorded mean, so that the variance does not come from a difference of large numbers.
        let [first, second] = moments(plane, watch.mean[k % channels]);
        sums[k % channels][0] += first;
        sums[k % channels][1] += second;
    }
    let mut distance = 0.0;
    let mut slopes = vec![(0.0f32, 0.0f32, 0.0f32); channels];
    for (channel, slope) in slopes.iter_mut().enumerate() {
        let square = f64::from(watch.deviation[channel]).powi(2);
        if square == 0.0 {
            continue;
        }
        let shift = sums[channel][0] / count;
        let excess = (sums[channel][1] / count - shift * shift) / square - 1.0;
        distance += (shift * shift / square + excess * excess) / channels as f64;
        let unit = weight * 2.0 / (square * count * channels as f64);
        *slope = ((unit * shift) as f32, (2.0 * unit * excess) as f32, watch.mean[channel] + shift as f32);
    }
    for (k, (values, gradient)) in values.data.chunks(plane).zip(gradient.chunks_mut(plane)).enumerate() {
        let (constant, linear, centre) = slopes[k % channels];
        gradient.iter_mut().zip(values).for_each(|(g, &x)| *g += constant + linear * (x - centre));
    }
    distance
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_does_not_grow_from_step_to_step() {
        let text = r#"graph @g imported {
  %0 = input : f32[1x2x4x4] "x"
  %1 = conv2d %0, @w {pads=1} : f32[1x2x4x4] "/conv"
  %2 = relu %1 : f32[1x2x4x4] "/relu"
  %3 = add %2, %0 : f32[1x2x4x4] "/sum"
  %4 = slice %3 {ranges=[0:1:1, 0:1:2, 0:2:2, 3:-1:4]} : f32[1x2x2x4] "/slice"
  %5 = pad %4 {pads=[0:0, 1:0, 0:0, 0:1]} : f32[1x3x2x5] "/pad"
  %6 = transpose %5 {permutation=[0, 2, 3, 1]} : f32[1x2x5x3] "/transpose"
  %7 = leaky_relu %6 {slope=0.25} : f32[1x2x5x3] "/leaky"
  %8 = reshape %7 : f32[1x30] "/flatten"
  %9 = linear %8, @v : f32[1x3] "/fc"
  output %9 "y"
  @v : f32[3x30] = noise(2, 1) source
  @w : f32[2x2x3x3] = noise(1, 1) source
}
"#;
        let graph = snnc_ir::text::parse(text).expect("the graph is well formed");
        let network = FloatNetwork::new(&graph).expect("the graph runs");
        let mut workspace = Workspace::default();
        let mut sizes = Vec::new();
        for _ in 0..4 {
            let squares = |z: &[f32]| (0.0, z.iter().map(|z| 2.0 * z).collect());
            let nothing = (&BTreeMap::new(), 0.0);
            network.gradient(&[0.5; 64], &[2, 2, 4, 4], nothing, &mut workspace, squares).expect("the graph runs");
            sizes.push(workspace.0.values().map(Vec::len).sum::<usize>());
        }
        assert!(sizes[1] == sizes[3] && sizes[0] >= sizes[3], "buffers at rest after each step: {sizes:?}");
    }
}
