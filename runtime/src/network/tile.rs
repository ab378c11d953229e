//! Tiles: what is made at a time, and what is done with it before it is written.
//!
//! A tile has some neighbouring places of one value and some of its channels. A product, a pooling or another value fills it with numbers of 32
//! bits; then *stages* follow, of which each is a node of the network: a shift, a scale, the sum with another value, neurons. Only what the
//! last of them makes goes to memory. So currents live in the nearest cache alone.

use super::{
    arena::Memory,
    neuron::{Neuron, RadixNeuron, block_of, fire, fire_signed},
    params::Params,
    place::{Grid, Place, Span},
};
use crate::{
    artifact::Reset,
    kernels::{Block, COLUMNS, Entry, Isa, Loop, Narrow, WithEntry},
};

/// How large tiles are, at most.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub(super) numbers: usize,
    pub(super) places: usize,
    /// A multiple of [`COLUMNS`].
    pub(super) channels: usize,
    /// Numbers of all time steps whose products are made together: rows that share a pass over the weights.
    pub(super) together: usize,
}

impl Extent {
    /// What stays in the nearest cache, with what is read for it and written.
    pub(super) const SMALL: Self = Self { numbers: 1024, places: 1024, channels: 64, together: 4096 };

    /// Of products with certain instructions. AMX gathers rows, up to 32 of them for its two tiles, which has to pay: they meet up to 512 outputs.
    /// Other instructions read rows where they are, and want sums in the nearest cache along with them.
    pub(super) fn of_products(isa: Isa) -> Self {
        match isa {
            Isa::Amx => Self { numbers: 16384, places: 32, channels: 512, together: 16384 },
            _ => Self::SMALL,
        }
    }

    /// Places of a tile with so many channels.
    pub(super) fn places(self, channels: usize) -> usize {
        (self.numbers / channels.next_multiple_of(COLUMNS)).min(self.places)
    }
}

/// What is done with a tile.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// `x + offset`.
    Shift(Params),
    /// `x · factor`.
    Scale(Params),
    /// `x + y`, of another value in the same grid.
    Add(usize),
    /// `x + factor · y`.
    AddScaled {
        /// The other value.
        place: usize,
        /// What it is multiplied by.
        factor: Params,
        /// The node of that product.
        value: usize,
    },
    /// Neurons of the radix code.
    Radix(RadixNeuron),
    /// Integrate-and-fire neurons.
    Neuron {
        /// The neurons.
        neuron: Neuron,
        /// Their potentials: a part of the arena.
        potentials: usize,
        /// The sums of their spikes, if these are signed.
        nets: Option<usize>,
    },
}

/// A tile.
pub(super) struct Tile<'a> {
    /// A row for every place, of `width` numbers, of which those behind the last channel are of no meaning.
    pub(super) sums: &'a mut [i32],
    /// A multiple of [`COLUMNS`].
    pub(super) width: usize,
    pub(super) spans: &'a [Span],
    /// The first channel.
    pub(super) channel: usize,
    /// Number of channels, at most `width`.
    pub(super) channels: usize,
    /// The time step.
    pub(super) step: usize,
    /// Places of the value.
    pub(super) grid: Grid,
}

/// What stages look up.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) isa: Isa,
    pub(super) memory: Memory,
    pub(super) places: &'a [Place],
    /// Where each part of the arena starts.
    pub(super) regions: &'a [usize],
}

/// The rows of a tile, span by span. An iterator and no function that takes a closure: closures are compiled for the instructions of every
/// processor where the compiler does not inline them, iterators can be made to be inlined.
pub(super) struct Spans<'t> {
    rows: &'t mut [i32],
    width: usize,
    spans: core::slice::Iter<'t, Span>,
}

impl<'t> Iterator for Spans<'t> {
    type Item = (Span, &'t mut [i32]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let span = *self.spans.next()?;
        let (rows, rest) = core::mem::take(&mut self.rows).split_at_mut(span.len * self.width);
        self.rows = rest;
        Some((span, rows))
    }
}

/// The blocks of a row, with the channel that each starts with, counted from that of the row.
#[inline(always)]
pub(super) fn blocks(row: &mut [i32]) -> impl Iterator<Item = (usize, &mut Block)> {
    row.as_chunks_mut::<COLUMNS>().0.iter_mut().enumerate().map(|(index, block)| (index * COLUMNS, block))
}

/// The block of a row that starts at a channel.
#[inline(always)]
fn block_at(row: &mut [i32], at: usize) -> &mut Block {
    row[at..].first_chunk_mut().expect("rows have whole blocks")
}

/// What is done with a block and the same of another value.
trait Combine: Copy {
    /// Whether it is the same for all places and channels.
    const IS_UNIFORM: bool;
    /// Does it, at a place counted through the grid and from a channel of the row on.
    fn combine(self, pixel: usize, at: usize, block: &mut Block, other: &Block);
}

/// The other value itself.
#[derive(Clone, Copy)]
struct Replace;

impl Combine for Replace {
    const IS_UNIFORM: bool = true;

    #[inline(always)]
    fn combine(self, _: usize, _: usize, block: &mut Block, other: &Block) {
        *block = *other;
    }
}

/// The sum of both.
#[derive(Clone, Copy)]
struct Sum;

impl Combine for Sum {
    const IS_UNIFORM: bool = true;

    #[inline(always)]
    fn combine(self, _: usize, _: usize, block: &mut Block, other: &Block) {
        for lane in 0..COLUMNS {
            block[lane] = block[lane].wrapping_add(other[lane]);
        }
    }
}

/// The sum, the other one scaled, from a channel on.
#[derive(Clone, Copy)]
struct ScaledSum<'c>(&'c Params, usize);

impl Combine for ScaledSum<'_> {
    const IS_UNIFORM: bool = false;

    #[inline(always)]
    fn combine(self, pixel: usize, at: usize, block: &mut Block, other: &Block) {
        let factor = block_of(self.0.line(pixel, self.1), at);
        for lane in 0..COLUMNS {
            block[lane] = block[lane].wrapping_add(other[lane].wrapping_mul(factor[lane]));
        }
    }
}

/// Combines a tile with another value, whose format the compiler knows.
struct WithOther<'t, 'a, 'c, C> {
    tile: &'t mut Tile<'a>,
    memory: Memory,
    place: &'c Place,
    combine: C,
}

impl<C: Combine> WithEntry for WithOther<'_, '_, '_, C> {
    type Output = ();

    #[inline(always)]
    fn with<E: Entry>(self, entry: E) {
        let Self { tile, memory, place, combine } = self;
        let (step, channel, width) = (tile.step, tile.channel, place.grid.width);
        let (bytes, pixel) = (place.format.bytes(), place.pixel());
        let is_flat = C::IS_UNIFORM && tile.is_flat();
        let row = tile.width;
        for (span, rows) in tile.spans() {
            let mut from = memory.at(place.byte(span.image, step, span.y, span.x) + channel * bytes);
            let row = if is_flat { rows.len() } else { row };
            for (x, row) in rows.chunks_exact_mut(row).enumerate() {
                for (at, block) in blocks(row) {
                    // SAFETY: the place is one of the value's; a block that begins within it can be read.
                    let other = unsafe { entry.load(from.wrapping_add(at * bytes)) };
                    combine.combine(span.y * width + span.x + x, at, block, &other);
                }
                from = from.wrapping_add(pixel);
            }
        }
    }
}

impl Tile<'_> {
    /// The spans with their rows.
    #[inline(always)]
    pub(super) fn spans(&mut self) -> Spans<'_> {
        Spans { rows: self.sums, width: self.width, spans: self.spans.iter() }
    }

    /// Whether rows stand together in memory as they do here, so that those of a span are one.
    #[inline(always)]
    fn is_flat(&self) -> bool {
        self.width == self.grid.channels && self.channels == self.width
    }

    /// `x ← of(x, parameter)`.
    #[inline(always)]
    fn apply(&mut self, params: &Params, of: impl Fn(i32, i32) -> i32) {
        let (channel, width, grid) = (self.channel, self.width, self.grid.width);
        if !params.differs() {
            for at in (0..width).step_by(COLUMNS) {
                let line = *block_of(params.line(0, channel), at);
                for row in self.sums.chunks_exact_mut(width) {
                    let block = block_at(row, at);
                    for lane in 0..COLUMNS {
                        block[lane] = of(block[lane], line[lane]);
                    }
                }
            }
            return;
        }
        for (span, rows) in self.spans() {
            for (x, row) in rows.chunks_exact_mut(width).enumerate() {
                let line = params.line(span.y * grid + span.x + x, channel);
                for (at, block) in blocks(row) {
                    let line = block_of(line, at);
                    for lane in 0..COLUMNS {
                        block[lane] = of(block[lane], line[lane]);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn with_other<C: Combine>(&mut self, context: &Context<'_>, place: &Place, combine: C) {
        place.format.visit(WithOther { tile: self, memory: context.memory, place, combine });
    }

    /// `x · factor`.
    pub(super) fn scale(&mut self, factor: &Params) {
        self.apply(factor, i32::wrapping_mul);
    }

    /// `x ← x - best`, and the best becomes x: a value of 32 bits in the same grid, with whole lines of channels.
    pub(super) fn grow(&mut self, context: &Context<'_>, best: &Place) {
        let (channel, channels, width) = (self.channel, self.channels, self.width);
        for (span, rows) in self.spans() {
            for (x, row) in (span.x..).zip(rows.chunks_exact_mut(width)) {
                let best = context.memory.at(best.byte(span.image, 0, span.y, x)).cast::<i32>().wrapping_add(channel);
                // SAFETY: the channels are the tile's, which no other thread has.
                let best = unsafe { core::slice::from_raw_parts_mut(best, channels) };
                for (x, best) in row.iter_mut().zip(best) {
                    let largest = *x;
                    *x = largest.wrapping_sub(*best);
                    *best = largest;
                }
            }
        }
    }

    /// Does one stage.
    #[inline(always)]
    pub(super) fn stage(&mut self, context: &Context<'_>, stage: &Stage) {
        match stage {
            Stage::Shift(offset) => self.apply(offset, i32::wrapping_add),
            Stage::Scale(factor) => self.apply(factor, i32::wrapping_mul),
            Stage::Add(other) => self.with_other(context, &context.places[*other], Sum),
            Stage::AddScaled { place, factor, .. } => {
                self.with_other(context, &context.places[*place], ScaledSum(factor, self.channel));
            }
            Stage::Radix(neuron) if neuron.is_exact() => self.radix::<true>(neuron),
            Stage::Radix(neuron) => self.radix::<false>(neuron),
            Stage::Neuron { neuron, potentials, nets } => match (neuron.reset, *nets) {
                (Reset::Soft, _) => self.neurons::<0>(context, neuron, *potentials, 0),
                (Reset::Hard, _) => self.neurons::<1>(context, neuron, *potentials, 0),
                (Reset::Signed, Some(nets)) => self.neurons::<2>(context, neuron, *potentials, nets),
                (Reset::Signed, None) => unreachable!("the plan keeps the sums of signed spikes"),
            },
        }
    }

    #[inline(always)]
    fn radix<const IS_EXACT: bool>(&mut self, neuron: &RadixNeuron) {
        let (channel, width, grid) = (self.channel, self.width, self.grid.width);
        if !neuron.differs() {
            for at in (0..width).step_by(COLUMNS) {
                let params = neuron.block(0, channel + at);
                for row in self.sums.chunks_exact_mut(width) {
                    params.fire::<IS_EXACT>(block_at(row, at));
                }
            }
            return;
        }
        for (span, rows) in self.spans() {
            for (x, row) in rows.chunks_exact_mut(width).enumerate() {
                for (at, block) in blocks(row) {
                    neuron.block(span.y * grid + span.x + x, channel + at).fire::<IS_EXACT>(block);
                }
            }
        }
    }

    /// Integrate-and-fire neurons with a soft (0) or hard (1) reset, or signed ones (2).
    #[inline(always)]
    fn neurons<const RESET: usize>(&mut self, context: &Context<'_>, neuron: &Neuron, potentials: usize, nets: usize) {
        let (channel, pitch, row) = (self.channel, neuron.pitch(), self.width);
        let (width, pixels) = (self.grid.width, self.grid.pixels());
        let (potentials, nets) = (context.regions[potentials], context.regions[nets]);
        for (span, rows) in self.spans() {
            for (x, row) in rows.chunks_exact_mut(row).enumerate() {
                let pixel = span.y * width + span.x + x;
                let (threshold, leak) = neuron.line(pixel, channel);
                let state = ((span.image * pixels + pixel) * pitch + channel) * size_of::<i32>();
                for (at, block) in blocks(row) {
                    let (threshold, leak) = (block_of(threshold, at), leak.map(|leak| block_of(leak, at)));
                    // SAFETY: the state has `pitch` numbers for every place of every image; no other thread has this one.
                    let v = unsafe { &mut *context.memory.at(potentials + state).cast::<i32>().wrapping_add(at).cast::<Block>() };
                    match RESET {
                        0 => fire::<false>(block, v, threshold, leak),
                        1 => fire::<true>(block, v, threshold, leak),
                        _ => {
                            // SAFETY: as before.
                            let n = unsafe { &mut *context.memory.at(nets + state).cast::<i32>().wrapping_add(at).cast::<Block>() };
                            fire_signed(block, v, n, threshold, leak);
                        }
                    }
                }
            }
        }
    }
}

/// Runs stages over a tile and writes what they make.
pub(super) struct Finish<'t, 'a, 'c> {
    pub(super) tile: &'t mut Tile<'a>,
    pub(super) context: &'c Context<'c>,
    pub(super) stages: &'c [Stage],
    pub(super) target: &'c Place,
}

impl Loop for Finish<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<N: Narrow>(self) {
        let Self { tile, context, stages, target } = self;
        for stage in stages {
            tile.stage(context, stage);
        }
        target.format.visit(Write { tile, memory: context.memory, target });
    }
}

struct Write<'t, 'a, 'c> {
    tile: &'t mut Tile<'a>,
    memory: Memory,
    target: &'c Place,
}

impl WithEntry for Write<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn with<E: Entry>(self, entry: E) {
        let Self { tile, memory, target } = self;
        let (step, channel, channels) = (tile.step, tile.channel, tile.channels);
        let bytes = target.format.bytes();
        let (row, pixel) = (tile.width, target.pixel());
        let is_flat = tile.is_flat();
        for (span, rows) in tile.spans() {
            let mut to = memory.at(target.byte(span.image, step, span.y, span.x) + channel * bytes);
            if is_flat {
                for (at, block) in blocks(rows) {
                    // SAFETY: the places are the tile's, which no other thread writes.
                    unsafe { entry.store(block, to.wrapping_add(at * bytes), COLUMNS) }
                }
                continue;
            }
            for row in rows.chunks_exact_mut(row) {
                for (at, block) in blocks(row) {
                    // SAFETY: the channels are the tile's, which no other thread writes.
                    unsafe { entry.store(block, to.wrapping_add(at * bytes), channels - at) }
                }
                to = to.wrapping_add(pixel);
            }
        }
    }
}

/// Fills a tile with another value.
pub(super) struct Load<'t, 'a, 'c> {
    pub(super) tile: &'t mut Tile<'a>,
    pub(super) context: &'c Context<'c>,
    pub(super) place: &'c Place,
}

impl Loop for Load<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<N: Narrow>(self) {
        self.tile.with_other(self.context, self.place, Replace);
    }
}
