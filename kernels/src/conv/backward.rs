//! The gradients of a convolution.

use super::winograd::{self, Kernels};
use super::{Conv2d, Tile, Tiles, Windows, for_each_pair};
use crate::matmul::{Matrix, multiply};
use crate::scratch::{self, Buffer, Scratch};
use crate::simd::{Loop, dispatch};
use crate::tasks::Shared;

/// Rows of the column matrix per task, rounded down to whole channels.
const ROWS: usize = 128;
/// Tasks a gradient should have, so that a few threads find work.
const TASKS: usize = 8;

impl Conv2d {
    /// The gradient of the input: `dx` `[batch, in_channels, size]` from `dy`
    /// `[batch, out_channels, output_size(size)]`. What is written for an image depends on neither the rest of the
    /// batch nor the number of threads.
    ///
    /// # Panics
    /// If the convolution does not fit `size`, or a slice does not have the length of its shape.
    pub fn input_gradient(&self, dy: &[f32], batch: usize, size: [usize; 2], weight: &[f32], dx: &mut [f32]) {
        let windows = self.windows(size);
        self.check_weight(weight.len(), "weight");
        self.check_images(&windows, batch, dx.len(), dy.len(), ["dx", "dy"]);
        if batch == 0 {
            return;
        }
        if self.is_depthwise() {
            return self.depthwise_input_gradient(&windows, dy, weight, dx);
        }
        if let Some(geometry) = self.winograd_gradient(&windows) {
            let kernels = Kernels { data: weight, filter: 9, channel: windows.depth(), rotated: true };
            return winograd::Call { geometry, x: dy, batch, kernels, bias: None, relu: false, y: Shared::new(dx) }.run();
        }
        let tiles = windows.tiles(batch);
        let block = (ROWS / windows.taps()).clamp(1, windows.channels);
        let blocks = windows.channels.div_ceil(block) * self.groups;
        // A task transposes its block of the weight once and then goes through its images.
        let shares = TASKS.div_ceil(blocks).min(tiles.groups);
        let share = tiles.groups.div_ceil(shares);
        let work = dy.len() * windows.depth();
        let call = InputGradient { conv: self, windows: &windows, tiles, dy, weight, dx: Shared::new(dx) };
        for_each_pair(blocks, call.tiles.groups.div_ceil(share), work, |task, index| {
            let (group, task) = (task % self.groups, task / self.groups);
            let channels = task * block..windows.channels.min((task + 1) * block);
            let images = index * share..call.tiles.groups.min((index + 1) * share);
            scratch::with(|scratch| call.block(group, channels, images, scratch));
        });
    }

    /// The gradient of the weight: `dw` `[out_channels, in_channels / groups, kernel]` from `x`
    /// `[batch, in_channels, size]` and `dy` `[batch, out_channels, output_size(size)]`.
    ///
    /// # Panics
    /// If the convolution does not fit `size`, or a slice does not have the length of its shape.
    pub fn weight_gradient(&self, x: &[f32], dy: &[f32], batch: usize, size: [usize; 2], dw: &mut [f32]) {
        let windows = self.windows(size);
        self.check_weight(dw.len(), "dw");
        self.check_images(&windows, batch, x.len(), dy.len(), ["x", "dy"]);
        if batch == 0 {
            return dw.fill(0.0);
        }
        if self.is_depthwise() {
            return self.depthwise_weight_gradient(&windows, x, dy, dw);
        }
        if let Some(geometry) = self.winograd_weight_gradient(&windows, batch) {
            return winograd::weight::Call { geometry, x, dy, batch, dw: Shared::new(dw) }.run();
        }
        let tiles = windows.tiles(batch);
        let depth = windows.depth();
        let blocks = depth.div_ceil(ROWS) * self.groups;
        // Where the weight alone gives too few tasks, the images are cut into shares too, and their sums added in order.
        let shares = TASKS.div_ceil(blocks).min(tiles.groups);
        let share = tiles.groups.div_ceil(shares);
        let shares = tiles.groups.div_ceil(share);
        let work = dy.len() * depth;
        let mut rest = vec![0.0; (shares - 1) * dw.len()];
        let len = dw.len();
        {
            let call = WeightGradient { conv: self, windows: &windows, tiles, x, dy };
            let (dw, rest) = (Shared::new(dw), Shared::new(&mut rest));
            for_each_pair(blocks, shares, work, |task, index| {
                let (group, task) = (task % self.groups, task / self.groups);
                let rows = task * ROWS..depth.min((task + 1) * ROWS);
                let images = index * share..call.tiles.groups.min((index + 1) * share);
                let (target, start) = if index == 0 { (&dw, 0) } else { (&rest, (index - 1) * len) };
                scratch::with(|scratch| call.block(group, rows, images, target, start, scratch));
            });
        }
        for part in rest.chunks_exact(len) {
            dw.iter_mut().zip(part).for_each(|(dw, &part)| *dw += part);
        }
    }

    fn check_images(&self, windows: &Windows, batch: usize, input: usize, output: usize, names: [&str; 2]) {
        let [x, y] = names;
        assert_eq!(input, batch * self.in_channels * windows.in_plane(), "{x} must be [batch, in_channels, size]");
        assert_eq!(output, batch * self.out_channels * windows.out_plane(), "{y} must be [batch, out_channels, output]");
    }
}

/// The output gradient of a tile and a group of channels, as a matrix `[filter, output]`: in place for a tile of one
/// image, else gathered in `folded`, with zeros in the columns that pad the tile to whole vectors.
fn fold<'a>(
    conv: &Conv2d,
    windows: &Windows,
    tiles: &Tiles,
    dy: &'a [f32],
    tile: &Tile,
    group: usize,
    folded: &'a mut Buffer,
) -> Matrix<'a> {
    let (plane, width) = (windows.out_plane(), windows.output[1]);
    let first = group * windows.filters;
    if !tiles.folded {
        let start = (tile.images.start * conv.out_channels + first) * plane + tile.rows.start * width;
        return Matrix { data: &dy[start..], row: plane, col: 1 };
    }
    let pitch = tile.columns(tiles, width);
    let folded = folded.take(windows.filters * pitch);
    for (filter, row) in folded.chunks_exact_mut(pitch).enumerate() {
        let mut slots = row.chunks_exact_mut(plane);
        for (image, slot) in tile.images.clone().zip(&mut slots) {
            slot.copy_from_slice(&dy[(image * conv.out_channels + first + filter) * plane..][..plane]);
        }
        row[tile.images.len() * plane..].fill(0.0);
    }
    Matrix { data: folded, row: pitch, col: 1 }
}

struct InputGradient<'a> {
    conv: &'a Conv2d,
    windows: &'a Windows,
    tiles: Tiles,
    dy: &'a [f32],
    weight: &'a [f32],
    dx: Shared<'a>,
}

impl InputGradient<'_> {
    /// Writes `channels` (counted within the group) of the images in groups `images`.
    fn block(&self, group: usize, channels: std::ops::Range<usize>, images: std::ops::Range<usize>, scratch: &mut Scratch) {
        let (conv, windows) = (self.conv, self.windows);
        let (depth, taps, width) = (windows.depth(), windows.taps(), windows.output[1]);
        let Scratch { columns, padded, folded, weight } = scratch;
        let rows = channels.len() * taps;
        let transposed = weight.take(rows * windows.filters);
        let source = &self.weight[group * windows.filters * depth + channels.start * taps..];
        dispatch(Transpose { source, pitch: depth, rows: windows.filters, cols: rows, target: transposed });
        let transposed = Matrix { data: transposed, row: windows.filters, col: 1 };

        let first = group * windows.channels + channels.start;
        let plane = windows.in_plane();
        let in_place = !self.tiles.folded && windows.is_pointwise();
        let [padded_height, padded_width] = windows.padded();
        let padded_plane = padded_height * padded_width;
        for images in images {
            let count = self.tiles.tile(images, 0, windows.output[0]).images.len();
            let padded = padded.take(if in_place { 0 } else { channels.len() * count * padded_plane });
            padded.fill(0.0);
            for band in 0..self.tiles.bands {
                let tile = self.tiles.tile(images, band, windows.output[0]);
                let pitch = tile.columns(&self.tiles, width);
                let dy = fold(conv, windows, &self.tiles, self.dy, &tile, group, folded);
                let shape = [rows, pitch, windows.filters];
                if in_place {
                    let start = (tile.images.start * conv.in_channels + first) * plane + tile.rows.start * width;
                    // SAFETY: no other task writes these channels of this image.
                    unsafe { multiply(shape, &self.dx, start, plane, false, transposed, dy) };
                } else {
                    let columns = columns.take(rows * pitch);
                    // SAFETY: the target is borrowed by this task alone.
                    unsafe { multiply(shape, &Shared::new(columns), 0, pitch, false, transposed, dy) };
                    windows.roll(columns, pitch, &tile, channels.len(), padded);
                }
            }
            if in_place {
                continue;
            }
            let tile = self.tiles.tile(images, 0, windows.output[0]);
            for channel in 0..channels.len() {
                for (slot, image) in tile.images.clone().enumerate() {
                    let start = (image * conv.in_channels + first + channel) * plane;
                    // SAFETY: no other task writes these channels of these images.
                    let target = unsafe { self.dx.part(start, plane) };
                    let source = &padded[(channel * count + slot) * padded_plane..][..padded_plane];
                    windows.strip(source, target);
                }
            }
        }
    }
}

/// `target` `[cols, rows]` from `source` `[rows, cols]` with rows `pitch` apart.
struct Transpose<'a> {
    source: &'a [f32],
    pitch: usize,
    rows: usize,
    cols: usize,
    target: &'a mut [f32],
}

impl Loop for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        const SIDE: usize = 16;
        let Self { source, pitch, rows, cols, target } = self;
        for row in (0..rows).step_by(SIDE) {
            for col in (0..cols).step_by(SIDE) {
                if row + SIDE <= rows && col + SIDE <= cols {
                    let mut block = [[0f32; SIDE]; SIDE];
                    for (i, line) in block.iter_mut().enumerate() {
                        line.copy_from_slice(&source[(row + i) * pitch + col..][..SIDE]);
                    }
                    for j in 0..SIDE {
                        let line: [f32; SIDE] = std::array::from_fn(|i| block[i][j]);
                        target[(col + j) * rows + row..][..SIDE].copy_from_slice(&line);
                    }
                } else {
                    for i in row..rows.min(row + SIDE) {
                        for j in col..cols.min(col + SIDE) {
                            target[j * rows + i] = source[i * pitch + j];
                        }
                    }
                }
            }
        }
    }
}

struct WeightGradient<'a> {
    conv: &'a Conv2d,
    windows: &'a Windows,
    tiles: Tiles,
    x: &'a [f32],
    dy: &'a [f32],
}

impl WeightGradient<'_> {
    /// Writes columns `depth` of one group of the weight at `start` of `target`, summed over the groups `images`.
    fn block(
        &self,
        group: usize,
        depth: std::ops::Range<usize>,
        images: std::ops::Range<usize>,
        target: &Shared<'_>,
        start: usize,
        scratch: &mut Scratch,
    ) {
        let (conv, windows) = (self.conv, self.windows);
        let Scratch { columns, padded, folded, .. } = scratch;
        let image = conv.in_channels * windows.in_plane();
        let x = &self.x[group * windows.channels * windows.in_plane()..];
        let start = start + group * windows.filters * windows.depth() + depth.start;
        let mut add = false;
        for images in images {
            for band in 0..self.tiles.bands {
                let tile = self.tiles.tile(images, band, windows.output[0]);
                let pitch = tile.columns(&self.tiles, windows.output[1]);
                let dy = fold(conv, windows, &self.tiles, self.dy, &tile, group, folded);
                let columns = columns.take(depth.len() * pitch);
                windows.unroll(x, image, &tile, depth.clone(), columns, pitch, padded);
                let columns = Matrix { data: columns, row: 1, col: pitch };
                let shape = [windows.filters, depth.len(), pitch];
                // SAFETY: no other task writes these columns of this group (of this share of the images).
                unsafe { multiply(shape, target, start, windows.depth(), add, dy, columns) };
                add = true;
            }
        }
    }
}
