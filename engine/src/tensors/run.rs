//! Forward, and backward by candle.

use super::{network::TensorNetwork, windows};
use crate::{
    error::{Error, Result},
    loss::Losses,
    plan::{NOWHERE, Op, Span, Step},
    processor::{Gradients, Wanted},
};
use candle_core::{DType, Tensor, Var};
use snnc_ir::NodeId;

impl TensorNetwork<'_> {
    /// The gradients of a loss; as [`Network::gradients`](crate::Network::gradients).
    ///
    /// # Errors
    /// [`Error::Card`] if a card fails.
    pub fn gradients<V: AsRef<[f32]>>(
        &self,
        values: &[V],
        input: &[f32],
        images: usize,
        wanted: &Wanted,
        losses: &Losses<'_>,
    ) -> Result<Gradients> {
        self.descend(values, input, images, wanted, losses).map_err(|error| self.failed(&error))
    }

    /// What nodes make of images, `[N, len]` each, the mean over time where it varies: as [`Network::results`](crate::Network::results),
    /// but of whole numbers beyond 2^24 too, which floats of 32 bits do not hold.
    ///
    /// # Errors
    /// [`Error::Card`] if a card fails.
    ///
    /// # Panics
    /// If a node's result is nowhere by itself: name it when the plan is made.
    pub fn results(&self, values: &[Vec<f32>], input: &[f32], images: usize, nodes: &[NodeId]) -> Result<Vec<Vec<f64>>> {
        let places: Vec<usize> = nodes.iter().map(|&node| self.plan.at(node).expect("the plan keeps the node's result")).collect();
        let all = || -> candle_core::Result<Vec<Vec<f64>>> {
            let (variables, input) = self.leaves(values, input, images)?;
            let results = self.forward(&variables, input.as_tensor(), images)?;
            let mean = |at: usize| over_time(&results[at], images)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1();
            places.into_iter().map(mean).collect()
        };
        all().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &candle_core::Error) -> Error {
        let text = error.to_string();
        if self.device.is_cuda() { Error::Card(text.lines().next().unwrap_or_default().to_owned()) } else { Error::Bug(text) }
    }

    /// The parameters and the input, of which everything else is made.
    fn leaves<V: AsRef<[f32]>>(&self, values: &[V], input: &[f32], images: usize) -> candle_core::Result<(Vec<Var>, Var)> {
        let values = values.iter().map(AsRef::as_ref);
        let variables = self.plan.parameters.iter().zip(values).map(|(_, v)| Var::from_tensor(&self.upload(v, &[v.len()])?));
        let variables: Vec<Var> = variables.collect::<candle_core::Result<_>>()?;
        let input = Var::from_tensor(&self.upload(input, &[self.plan.rows(0, images), self.plan.steps[0].len])?)?;
        Ok((variables, input))
    }

    fn descend<V: AsRef<[f32]>>(
        &self,
        values: &[V],
        input: &[f32],
        images: usize,
        wanted: &Wanted,
        losses: &Losses<'_>,
    ) -> candle_core::Result<Gradients> {
        let (variables, input) = self.leaves(values, input, images)?;
        let results = self.forward(&variables, input.as_tensor(), images)?;
        let output = &results[self.plan.output];
        let logits = over_time(output, images)?;
        let plain = download(&logits)?;
        let (mut loss, seed) = (losses.output)(&plain);
        let mut total = (&logits * self.upload(&seed, logits.dims())?)?.sum_all()?;
        for (at, inside) in losses.inside.iter().rev() {
            let result = &results[*at];
            let mut seed = vec![0.0; result.elem_count()];
            loss += inside.add(&download(result)?, images, &mut seed);
            total = (total + (result * self.upload(&seed, result.dims())?)?.sum_all()?)?;
        }
        let store = total.backward()?;
        let gradient = |variable: &Var, is_wanted: bool| -> candle_core::Result<Vec<f32>> {
            match store.get(variable) {
                _ if !is_wanted => Ok(Vec::new()),
                Some(gradient) => download(gradient),
                None => Ok(vec![0.0; variable.elem_count()]),
            }
        };
        let parameters = variables.iter().zip(&wanted.parameters).map(|(v, &is)| gradient(v, is)).collect::<candle_core::Result<_>>()?;
        Ok(Gradients { loss, logits: plain, parameters, input: gradient(&input, wanted.input)? })
    }

    /// What every step makes, `[rows, len]`.
    fn forward(&self, variables: &[Var], input: &Tensor, images: usize) -> candle_core::Result<Vec<Tensor>> {
        let plan = self.plan;
        let mut results: Vec<Tensor> = Vec::with_capacity(plan.steps.len());
        for (at, step) in plan.steps.iter().enumerate() {
            let result = if at == 0 { input.clone() } else { self.step(step, plan.rows(at, images), images, variables, &results)? };
            results.push(result);
        }
        Ok(results)
    }

    fn step(&self, step: &Step, rows: usize, images: usize, variables: &[Var], results: &[Tensor]) -> candle_core::Result<Tensor> {
        let x = &results[step.operands[0]];
        let rectified = |y: Tensor, is: bool| if is { y.relu() } else { Ok(y) };
        match &step.op {
            Op::Input => Ok(x.clone()),
            Op::Convolution { conv, size, weight, bias, rectified: is_rectified } => {
                let [kh, kw] = conv.kernel;
                let weight = variables[*weight].reshape((conv.out_channels, conv.in_channels / conv.groups, kh, kw))?;
                let (x, weight) = (x.to_dtype(self.products)?, weight.to_dtype(self.products)?);
                let bias = bias.map(|slot| variables[slot].as_tensor());
                let y = windows::convolve(conv, *size, &x, &weight, bias, rows)?.to_dtype(self.dtype)?;
                rectified(y, *is_rectified)
            }
            Op::Linear { inputs, outputs, weight, bias, rectified: is_rectified } => {
                let weight = variables[*weight].reshape((*outputs, *inputs))?.to_dtype(self.products)?;
                let y = x.to_dtype(self.products)?.matmul(&weight.t()?)?.to_dtype(self.dtype)?;
                let y = match bias {
                    Some(slot) => y.broadcast_add(&variables[*slot])?,
                    None => y,
                };
                rectified(y, *is_rectified)
            }
            Op::Scale(spread) => x.broadcast_mul(&self.spread(spread, variables)?),
            Op::Shift(spread) => x.broadcast_add(&self.spread(spread, variables)?),
            Op::Add => {
                let mut sum = at_every_step(x, rows)?;
                for &operand in &step.operands[1..] {
                    sum = (sum + at_every_step(&results[operand], rows)?)?;
                }
                Ok(sum)
            }
            Op::AveragePool(pool) => self.average_pool(pool, x),
            Op::SumPool(pool) => self.sum_pool(pool, x),
            Op::MaxPool(pool) if step.span == Span::Temporal => self.count_max(pool, x, images),
            Op::MaxPool(pool) => self.maxima(pool, x),
            Op::Move { maps, fill } => {
                let mut moved = Tensor::zeros((rows, step.len), self.dtype, self.device)?;
                let mut is_filled = vec![false; step.len];
                for (&operand, map) in step.operands.iter().zip(maps) {
                    moved = (moved + self.placed(&at_every_step(&results[operand], rows)?, map, step.len)?)?;
                    map.iter().filter(|&&place| place != NOWHERE).for_each(|&place| is_filled[place as usize] = true);
                }
                let border: Vec<f32> = is_filled.iter().map(|&is| if is { 0.0 } else { *fill }).collect();
                moved.broadcast_add(&self.upload(&border, &[1, step.len])?)
            }
            Op::Mean { map, share } => self.placed(x, map, step.len)? * f64::from(*share),
            Op::Normalise { slots, epsilon, plane } => {
                let [gamma, beta, mean, variance] = slots.map(|slot| variables[slot].as_tensor());
                let factor = (gamma / (variance.detach() + f64::from(*epsilon))?.sqrt()?)?;
                let offset = (beta - (mean.detach() * &factor)?)?;
                let channels = factor.dim(0)?;
                let shape = (1, channels, 1);
                let x = x.reshape((rows, channels, *plane))?;
                x.broadcast_mul(&factor.reshape(shape)?)?.broadcast_add(&offset.reshape(shape)?)?.reshape((rows, step.len))
            }
            Op::Clamp { low, high } => clamp(x, *low, *high),
            Op::ClipFloorShift { max, levels } => {
                let step = f64::from(*max) / f64::from(*levels);
                let stairs = (((x.detach() / step)? + 0.5)?.floor()?.clamp(0.0, f64::from(*levels))? * step)?;
                // The value of the stairs, the slope of what they climb.
                let slope = clamp(x, 0.0, *max)?;
                (&slope - slope.detach())? + stairs
            }
            Op::Neuron(slots) => self.neurons(slots, x, images, variables),
            Op::Radix(slots) => self.radix(slots, x, variables),
            Op::Twin(twin, slots) => self.twin(*twin, slots, x, variables),
            Op::TimeMean => x.reshape((self.plan.timesteps, images, step.len))?.mean(0),
        }
    }

    /// Rows of `len` entries, in which the entries of `x` stand where the map says, those of one place added up.
    fn placed(&self, x: &Tensor, map: &[u32], len: usize) -> candle_core::Result<Tensor> {
        let kept: Vec<u32> = (0..map.len() as u32).filter(|&k| map[k as usize] != NOWHERE).collect();
        let places: Vec<u32> = kept.iter().map(|&k| map[k as usize]).collect();
        let part = x.index_select(&self.numbers(kept)?, 1)?;
        Tensor::zeros((x.dim(0)?, len), self.dtype, self.device)?.index_add(&self.numbers(places)?, &part, 1)
    }
}

fn download(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()
}

/// The mean over time of `[T·N, len]`.
fn over_time(x: &Tensor, images: usize) -> candle_core::Result<Tensor> {
    let (rows, len) = x.dims2()?;
    x.reshape((rows / images, images, len))?.mean(0)
}

/// What is the same at every step, repeated, where there are more rows.
fn at_every_step(x: &Tensor, rows: usize) -> candle_core::Result<Tensor> {
    let count = rows / x.dim(0)?;
    if count == 1 { Ok(x.clone()) } else { Tensor::cat(&vec![x; count], 0) }
}

/// `min(max(x, low), high)`; bounds may be infinite.
fn clamp(x: &Tensor, low: f32, high: f32) -> candle_core::Result<Tensor> {
    let x = if low.is_finite() { ((x - f64::from(low))?.relu()? + f64::from(low))? } else { x.clone() };
    if high.is_finite() { (x.neg()? + f64::from(high))?.relu()?.neg()? + f64::from(high) } else { Ok(x) }
}
