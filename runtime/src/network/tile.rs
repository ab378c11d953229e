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
    kernels::{Block, COLUMNS, Entry, Isa, Loop, WithEntry},
};

/// Numbers of a tile, at most.
pub(super) const TILE: usize = 1024;
/// Channels of a tile, at most: a multiple of [`COLUMNS`].
pub(super) const WIDTH: usize = 64;

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

impl Tile<'_> {
    /// Calls `body(span, x, row)` for every place.
    #[inline(always)]
    pub(super) fn rows(&mut self, mut body: impl FnMut(&Span, usize, &mut [i32])) {
        let mut rows = self.sums.chunks_exact_mut(self.width);
        for span in self.spans {
            for x in span.x..span.x + span.len {
                let Some(row) = rows.next() else { return };
                body(span, x, row);
            }
        }
    }

    /// Calls `body(first channel, block)` for every block of a row.
    #[inline(always)]
    pub(super) fn blocks(row: &mut [i32], mut body: impl FnMut(usize, &mut Block)) {
        for (index, block) in row.as_chunks_mut::<COLUMNS>().0.iter_mut().enumerate() {
            body(index * COLUMNS, block);
        }
    }

    /// `x ← of(x, parameter)`.
    #[inline(always)]
    fn apply(&mut self, params: &Params, of: impl Fn(i32, i32) -> i32) {
        let (channel, width) = (self.channel, self.grid.width);
        self.rows(|span, x, row| {
            let line = params.line(span.y * width + x, channel);
            Self::blocks(row, |at, block| {
                let line = block_of(line, at);
                for lane in 0..COLUMNS {
                    block[lane] = of(block[lane], line[lane]);
                }
            });
        });
    }

    /// Calls `body(first channel of the block, block, block of the other value)` for every block of every place.
    #[inline(always)]
    fn with_other(&mut self, context: &Context<'_>, place: &Place, body: impl Fn(usize, usize, &mut Block, &Block)) {
        struct Other<'t, 'a, 'c, F> {
            tile: &'t mut Tile<'a>,
            memory: Memory,
            place: &'c Place,
            body: F,
        }
        impl<F: Fn(usize, usize, &mut Block, &Block)> WithEntry for Other<'_, '_, '_, F> {
            type Output = ();

            #[inline(always)]
            fn with<E: Entry>(self, entry: E) {
                let Self { tile, memory, place, body } = self;
                let (step, channel, width) = (tile.step, tile.channel, place.grid.width);
                let bytes = place.format.bytes();
                tile.rows(|span, x, row| {
                    let from = memory.at(place.byte(span.image, step, span.y, x) + channel * bytes);
                    Tile::blocks(row, |at, block| {
                        // SAFETY: the place is one of the value's; a block that begins within it can be read.
                        let other = unsafe { entry.load(from.wrapping_add(at * bytes)) };
                        body(span.y * width + x, at, block, &other);
                    });
                });
            }
        }
        place.format.visit(Other { tile: self, memory: context.memory, place, body });
    }

    /// `x · factor`.
    pub(super) fn scale(&mut self, factor: &Params) {
        self.apply(factor, i32::wrapping_mul);
    }

    /// `x ← x - best`, and the best becomes x: a value of 32 bits in the same grid, with whole lines of channels.
    pub(super) fn grow(&mut self, context: &Context<'_>, best: &Place) {
        let (channel, channels) = (self.channel, self.channels);
        self.rows(|span, x, row| {
            let best = context.memory.at(best.byte(span.image, 0, span.y, x)).cast::<i32>().wrapping_add(channel);
            // SAFETY: the channels are the tile's, which no other thread has.
            let best = unsafe { core::slice::from_raw_parts_mut(best, channels) };
            for (x, best) in row.iter_mut().zip(best) {
                let largest = *x;
                *x = largest.wrapping_sub(*best);
                *best = largest;
            }
        });
    }

    #[inline(always)]
    fn stage(&mut self, context: &Context<'_>, stage: &Stage) {
        let (channel, width) = (self.channel, self.grid.width);
        match stage {
            Stage::Shift(offset) => self.apply(offset, i32::wrapping_add),
            Stage::Scale(factor) => self.apply(factor, i32::wrapping_mul),
            Stage::Add(other) => self.with_other(context, &context.places[*other], |_, _, block, other| {
                for lane in 0..COLUMNS {
                    block[lane] = block[lane].wrapping_add(other[lane]);
                }
            }),
            Stage::AddScaled { place, factor, .. } => {
                self.with_other(context, &context.places[*place], |pixel, at, block, other| {
                    let factor = block_of(factor.line(pixel, channel), at);
                    for lane in 0..COLUMNS {
                        block[lane] = block[lane].wrapping_add(other[lane].wrapping_mul(factor[lane]));
                    }
                });
            }
            Stage::Radix(neuron) if neuron.is_exact() => self.rows(|span, x, row| {
                let line = neuron.line(span.y * width + x, channel);
                Self::blocks(row, |at, block| line.fire::<true>(at, block));
            }),
            Stage::Radix(neuron) => self.rows(|span, x, row| {
                let line = neuron.line(span.y * width + x, channel);
                Self::blocks(row, |at, block| line.fire::<false>(at, block));
            }),
            Stage::Neuron { neuron, potentials, nets } => self.neurons(context, neuron, *potentials, *nets),
        }
    }

    #[inline(always)]
    fn neurons(&mut self, context: &Context<'_>, neuron: &Neuron, potentials: usize, nets: Option<usize>) {
        let (channel, pitch) = (self.channel, neuron.pitch());
        let (width, pixels) = (self.grid.width, self.grid.pixels());
        let state = |region: usize, pixel: usize, image: usize| -> *mut i32 {
            let first = (image * pixels + pixel) * pitch + channel;
            context.memory.at(context.regions[region] + first * size_of::<i32>()).cast()
        };
        self.rows(|span, x, row| {
            let pixel = span.y * width + x;
            let (threshold, leak) = neuron.line(pixel, channel);
            let v = state(potentials, pixel, span.image);
            let n = nets.map(|nets| state(nets, pixel, span.image));
            Self::blocks(row, |at, block| {
                let (threshold, leak) = (block_of(threshold, at), leak.map(|leak| block_of(leak, at)));
                // SAFETY: the state has `pitch` numbers for every place of every image; no other thread has this one.
                let v = unsafe { &mut *v.wrapping_add(at).cast::<Block>() };
                match (neuron.reset, n) {
                    (Reset::Soft, _) => fire::<false>(block, v, threshold, leak),
                    (Reset::Hard, _) => fire::<true>(block, v, threshold, leak),
                    (Reset::Signed, Some(n)) => {
                        // SAFETY: as before.
                        let n = unsafe { &mut *n.wrapping_add(at).cast::<Block>() };
                        fire_signed(block, v, n, threshold, leak);
                    }
                    (Reset::Signed, None) => unreachable!("the plan keeps the sums of signed spikes"),
                }
            });
        });
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
    fn run(self) {
        let Self { tile, context, stages, target } = self;
        for stage in stages {
            tile.stage(context, stage);
        }
        target.format.visit(Write { tile, memory: context.memory, target });
    }
}

/// Runs one stage over a tile, for whoever wants to see what it makes.
pub(super) struct Alone<'t, 'a, 'c> {
    pub(super) tile: &'t mut Tile<'a>,
    pub(super) context: &'c Context<'c>,
    pub(super) stage: &'c Stage,
}

impl Loop for Alone<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.tile.stage(self.context, self.stage);
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
        tile.rows(|span, x, row| {
            let to = memory.at(target.byte(span.image, step, span.y, x) + channel * bytes);
            Tile::blocks(row, |at, block| {
                // SAFETY: the channels are the tile's, which no other thread writes.
                unsafe { entry.store(block, to.wrapping_add(at * bytes), channels - at) }
            });
        });
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
    fn run(self) {
        self.tile.with_other(self.context, self.place, |_, _, block, other| *block = *other);
    }
}
