//! The spiking network on candle tensors: on a graphics card, and in 64 bits on the processor as the reference of
//! [`network`](super::network).
//!
//! candle differentiates. A spike is `surrogate + (step - surrogate) detached`, so its value is that of the step function and its
//! derivative that of the surrogate; nothing here is shared with the sweep that [`snnc_kernels::neuron`] makes backward, and that is
//! what makes it a reference. On a graphics card in 32 bits, neurons run in a kernel of their own (the module `cuda`, in builds
//! for cards), which does what that sweep does.

use super::{
    network::{Gradients, Wanted},
    plan::{NOWHERE, NeuronSlots, Op, Plan, Span, Step},
};
use crate::error::{Error, Result};
use candle_core::{D, DType, Device, Tensor, Var};
use snnc_kernels::{
    Conv2d, Pool2d,
    neuron::{Derivation, Reset, Surrogate},
};

/// A parameter and its entry for every neuron, as a tensor of all neurons.
type Spread<'a> = dyn Fn((usize, &Vec<usize>)) -> candle_core::Result<Tensor> + 'a;

/// A plan that runs on candle tensors.
pub struct TensorNetwork<'a> {
    plan: &'a Plan,
    device: &'a Device,
    dtype: DType,
    /// Format of the operands of convolutions and linear layers, and of what comes of them.
    products: DType,
    derivation: Derivation,
}

impl<'a> TensorNetwork<'a> {
    /// Prepares a plan for a device and a number format.
    ///
    /// # Errors
    /// If the network has a convolution that candle does not have: one whose stride or dilation differs by axis.
    pub fn new(plan: &'a Plan, device: &'a Device, dtype: DType, derivation: Derivation) -> Result<Self> {
        for step in &plan.steps {
            if let Op::Convolution { conv, .. } = &step.op
                && (conv.dilation[0] != conv.dilation[1] || conv.stride[0] != conv.stride[1])
            {
                return Err(Error::Usage(
                    "a convolution whose stride or dilation differs by axis is trained on the processor alone: `--device cpu`".into(),
                ));
            }
        }
        Ok(Self { plan, device, dtype, products: dtype, derivation })
    }

    /// The same network with the products of convolutions and linear layers, forward and backward, in a format of their own: in 16 bits,
    /// say, which a card multiplies faster, while potentials and all else stay in the network's format.
    #[must_use]
    pub fn with_products(self, products: DType) -> Self {
        Self { products, ..self }
    }

    /// The gradients of a loss over the logits; as [`Network::gradients`](super::network::Network::gradients), without hints.
    ///
    /// # Errors
    /// If the device fails.
    pub fn gradients(
        &self,
        values: &[Vec<f32>],
        input: &[f32],
        images: usize,
        wanted: &Wanted,
        loss: super::network::Loss<'_>,
    ) -> Result<Gradients> {
        let variables = self.plan.parameters.iter().zip(values).map(|(_, v)| Var::from_tensor(&self.upload(v, &[v.len()])?));
        let variables: Vec<Var> = variables.collect::<candle_core::Result<_>>()?;
        let rows = self.plan.rows(0, images);
        let input = Var::from_tensor(&self.upload(input, &[rows, self.plan.steps[0].len])?)?;
        let logits = self.forward(&variables, input.as_tensor(), images)?;
        let plain = logits.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let (value, seed) = loss(&plain);
        let seed = self.upload(&seed, logits.dims())?;
        let store = (logits * seed)?.sum_all()?.backward()?;
        let download = |variable: &Var, is_wanted: bool| -> candle_core::Result<Vec<f32>> {
            match store.get(variable) {
                _ if !is_wanted => Ok(Vec::new()),
                Some(gradient) => gradient.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>(),
                None => Ok(vec![0.0; variable.elem_count()]),
            }
        };
        let parameters = variables.iter().zip(&wanted.parameters).map(|(v, &is)| download(v, is)).collect::<candle_core::Result<_>>()?;
        Ok(Gradients { loss: value, logits: plain, parameters, input: download(&input, wanted.input)? })
    }

    fn upload(&self, values: &[f32], dims: &[usize]) -> candle_core::Result<Tensor> {
        Tensor::from_slice(values, dims, self.device)?.to_dtype(self.dtype)
    }

    /// Mean output over time, `[N, classes]`.
    fn forward(&self, variables: &[Var], input: &Tensor, images: usize) -> candle_core::Result<Tensor> {
        let plan = self.plan;
        let mut results: Vec<Tensor> = Vec::with_capacity(plan.steps.len());
        for (at, step) in plan.steps.iter().enumerate() {
            let result = if at == 0 { input.clone() } else { self.step(step, plan.rows(at, images), images, variables, &results)? };
            results.push(result);
        }
        let output = &results[plan.output];
        let (rows, len) = output.dims2()?;
        output.reshape((rows / images, images, len))?.mean(0)
    }

    fn step(&self, step: &Step, rows: usize, images: usize, variables: &[Var], results: &[Tensor]) -> candle_core::Result<Tensor> {
        let x = &results[step.operands[0]];
        let spread = |(slot, index): (usize, &Vec<usize>)| -> candle_core::Result<Tensor> {
            // One entry for as many neighbours, of a channel or of all: the gradient is then a sum, where that of a selection is one
            // thread on a card, which goes through all neurons.
            let (values, len) = (&variables[slot], index.len());
            let entries = values.dim(0)?;
            let share = len / entries;
            if entries * share == len && index.iter().enumerate().all(|(i, &entry)| entry == i / share) {
                return values.unsqueeze(1)?.broadcast_as((entries, share))?.reshape(len);
            }
            values.index_select(&self.numbers(index.iter().map(|&i| i as u32).collect())?, 0)
        };
        match &step.op {
            Op::Input => Ok(x.clone()),
            Op::Convolution { conv, size, weight, bias } => {
                let [kh, kw] = conv.kernel;
                let weight = variables[*weight].reshape((conv.out_channels, conv.in_channels / conv.groups, kh, kw))?;
                let y = convolve(conv, *size, &x.to_dtype(self.products)?, &weight.to_dtype(self.products)?, rows)?.to_dtype(self.dtype)?;
                let y = match bias {
                    Some(slot) => y.broadcast_add(&variables[*slot].reshape((1, conv.out_channels, 1, 1))?)?,
                    None => y,
                };
                y.reshape((rows, step.len))
            }
            Op::Linear { inputs, outputs, weight, bias } => {
                let weight = variables[*weight].reshape((*outputs, *inputs))?.to_dtype(self.products)?;
                let y = x.to_dtype(self.products)?.matmul(&weight.t()?)?.to_dtype(self.dtype)?;
                match bias {
                    Some(slot) => y.broadcast_add(&variables[*slot]),
                    None => Ok(y),
                }
            }
            Op::Scale(slot, index) => x.broadcast_mul(&spread((*slot, index))?),
            Op::Shift(slot, index) => x.broadcast_add(&spread((*slot, index))?),
            Op::Add => {
                let mut sum = self.at_every_step(x, rows)?;
                for &operand in &step.operands[1..] {
                    sum = (sum + self.at_every_step(&results[operand], rows)?)?;
                }
                Ok(sum)
            }
            Op::AveragePool(pool, channels, size) => {
                let windows = self.windows(pool, *channels, *size, x)?;
                let counts = window_places(pool, *size).into_iter().map(|window| {
                    let inside = if pool.count_include_pad { window.len() } else { window.iter().flatten().count() };
                    1.0 / inside.max(1) as f32
                });
                let counts: Vec<f32> = counts.collect();
                let share = self.upload(&counts, &[1, 1, counts.len()])?;
                windows.sum(D::Minus1)?.broadcast_mul(&share)?.reshape((rows, step.len))
            }
            Op::Place(maps, factor) => {
                // Sources of every place; of a mean there are several.
                let mut sum: Option<Tensor> = None;
                for (&operand, map) in step.operands.iter().zip(maps) {
                    let x = self.at_every_step(&results[operand], rows)?;
                    let kept: Vec<u32> = (0..map.len() as u32).filter(|&k| map[k as usize] != NOWHERE).collect();
                    let places: Vec<u32> = kept.iter().map(|&k| map[k as usize]).collect();
                    let part = x.index_select(&self.numbers(kept)?, 1)?;
                    let empty = Tensor::zeros((rows, step.len), self.dtype, self.device)?;
                    let placed = empty.index_add(&self.numbers(places)?, &part, 1)?;
                    sum = Some(match sum {
                        Some(sum) => (sum + placed)?,
                        None => placed,
                    });
                }
                let sum = sum.unwrap_or(Tensor::zeros((rows, step.len), self.dtype, self.device)?);
                sum * f64::from(*factor)
            }
            Op::Neuron(slots) => self.neurons(slots, &spread, x, images, step.len),
            Op::CountMaxPool(pool, channels, size) if step.span == Span::Static => self.maxima(pool, *channels, *size, x),
            Op::CountMaxPool(pool, channels, size) => {
                let mut arrived: Option<Tensor> = None;
                let mut before: Option<Tensor> = None;
                let mut steps = Vec::with_capacity(self.plan.timesteps);
                for t in 0..self.plan.timesteps {
                    let now = x.narrow(0, t * images, images)?;
                    let total = arrived.map_or(Ok(now.clone()), |a| a + now)?;
                    let maxima = self.maxima(pool, *channels, *size, &total)?;
                    steps.push(before.map_or(Ok(maxima.clone()), |b| &maxima - b)?);
                    (arrived, before) = (Some(total), Some(maxima));
                }
                Tensor::cat(&steps, 0)
            }
            Op::Twin(..) => candle_core::bail!("twins run on the processor"),
            Op::TimeMean => x.reshape((self.plan.timesteps, images, step.len))?.mean(0),
        }
    }

    fn numbers(&self, list: Vec<u32>) -> candle_core::Result<Tensor> {
        let len = list.len();
        Tensor::from_vec(list, len, self.device)
    }

    /// What is the same at every step, repeated, where there are more rows.
    fn at_every_step(&self, x: &Tensor, rows: usize) -> candle_core::Result<Tensor> {
        let count = rows / x.dim(0)?;
        if count == 1 { Ok(x.clone()) } else { Tensor::cat(&vec![x; count], 0) }
    }

    /// The entries of every window, `[rows, channels, outputs, taps]`; 0 in the padding.
    fn windows(&self, pool: &Pool2d, channels: usize, size: [usize; 2], x: &Tensor) -> candle_core::Result<Tensor> {
        let (rows, plane) = (x.dim(0)?, size[0] * size[1]);
        let places = window_places(pool, size);
        let (outputs, taps) = (places.len(), pool.kernel[0] * pool.kernel[1]);
        let index = places.into_iter().flatten().map(|place| place.unwrap_or(plane) as u32).collect();
        let padded = x.reshape((rows, channels, plane))?.pad_with_zeros(2, 0, 1)?;
        padded.index_select(&self.numbers(index)?, 2)?.reshape((rows, channels, outputs, taps))
    }

    fn maxima(&self, pool: &Pool2d, channels: usize, size: [usize; 2], x: &Tensor) -> candle_core::Result<Tensor> {
        let windows = self.windows(pool, channels, size, x)?;
        // Padding never wins.
        let inside = window_places(pool, size).into_iter().flatten().map(|p| if p.is_some() { 0.0 } else { f32::MIN });
        let inside: Vec<f32> = inside.collect();
        let (rows, channels, outputs, taps) = windows.dims4()?;
        let allowed = windows.detach().broadcast_add(&self.upload(&inside, &[1, 1, outputs, taps])?)?;
        let winner = allowed.argmax_keepdim(D::Minus1)?;
        windows.contiguous()?.gather(&winner.contiguous()?, D::Minus1)?.reshape((rows, channels * outputs))
    }

    fn neurons(&self, slots: &NeuronSlots, spread: &Spread<'_>, x: &Tensor, images: usize, len: usize) -> candle_core::Result<Tensor> {
        let [threshold, initial] = [&slots.threshold, &slots.initial].map(|(slot, index)| spread((*slot, index)));
        let (threshold, initial) = (threshold?, initial?);
        let leak = match &slots.leak {
            Some((slot, index)) => spread((*slot, index))?,
            None => Tensor::ones(len, self.dtype, self.device)?,
        };
        #[cfg(feature = "cuda")]
        if self.device.is_cuda() && self.dtype == DType::F32 {
            let layer = super::cuda::Layer { reset: slots.reset, derivation: self.derivation, timesteps: self.plan.timesteps, images };
            return layer.spikes(x, &threshold, &initial, &leak);
        }
        self.composed(slots.reset, x, images, &threshold, &initial, &leak)
    }

    /// The neurons, step after step, out of tensor operations.
    fn composed(
        &self,
        reset: Reset,
        x: &Tensor,
        images: usize,
        threshold: &Tensor,
        initial: &Tensor,
        leak: &Tensor,
    ) -> candle_core::Result<Tensor> {
        let len = threshold.dim(0)?;
        let shape = (images, len);
        let varies = x.dim(0)? != images;
        let threshold = threshold.broadcast_as(shape)?;
        let leak = leak.broadcast_as(shape)?;
        let zero = Tensor::zeros(shape, self.dtype, self.device)?;
        let mut v = initial.broadcast_as(shape)?;
        let mut net = zero.clone();
        let mut steps = Vec::with_capacity(self.plan.timesteps);
        let through = self.derivation.through_reset;
        for t in 0..self.plan.timesteps {
            let current = if varies { x.narrow(0, t * images, images)? } else { x.clone() };
            let m = ((&v * &leak)? + current)?;
            let up = self.step_function(&(&m - &threshold)?, &threshold)?;
            let spike = if reset == Reset::Signed {
                let may = net.gt(&zero)?.to_dtype(self.dtype)?;
                let below = m.lt(&zero)?.to_dtype(self.dtype)?;
                // 1 at a potential of 0, for which nothing is taken back.
                let kept = self.straight_through(&below.affine(-1.0, 1.0)?, &m, &threshold)?;
                (up - (may * kept.affine(-1.0, 1.0)?)?)?
            } else {
                up
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

/// For every window in row-major order, the place of each of its taps in the plane; none in the padding.
fn window_places(pool: &Pool2d, size: [usize; 2]) -> Vec<Vec<Option<usize>>> {
    let mut windows = Vec::with_capacity(pool.output[0] * pool.output[1]);
    for y in 0..pool.output[0] {
        for x in 0..pool.output[1] {
            let mut taps = Vec::with_capacity(pool.kernel[0] * pool.kernel[1]);
            for dy in 0..pool.kernel[0] {
                for dx in 0..pool.kernel[1] {
                    let row = (y * pool.stride[0] + dy).checked_sub(pool.pads[0]).filter(|&r| r < size[0]);
                    let col = (x * pool.stride[1] + dx).checked_sub(pool.pads[1]).filter(|&c| c < size[1]);
                    taps.push(row.zip(col).map(|(row, col)| row * size[1] + col));
                }
            }
            windows.push(taps);
        }
    }
    windows
}

/// A convolution of rows `[rows, channels · height · width]`. candle pads all sides alike, so the padding is made before; and its
/// backward is wrong for planes that are not square where the stride is more than 1, so those are computed at every place and
/// thinned out.
fn convolve(conv: &Conv2d, size: [usize; 2], x: &Tensor, weight: &Tensor, rows: usize) -> candle_core::Result<Tensor> {
    let [top, left, bottom, right] = conv.pads;
    let x = x.reshape((rows, conv.in_channels, size[0], size[1]))?;
    let x = if top + bottom > 0 { x.pad_with_zeros(2, top, bottom)? } else { x };
    let x = if left + right > 0 { x.pad_with_zeros(3, left, right)? } else { x };
    let stride = conv.stride[0];
    let is_square = x.dim(2)? == x.dim(3)?;
    if stride == 1 || is_square {
        return x.conv2d(weight, 0, stride, conv.dilation[0], conv.groups);
    }
    let mut y = x.conv2d(weight, 0, 1, conv.dilation[0], conv.groups)?;
    for axis in [2, 3] {
        let places: Vec<u32> = (0..y.dim(axis)? as u32).step_by(stride).collect();
        let len = places.len();
        y = y.index_select(&Tensor::from_vec(places, len, x.device())?, axis)?;
    }
    Ok(y)
}
