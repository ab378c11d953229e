//! Windows of planes: convolutions and pools.

use super::network::TensorNetwork;
use crate::plan::Pool;
use candle_core::{D, Tensor};
use snnc_kernels::{Conv2d, Pool2d};

impl TensorNetwork<'_> {
    /// Means of windows, `[rows, channels · outputs]`.
    pub(super) fn average_pool(&self, pool: &Pool, x: &Tensor) -> candle_core::Result<Tensor> {
        let counts = window_places(&pool.pool, pool.size).into_iter().map(|window| {
            let inside = if pool.pool.count_include_pad { window.len() } else { window.iter().flatten().count() };
            1.0 / inside.max(1) as f32
        });
        self.sums(pool, x, &counts.collect::<Vec<_>>())
    }

    /// Sums of windows, `[rows, channels · outputs]`.
    pub(super) fn sum_pool(&self, pool: &Pool, x: &Tensor) -> candle_core::Result<Tensor> {
        self.sums(pool, x, &vec![1.0; pool.pool.output[0] * pool.pool.output[1]])
    }

    /// Sums of windows, each times its share of its place.
    fn sums(&self, pool: &Pool, x: &Tensor, shares: &[f32]) -> candle_core::Result<Tensor> {
        let shares = self.upload(shares, &[shares.len()])?;
        #[cfg(feature = "cuda")]
        if self.device.is_cuda() && self.dtype == candle_core::DType::F32 {
            return crate::cuda::Sums::new(&pool.pool, x.dim(0)?, pool.channels, pool.size).apply(x, &shares);
        }
        self.windows(pool, x)?.sum(D::Minus1)?.broadcast_mul(&shares)?.flatten_from(1)
    }

    /// The largest accumulated count of every window, as it grows.
    pub(super) fn count_max(&self, pool: &Pool, x: &Tensor, images: usize) -> candle_core::Result<Tensor> {
        let mut arrived: Option<Tensor> = None;
        let mut before: Option<Tensor> = None;
        let mut steps = Vec::with_capacity(self.plan.timesteps);
        for t in 0..self.plan.timesteps {
            let now = x.narrow(0, t * images, images)?;
            let total = arrived.map_or(Ok(now.clone()), |a| a + now)?;
            let maxima = self.maxima(pool, &total)?;
            steps.push(before.map_or(Ok(maxima.clone()), |b| &maxima - b)?);
            (arrived, before) = (Some(total), Some(maxima));
        }
        Tensor::cat(&steps, 0)
    }

    /// The entries of every window, `[rows, channels, outputs, taps]`; 0 in the padding.
    fn windows(&self, pool: &Pool, x: &Tensor) -> candle_core::Result<Tensor> {
        let (rows, plane) = (x.dim(0)?, pool.size[0] * pool.size[1]);
        let places = window_places(&pool.pool, pool.size);
        let (outputs, taps) = (places.len(), pool.pool.kernel[0] * pool.pool.kernel[1]);
        let index = places.into_iter().flatten().map(|place| place.unwrap_or(plane) as u32).collect();
        let padded = x.reshape((rows, pool.channels, plane))?.pad_with_zeros(2, 0, 1)?;
        padded.index_select(&self.numbers(index)?, 2)?.reshape((rows, pool.channels, outputs, taps))
    }

    /// Maxima of windows, `[rows, channels · outputs]`.
    pub(super) fn maxima(&self, pool: &Pool, x: &Tensor) -> candle_core::Result<Tensor> {
        let windows = self.windows(pool, x)?;
        // Padding never wins.
        let inside = window_places(&pool.pool, pool.size).into_iter().flatten().map(|p| if p.is_some() { 0.0 } else { f32::MIN });
        let inside: Vec<f32> = inside.collect();
        let (rows, channels, outputs, taps) = windows.dims4()?;
        let allowed = windows.detach().broadcast_add(&self.upload(&inside, &[1, 1, outputs, taps])?)?;
        let winner = first_largest(&allowed)?;
        windows.contiguous()?.gather(&winner.contiguous()?, D::Minus1)?.reshape((rows, channels * outputs))
    }
}

/// The place of the first largest value along the last axis, `[.., 1]`. candle's own on a card may take another of equals.
fn first_largest(x: &Tensor) -> candle_core::Result<Tensor> {
    #[cfg(feature = "cuda")]
    if x.device().is_cuda() {
        return crate::cuda::first_largest(&x.to_dtype(candle_core::DType::F32)?);
    }
    x.argmax_keepdim(D::Minus1)
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

/// A convolution of rows `[rows, channels · height · width]`: on a graphics card by kernels of our own, else by candle.
pub(super) fn convolve(
    conv: &Conv2d,
    size: [usize; 2],
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    rows: usize,
) -> candle_core::Result<Tensor> {
    #[cfg(feature = "cuda")]
    if x.device().is_cuda()
        && crate::cuda::Convolution::has(x.dtype())
        && let Some(convolution) = crate::cuda::Convolution::new(conv, rows, size)
    {
        return convolution.apply(x, weight, bias);
    }
    let y = by_candle(conv, size, x, weight, rows)?;
    let y = match bias {
        Some(bias) => y.to_dtype(bias.dtype())?.broadcast_add(&bias.reshape((1, conv.out_channels, 1, 1))?)?,
        None => y,
    };
    y.flatten_from(1)
}

/// candle pads all sides alike, so the padding is made before; and its backward is wrong for planes that are not square where the stride
/// is more than 1, so those are computed at every place and thinned out.
fn by_candle(conv: &Conv2d, size: [usize; 2], x: &Tensor, weight: &Tensor, rows: usize) -> candle_core::Result<Tensor> {
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
