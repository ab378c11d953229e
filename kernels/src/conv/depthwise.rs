//! Depthwise convolution: every input channel has filters of its own, too few for a matrix product.

use super::{Conv2d, Windows};
use crate::linear::{dot, rectify};
use crate::scratch::{self, Buffer};
use crate::simd::{Loop, dispatch};
use crate::tasks::{self, Shared};

impl Conv2d {
    pub(super) fn depthwise_forward(&self, windows: &Windows, x: &[f32], weight: &[f32], bias: Option<&[f32]>, relu: bool, y: &mut [f32]) {
        let (taps, outputs) = (windows.taps(), windows.filters * windows.out_plane());
        let work = y.len() * taps;
        let y = Shared::new(y);
        tasks::for_each(x.len() / windows.in_plane(), work, |index| {
            let channel = index % self.in_channels;
            // SAFETY: one task per input channel and image, which writes the outputs of that channel.
            let y = unsafe { y.part(index * outputs, outputs) };
            let x = &x[index * windows.in_plane()..][..windows.in_plane()];
            let filters = channel * windows.filters..(channel + 1) * windows.filters;
            let weight = &weight[filters.start * taps..filters.end * taps];
            let bias = bias.map(|bias| &bias[filters]);
            scratch::with(|scratch| {
                let x = windows.surround(x, &mut scratch.padded);
                dispatch(Forward { windows, x, weight, bias, relu, y });
            });
        });
    }

    pub(super) fn depthwise_input_gradient(&self, windows: &Windows, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
        let (taps, outputs) = (windows.taps(), windows.filters * windows.out_plane());
        let plane = windows.in_plane();
        let count = dx.len() / plane;
        let dx = Shared::new(dx);
        tasks::for_each(count, dy.len() * taps, |index| {
            let channel = index % self.in_channels;
            // SAFETY: one task per input channel and image.
            let dx = unsafe { dx.part(index * plane, plane) };
            let dy = &dy[index * outputs..][..outputs];
            let weight = &weight[channel * windows.filters * taps..][..windows.filters * taps];
            scratch::with(|scratch| {
                let [height, width] = windows.padded();
                let padded = scratch.padded.take(height * width);
                padded.fill(0.0);
                dispatch(InputGradient { windows, dy, weight, padded });
                windows.strip(padded, dx);
            });
        });
    }

    pub(super) fn depthwise_weight_gradient(&self, windows: &Windows, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        let (taps, outputs) = (windows.taps(), windows.filters * windows.out_plane());
        let plane = windows.in_plane();
        let len = windows.filters * taps;
        let dw = Shared::new(dw);
        tasks::for_each(self.in_channels, dy.len() * taps, |channel| {
            // SAFETY: one task per input channel, which writes the filters of that channel.
            let dw = unsafe { dw.part(channel * len, len) };
            dw.fill(0.0);
            scratch::with(|scratch| {
                for index in (channel..x.len() / plane).step_by(self.in_channels) {
                    let x = windows.surround(&x[index * plane..][..plane], &mut scratch.padded);
                    let dy = &dy[index * outputs..][..outputs];
                    dispatch(WeightGradient { windows, x, dy, dw: &mut *dw });
                }
            });
        });
    }
}

impl Windows {
    /// The plane `x` with its padding; `x` itself where there is none.
    fn surround<'a>(&self, x: &'a [f32], buffer: &'a mut Buffer) -> &'a [f32] {
        if self.pads == [0; 4] {
            return x;
        }
        let [height, width] = self.padded();
        let padded = buffer.take(height * width);
        padded.fill(0.0);
        for (row, values) in x.chunks_exact(self.input[1]).enumerate() {
            padded[(row + self.pads[0]) * width + self.pads[1]..][..values.len()].copy_from_slice(values);
        }
        padded
    }

    /// The inverse of padding a plane.
    pub(super) fn strip(&self, padded: &[f32], plane: &mut [f32]) {
        let width = self.padded()[1];
        for (row, values) in plane.chunks_exact_mut(self.input[1]).enumerate() {
            values.copy_from_slice(&padded[(row + self.pads[0]) * width + self.pads[1]..][..values.len()]);
        }
    }

    /// Where in the padded plane tap `tap` of output row `row` starts.
    #[inline(always)]
    fn tap_start(&self, tap: usize, row: usize) -> usize {
        let (ky, kx) = (tap / self.kernel[1], tap % self.kernel[1]);
        (row * self.stride[0] + ky * self.dilation[0]) * (self.input[1] + self.pads[1] + self.pads[3]) + kx * self.dilation[1]
    }
}

struct Forward<'a> {
    windows: &'a Windows,
    x: &'a [f32],
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    relu: bool,
    y: &'a mut [f32],
}

impl Loop for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { windows, x, weight, bias, relu, y } = self;
        let (taps, [height, width]) = (windows.taps(), windows.output);
        for (filter, y) in y.chunks_exact_mut(height * width).enumerate() {
            let weight = &weight[filter * taps..][..taps];
            for (row, y) in y.chunks_exact_mut(width).enumerate() {
                y.fill(bias.map_or(0.0, |bias| bias[filter]));
                for (tap, &weight) in weight.iter().enumerate() {
                    let x = &x[windows.tap_start(tap, row)..];
                    match windows.stride[1] {
                        1 => y.iter_mut().zip(x).for_each(|(y, &x)| *y += weight * x),
                        2 => {
                            let x = &x[..2 * (width - 1) + 1];
                            y.iter_mut().enumerate().for_each(|(column, y)| *y += weight * x[2 * column]);
                        }
                        step => y.iter_mut().zip(x.iter().step_by(step)).for_each(|(y, &x)| *y += weight * x),
                    }
                }
                if relu {
                    y.iter_mut().for_each(|y| *y = rectify(*y));
                }
            }
        }
    }
}

struct InputGradient<'a> {
    windows: &'a Windows,
    dy: &'a [f32],
    weight: &'a [f32],
    padded: &'a mut [f32],
}

impl Loop for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { windows, dy, weight, padded } = self;
        let (taps, [height, width]) = (windows.taps(), windows.output);
        for (filter, dy) in dy.chunks_exact(height * width).enumerate() {
            for (row, dy) in dy.chunks_exact(width).enumerate() {
                for (tap, &weight) in weight[filter * taps..][..taps].iter().enumerate() {
                    let dx = &mut padded[windows.tap_start(tap, row)..];
                    match windows.stride[1] {
                        1 => dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += weight * dy),
                        step => dx.iter_mut().step_by(step).zip(dy).for_each(|(dx, &dy)| *dx += weight * dy),
                    }
                }
            }
        }
    }
}

struct WeightGradient<'a> {
    windows: &'a Windows,
    x: &'a [f32],
    dy: &'a [f32],
    dw: &'a mut [f32],
}

impl Loop for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { windows, x, dy, dw } = self;
        let (taps, [height, width]) = (windows.taps(), windows.output);
        for (filter, dy) in dy.chunks_exact(height * width).enumerate() {
            for (row, dy) in dy.chunks_exact(width).enumerate() {
                for tap in 0..taps {
                    let x = &x[windows.tap_start(tap, row)..];
                    let sum = match windows.stride[1] {
                        1 => dot(dy, x),
                        step => dy.iter().zip(x.iter().step_by(step)).map(|(dy, x)| dy * x).sum(),
                    };
                    dw[filter * taps + tap] += sum;
                }
            }
        }
    }
}
