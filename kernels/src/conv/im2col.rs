//! From image planes to columns and back.
//!
//! Row `(channel, ky, kx)` of the column matrix holds, for every output of the tile, the value that this tap of its
//! window sees. Planes are first copied between zeros, so that no loop over windows has to know about borders.

use std::ops::Range;

use super::{Tile, Windows};
use crate::scratch::Buffer;
use crate::simd::{Loop, dispatch};

impl Windows {
    /// Writes rows `depth` of the column matrix of a tile. `x` is the whole input, `[batch, stride / plane, plane]`
    /// with images `stride` apart, starting at the first channel of the group; rows of `columns` are `pitch` apart.
    #[expect(clippy::too_many_arguments, reason = "a loop body with three buffers; called twice")]
    pub(super) fn unroll(
        &self,
        x: &[f32],
        stride: usize,
        tile: &Tile,
        depth: Range<usize>,
        columns: &mut [f32],
        pitch: usize,
        padded: &mut Buffer,
    ) {
        dispatch(Unroll { windows: self, x, stride, tile, depth, columns, pitch, padded });
    }

    /// Adds the column matrix of channels `channels` onto the padded planes `[channel, image, plane with padding]`.
    pub(super) fn roll(&self, columns: &[f32], pitch: usize, tile: &Tile, channels: usize, padded: &mut [f32]) {
        dispatch(Roll { windows: self, columns, pitch, tile, channels, padded });
    }
}

struct Unroll<'a> {
    windows: &'a Windows,
    x: &'a [f32],
    stride: usize,
    tile: &'a Tile,
    depth: Range<usize>,
    columns: &'a mut [f32],
    pitch: usize,
    padded: &'a mut Buffer,
}

impl Loop for Unroll<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { windows, x, stride, tile, depth, columns, pitch, padded } = self;
        let ([height, width], [top, left, ..]) = (windows.input, windows.pads);
        let padded_width = windows.padded()[1];
        // The rows of the padded plane that the tile sees, and those of them that are not padding.
        let first = tile.rows.start * windows.stride[0];
        let span = (windows.kernel[0] - 1) * windows.dilation[0] + 1;
        let last = (tile.rows.end - 1) * windows.stride[0] + span;
        let real = first.clamp(top, top + height)..last.clamp(top, top + height);
        let has_pads = windows.pads != [0; 4];
        let buffer = padded.take(if has_pads { (last - first) * padded_width } else { 0 });
        buffer.fill(0.0);

        let used = tile.images.len() * tile.rows.len() * windows.output[1];
        if used < pitch {
            columns.chunks_mut(pitch).for_each(|row| row[used..].fill(0.0));
        }
        let outputs = tile.rows.len() * windows.output[1];
        let taps = windows.taps();
        for channel in depth.start / taps..depth.end.div_ceil(taps) {
            let from = depth.start.max(channel * taps);
            let to = depth.end.min((channel + 1) * taps);
            for (slot, image) in tile.images.clone().enumerate() {
                let plane = &x[image * stride + channel * height * width..][..height * width];
                let source = if has_pads {
                    for row in real.clone() {
                        let values = &plane[(row - top) * width..][..width];
                        copy(&mut buffer[(row - first) * padded_width + left..][..width], values);
                    }
                    &*buffer
                } else {
                    &plane[first * width..last * width]
                };
                for row in from..to {
                    let (ky, kx) = ((row % taps) / windows.kernel[1], row % windows.kernel[1]);
                    let source = &source[ky * windows.dilation[0] * padded_width + kx * windows.dilation[1]..];
                    let target = &mut columns[(row - depth.start) * pitch + slot * outputs..][..outputs];
                    let down = windows.stride[0] * padded_width;
                    gather(target, source, windows.output[1], down, windows.stride[1]);
                }
            }
        }
    }
}

/// Copies short rows without a call to `memcpy`.
#[inline(always)]
pub(super) fn copy(target: &mut [f32], source: &[f32]) {
    match target.len() {
        1 => target[0] = source[0],
        2 => target[..2].copy_from_slice(&source[..2]),
        4 => target[..4].copy_from_slice(&source[..4]),
        8 => target[..8].copy_from_slice(&source[..8]),
        16 => target[..16].copy_from_slice(&source[..16]),
        32 => target[..32].copy_from_slice(&source[..32]),
        _ => target.copy_from_slice(source),
    }
}

/// Fills `target`, rows of `width`, from rows of `source` that are `pitch` apart, taking every `step`-th value.
#[inline(always)]
fn gather(target: &mut [f32], source: &[f32], width: usize, pitch: usize, step: usize) {
    match (step, width) {
        (1, 2) => gather_fixed::<2>(target, source, pitch),
        (1, 4) => gather_fixed::<4>(target, source, pitch),
        (1, 8) => gather_fixed::<8>(target, source, pitch),
        (1, 16) => gather_fixed::<16>(target, source, pitch),
        (1, 32) => gather_fixed::<32>(target, source, pitch),
        (1, _) => {
            for (row, target) in target.chunks_exact_mut(width).enumerate() {
                target.copy_from_slice(&source[row * pitch..][..width]);
            }
        }
        (2, _) => gather_steps::<2>(target, source, width, pitch),
        _ => {
            for (row, target) in target.chunks_exact_mut(width).enumerate() {
                let source = source[row * pitch..].iter().step_by(step);
                target.iter_mut().zip(source).for_each(|(target, &value)| *target = value);
            }
        }
    }
}

#[inline(always)]
fn gather_fixed<const WIDTH: usize>(target: &mut [f32], source: &[f32], pitch: usize) {
    for (row, target) in target.chunks_exact_mut(WIDTH).enumerate() {
        target.copy_from_slice(&source[row * pitch..][..WIDTH]);
    }
}

#[inline(always)]
fn gather_steps<const STEP: usize>(target: &mut [f32], source: &[f32], width: usize, pitch: usize) {
    for (row, target) in target.chunks_exact_mut(width).enumerate() {
        let source = &source[row * pitch..][..(width - 1) * STEP + 1];
        for (column, target) in target.iter_mut().enumerate() {
            *target = source[column * STEP];
        }
    }
}

struct Roll<'a> {
    windows: &'a Windows,
    columns: &'a [f32],
    pitch: usize,
    tile: &'a Tile,
    channels: usize,
    padded: &'a mut [f32],
}

impl Loop for Roll<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { windows, columns, pitch, tile, channels, padded } = self;
        let [height, width] = windows.padded();
        let outputs = tile.rows.len() * windows.output[1];
        let first = tile.rows.start * windows.stride[0];
        let images = tile.images.len();
        for channel in 0..channels {
            for slot in 0..images {
                let plane = &mut padded[(channel * images + slot) * height * width..][..height * width];
                for tap in 0..windows.taps() {
                    let (ky, kx) = (tap / windows.kernel[1], tap % windows.kernel[1]);
                    let start = (first + ky * windows.dilation[0]) * width + kx * windows.dilation[1];
                    let source = &columns[(channel * windows.taps() + tap) * pitch + slot * outputs..][..outputs];
                    let down = windows.stride[0] * width;
                    scatter(&mut plane[start..], source, windows.output[1], down, windows.stride[1]);
                }
            }
        }
    }
}

/// Adds `source`, rows of `width`, to every `step`-th value of rows of `target` that are `pitch` apart.
#[inline(always)]
fn scatter(target: &mut [f32], source: &[f32], width: usize, pitch: usize, step: usize) {
    match (step, width) {
        (1, 2) => scatter_fixed::<2>(target, source, pitch),
        (1, 4) => scatter_fixed::<4>(target, source, pitch),
        (1, 8) => scatter_fixed::<8>(target, source, pitch),
        (1, 16) => scatter_fixed::<16>(target, source, pitch),
        (1, 32) => scatter_fixed::<32>(target, source, pitch),
        _ => {
            for (row, source) in source.chunks_exact(width).enumerate() {
                let target = &mut target[row * pitch..];
                if step == 1 {
                    target.iter_mut().zip(source).for_each(|(target, &value)| *target += value);
                } else {
                    target.iter_mut().step_by(step).zip(source).for_each(|(target, &value)| *target += value);
                }
            }
        }
    }
}

#[inline(always)]
fn scatter_fixed<const WIDTH: usize>(target: &mut [f32], source: &[f32], pitch: usize) {
    for (row, source) in source.chunks_exact(WIDTH).enumerate() {
        let target = &mut target[row * pitch..][..WIDTH];
        for column in 0..WIDTH {
            target[column] += source[column];
        }
    }
}
