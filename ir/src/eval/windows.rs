//! Convolution and pooling.

use super::View;
use crate::{
    op::{Conv2d, Window},
    param::Tensor,
};

/// A tensor of shape `[1, channels, height, width]`.
fn image(dims: &[usize]) -> [usize; 3] {
    [dims[1], dims[2], dims[3]]
}

pub(super) fn conv2d(x: View<'_>, weight: &Tensor, bias: Option<&Tensor>, geometry: &Conv2d, result: &[usize]) -> Vec<f64> {
    let ([_, height, width], [outs, out_height, out_width]) = (image(x.dims), image(result));
    let [per_group, kernel_height, kernel_width] = image(&weight.dims);
    let Conv2d { stride, dilation, pads, groups } = geometry;
    let mut y = Vec::new();
    for out in 0..outs {
        let first_channel = out / (outs / groups) * per_group;
        for row in 0..out_height {
            for column in 0..out_width {
                let mut sum = bias.map_or(0.0, |b| f64::from(b.data[out]));
                for channel in 0..per_group {
                    for ky in 0..kernel_height {
                        // In the padding the difference is negative or too large: both are outside.
                        let Some(iy) = (row * stride[0] + ky * dilation[0]).checked_sub(pads[0]).filter(|&iy| iy < height) else {
                            continue;
                        };
                        for kx in 0..kernel_width {
                            let Some(ix) = (column * stride[1] + kx * dilation[1]).checked_sub(pads[1]).filter(|&ix| ix < width) else {
                                continue;
                            };
                            let w = weight.data[((out * per_group + channel) * kernel_height + ky) * kernel_width + kx];
                            sum += f64::from(w) * x.data[((first_channel + channel) * height + iy) * width + ix];
                        }
                    }
                }
                y.push(sum);
            }
        }
    }
    y
}

/// Maximum over windows; padding never wins.
pub(super) fn max_pool(x: View<'_>, window: &Window, result: &[usize]) -> Vec<f64> {
    over_windows(x, window, result, |taps, _| taps.fold(f64::NEG_INFINITY, f64::max))
}

/// Sum over windows; padding adds nothing.
pub(super) fn sum_pool(x: View<'_>, window: &Window, result: &[usize]) -> Vec<f64> {
    over_windows(x, window, result, |taps, _| taps.sum())
}

/// Mean over windows: over the entries of the operand in it, or with `count_include_pad` over those and the padding in it.
/// What overhangs the padding (`ceil`) never counts, as in PyTorch.
pub(super) fn average_pool(x: View<'_>, window: &Window, count_include_pad: bool, result: &[usize]) -> Vec<f64> {
    over_windows(x, window, result, |taps, padded| {
        let (count, sum) = taps.fold((0, 0.0), |(count, sum), v| (count + 1, sum + v));
        sum / if count_include_pad { padded } else { count } as f64
    })
}

/// `reduce` of every window, which is given its entries and the number of its places in operand and padding.
fn over_windows(x: View<'_>, window: &Window, result: &[usize], reduce: impl Fn(&mut dyn Iterator<Item = f64>, usize) -> f64) -> Vec<f64> {
    let ([channels, height, width], [_, out_height, out_width]) = (image(x.dims), image(result));
    let Window { kernel, stride, pads, .. } = window;
    let mut y = Vec::new();
    for channel in 0..channels {
        for row in 0..out_height {
            for column in 0..out_width {
                // Places in the padded operand.
                let (top, left) = (row * stride[0], column * stride[1]);
                let bottom = (top + kernel[0]).min(pads[0] + height + pads[2]);
                let right = (left + kernel[1]).min(pads[1] + width + pads[3]);
                let places = (top..bottom).flat_map(|py| (left..right).map(move |px| (py, px)));
                let mut taps = places.filter_map(|(py, px)| {
                    let (iy, ix) = (py.checked_sub(pads[0])?, px.checked_sub(pads[1])?);
                    (iy < height && ix < width).then(|| x.data[(channel * height + iy) * width + ix])
                });
                y.push(reduce(&mut taps, (bottom - top) * (right - left)));
            }
        }
    }
    y
}
