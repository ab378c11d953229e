//! The convolution itself.

use super::winograd::{self, Kernels};
use super::{Conv2d, Tile, Tiles, Windows, for_each_pair};
use crate::linear::rectify;
use crate::matmul::{Matrix, depth_blocks, multiply};
use crate::scratch::{self, Scratch};
use crate::simd::{Loop, dispatch};
use crate::tasks::Shared;

/// Fewest output channels worth a task of their own; each such task unrolls the windows anew.
const FILTERS: usize = 128;
/// Tasks a convolution should have, so that a few threads find work.
const TASKS: usize = 4;

impl Conv2d {
    /// `y = conv(x, weight) + bias`, then `max(0, y)` when `relu`.
    ///
    /// `x` is `[batch, in_channels, size]`, `weight` `[out_channels, in_channels / groups, kernel]`, `bias`
    /// `[out_channels]` and `y` `[batch, out_channels, output_size(size)]`. What is written for an image depends on
    /// neither the rest of the batch nor the number of threads.
    ///
    /// # Panics
    /// If the convolution does not fit `size`, or a slice does not have the length of its shape.
    #[expect(clippy::too_many_arguments, reason = "the operands of a convolution, in the order of ONNX")]
    pub fn forward(&self, x: &[f32], batch: usize, size: [usize; 2], weight: &[f32], bias: Option<&[f32]>, relu: bool, y: &mut [f32]) {
        let windows = self.windows(size);
        assert_eq!(x.len(), batch * self.in_channels * windows.in_plane(), "x must be [batch, in_channels, size]");
        self.check_weight(weight.len(), "weight");
        assert!(bias.is_none_or(|bias| bias.len() == self.out_channels), "bias must be [out_channels]");
        assert_eq!(y.len(), batch * self.out_channels * windows.out_plane(), "y must be [batch, out_channels, output]");
        if batch == 0 {
            return;
        }
        if self.is_depthwise() {
            return self.depthwise_forward(&windows, x, weight, bias, relu, y);
        }
        if let Some(geometry) = self.winograd_forward(&windows) {
            let kernels = Kernels { data: weight, filter: windows.depth(), channel: 9, rotated: false };
            return winograd::Call { geometry, x, batch, kernels, bias, relu, y: Shared::new(y) }.run();
        }
        let tiles = windows.tiles(batch);
        let count = tiles.groups * tiles.bands * self.groups;
        let parts = if count < TASKS { (windows.filters / FILTERS).clamp(1, TASKS.div_ceil(count)) } else { 1 };
        let part = windows.filters.div_ceil(parts).next_multiple_of(6);
        let parts = windows.filters.div_ceil(part);
        let work = y.len() * windows.depth();
        let call = Forward { conv: self, windows: &windows, tiles, x, weight, bias, relu, y: Shared::new(y) };
        for_each_pair(count, parts, work, |task, index| {
            let (group, task) = (task % self.groups, task / self.groups);
            let tile = call.tiles.tile(task / call.tiles.bands, task % call.tiles.bands, windows.output[0]);
            let filters = index * part..windows.filters.min((index + 1) * part);
            scratch::with(|scratch| call.tile(&tile, group, filters, scratch));
        });
    }
}

/// One call, as its tasks see it.
struct Forward<'a> {
    conv: &'a Conv2d,
    windows: &'a Windows,
    tiles: Tiles,
    x: &'a [f32],
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    relu: bool,
    y: Shared<'a>,
}

impl Forward<'_> {
    /// Writes the outputs `filters` (counted within the group) of one tile.
    fn tile(&self, tile: &Tile, group: usize, filters: std::ops::Range<usize>, scratch: &mut Scratch) {
        let (conv, windows) = (self.conv, self.windows);
        let (plane, width, depth) = (windows.out_plane(), windows.output[1], windows.depth());
        let pitch = tile.columns(&self.tiles, width);
        let image = conv.in_channels * windows.in_plane();
        let x = &self.x[group * windows.channels * windows.in_plane()..];
        let first = group * windows.filters + filters.start;

        // The product of several images lands in scratch, `[filter, image, plane]`, and is dealt out afterwards.
        let Scratch { columns, padded, folded, .. } = scratch;
        let folded = folded.take(if self.tiles.folded { filters.len() * pitch } else { 0 });
        let start = (tile.images.start * conv.out_channels + first) * plane + tile.rows.start * width;
        let in_place = !self.tiles.folded && windows.is_pointwise();
        for block in depth_blocks(depth) {
            let columns = if in_place {
                let start = tile.images.start * image + block.start * plane + tile.rows.start * width;
                Matrix { data: &x[start..], row: plane, col: 1 }
            } else {
                let columns = columns.take(block.len() * pitch);
                windows.unroll(x, image, tile, block.clone(), columns, pitch, padded);
                Matrix { data: columns, row: pitch, col: 1 }
            };
            let weight = Matrix { data: &self.weight[first * depth + block.start..], row: depth, col: 1 };
            let shape = [filters.len(), pitch, block.len()];
            let add = block.start > 0;
            if self.tiles.folded {
                // SAFETY: the target is borrowed by this task alone.
                unsafe { multiply(shape, &Shared::new(folded), 0, pitch, add, weight, columns) };
            } else {
                // SAFETY: no other task writes this band of these channels of this image.
                unsafe { multiply(shape, &self.y, start, plane, add, weight, columns) };
            }
        }
        let outputs = tile.rows.len() * width;
        for (row, filter) in (first..first + filters.len()).enumerate() {
            let bias = self.bias.map_or(0.0, |bias| bias[filter]);
            for (slot, image) in tile.images.clone().enumerate() {
                let start = (image * conv.out_channels + filter) * plane + tile.rows.start * width;
                // SAFETY: no other task writes this band of these channels of these images.
                let target = unsafe { self.y.part(start, outputs) };
                if self.tiles.folded {
                    target.copy_from_slice(&folded[row * pitch + slot * outputs..][..outputs]);
                }
                if bias != 0.0 || self.relu {
                    dispatch(Finish { values: target, bias, relu: self.relu });
                }
            }
        }
    }
}

/// Adds the bias and rectifies.
struct Finish<'a> {
    values: &'a mut [f32],
    bias: f32,
    relu: bool,
}

impl Loop for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        if self.relu {
            self.values.iter_mut().for_each(|value| *value = rectify(*value + self.bias));
        } else {
            self.values.iter_mut().for_each(|value| *value += self.bias);
        }
    }
}
