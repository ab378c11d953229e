//! Steps that go through a value image by image: what looks at more than a tile, and what takes entries as they are.

use super::{
    arena::Memory,
    exec::{Desk, Execution, room},
    place::{Place, spans},
    step::Run,
    tile::{Extent, Finish, Tile},
    window::{Pool, Window},
};
use crate::kernels::{Block, COLUMNS, Entry, Format, Loop, Narrow, WithEntry};
use alloc::vec::Vec;

impl Execution<'_> {
    /// All places of one image and time step in tiles, which `fill` makes.
    fn image(&self, target: &Place, image: usize, time: usize, desk: &mut Desk, fill: impl Fn(&mut Tile<'_>, &[i32])) {
        let Desk { sums, spans: parts, line, .. } = desk;
        let context = self.context();
        let (grid, pixels) = (target.grid, target.grid.pixels());
        for channel in (0..grid.channels).step_by(Extent::SMALL.channels) {
            let channels = Extent::SMALL.channels.min(grid.channels - channel);
            let width = channels.next_multiple_of(COLUMNS);
            let rows = Extent::SMALL.places(channels);
            for start in (0..pixels).step_by(rows) {
                let range = start..(start + rows).min(pixels);
                spans(grid, image * pixels + range.start..image * pixels + range.end, parts);
                let mut tile = Tile { sums: room(sums, range.len() * width), width, spans: parts, channel, channels, step: time, grid };
                fill(&mut tile, line);
                self.isa.run(Finish { tile: &mut tile, context: &context, stages: &[], target });
            }
        }
    }

    pub(super) fn count_max(&self, x: &Place, window: &Window, arrived: &Place, best: &Place, target: &Place, desk: &mut Desk) {
        let context = self.context();
        for image in 0..self.images {
            for time in 0..target.steps(self.steps) {
                // What has arrived grows by the operand.
                self.add_to(x, arrived, image, time);
                self.image(target, image, time, desk, |tile, _| {
                    let step = core::mem::replace(&mut tile.step, 0);
                    self.isa.run(Pool { tile, memory: self.memory, place: arrived, window, is_max: true });
                    tile.grow(&context, best);
                    tile.step = step;
                });
            }
        }
    }

    /// Adds a value at a time step of an image to another, of 32 bits and in the same grid.
    fn add_to(&self, x: &Place, sum: &Place, image: usize, time: usize) {
        struct AddTo<'a> {
            memory: Memory,
            x: &'a Place,
            sum: &'a Place,
            image: usize,
            time: usize,
        }
        impl Loop for AddTo<'_> {
            type Output = ();

            #[inline(always)]
            fn run<N: Narrow>(self) {
                self.x.format.visit(self);
            }
        }
        impl WithEntry for AddTo<'_> {
            type Output = ();

            #[inline(always)]
            fn with<E: Entry>(self, entry: E) {
                let Self { memory, x, sum, image, time } = self;
                let len = x.grid.width * x.grid.channels;
                for y in 0..x.grid.height {
                    let from = memory.at(x.byte(image, time, y, 0));
                    let to = memory.at(sum.byte(image, 0, y, 0)).cast::<i32>();
                    for at in (0..len).step_by(COLUMNS) {
                        // SAFETY: a block that begins within the line can be read; of the sum only the line's own numbers are written.
                        unsafe {
                            let block = entry.load(from.wrapping_add(at * x.format.bytes()));
                            let to = to.wrapping_add(at);
                            for (lane, number) in block.iter().enumerate().take(len - at) {
                                *to.add(lane) = (*to.add(lane)).wrapping_add(*number);
                            }
                        }
                    }
                }
            }
        }
        self.isa.run(AddTo { memory: self.memory, x, sum, image, time });
    }

    pub(super) fn sum(&self, x: &Place, index: &[u32], target: &Place, desk: &mut Desk) {
        for image in 0..self.images {
            for time in 0..target.steps(self.steps) {
                desk.line.clear();
                desk.line.resize(target.grid.len(), 0);
                let mut entry = 0;
                for y in 0..x.grid.height {
                    x.format.visit(AddLine {
                        from: self.memory.at(x.byte(image, time, y, 0)),
                        bytes: x.format.bytes(),
                        index: &index[entry..][..x.grid.width * x.grid.channels],
                        sums: &mut desk.line,
                    });
                    entry += x.grid.width * x.grid.channels;
                }
                self.image(target, image, time, desk, |tile, sums| {
                    let (channel, grid, width) = (tile.channel, tile.grid, tile.width);
                    let channels = tile.channels;
                    let rows = tile.spans.iter().flat_map(|span| (0..span.len).map(move |x| span.y * grid.width + span.x + x));
                    for (row, pixel) in tile.sums.chunks_mut(width).zip(rows) {
                        row[..channels].copy_from_slice(&sums[pixel * grid.channels + channel..][..channels]);
                    }
                });
            }
        }
    }

    pub(super) fn moves(&self, parts: &[(usize, Vec<Run>)], has_gaps: bool, target: &Place) {
        let bytes = target.format.bytes();
        for image in 0..self.images {
            for time in 0..target.steps(self.steps) {
                let to = self.memory.at(target.start(image, time));
                if has_gaps {
                    // SAFETY: it is the value itself, which nobody reads yet.
                    unsafe { to.write_bytes(target.format.zero, target.padded() * bytes) };
                }
                for (place, runs) in parts {
                    let x = self.place(*place);
                    let from = self.memory.at(x.start(image, time));
                    if x.format == target.format {
                        for run in runs {
                            // SAFETY: the runs lie within both values, which are not the same.
                            unsafe {
                                let from = from.wrapping_add(run.from as usize * bytes);
                                core::ptr::copy_nonoverlapping(from, to.wrapping_add(run.to as usize * bytes), run.len as usize * bytes);
                            }
                        }
                    } else {
                        x.format.visit(Convert { from, bytes: x.format.bytes(), to, target, runs });
                    }
                }
            }
        }
    }
}

/// Adds the entries of a line to sums.
struct AddLine<'a> {
    from: *const u8,
    bytes: usize,
    index: &'a [u32],
    sums: &'a mut [i32],
}

impl WithEntry for AddLine<'_> {
    type Output = ();

    fn with<E: Entry>(self, entry: E) {
        for (at, places) in self.index.chunks(COLUMNS).enumerate() {
            // SAFETY: a block that begins within the line can be read.
            let block = unsafe { entry.load(self.from.wrapping_add(at * COLUMNS * self.bytes)) };
            for (&number, &place) in block.iter().zip(places) {
                let sum = &mut self.sums[place as usize];
                *sum = sum.wrapping_add(number);
            }
        }
    }
}

/// Moves runs into another format.
struct Convert<'a> {
    from: *const u8,
    bytes: usize,
    to: *mut u8,
    target: &'a Place,
    runs: &'a [Run],
}

impl WithEntry for Convert<'_> {
    type Output = ();

    fn with<E: Entry>(self, entry: E) {
        let Self { from, bytes, to, target, runs } = self;
        for run in runs {
            for at in (0..run.len as usize).step_by(COLUMNS) {
                // SAFETY: a block that begins within the value can be read; what is written is the run.
                unsafe {
                    let block = entry.load(from.wrapping_add((run.from as usize + at) * bytes));
                    put(target.format, &block, to.wrapping_add((run.to as usize + at) * target.format.bytes()), run.len as usize - at);
                }
            }
        }
    }
}

/// Writes the first `len` numbers of a block in some format. A function of its own: there are as many formats to come from as to go to.
///
/// # Safety
/// They can be written.
#[inline(never)]
unsafe fn put(format: Format, block: &Block, to: *mut u8, len: usize) {
    struct Put<'a>(&'a Block, *mut u8, usize);
    impl WithEntry for Put<'_> {
        type Output = ();

        fn with<E: Entry>(self, entry: E) {
            // SAFETY: as the caller promises.
            unsafe { entry.store(self.0, self.1, self.2) }
        }
    }
    format.visit(Put(block, to, len));
}
