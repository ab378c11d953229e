//! The weight gradient by tiles: 16 products per tile and pair of channels, where plain windows take 36.
//!
//! The outputs of a tile are `y = A' [(G g G') . (B' d B)] A` (see the parent module), linear in the kernel `g`, so what
//! a tile with output gradient `e` contributes to the gradient of `g` is `G' [(A e A') . (B' d B)] G`. The outer transform
//! can wait until the bracket is summed over the tiles of all images, and that sum is one matrix product
//! `[filter, tile] [tile, channel]` at each of the 16 places.
//!
//! # Layout
//!
//! Sixteen channels, or filters, are a *block*, one vector; what is missing in the last block is zero. A *patch* is a
//! rectangle of tiles of one image, or several whole images. A task takes its channels and filters through its patches one
//! by one. What it holds of a patch lives in the second-level cache, or not far behind:
//!
//! * pixels `[block, image, row, column, 16]` with the zeros that the tiles see around them,
//! * the transforms of both sides at one row of places, `[column of places, block, tile, 16]`,
//! * sums `[place, set, filter, COLS, 16]`, where a set is the `COLS` blocks of channels that the product keeps in registers.
//!
//! # Accuracy
//!
//! The tiles of a patch are summed one by one, and then the patches, so that no sum is longer than a few hundred. The
//! largest error measured against `f64`, relative to the largest entry, is 7e-7, over up to 64 images of 32x32 with 64
//! channels on both sides.
//!
//! # Reproducibility
//!
//! Tasks and patches depend on the shapes alone, with the batch, and sums of several tasks are added in order. All
//! processors that have the instructions round alike.

use std::marker::PhantomData;
use std::ops::Range;

use super::{LINE, PLACES, SKEW, Winograd, difference};
use crate::conv::{Conv2d, Windows};
use crate::scratch::{self, Scratch};
#[cfg(target_arch = "x86_64")]
use crate::simd::x86::{Avx2, Avx512};
use crate::simd::{Fused, LANES, Lanes, Loop, dispatch, transpose};
use crate::tasks::{self, Shared};

/// Fewest tiles of a batch. With fewer it costs more to write and transform the sums than the products save.
const FEWEST: usize = 32;
/// Most tiles of a patch. Sums are read and written once per patch.
const PATCH: usize = 256;
/// Most channels, and most filters, of a task. Each transform is made anew for every group of the other side.
const GROUP: usize = 128;
/// Tasks a gradient should have, so that a few threads find work.
const TASKS: usize = 8;
/// Places in a row.
const SIDE: usize = 4;
/// How many pixels of a channel ahead memory is asked for. Sixteen planes are read at once, and the processor does not
/// foresee that many.
const AHEAD: usize = 64;

impl Conv2d {
    /// How to compute the weight gradient by tiles, if that is faster. The tiles are those of the forward.
    pub(in crate::conv) fn winograd_weight_gradient(&self, windows: &Windows, batch: usize) -> Option<Winograd> {
        self.winograd_forward(windows).filter(|geometry| batch * geometry.per_image() >= FEWEST)
    }
}

/// One weight gradient.
pub(in crate::conv) struct Call<'a> {
    pub(in crate::conv) geometry: Winograd,
    pub(in crate::conv) x: &'a [f32],
    pub(in crate::conv) dy: &'a [f32],
    pub(in crate::conv) batch: usize,
    pub(in crate::conv) dw: Shared<'a>,
}

impl Call<'_> {
    pub(in crate::conv) fn run(&self) {
        #[cfg(target_arch = "x86_64")]
        {
            if Avx512::available() {
                self.run_with::<Avx512, 8, 2>();
            } else {
                self.run_with::<Avx2, 4, 1>();
            }
        }
    }

    /// Runs with vectors `V` and products of `ROWS` filters and `COLS` blocks of channels.
    fn run_with<V: Fused, const ROWS: usize, const COLS: usize>(&self) {
        const { assert!(LANES.is_multiple_of(ROWS) && COLS <= 2, "what remains of the blocks is taken one by one") };
        let Winograd { channels, filters, tiles, .. } = self.geometry;
        let patches = Patches::new(self.batch, tiles);
        let (channel_groups, filter_groups) = (Groups::new(channels), Groups::new(filters));
        let groups = channel_groups.count * filter_groups.count;
        // Where the weight alone gives too few tasks, the patches are cut into shares, whose sums are added in order.
        let share = patches.count().div_ceil(TASKS.div_ceil(groups));
        let shares = patches.count().div_ceil(share);
        let pitch = channel_groups.len * filter_groups.len + SKEW;
        let work = self.batch * self.geometry.per_image() * PLACES * channels * filters;
        scratch::with(|shared| {
            let sums = shared.weight.take(shares * groups * PLACES * pitch);
            let target = Shared::new(&mut *sums);
            tasks::for_each(groups * shares, work, |task| {
                let (group, index) = (task % groups, task / groups);
                // SAFETY: a part per task.
                let sums = unsafe { target.part(task * PLACES * pitch, PLACES * pitch) };
                let task = Task {
                    call: self,
                    patches: &patches,
                    indices: index * share..patches.count().min((index + 1) * share),
                    channels: channel_groups.get(group % channel_groups.count),
                    filters: filter_groups.get(group / channel_groups.count),
                    pitch,
                };
                scratch::with(|scratch| dispatch(Sums::<V, ROWS, COLS> { task, sums, scratch, vectors: PhantomData }));
            });
            let sums = &*sums;
            let blocks = filters.div_ceil(LANES);
            tasks::for_each(blocks, shares * PLACES * channels * filters, |block| {
                let block = block * LANES..filters.min((block + 1) * LANES);
                let group = block.start / filter_groups.len;
                let first = block.start - group * filter_groups.len;
                for index in 0..channel_groups.count {
                    dispatch(Taps::<V, COLS> {
                        call: self,
                        sums: &sums[(group * channel_groups.count + index) * PLACES * pitch..],
                        shares,
                        share: groups * PLACES * pitch,
                        pitch,
                        filters: block.clone(),
                        first,
                        rows: filter_groups.get(group).len(),
                        channels: channel_groups.get(index),
                        vectors: PhantomData,
                    });
                }
            });
        });
    }
}

/// Channels cut into equal groups of whole blocks.
struct Groups {
    total: usize,
    len: usize,
    count: usize,
}

impl Groups {
    fn new(total: usize) -> Self {
        let len = total.div_ceil(total.div_ceil(GROUP)).next_multiple_of(LANES);
        Self { total, len, count: total.div_ceil(len) }
    }

    fn get(&self, index: usize) -> Range<usize> {
        index * self.len..self.total.min((index + 1) * self.len)
    }
}

/// How the tiles of a batch are cut.
struct Patches {
    batch: usize,
    tiles: [usize; 2],
    /// Images, rows and columns of tiles of a patch.
    size: [usize; 3],
    /// Patches along each of them.
    counts: [usize; 3],
}

/// Tiles that are worked on together.
struct Patch {
    images: Range<usize>,
    /// Rows and columns of tiles.
    tiles: [Range<usize>; 2],
}

impl Patches {
    fn new(batch: usize, tiles: [usize; 2]) -> Self {
        // Equal parts of `total`, of at most `most` if that is possible.
        let cut = |total: usize, most: usize| total.div_ceil(total.div_ceil(most.max(1)));
        let [height, width] = tiles;
        let size = [cut(batch, PATCH / (height * width)), cut(height, PATCH / width), cut(width, PATCH)];
        Self { batch, tiles, size, counts: [batch.div_ceil(size[0]), height.div_ceil(size[1]), width.div_ceil(size[2])] }
    }

    fn count(&self) -> usize {
        self.counts.iter().product()
    }

    fn get(&self, index: usize) -> Patch {
        let [_, down, right] = self.counts;
        let [image, row, col] = [index / (down * right) * self.size[0], index / right % down * self.size[1], index % right * self.size[2]];
        Patch {
            images: image..self.batch.min(image + self.size[0]),
            tiles: [row..self.tiles[0].min(row + self.size[1]), col..self.tiles[1].min(col + self.size[2])],
        }
    }
}

impl Patch {
    fn len(&self) -> usize {
        self.images.len() * self.tiles[0].len() * self.tiles[1].len()
    }
}

/// A tensor as the tiles see it.
struct Side<'a> {
    data: &'a [f32],
    channels: usize,
    plane: [usize; 2],
    /// Zeros above and to the left of the plane.
    before: [usize; 2],
    /// Rows, and columns, that a tile shares with the next.
    shared: usize,
}

impl Side<'_> {
    /// Rows and columns of the pixels of an image.
    #[inline(always)]
    fn pixels(&self, patch: &Patch) -> [usize; 2] {
        [2 * patch.tiles[0].len() + self.shared, 2 * patch.tiles[1].len() + self.shared]
    }

    /// Writes the pixels of a block.
    #[inline(always)]
    fn gather<V: Fused>(&self, patch: &Patch, block: Range<usize>, target: &mut [f32]) {
        let [rows, cols] = self.pixels(patch);
        let [height, width] = self.plane;
        // What the patch sees of the plane, and where that starts in the patch.
        let real = |axis: usize, len: usize| {
            let (start, before, size) = (2 * patch.tiles[axis].start, self.before[axis], self.plane[axis]);
            let real = start.saturating_sub(before).min(size)..(start + len).saturating_sub(before).min(size);
            let first = before.saturating_sub(start).min(len);
            (real, first)
        };
        let ((real_rows, top), (real_cols, left)) = (real(0, rows), real(1, cols));
        let (pixels, _) = target.as_chunks_mut::<LANES>();
        for (image, pixels) in patch.images.clone().zip(pixels.chunks_exact_mut(rows * cols)) {
            for (row, pixels) in pixels.chunks_exact_mut(cols).enumerate() {
                if (top..top + real_rows.len()).contains(&row) {
                    pixels[..left].fill([0.0; LANES]);
                    pixels[left + real_cols.len()..].fill([0.0; LANES]);
                } else {
                    pixels.fill([0.0; LANES]);
                }
            }
            // The pixels of whole rows follow each other.
            let whole = real_cols.len() == width;
            let (runs, len) = if whole { (1, real_rows.len() * width) } else { (real_rows.len(), real_cols.len()) };
            let data = &self.data[(image * self.channels + block.start) * height * width..];
            for run in 0..runs {
                let mut target = (top + run) * cols + left;
                let mut end = target + real_cols.len();
                let start = (real_rows.start + run) * width + real_cols.start;
                for pixel in (0..len).step_by(LANES) {
                    let count = LANES.min(len - pixel);
                    let mut values = [V::splat(0.0); LANES];
                    for (lane, value) in values.iter_mut().enumerate().take(block.len()) {
                        let source = &data[lane * height * width + start + pixel..];
                        V::prefetch(source.as_ptr().wrapping_add(AHEAD));
                        // Reads on behind the run, unless the tensor ends there.
                        *value = match source.as_chunks().0 {
                            [source, ..] => V::load(source),
                            [] => {
                                let mut rest = [0.0; LANES];
                                rest[..count].copy_from_slice(&source[..count]);
                                V::load(&rest)
                            }
                        };
                    }
                    let values = transpose(values);
                    for value in values.iter().take(count) {
                        if target == end {
                            target += cols - real_cols.len();
                            end += cols;
                        }
                        pixels[target] = value.store();
                        target += 1;
                    }
                }
            }
        }
    }
}

/// What one task sums.
struct Task<'a> {
    call: &'a Call<'a>,
    patches: &'a Patches,
    indices: Range<usize>,
    channels: Range<usize>,
    filters: Range<usize>,
    /// From one place to the next in the sums.
    pitch: usize,
}

struct Sums<'a, V, const ROWS: usize, const COLS: usize> {
    task: Task<'a>,
    sums: &'a mut [f32],
    scratch: &'a mut Scratch,
    vectors: PhantomData<V>,
}

impl<V: Fused, const ROWS: usize, const COLS: usize> Loop for Sums<'_, V, ROWS, COLS> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.task.run::<V, ROWS, COLS>(self.sums, self.scratch);
    }
}

// Below are no closures with vectors, which would be compiled without the vector instructions and called. The inner loops
// check their bounds once and then use pointers.
impl Task<'_> {
    #[inline(always)]
    fn run<V: Fused, const ROWS: usize, const COLS: usize>(&self, sums: &mut [f32], scratch: &mut Scratch) {
        let Call { geometry, x, dy, .. } = self.call;
        let Winograd { input, output, before, .. } = *geometry;
        let x = Side { data: x, channels: geometry.channels, plane: input, before, shared: 2 };
        let dy = Side { data: dy, channels: geometry.filters, plane: output, before: [0; 2], shared: 0 };
        let (channel_blocks, filter_blocks) = (self.channels.len().div_ceil(LANES), self.filters.len().div_ceil(LANES));
        for index in self.indices.clone() {
            let patch = self.patches.get(index);
            let tiles = patch.len();
            let [rows, cols] = x.pixels(&patch);
            let x_block = patch.images.len() * rows * cols * LANES;
            let dy_block = tiles * 4 * LANES;
            let pixels = scratch.padded.take(channel_blocks * x_block + filter_blocks * dy_block);
            let (x_pixels, dy_pixels) = pixels.split_at_mut(channel_blocks * x_block);
            for (block, pixels) in x_pixels.chunks_exact_mut(x_block).enumerate() {
                let start = self.channels.start + block * LANES;
                x.gather::<V>(&patch, start..self.channels.end.min(start + LANES), pixels);
            }
            for (block, pixels) in dy_pixels.chunks_exact_mut(dy_block).enumerate() {
                let start = self.filters.start + block * LANES;
                dy.gather::<V>(&patch, start..self.filters.end.min(start + LANES), pixels);
            }
            let block = tiles * LANES + SKEW;
            let (x_pitch, dy_pitch) = (channel_blocks * block, filter_blocks * block);
            let columns = scratch.columns.take(SIDE * (x_pitch + dy_pitch));
            let (x_columns, dy_columns) = columns.split_at_mut(SIDE * x_pitch);
            for row in 0..SIDE {
                for (index, pixels) in x_pixels.chunks_exact(x_block).enumerate() {
                    inputs::<V>(&patch, row, pixels, &mut x_columns[index * block..], x_pitch);
                }
                for (index, pixels) in dy_pixels.chunks_exact(dy_block).enumerate() {
                    gradients::<V>(&patch, row, pixels, &mut dy_columns[index * block..], dy_pitch);
                }
                let sums = &mut sums[row * SIDE * self.pitch..];
                let add = index > self.indices.start;
                for place in 0..SIDE {
                    self.products::<V, ROWS, COLS>(
                        tiles,
                        &x_columns[place * x_pitch..][..x_pitch],
                        &dy_columns[place * dy_pitch..][..dy_pitch],
                        &mut sums[place * self.pitch..][..self.pitch],
                        add,
                    );
                }
            }
        }
    }

    /// The matrix product of a patch at a place.
    #[inline(always)]
    fn products<V: Fused, const ROWS: usize, const COLS: usize>(
        &self,
        tiles: usize,
        inputs: &[f32],
        gradients: &[f32],
        sums: &mut [f32],
        add: bool,
    ) {
        let block = tiles * LANES + SKEW;
        let parts = self.filters.len().div_ceil(ROWS);
        let filters = self.filters.len().next_multiple_of(LANES);
        let sets = inputs.chunks(COLS * block).zip(sums.chunks_mut(COLS * filters * LANES));
        for (inputs, sums) in sets {
            for part in 0..parts {
                let gradients = &gradients[part * ROWS / LANES * block..][..tiles * LANES];
                let offset = part * ROWS % LANES;
                if inputs.len() == COLS * block {
                    let sums = &mut sums[part * ROWS * COLS * LANES..][..ROWS * COLS * LANES];
                    product::<V, ROWS, COLS>(tiles, inputs, gradients, offset, sums, add);
                } else {
                    let sums = &mut sums[part * ROWS * LANES..][..ROWS * LANES];
                    product::<V, ROWS, 1>(tiles, inputs, gradients, offset, sums, add);
                }
            }
        }
    }
}

/// A row of `B' d B` for the tiles of a block. Places are `pitch` apart.
#[inline(always)]
fn inputs<V: Fused>(patch: &Patch, row: usize, pixels: &[f32], target: &mut [f32], pitch: usize) {
    // A row of `B'`: the two rows of the tile that are not multiplied with zero, and the sign of the second.
    let (first, second, sign) = [(0, 2, -1.0), (1, 2, 1.0), (2, 1, -1.0), (1, 3, -1.0)][row];
    let sign = V::splat(sign);
    let [height, width] = [patch.tiles[0].len(), patch.tiles[1].len()];
    let [rows, cols] = [2 * height + 2, 2 * width + 2];
    assert!(pixels.len() == patch.images.len() * rows * cols * LANES && pixels.as_ptr().addr().is_multiple_of(LINE));
    assert!(target.len() >= (SIDE - 1) * pitch + patch.len() * LANES && target.as_ptr().addr().is_multiple_of(LINE));
    let mut target = target.as_mut_ptr();
    for image in 0..patch.images.len() {
        for tile in 0..height {
            let start = (image * rows + 2 * tile) * cols;
            let mut upper = pixels.as_ptr().wrapping_add((start + first * cols) * LANES);
            let mut lower = pixels.as_ptr().wrapping_add((start + second * cols) * LANES);
            let mut values = [V::splat(0.0); 4];
            for col in 0..=width {
                // The last two columns of a tile are the first two of the next.
                (values[0], values[1]) = (values[2], values[3]);
                for value in &mut values[2..] {
                    // SAFETY: inside of the pixels and on a line, by the assertions.
                    *value = unsafe { V::read(upper).add_fused(sign, V::read(lower)) };
                    (upper, lower) = (upper.wrapping_add(LANES), lower.wrapping_add(LANES));
                }
                if col > 0 {
                    for (place, value) in difference(values).into_iter().enumerate() {
                        // SAFETY: inside of the target and on a line, by the assertions; pitches are whole lines.
                        unsafe { value.write(target.wrapping_add(place * pitch)) };
                    }
                    target = target.wrapping_add(LANES);
                }
            }
        }
    }
}

/// A row of `A e A'` for the tiles of a block. Places are `pitch` apart.
#[inline(always)]
fn gradients<V: Fused>(patch: &Patch, row: usize, pixels: &[f32], target: &mut [f32], pitch: usize) {
    // A row of `A`.
    let (first, second) = [(1.0, 0.0), (1.0, 1.0), (1.0, -1.0), (0.0, -1.0)][row];
    let (first, second) = (V::splat(first), V::splat(second));
    let width = patch.tiles[1].len();
    assert!(pixels.len() == patch.len() * 4 * LANES && pixels.as_ptr().addr().is_multiple_of(LINE));
    assert!(target.len() >= (SIDE - 1) * pitch + patch.len() * LANES && target.as_ptr().addr().is_multiple_of(LINE));
    let mut target = target.as_mut_ptr();
    for tiles in 0..patch.images.len() * patch.tiles[0].len() {
        let mut upper = pixels.as_ptr().wrapping_add(tiles * 4 * width * LANES);
        let mut lower = upper.wrapping_add(2 * width * LANES);
        for _ in 0..width {
            let mut values = [V::splat(0.0); 2];
            for value in &mut values {
                // SAFETY: inside of the pixels and on a line, by the assertions.
                *value = unsafe { V::read(upper).mul(first).add_fused(second, V::read(lower)) };
                (upper, lower) = (upper.wrapping_add(LANES), lower.wrapping_add(LANES));
            }
            let [a, b] = values;
            for (place, value) in [a, a.add(b), a.sub(b), V::splat(0.0).sub(b)].into_iter().enumerate() {
                // SAFETY: inside of the target and on a line, by the assertions; pitches are whole lines.
                unsafe { value.write(target.wrapping_add(place * pitch)) };
            }
            target = target.wrapping_add(LANES);
        }
    }
}

/// `ROWS` filters, from `offset` in their block, times `COLS` blocks of channels.
#[inline(always)]
fn product<V: Fused, const ROWS: usize, const COLS: usize>(
    tiles: usize,
    inputs: &[f32],
    gradients: &[f32],
    offset: usize,
    target: &mut [f32],
    add: bool,
) {
    let block = tiles * LANES + SKEW;
    assert!(inputs.len() >= COLS * block && inputs.as_ptr().addr().is_multiple_of(LINE));
    assert!(gradients.len() >= tiles * LANES && offset + ROWS <= LANES);
    assert!(target.len() == ROWS * COLS * LANES && target.as_ptr().addr().is_multiple_of(LINE));
    if add {
        // They come from the next level of the cache, or from behind it, and are wanted at the end.
        for line in target.as_chunks::<LANES>().0 {
            V::prefetch(line.as_ptr());
        }
    }
    let mut sums = [[V::splat(0.0); COLS]; ROWS];
    let (mut input, mut gradient) = (inputs.as_ptr(), gradients.as_ptr().wrapping_add(offset));
    for _ in 0..tiles {
        let mut x = [V::splat(0.0); COLS];
        for (col, x) in x.iter_mut().enumerate() {
            // SAFETY: inside of the inputs and on a line, by the assertions.
            *x = unsafe { V::read(input.wrapping_add(col * block)) };
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: inside of the gradients by the assertion.
            let gradient = V::splat(unsafe { *gradient.wrapping_add(row) });
            for col in 0..COLS {
                sums[col] = sums[col].add_fused(gradient, x[col]);
            }
        }
        (input, gradient) = (input.wrapping_add(LANES), gradient.wrapping_add(LANES));
    }
    let mut target = target.as_mut_ptr();
    for mut sum in sums.into_iter().flatten() {
        // SAFETY: inside of the target and on a line, by the assertions.
        unsafe {
            if add {
                sum = V::read(target).add(sum);
            }
            sum.write(target);
        }
        target = target.wrapping_add(LANES);
    }
}

/// Transforms the sums of a block of filters and a group of channels to kernels.
struct Taps<'a, V, const COLS: usize> {
    call: &'a Call<'a>,
    sums: &'a [f32],
    shares: usize,
    /// From the sums of one share of the patches to the next.
    share: usize,
    /// From one place to the next.
    pitch: usize,
    filters: Range<usize>,
    /// The first of the filters in the sums, and how many there are.
    first: usize,
    rows: usize,
    channels: Range<usize>,
    vectors: PhantomData<V>,
}

impl<V: Fused, const COLS: usize> Loop for Taps<'_, V, COLS> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { call, sums, shares, share, pitch, channels, .. } = self;
        let rows = self.rows.next_multiple_of(LANES);
        let blocks = channels.len().div_ceil(LANES);
        // In the order of the sums in memory.
        for set in (0..blocks).step_by(COLS) {
            let cols = COLS.min(blocks - set);
            for index in 0..self.filters.len() * cols {
                let (filter, block) = (self.filters.start + index / cols, set + index % cols);
                let start = (set * rows + self.first * cols + index) * LANES;
                let mut tile = [[V::splat(0.0); SIDE]; SIDE];
                for (place, value) in tile.as_flattened_mut().iter_mut().enumerate() {
                    let start = place * pitch + start;
                    *value = V::load(&sums[start..].as_chunks().0[0]);
                    for index in 1..shares {
                        *value = value.add(V::load(&sums[index * share + start..].as_chunks().0[0]));
                    }
                }
                let mut columns = [[V::splat(0.0); 3]; SIDE];
                for j in 0..SIDE {
                    columns[j] = taps([tile[0][j], tile[1][j], tile[2][j], tile[3][j]]);
                }
                let mut kernel = [V::splat(0.0); LANES];
                for i in 0..3 {
                    let row = taps([columns[0][i], columns[1][i], columns[2][i], columns[3][i]]);
                    kernel[3 * i..][..3].copy_from_slice(&row);
                }
                let kernels = transpose(kernel);
                let first = channels.start + block * LANES;
                let count = LANES.min(channels.end - first);
                // SAFETY: no other task writes this filter.
                let target = unsafe { call.dw.part((filter * call.geometry.channels + first) * 9, count * 9) };
                for (target, kernel) in target.chunks_exact_mut(9).zip(kernels) {
                    target.copy_from_slice(&kernel.store()[..9]);
                }
            }
        }
    }
}

/// A product with `G'`.
#[inline(always)]
fn taps<V: Fused>([a, b, c, d]: [V; 4]) -> [V; 3] {
    let half = V::splat(0.5);
    let sum = b.add(c).mul(half);
    [a.add(sum), b.sub(c).mul(half), sum.add(d)]
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn every_vector_width_gives_the_same_bits() {
        if !(Avx2::available() && Avx512::available()) {
            return;
        }
        let values = |len: usize| -> Vec<f32> { (0..len).map(|i| ((i * i + 7 * i) % 61) as f32 / 13.0 - 2.0).collect() };
        // Several images to a patch, several patches to an image, several groups.
        for (channels, batch, size) in [([19, 21], 3, [5, 6]), ([35, 40], 5, [37, 44]), ([150, 17], 2, [9, 8])] {
            let [in_channels, out_channels] = channels;
            let (kernel, stride, dilation, pads) = ([3, 3], [1, 1], [1, 1], [1, 2, 0, 1]);
            let conv = Conv2d { in_channels, out_channels, kernel, stride, dilation, pads, groups: 1 };
            let windows = conv.windows(size);
            let x = values(batch * in_channels * windows.in_plane());
            let dy = values(batch * out_channels * windows.out_plane());
            let run = |wide: bool| {
                let mut dw = vec![f32::NAN; in_channels * out_channels * 9];
                let geometry = conv.winograd_forward(&windows).expect("the geometry suits");
                let call = Call { geometry, x: &x, dy: &dy, batch, dw: Shared::new(&mut dw) };
                if wide {
                    call.run_with::<Avx512, 8, 2>()
                } else {
                    call.run_with::<Avx2, 4, 1>()
                }
                dw
            };
            let narrow = run(false);
            assert!(narrow.iter().all(|value| value.is_finite()));
            assert_eq!(narrow, run(true), "{channels:?}, {batch} images of {size:?}");
        }
    }
}
