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
//! filters and channels exchanged. The weight gradient, in [`weight`], multiplies at the same places and sums over the tiles.
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
//! The transforms only add, subtract and halve; that of spikes (0, 1 and -1) is exact. The largest error measured against
//! `f64`, relative to the largest output, is 2e-7 at 16 channels and 9e-7 at 512, where plain windows have 4e-7 and 5e-7.
//! An output that sees nothing but zeros is not exactly zero, though, if its tile sees more, and a NaN or an infinity
//! reaches all outputs of its tile.
//!
//! # Reproducibility
//!
//! An output depends on its tile and on the weights, not on which lane or panel the tile lies in: all lanes do the same,
//! and the channels are added one by one. The instructions round alike on all processors that have them.

pub(super) mod weight;

use std::marker::PhantomData;
use std::ops::Range;

use super::im2col::copy;
use super::{Conv2d, Windows};
use crate::scratch::{self, Buffer, Scratch};
#[cfg(target_arch = "x86_64")]
use crate::simd::x86::{Avx2, Avx512};
use crate::simd::{Fused, LANES, Lanes, Loop, dispatch, transpose};
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
/// Bytes of a cache line. All distances in the buffers of vectors are whole lines.
const LINE: usize = 64;
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
        self.has_tiles().then(|| Winograd::new([windows.channels, windows.filters], windows.input, windows.output, [top, left]))?
    }

    /// The same for the input gradient.
    pub(super) fn winograd_gradient(&self, windows: &Windows) -> Option<Winograd> {
        let [top, left, ..] = self.pads;
        self.has_tiles().then(|| Winograd::new([windows.filters, windows.channels], windows.output, windows.input, [2 - top, 2 - left]))?
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
        // Plain windows take nine products per output. Tiles take four, but more where they reach beyond the plane.
        let fewer = PLACES * tiles[0] * tiles[1] < 8 * output[0] * output[1];
        (deep && fewer && available()).then_some(Self { channels, filters, input, output, before, tiles })
    }

    fn per_image(&self) -> usize {
        self.tiles[0] * self.tiles[1]
    }

    /// From one place to the next in the transformed inputs of that many panels.
    fn input_pitch(&self, panels: usize) -> usize {
        panels * self.channels * LANES + SKEW
    }

    /// Where, for a channel, a panel starts in the transformed inputs. The product takes `COLS` panels at once; their values
    /// for a channel lie side by side, except in what remains of the last.
    #[inline(always)]
    fn input_start<const COLS: usize>(&self, panel: usize, panels: usize, channel: usize) -> usize {
        let (set, col) = (panel / COLS * COLS, panel % COLS);
        if panels - set >= COLS { (set * self.channels + channel * COLS + col) * LANES } else { (panel * self.channels + channel) * LANES }
    }

    /// From one part of a block to the next in the transformed weights.
    fn part_pitch(&self, rows: usize) -> usize {
        self.channels * rows + SKEW
    }

    /// Width of all that the tiles of an image see.
    fn padded_width(&self) -> usize {
        2 * self.tiles[1] + 2
    }
}

/// From one place to the next in the products of a block with that many panels.
fn product_pitch(panels: usize) -> usize {
    BLOCK * panels * LANES + SKEW
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
        const { assert!(BLOCK.is_multiple_of(ROWS) && COLS <= 2, "what remains of the panels is taken one by one") };
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
                        dispatch(Inputs::<V, COLS> {
                            call: self,
                            span: &span,
                            channels,
                            target: &target,
                            padded: &mut scratch.padded,
                            vectors: PhantomData,
                        });
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
                        dispatch(Inputs::<V, COLS> {
                            call: self,
                            span: &span,
                            channels: 0..channels,
                            target: &target,
                            padded,
                            vectors: PhantomData,
                        });
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
        let products = products.take(PLACES * product_pitch(span.panels()));
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
    /// Length of all bands.
    padded: usize,
}

/// Tiles side by side in a panel and in an image.
struct Run {
    /// The first lane.
    lane: usize,
    len: usize,
    image: usize,
    /// The first tile in the image.
    tile: [usize; 2],
    /// Where the first tile starts in the padded bands.
    source: usize,
}

/// Rows of an image between zeros, `Winograd::padded_width` apart. The bands of a span follow each other.
struct Band {
    image: usize,
    /// The first row of tiles.
    tile: usize,
    /// Input rows.
    rows: Range<usize>,
    /// Where the band starts, and where the first of the input rows does.
    start: usize,
    target: usize,
}

impl Span {
    fn new(geometry: &Winograd, tiles: Range<usize>) -> Self {
        let ([height, width], [top, left], pitch) = (geometry.tiles, geometry.before, geometry.padded_width());
        let mut span = Self { tiles: tiles.clone(), runs: Vec::new(), ends: Vec::new(), bands: Vec::new(), padded: 0 };
        let mut tile = tiles.start;
        while tile < tiles.end {
            let lane = (tile - tiles.start) % LANES;
            if lane == 0 && tile > tiles.start {
                span.ends.push(span.runs.len());
            }
            let (image, row, col) = (tile / (height * width), tile / width % height, tile % width);
            if span.bands.last().is_none_or(|band| band.image != image) {
                let first = (2 * row).saturating_sub(top);
                let target = span.padded + (first + top - 2 * row) * pitch + left;
                span.bands.push(Band { image, tile: row, rows: first..first, start: span.padded, target });
            }
            let band = span.bands.last_mut().expect("pushed if there was none");
            band.rows.end = (2 * row + 4).saturating_sub(top).min(geometry.input[0]);
            span.padded = band.start + (2 * (row - band.tile) + 4) * pitch;
            let source = band.start + 2 * (row - band.tile) * pitch + 2 * col;
            let len = (width - col).min(LANES - lane).min(tiles.end - tile);
            span.runs.push(Run { lane, len, image, tile: [row, col], source });
            tile += len;
        }
        span.ends.push(span.runs.len());
        span
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
struct Inputs<'a, V, const COLS: usize> {
    call: &'a Call<'a>,
    span: &'a Span,
    channels: Range<usize>,
    target: &'a Shared<'a>,
    padded: &'a mut Buffer,
    vectors: PhantomData<V>,
}

impl<V: Fused, const COLS: usize> Loop for Inputs<'_, V, COLS> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.call.inputs::<V, COLS>(self.span, self.channels, self.target, self.padded);
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

// Below are no closures with vectors, which would be compiled without the vector instructions and called. The inner loops
// check their bounds once and then use pointers, since a check per access costs as much as the arithmetic.
impl Call<'_> {
    /// `B' d B` for `channels` of all tiles of the span.
    #[inline(always)]
    fn inputs<V: Fused, const COLS: usize>(&self, span: &Span, channels: Range<usize>, target: &Shared<'_>, padded: &mut Buffer) {
        let geometry = &self.geometry;
        let ([height, width], padded_width) = (geometry.input, geometry.padded_width());
        let panels = span.panels();
        let pitch = geometry.input_pitch(panels);
        let padded = padded.take(span.padded);
        // Every channel overwrites the same places, and leaves the zeros around them.
        padded.fill(0.0);
        // What the tiles see, `[row, column]`: lane `l` sees columns `2 l`, `2 l + 1` here, and ..
        let mut near = [[0f32; 2 * LANES]; 4];
        // .. the two columns behind them here.
        let mut far = near;
        for channel in channels {
            for band in &span.bands {
                let plane = &self.x[(band.image * geometry.channels + channel) * height * width..][..height * width];
                let rows = plane[band.rows.start * width..band.rows.end * width].chunks_exact(width);
                for (target, row) in padded[band.target..].chunks_mut(padded_width).zip(rows) {
                    copy(&mut target[..width], row);
                }
            }
            for panel in 0..panels {
                let mut tiles = [[V::splat(0.0); 4]; 4];
                let runs = span.runs(panel);
                if let [Run { len: LANES, source, .. }] = *runs {
                    for (i, line) in padded[source..].chunks(padded_width).take(4).enumerate() {
                        let [near, far] = [line[..2 * LANES].as_chunks().0, line[2..2 * LANES + 2].as_chunks().0];
                        let [a, b] = V::load(&near[0]).unzip(V::load(&near[1]));
                        let [c, d] = V::load(&far[0]).unzip(V::load(&far[1]));
                        tiles[i] = difference([a, b, c, d]);
                    }
                } else {
                    for run in runs {
                        let (lanes, len) = (2 * run.lane..2 * (run.lane + run.len), 2 * run.len);
                        for (i, line) in padded[run.source..].chunks(padded_width).take(4).enumerate() {
                            copy(&mut near[i][lanes.clone()], &line[..len]);
                            copy(&mut far[i][lanes.clone()], &line[2..len + 2]);
                        }
                    }
                    for i in 0..4 {
                        let (near, far) = (near[i].as_chunks::<LANES>().0, far[i].as_chunks::<LANES>().0);
                        let [a, b] = V::load(&near[0]).unzip(V::load(&near[1]));
                        let [c, d] = V::load(&far[0]).unzip(V::load(&far[1]));
                        tiles[i] = difference([a, b, c, d]);
                    }
                }
                let start = geometry.input_start::<COLS>(panel, panels, channel);
                let mut place = target.matrix(start, PLACES, LANES, pitch);
                assert!(place.addr().is_multiple_of(LINE), "buffers start on a cache line");
                let mut columns = [[V::splat(0.0); 4]; 4];
                for j in 0..4 {
                    columns[j] = difference([tiles[0][j], tiles[1][j], tiles[2][j], tiles[3][j]]);
                }
                for i in 0..4 {
                    for column in &columns {
                        // SAFETY: inside of the target by the check of `matrix`, on a line, and a channel belongs to one task.
                        unsafe { column[i].write(place) };
                        place = place.wrapping_add(pitch);
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
        let pitch = self.geometry.part_pitch(ROWS);
        let first = block * BLOCK * kernels.filter;
        for channel in 0..channels {
            let start = first + channel * kernels.channel;
            let mut rows = [V::splat(0.0); LANES];
            // Reads nine taps and seven values behind them, unless the weight ends there.
            if start + (filters - 1) * kernels.filter + LANES <= kernels.data.len() {
                let mut source = &kernels.data[start..];
                for row in rows.iter_mut().take(filters) {
                    *row = V::load(&source.as_chunks().0[0]);
                    source = source.get(kernels.filter..).unwrap_or_default();
                }
            } else {
                for (lane, row) in rows.iter_mut().enumerate().take(filters) {
                    let mut taps = [0.0; LANES];
                    taps[..9].copy_from_slice(&kernels.data[start + lane * kernels.filter..][..9]);
                    *row = V::load(&taps);
                }
            }
            let mut taps = transpose(rows);
            if kernels.rotated {
                taps[..9].reverse();
            }
            let mut columns = [[V::splat(0.0); 4]; 3];
            for j in 0..3 {
                columns[j] = halves([taps[j], taps[3 + j], taps[6 + j]]);
            }
            let [left, middle, right] = columns;
            let mut place = &mut target[channel * ROWS..];
            for i in 0..4 {
                for values in halves([left[i], middle[i], right[i]]) {
                    for part in values.store().as_chunks::<ROWS>().0 {
                        place[..ROWS].copy_from_slice(part);
                        place = place.get_mut(pitch..).unwrap_or_default();
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
        let weights = weights.chunks_exact(self.geometry.part_pitch(ROWS) * (BLOCK / ROWS));
        let inputs = inputs.chunks_exact(self.geometry.input_pitch(panels));
        let products = products.chunks_exact_mut(product_pitch(panels));
        for ((weights, inputs), products) in weights.zip(inputs).zip(products) {
            let (inputs, _) = inputs.as_chunks::<LANES>();
            let (products, _) = products.as_chunks_mut::<LANES>();
            for (index, inputs) in inputs[..panels * channels].chunks(COLS * channels).enumerate() {
                for (part, weights) in weights.chunks_exact(self.geometry.part_pitch(ROWS)).enumerate().take(parts) {
                    let (weights, _) = weights[..channels * ROWS].as_chunks::<ROWS>();
                    let products = &mut products[part * ROWS * panels + index * COLS..];
                    if inputs.len() == COLS * channels {
                        product::<V, ROWS, COLS>(weights, inputs, products, panels);
                    } else {
                        product::<V, ROWS, 1>(weights, inputs, products, panels);
                    }
                }
            }
        }
    }

    /// `A' m A`, bias and rectifier for the products of a block.
    #[inline(always)]
    fn outputs<V: Fused>(&self, span: &Span, block: usize, products: &[f32]) {
        let geometry = &self.geometry;
        let ([height, width], panels) = (geometry.output, span.panels());
        let pitch = product_pitch(panels);
        assert!(products.len() >= PLACES * pitch && pitch >= BLOCK * panels * LANES, "products of a block");
        assert!(products.as_ptr().addr().is_multiple_of(LINE), "buffers start on a cache line");
        for lane in 0..BLOCK.min(geometry.filters - block * BLOCK) {
            let filter = block * BLOCK + lane;
            let bias = V::splat(match self.bias {
                Some(bias) => bias[filter],
                None => 0.0,
            });
            for panel in 0..panels {
                let mut place = products.as_ptr().wrapping_add((lane * panels + panel) * LANES);
                let mut tiles = [[V::splat(0.0); 4]; 4];
                for row in &mut tiles {
                    for value in row {
                        // SAFETY: inside of the products and on a line, by the assertions.
                        *value = unsafe { V::read(place) };
                        place = place.wrapping_add(pitch);
                    }
                }
                let mut columns = [[V::splat(0.0); 2]; 4];
                for j in 0..4 {
                    columns[j] = sums([tiles[0][j], tiles[1][j], tiles[2][j], tiles[3][j]]);
                }
                let mut rows = [[0f32; 2 * LANES]; 2];
                for i in 0..2 {
                    let [even, odd] = sums([columns[0][i], columns[1][i], columns[2][i], columns[3][i]]);
                    let (mut even, mut odd) = (even.add(bias), odd.add(bias));
                    if self.relu {
                        (even, odd) = (even.rectify(), odd.rectify());
                    }
                    let [low, high] = even.zip(odd);
                    let (row, _) = rows[i].as_chunks_mut::<LANES>();
                    (row[0], row[1]) = (low.store(), high.store());
                }
                for run in span.runs(panel) {
                    let [row, col] = [2 * run.tile[0], 2 * run.tile[1]];
                    let len = (2 * run.len).min(width - col);
                    let start = ((run.image * geometry.filters + filter) * height + row) * width + col;
                    for (i, values) in rows.iter().enumerate().take(height - row) {
                        // SAFETY: no other task writes this filter at these tiles.
                        let target = unsafe { self.y.part(start + i * width, len) };
                        copy(target, &values[2 * run.lane..][..len]);
                    }
                }
            }
        }
    }
}

/// A product with `B'`.
#[inline(always)]
fn difference<V: Fused>([a, b, c, d]: [V; 4]) -> [V; 4] {
    [a.sub(c), b.add(c), c.sub(b), b.sub(d)]
}

/// A product with `G`.
#[inline(always)]
fn halves<V: Fused>([a, b, c]: [V; 3]) -> [V; 4] {
    let half = V::splat(0.5);
    let (sum, middle) = (a.add(c).mul(half), b.mul(half));
    [a, sum.add(middle), sum.sub(middle), c]
}

/// A product with `A'`.
#[inline(always)]
fn sums<V: Fused>([a, b, c, d]: [V; 4]) -> [V; 2] {
    [a.add(b).add(c), b.sub(c).sub(d)]
}

/// `ROWS` filters times `COLS` panels. Rows of `products` are `panels` apart.
#[inline(always)]
fn product<V: Fused, const ROWS: usize, const COLS: usize>(
    weights: &[[f32; ROWS]],
    inputs: &[[f32; LANES]],
    products: &mut [[f32; LANES]],
    panels: usize,
) {
    let mut sums = [[V::splat(0.0); COLS]; ROWS];
    for (weights, inputs) in weights.iter().zip(inputs.as_chunks::<COLS>().0) {
        let mut x = [V::splat(0.0); COLS];
        for col in 0..COLS {
            x[col] = V::load(&inputs[col]);
        }
        for row in 0..ROWS {
            let weight = V::splat(weights[row]);
            for col in 0..COLS {
                sums[row][col] = sums[row][col].add_fused(weight, x[col]);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        let products = &mut products[row * panels..][..COLS];
        for col in 0..COLS {
            products[col] = sums[col].store();
        }
    }
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
        // A few tiles, and several spans of which the last has an odd number of panels.
        for (batch, size) in [(1, [5, 6]), (5, [17, 20])] {
            let conv = Conv2d {
                in_channels: 19,
                out_channels: 21,
                kernel: [3, 3],
                stride: [1, 1],
                dilation: [1, 1],
                pads: [1, 2, 0, 1],
                groups: 1,
            };
            let windows = conv.windows(size);
            let (x, weight, bias) = (values(batch * 19 * windows.in_plane()), values(19 * 21 * 9), values(21));
            let run = |wide: bool| {
                let mut y = vec![f32::NAN; batch * 21 * windows.out_plane()];
                let geometry = conv.winograd_forward(&windows).expect("the geometry suits");
                let kernels = Kernels { data: &weight, filter: 19 * 9, channel: 9, rotated: false };
                let call = Call { geometry, x: &x, batch, kernels, bias: Some(&bias), relu: true, y: Shared::new(&mut y) };
                if wide {
                    call.run_with::<Avx512, 8, 2>()
                } else {
                    call.run_with::<Avx2, 4, 1>()
                }
                y
            };
            assert_eq!(run(false), run(true), "{batch} images of {size:?}");
        }
    }
}
