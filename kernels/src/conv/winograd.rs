//! Winograd's convolution: 16 products for four outputs, where plain windows take 36.
//!
//! Four outputs of a 3x3 convolution with stride 1, a square of 2x2, see a square of 4x4 inputs, a *tile*. The algorithm
//! `F(2x2, 3x3)` of Lavin and Gray ([Fast Algorithms for Convolutional Neural Networks](https://arxiv.org/abs/1509.09308),
//! CVPR 2016) computes them from a kernel `g` and a tile `d` as
//!
//! ```text
//! y = A' [(G g G') . (B' d B)] A          (' transposes, . multiplies place by place)
//!
//!      | 1    0    0  |        | 1  0 -1  0 |
//! G  = | 1/2  1/2  1/2|   B' = | 0  1  1  0 |   A' = | 1  1  1  0 |
//!      | 1/2 -1/2  1/2|        | 0 -1  1  0 |        | 0  1 -1 -1 |
//!      | 0    0    1  |        | 0  1  0 -1 |
//! ```
//!
//! Summed over the channels, the products at each of the 16 places are one matrix product, `[filter, channel]` times
//! `[channel, tile]`. The input gradient is a convolution too, of the output gradient with the kernels rotated and their
//! filters and channels exchanged.
//!
//! # Layout
//!
//! Sixteen tiles are a *panel*, one vector; panels are filled with tiles in the order of the batch, whatever image they
//! belong to. Sixteen filters are a *block*. The transforms write just what the product reads:
//!
//! * inputs `[place, panel, channel, 16]`,
//! * weights `[block, place, part, channel, ROWS]`, where a part is the `ROWS` filters that the product keeps in registers,
//! * products `[place, filter of the block, panel, 16]`, small enough to stay in the cache until they are transformed back.
//!
//! With many tiles, weights are transformed once, and every task takes a span of tiles through all its filters; with few,
//! inputs are transformed once, and every task takes a block of filters through all tiles.
//!
//! # Accuracy
//!
//! The transforms only add, subtract and halve, so they are exact for spikes (0 and 1), and the error stays within a small
//! multiple of that of plain windows. Outputs that see nothing but zeros are not exactly zero though, if their tile sees
//! more, and a NaN or an infinity reaches all outputs of its tile.
//!
//! # Reproducibility
//!
//! An output depends on its tile and on the weights, not on which lane or panel the tile lies in: all lanes do the same,
//! and the channels are added one by one. The instructions round alike on all processors that have them.

use std::marker::PhantomData;
use std::ops::Range;

use super::{Conv2d, Windows};
use crate::scratch::{self, Buffer, Scratch};
#[cfg(target_arch = "x86_64")]
use crate::simd::x86::{Avx2, Avx512};
use crate::simd::{Fused, LANES, Lanes, Loop, dispatch};
use crate::tasks::{self, Shared};

/// Products per tile and pair of channels.
const PLACES: usize = 16;
/// Filters per block.
const BLOCK: usize = 16;
/// Most tiles of a span. Their transformed inputs should fit the second-level cache.
const SPAN: usize = 64;
/// Values between the parts of a buffer. The transforms write to all parts at once, and without would hit the same set
/// of the first-level cache each time where the number of channels is a power of two.
const SKEW: usize = 16;
/// Channels whose inputs one task transforms, where that is shared out.
const CHANNELS: usize = 32;

/// The geometry of a convolution by tiles.
#[derive(Clone)]
pub(super) struct Winograd {
    channels: usize,
    filters: usize,
    input: [usize; 2],
    output: [usize; 2],
    /// Zeros above and to the left of the input.
    before: [usize; 2],
    /// Tiles of an image, down and to the right.
    tiles: [usize; 2],
}

impl Conv2d {
    /// How to run the convolution by tiles, if that is faster. The answer depends on the shapes of the layer alone.
    pub(super) fn winograd_forward(&self, windows: &Windows) -> Option<Winograd> {
        let [top, left, ..] = self.pads;
        self.has_tiles()
            .then(|| Winograd::new([windows.channels, windows.filters], windows.input, windows.output, [top, left]))?
    }

    /// The same for the input gradient.
    pub(super) fn winograd_gradient(&self, windows: &Windows) -> Option<Winograd> {
        let [top, left, ..] = self.pads;
        self.has_tiles()
            .then(|| Winograd::new([windows.filters, windows.channels], windows.output, windows.input, [2 - top, 2 - left]))?
    }

    fn has_tiles(&self) -> bool {
        let ones = [self.stride, self.dilation] == [[1, 1]; 2];
        self.kernel == [3, 3] && ones && self.groups == 1 && self.pads.iter().all(|&pad| pad <= 2)
    }
}

impl Winograd {
    fn new([channels, filters]: [usize; 2], input: [usize; 2], output: [usize; 2], before: [usize; 2]) -> Option<Self> {
        let tiles = [output[0].div_ceil(2), output[1].div_ceil(2)];
        // The transforms cost something for every channel, and are repaid by the products with every filter.
        let deep = channels.min(filters) >= 16;
        // Tiles reach beyond odd sizes, and a plane of few outputs is better off without.
        let products = PLACES * tiles[0] * tiles[1] <= 8 * output[0] * output[1];
        (deep && products && available()).then_some(Self { channels, filters, input, output, before, tiles })
    }

    fn per_image(&self) -> usize {
        self.tiles[0] * self.tiles[1]
    }

    /// From one place to the next in the transformed inputs of that many panels.
    fn input_pitch(&self, panels: usize) -> usize {
        panels * self.channels * LANES + SKEW
    }

    /// From one part of a block to the next in the transformed weights.
    fn part_pitch(&self, rows: usize) -> usize {
        self.channels * rows + SKEW
    }

    /// Height and width of all that the tiles of an image see.
    fn padded(&self) -> [usize; 2] {
        self.tiles.map(|tiles| 2 * tiles + 2)
    }
}

/// Whether the processor has the instructions.
fn available() -> bool {
    #[cfg(target_arch = "x86_64")]
    return Avx512::available() || Avx2::available();
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// The kernels: tap `tap` between filter `f` and channel `c` is `data[f * filter + c * channel + tap]`, taps counted
/// backwards if `rotated`.
#[derive(Clone, Copy)]
pub(super) struct Kernels<'a> {
    pub(super) data: &'a [f32],
    pub(super) filter: usize,
    pub(super) channel: usize,
    pub(super) rotated: bool,
}

/// One convolution.
pub(super) struct Call<'a> {
    pub(super) geometry: Winograd,
    pub(super) x: &'a [f32],
    pub(super) batch: usize,
    pub(super) kernels: Kernels<'a>,
    pub(super) bias: Option<&'a [f32]>,
    pub(super) relu: bool,
    pub(super) y: Shared<'a>,
}

impl Call<'_> {
    pub(super) fn run(&self) {
        #[cfg(target_arch = "x86_64")]
        {
            if Avx512::available() {
                self.run_with::<Avx512, 8, 2>();
            } else {
                self.run_with::<Avx2, 4, 1>();
            }
        }
    }

    /// Runs with vectors `V` and products of `ROWS` filters and `COLS` panels.
    fn run_with<V: Fused, const ROWS: usize, const COLS: usize>(&self) {
        let (geometry, channels, filters) = (&self.geometry, self.geometry.channels, self.geometry.filters);
        let total = self.batch * self.geometry.per_image();
        let blocks = filters.div_ceil(BLOCK);
        let block_len = PLACES * (BLOCK / ROWS) * geometry.part_pitch(ROWS);
        let work = total * PLACES * channels * filters;
        scratch::with(|shared| {
            if total <= SPAN {
                let span = Span::new(geometry, 0..total);
                let inputs = shared.columns.take(PLACES * geometry.input_pitch(span.panels()));
                let target = Shared::new(inputs);
                tasks::for_each(channels.div_ceil(CHANNELS), work / filters * 4, |task| {
                    let channels = task * CHANNELS..channels.min((task + 1) * CHANNELS);
                    scratch::with(|scratch| {
                        dispatch(Inputs::<V> { call: self, span: &span, channels, target: &target, padded: &mut scratch.padded, vectors: PhantomData });
                    });
                });
                let inputs = &*inputs;
                tasks::for_each(blocks, work, |block| {
                    scratch::with(|scratch| {
                        let Scratch { weight, folded, .. } = scratch;
                        let weight = weight.take(block_len);
                        dispatch(Weights::<V, ROWS> { call: self, block, target: weight, vectors: PhantomData });
                        self.filters::<V, ROWS, COLS>(&span, block, weight, inputs, folded);
                    });
                });
            } else {
                let weights = shared.weight.take(blocks * block_len);
                let target = Shared::new(weights);
                tasks::for_each(blocks, blocks * block_len, |block| {
                    // SAFETY: one task per block.
                    let target = unsafe { target.part(block * block_len, block_len) };
                    dispatch(Weights::<V, ROWS> { call: self, block, target, vectors: PhantomData });
                });
                let weights = &*weights;
                let len = total.div_ceil(total.div_ceil(SPAN)).next_multiple_of(LANES);
                tasks::for_each(total.div_ceil(len), work, |task| {
                    let span = Span::new(geometry, task * len..total.min((task + 1) * len));
                    scratch::with(|scratch| {
                        let Scratch { columns, padded, folded, .. } = scratch;
                        let inputs = columns.take(PLACES * geometry.input_pitch(span.panels()));
                        let target = Shared::new(&mut *inputs);
                        dispatch(Inputs::<V> { call: self, span: &span, channels: 0..channels, target: &target, padded, vectors: PhantomData });
                        for (block, weights) in weights.chunks_exact(block_len).enumerate() {
                            self.filters::<V, ROWS, COLS>(&span, block, weights, inputs, folded);
                        }
                    });
                });
            }
        });
    }

    /// Writes the outputs of a block of filters for the tiles of a span.
    fn filters<V: Fused, const ROWS: usize, const COLS: usize>(
        &self,
        span: &Span,
        block: usize,
        weights: &[f32],
        inputs: &[f32],
        products: &mut Buffer,
    ) {
        let products = products.take(PLACES * (BLOCK * span.panels() * LANES + SKEW));
        dispatch(Products::<V, ROWS, COLS> { call: self, span, block, weights, inputs, products, vectors: PhantomData });
        dispatch(Outputs::<V> { call: self, span, block, products, vectors: PhantomData });
    }
}

/// Consecutive tiles that are worked on together.
struct Span {
    tiles: Range<usize>,
    runs: Vec<Run>,
    /// Where the runs of each panel end.
    ends: Vec<usize>,
    /// What the tiles see of each image.
    bands: Vec<Band>,
}

/// Tiles side by side in a panel and in an image.
struct Run {
    /// The first lane.
    lane: usize,
    len: usize,
    /// Which band of the span.
    band: usize,
    image: usize,
    /// The first tile in the image.
    tile: [usize; 2],
}

/// Input rows of an image.
struct Band {
    image: usize,
    rows: Range<usize>,
}

impl Span {
    fn new(geometry: &Winograd, tiles: Range<usize>) -> Self {
        let (mut runs, mut ends, mut bands) = (Vec::new(), Vec::new(), Vec::<Band>::new());
        let [height, width] = geometry.tiles;
        let mut tile = tiles.start;
        while tile < tiles.end {
            let lane = (tile - tiles.start) % LANES;
            if lane == 0 && tile > tiles.start {
                ends.push(runs.len());
            }
            let (image, row, col) = (tile / (height * width), tile / width % height, tile % width);
            let end = (2 * row + 4).saturating_sub(geometry.before[0]).min(geometry.input[0]);
            match bands.last_mut().filter(|band| band.image == image) {
                Some(band) => band.rows.end = end,
                None => {
                    let start = (2 * row).saturating_sub(geometry.before[0]).min(end);
                    bands.push(Band { image, rows: start..end });
                }
            }
            let len = (width - col).min(LANES - lane).min(tiles.end - tile);
            runs.push(Run { lane, len, band: bands.len() - 1, image, tile: [row, col] });
            tile += len;
        }
        ends.push(runs.len());
        Self { tiles, runs, ends, bands }
    }

    fn panels(&self) -> usize {
        self.tiles.len().div_ceil(LANES)
    }

    #[inline(always)]
    fn runs(&self, panel: usize) -> &[Run] {
        let start = if panel == 0 { 0 } else { self.ends[panel - 1] };
        &self.runs[start..self.ends[panel]]
    }
}

/// Transforms the inputs of `channels`.
struct Inputs<'a, V> {
    call: &'a Call<'a>,
    span: &'a Span,
    channels: Range<usize>,
    target: &'a Shared<'a>,
    padded: &'a mut Buffer,
    vectors: PhantomData<V>,
}

impl<V: Fused> Loop for Inputs<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.call.inputs::<V>(self.span, self.channels, self.target, self.padded);
    }
}

/// Transforms the kernels of a block.
struct Weights<'a, V, const ROWS: usize> {
    call: &'a Call<'a>,
    block: usize,
    target: &'a mut [f32],
    vectors: PhantomData<V>,
}

impl<V: Fused, const ROWS: usize> Loop for Weights<'_, V, ROWS> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.call.weights::<V, ROWS>(self.block, self.target);
    }
}

/// Multiplies the weights of a block with inputs.
struct Products<'a, V, const ROWS: usize, const COLS: usize> {
    call: &'a Call<'a>,
    span: &'a Span,
    block: usize,
    weights: &'a [f32],
    inputs: &'a [f32],
    products: &'a mut [f32],
    vectors: PhantomData<V>,
}

impl<V: Fused, const ROWS: usize, const COLS: usize> Loop for Products<'_, V, ROWS, COLS> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.call.products::<V, ROWS, COLS>(self.span, self.block, self.weights, self.inputs, self.products);
    }
}

/// Transforms the products of a block to outputs.
struct Outputs<'a, V> {
    call: &'a Call<'a>,
    span: &'a Span,
    block: usize,
    products: &'a [f32],
    vectors: PhantomData<V>,
}

impl<V: Fused> Loop for Outputs<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.call.outputs::<V>(self.span, self.block, self.products);
    }
}

// No closures with vectors below: they would be compiled without the vector instructions and called.
impl Call<'_> {
    /// `B' d B` for `channels` of all tiles of the span.
    #[inline(always)]
    fn inputs<V: Fused>(&self, span: &Span, channels: Range<usize>, target: &Shared<'_>, padded: &mut Buffer) {
        let geometry = &self.geometry;
        let ([height, width], [top, left]) = (geometry.input, geometry.before);
        let [padded_height, padded_width] = geometry.padded();
        let padded_plane = padded_height * padded_width;
        let pitch = geometry.input_pitch(span.panels());
        let padded = padded.take(span.bands.len() * padded_plane);
        // Every channel overwrites the same places, and leaves the zeros around them.
        padded.fill(0.0);
        // What the tiles see, `[row, column]`: lane `l` sees columns `2 l`, `2 l + 1` here, and ..
        let mut near = [[[0f32; LANES]; 2]; 4];
        // .. the two columns behind them here.
        let mut far = near;
        for channel in channels {
            for (slot, band) in span.bands.iter().enumerate() {
                let plane = &self.x[(band.image * geometry.channels + channel) * height * width..][..height * width];
                let padded = &mut padded[slot * padded_plane..][..padded_plane];
                for row in band.rows.clone() {
                    let values = &plane[row * width..][..width];
                    copy(&mut padded[(row + top) * padded_width + left..][..width], values);
                }
            }
            for panel in 0..span.panels() {
                for run in span.runs(panel) {
                    let [row, col] = run.tile;
                    let start = run.band * padded_plane + 2 * row * padded_width + 2 * col;
                    for i in 0..4 {
                        let source = &padded[start + i * padded_width..][..2 * run.len + 2];
                        copy(&mut near[i].as_flattened_mut()[2 * run.lane..][..2 * run.len], &source[..2 * run.len]);
                        copy(&mut far[i].as_flattened_mut()[2 * run.lane..][..2 * run.len], &source[2..]);
                    }
                }
                let zero = V::splat(0.0);
                let mut rows = [[zero; 4]; 4];
                for i in 0..4 {
                    let [a, b] = V::load(&near[i][0]).unzip(V::load(&near[i][1]));
                    let [c, d] = V::load(&far[i][0]).unzip(V::load(&far[i][1]));
                    rows[i] = [a.sub(c), b.add(c), c.sub(b), b.sub(d)];
                }
                for j in 0..4 {
                    let [a, b, c, d] = [rows[0][j], rows[1][j], rows[2][j], rows[3][j]];
                    let values = [a.sub(c), b.add(c), c.sub(b), b.sub(d)];
                    for i in 0..4 {
                        let start = (i * 4 + j) * pitch + (panel * geometry.channels + channel) * LANES;
                        // SAFETY: a channel belongs to one task.
                        let target = unsafe { target.part(start, LANES) };
                        target.copy_from_slice(&values[i].store());
                    }
                }
            }
        }
    }

    /// `G g G'` for the filters of a block.
    #[inline(always)]
    fn weights<V: Fused, const ROWS: usize>(&self, block: usize, target: &mut [f32]) {
        let (channels, kernels) = (self.geometry.channels, self.kernels);
        let filters = BLOCK.min(self.geometry.filters - block * BLOCK);
        let source = &kernels.data[block * BLOCK * kernels.filter..];
        let pitch = self.geometry.part_pitch(ROWS);
        let mut taps = [[0f32; LANES]; 9];
        let half = V::splat(0.5);
        for channel in 0..channels {
            for lane in 0..filters {
                let source = &source[lane * kernels.filter + channel * kernels.channel..][..9];
                for tap in 0..9 {
                    taps[tap][lane] = source[if kernels.rotated { 8 - tap } else { tap }];
                }
            }
            let zero = V::splat(0.0);
            let mut rows = [[zero; 3]; 4];
            for j in 0..3 {
                let [a, b, c] = [V::load(&taps[j]), V::load(&taps[3 + j]), V::load(&taps[6 + j])];
                let (sum, b) = (a.add(c).mul(half), b.mul(half));
                [rows[0][j], rows[1][j], rows[2][j], rows[3][j]] = [a, sum.add(b), sum.sub(b), c];
            }
            for i in 0..4 {
                let [a, b, c] = rows[i];
                let (sum, b) = (a.add(c).mul(half), b.mul(half));
                let values = [a, sum.add(b), sum.sub(b), c];
                for j in 0..4 {
                    let values = values[j].store();
                    for part in 0..BLOCK / ROWS {
                        let start = ((i * 4 + j) * (BLOCK / ROWS) + part) * pitch + channel * ROWS;
                        target[start..][..ROWS].copy_from_slice(&values[part * ROWS..][..ROWS]);
                    }
                }
            }
        }
    }

    /// The matrix products of a block of filters with all tiles of the span.
    #[inline(always)]
    fn products<V: Fused, const ROWS: usize, const COLS: usize>(
        &self,
        span: &Span,
        block: usize,
        weights: &[f32],
        inputs: &[f32],
        products: &mut [f32],
    ) {
        let (channels, panels) = (self.geometry.channels, span.panels());
        let parts = BLOCK.min(self.geometry.filters - block * BLOCK).div_ceil(ROWS);
        let (input_pitch, part_pitch) = (self.geometry.input_pitch(panels), self.geometry.part_pitch(ROWS));
        for place in 0..PLACES {
            let (inputs, _) = inputs[place * input_pitch..][..panels * channels * LANES].as_chunks::<LANES>();
            let (products, _) = products[place * (BLOCK * panels * LANES + SKEW)..][..BLOCK * panels * LANES].as_chunks_mut::<LANES>();
            let mut panel = 0;
            while panel < panels {
                let step = if panels - panel >= COLS { COLS } else { 1 };
                for part in 0..parts {
                    let weights = &weights[(place * (BLOCK / ROWS) + part) * part_pitch..][..channels * ROWS];
                    let (weights, _) = weights.as_chunks::<ROWS>();
                    let inputs = &inputs[panel * channels..];
                    let products = &mut products[part * ROWS * panels + panel..];
                    if step == COLS {
                        product::<V, ROWS, COLS>(weights, inputs, products, panels);
                    } else {
                        product::<V, ROWS, 1>(weights, inputs, products, panels);
                    }
                }
                panel += step;
            }
        }
    }

    /// `A' m A`, bias and rectifier for the products of a block.
    #[inline(always)]
    fn outputs<V: Fused>(&self, span: &Span, block: usize, products: &[f32]) {
        let geometry = &self.geometry;
        let ([height, width], panels) = (geometry.output, span.panels());
        let (products, _) = products.as_chunks::<LANES>();
        for lane in 0..BLOCK.min(geometry.filters - block * BLOCK) {
            let filter = block * BLOCK + lane;
            let bias = V::splat(match self.bias {
                Some(bias) => bias[filter],
                None => 0.0,
            });
            for panel in 0..panels {
                let zero = V::splat(0.0);
                let mut sums = [[zero; 4]; 2];
                for j in 0..4 {
                    let mut m = [zero; 4];
                    for i in 0..4 {
                        m[i] = V::load(&products[(i * 4 + j) * (BLOCK * panels + SKEW / LANES) + lane * panels + panel]);
                    }
                    sums[0][j] = m[0].add(m[1]).add(m[2]);
                    sums[1][j] = m[1].sub(m[2]).sub(m[3]);
                }
                let mut rows = [[[0f32; LANES]; 2]; 2];
                for i in 0..2 {
                    let [a, b, c, d] = sums[i];
                    let mut even = a.add(b).add(c).add(bias);
                    let mut odd = b.sub(c).sub(d).add(bias);
                    if self.relu {
                        even = even.rectify();
                        odd = odd.rectify();
                    }
                    let [low, high] = even.zip(odd);
                    rows[i] = [low.store(), high.store()];
                }
                for run in span.runs(panel) {
                    let [row, col] = run.tile;
                    let len = (2 * run.len).min(width - 2 * col);
                    for i in 0..2.min(height - 2 * row) {
                        let start = (run.image * geometry.filters + filter) * height * width + (2 * row + i) * width + 2 * col;
                        // SAFETY: no other task writes this filter at these tiles.
                        let target = unsafe { self.y.part(start, len) };
                        copy(target, &rows[i].as_flattened()[2 * run.lane..][..len]);
                    }
                }
            }
        }
    }
}

/// `ROWS` filters times `COLS` panels, which start where `inputs` does. Rows of `products` are `panels` apart.
#[inline(always)]
fn product<V: Fused, const ROWS: usize, const COLS: usize>(
    weights: &[[f32; ROWS]],
    inputs: &[[f32; LANES]],
    products: &mut [[f32; LANES]],
    panels: usize,
) {
    let channels = weights.len();
    assert!(inputs.len() >= COLS * channels && products.len() >= (ROWS - 1) * panels + COLS, "operands of a product");
    let inputs = inputs.as_ptr();
    let mut sums = [[V::splat(0.0); COLS]; ROWS];
    for (channel, weights) in weights.iter().enumerate() {
        let mut x = [V::splat(0.0); COLS];
        for col in 0..COLS {
            // SAFETY: `col < COLS` and `channel < channels`; checked above, since the compiler would check every load.
            x[col] = V::load(unsafe { &*inputs.add(col * channels + channel) });
        }
        for row in 0..ROWS {
            let weight = V::splat(weights[row]);
            for col in 0..COLS {
                sums[row][col] = sums[row][col].add_fused(weight, x[col]);
            }
        }
    }
    for row in 0..ROWS {
        for col in 0..COLS {
            products[row * panels + col] = sums[row][col].store();
        }
    }
}

/// Copies short rows without a call to `memcpy`.
#[inline(always)]
fn copy(target: &mut [f32], source: &[f32]) {
    match target.len() {
        2 => target[..2].copy_from_slice(&source[..2]),
        4 => target[..4].copy_from_slice(&source[..4]),
        8 => target[..8].copy_from_slice(&source[..8]),
        16 => target[..16].copy_from_slice(&source[..16]),
        32 => target[..32].copy_from_slice(&source[..32]),
        _ => target.copy_from_slice(source),
    }
}
