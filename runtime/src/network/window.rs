//! Windows over the places of a value: poolings, and convolutions of one channel each.

use super::{
    arena::Memory,
    place::Place,
    tile::{Tile, blocks},
};
use crate::kernels::{Block, COLUMNS, Entry, Format, Loop, Narrow, WithEntry, Word, half};
use alloc::{vec, vec::Vec};
use core::marker::PhantomData;

/// How a pooling's windows lie.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) pads: [usize; 4],
}

impl Window {
    /// Rows or columns of an operand of `size` that a window meets: one at least.
    #[inline(always)]
    pub(super) fn range(&self, axis: usize, index: usize, size: usize) -> core::ops::Range<usize> {
        let start = index * self.stride[axis];
        start.saturating_sub(self.pads[axis])..(start + self.kernel[axis]).saturating_sub(self.pads[axis]).min(size)
    }
}

/// Fills a tile with the sums or maxima of windows.
pub(super) struct Pool<'t, 'a, 'c> {
    pub(super) tile: &'t mut Tile<'a>,
    pub(super) memory: Memory,
    pub(super) place: &'c Place,
    pub(super) window: &'c Window,
    pub(super) is_max: bool,
}

impl Loop for Pool<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<N: Narrow>(self) {
        self.place.format.visit(self);
    }
}

impl WithEntry for Pool<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn with<E: Entry>(self, entry: E) {
        if self.is_max { self.join::<E, true>(entry) } else { self.join::<E, false>(entry) }
    }
}

impl Pool<'_, '_, '_> {
    #[inline(always)]
    fn join<E: Entry, const IS_MAX: bool>(self, entry: E) {
        let Self { tile, memory, place, window, .. } = self;
        let (step, channel, bytes) = (tile.step, tile.channel, place.format.bytes());
        let pixel = place.pixel();
        let width = tile.width;
        for (span, numbers) in tile.spans() {
            let rows = window.range(0, span.y, place.grid.height);
            for (x, row) in (span.x..).zip(numbers.chunks_exact_mut(width)) {
                let columns = window.range(1, x, place.grid.width);
                let first = memory.at(place.byte(span.image, step, rows.start, columns.start) + channel * bytes);
                for (at, block) in blocks(row) {
                    let mut joined: Block = [if IS_MAX { i32::MIN } else { 0 }; COLUMNS];
                    for y in 0..rows.len() {
                        let line = first.wrapping_add(y * place.line() * bytes + at * bytes);
                        for column in 0..columns.len() {
                            // SAFETY: the place is one of the value's; a block that begins within it can be read.
                            let other = unsafe { entry.load(line.wrapping_add(column * pixel)) };
                            for lane in 0..COLUMNS {
                                joined[lane] = if IS_MAX { joined[lane].max(other[lane]) } else { joined[lane].wrapping_add(other[lane]) };
                            }
                        }
                    }
                    *block = joined;
                }
            }
        }
    }
}

/// Whether a convolution is one of one channel each.
pub(super) fn is_depthwise(groups: usize, weight: &[usize]) -> bool {
    groups > 1 && weight[1] == 1 && weight[0] == groups
}

/// A convolution of one channel each.
#[derive(Clone, Debug)]
pub(super) struct Depthwise {
    /// By tap: weights of the channels, in whole blocks; by [`half`] where the operand is as narrow as they are.
    weight: Vec<i32>,
    bias: Vec<i32>,
    /// Where each tap is, in bytes from that of the first.
    taps: Vec<usize>,
}

impl Depthwise {
    /// For an operand of some format; `weight(channel, tap)`.
    pub(super) fn new(
        format: Format,
        channels: usize,
        taps: Vec<usize>,
        weight: impl Fn(usize, usize) -> i32,
        bias: impl Fn(usize) -> i32,
    ) -> Self {
        let kept = |weight: i32| if format.word == Word::Whole { weight } else { half(weight) };
        let pitch = channels.next_multiple_of(COLUMNS);
        let mut lines = vec![0; pitch * taps.len()];
        for tap in 0..taps.len() {
            for channel in 0..channels {
                lines[tap * pitch + channel] = kept(weight(channel, tap));
            }
        }
        let bias = (0..pitch).map(|channel| if channel < channels { bias(channel) } else { 0 }).collect();
        Self { weight: lines, bias, taps }
    }

    /// The weights of a tap for the block that starts at a channel.
    #[inline(always)]
    fn weights(&self, tap: usize, channel: usize) -> &Block {
        self.weight[tap * self.bias.len() + channel..].first_chunk().expect("lines have whole blocks")
    }

    /// Number of taps.
    pub(super) fn taps(&self) -> usize {
        self.taps.len()
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.weight[..]) + size_of_val(&self.bias[..]) + size_of_val(&self.taps[..])
    }
}

/// Fills a tile with a depthwise convolution.
pub(super) struct Taps<'t, 'a, 'c> {
    pub(super) tile: &'t mut Tile<'a>,
    pub(super) memory: Memory,
    pub(super) place: &'c Place,
    pub(super) depthwise: &'c Depthwise,
    /// Bytes from the start of the arena to the first tap of the first place of an image and step.
    pub(super) origin: usize,
    pub(super) stride: [usize; 2],
}

impl Loop for Taps<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<N: Narrow>(self) {
        self.place.format.visit(With::<N>(self, PhantomData));
    }
}

/// A depthwise convolution with products of narrow numbers as `N` makes them.
struct With<'t, 'a, 'c, N>(Taps<'t, 'a, 'c>, PhantomData<N>);

impl<N: Narrow> WithEntry for With<'_, '_, '_, N> {
    type Output = ();

    #[inline(always)]
    fn with<E: Entry>(self, entry: E) {
        match self.0.depthwise.taps.len() {
            9 if E::IS_COMMON => self.0.taps::<E, N, 9>(entry),
            _ => self.0.taps::<E, N, 0>(entry),
        }
    }
}

impl Taps<'_, '_, '_> {
    /// With a number of taps that the compiler knows, or 0 for any.
    #[inline(always)]
    fn taps<E: Entry, N: Narrow, const TAPS: usize>(self, entry: E) {
        let Self { tile, memory, place, depthwise, origin, stride } = self;
        let (step, channel, bytes) = (tile.step, tile.channel, place.format.bytes());
        let (line, pixel) = (place.line() * bytes, place.pixel());
        let (width, next) = (tile.width, stride[1] * pixel);
        let count = if TAPS == 0 { depthwise.taps.len() } else { TAPS };
        for at in (0..width).step_by(COLUMNS) {
            let bias: Block = *depthwise.bias[channel + at..].first_chunk().expect("lines have whole blocks");
            // Looked up before the places are gone through: as many as the compiler knows of, it keeps in registers.
            let mut few = [([0; COLUMNS], 0); TAPS];
            for (tap, (weights, place)) in few.iter_mut().enumerate() {
                (*weights, *place) = (*depthwise.weights(tap, channel + at), depthwise.taps[tap]);
            }
            for (span, rows) in tile.spans() {
                let first = (span.image * place.image + step * place.step) * bytes + span.y * stride[0] * line + span.x * next;
                let mut from = memory.at(origin + first + (channel + at) * bytes).cast_const();
                for row in rows.chunks_exact_mut(width) {
                    let mut sum = bias;
                    #[allow(clippy::needless_range_loop, reason = "there may be no `few` to go through")]
                    for tap in 0..count {
                        let (weights, place) =
                            if TAPS == 0 { (*depthwise.weights(tap, channel + at), depthwise.taps[tap]) } else { few[tap] };
                        // SAFETY: the value has a border as wide as the convolution's padding.
                        let x = unsafe { entry.load(from.wrapping_add(place)) };
                        sum = if E::IS_WHOLE {
                            core::array::from_fn(|lane| sum[lane].wrapping_add(x[lane].wrapping_mul(weights[lane])))
                        } else {
                            // SAFETY: the instructions are those of this version of the loop.
                            unsafe { N::add_products(sum, x, &weights) }
                        };
                    }
                    *row[at..].first_chunk_mut().expect("rows have whole blocks") = sum;
                    from = from.wrapping_add(next);
                }
            }
        }
    }
}
