//! Everything that a run makes, for tests and tools.

use super::{
    Network, Outcome,
    arena::Memory,
    buffers::Buffers,
    params::Params,
    place::{Order, Place},
    tile::{Context, Load, Tile},
    watch::Watch,
};
use crate::{
    artifact::Code,
    error::RunError,
    kernels::{COLUMNS, Entry, WithEntry},
};
use alloc::{vec, vec::Vec};

/// Spikes and values of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// What [`Network::run_quantised`] says of it.
    pub outcome: Outcome,
    /// For each of [`Network::populations`], `[steps, images, entries]`: its spikes, -1, 0 or 1. In the radix code a step is a digit of the
    /// population's own window, most significant first.
    pub spikes: Vec<Vec<i8>>,
    /// For the input, and behind it each node of the file, `[steps, images, entries]`: its value at each time step. In the radix code there
    /// is one step: what the window says.
    pub values: Vec<Vec<i32>>,
}

/// Who writes down every value that a run makes.
pub(super) struct Recorder<'a> {
    /// By value, `[steps, images, entries]` in the order of its shape; of what does not change one step.
    pub(super) values: &'a mut [Vec<i32>],
    /// Entries of each value.
    pub(super) lens: &'a [usize],
    /// Whether each is the same at all steps.
    pub(super) is_static: &'a [bool],
    pub(super) images: usize,
    /// Steps before this pass.
    pub(super) done: usize,
}

impl Recorder<'_> {
    /// The entries of a value for an image and a step of this pass.
    fn entries(&mut self, value: usize, image: usize, step: usize) -> &mut [i32] {
        let step = if self.is_static[value] { 0 } else { self.done + step };
        let len = self.lens[value];
        &mut self.values[value][(step * self.images + image) * len..][..len]
    }

    /// A tile of a value, which stands in memory in some order.
    pub(super) fn tile(&mut self, value: usize, tile: &Tile<'_>, order: Order) {
        let (grid, pixels) = (tile.grid, tile.grid.pixels());
        let mut rows = tile.sums.chunks(tile.width);
        for span in tile.spans {
            for x in span.x..span.x + span.len {
                let Some(row) = rows.next() else { return };
                let pixel = span.y * grid.width + x;
                let entries = self.entries(value, span.image, tile.step);
                for (channel, &number) in (tile.channel..).zip(&row[..tile.channels]) {
                    let index = if order == Order::ChannelsLast { channel * pixels + pixel } else { pixel * grid.channels + channel };
                    entries[index] = number;
                }
            }
        }
    }

    /// The product of another value with a factor, in the places of a tile.
    pub(super) fn scaled(&mut self, value: usize, tile: &Tile<'_>, place: &Place, factor: &Params, context: &Context<'_>) {
        let mut sums = vec![0; tile.sums.len()];
        let mut other = Tile { sums: &mut sums, ..*tile };
        context.isa.run(Load { tile: &mut other, context, place });
        other.scale(factor);
        self.tile(value, &other, place.order);
    }

    /// A whole value from memory.
    pub(super) fn value(&mut self, value: usize, place: &Place, memory: Memory, images: usize, steps: usize) {
        struct Read<'r, 'a, 'p> {
            recorder: &'r mut Recorder<'a>,
            value: usize,
            place: &'p Place,
            memory: Memory,
            images: usize,
            steps: usize,
        }
        impl WithEntry for Read<'_, '_, '_> {
            type Output = ();

            fn with<E: Entry>(self, entry: E) {
                let Self { recorder, value, place, memory, images, steps } = self;
                let grid = place.grid;
                for image in 0..images {
                    for step in 0..place.steps(steps) {
                        let entries = recorder.entries(value, image, step);
                        for pixel in 0..grid.pixels() {
                            let from = memory.at(place.byte(image, step, pixel / grid.width, pixel % grid.width));
                            for channel in (0..grid.channels).step_by(COLUMNS) {
                                // SAFETY: a block that begins within the value can be read.
                                let block = unsafe { entry.load(from.wrapping_add(channel * place.format.bytes())) };
                                for (channel, &number) in (channel..grid.channels).zip(&block) {
                                    let is_last = place.order == Order::ChannelsLast;
                                    entries[if is_last { channel * grid.pixels() + pixel } else { pixel * grid.channels + channel }] =
                                        number;
                                }
                            }
                        }
                    }
                }
            }
        }
        place.format.visit(Read { recorder: self, value, place, memory, images, steps });
    }
}

impl Network {
    /// As [`Network::run_quantised`], keeping every spike and every value. All images run together: memory grows with their number, with
    /// that of the steps and with the size of the network.
    ///
    /// # Errors
    /// As [`Network::run_quantised`].
    pub fn trace(&self, images: &[u16], timesteps: usize, first_image_index: u64) -> Result<Trace, RunError> {
        self.check_run(images, &[timesteps])?;
        let (plan, activity) = (&self.plan, &self.activity);
        let count = images.len() / self.image_len();
        let steps = if self.spec.code == Code::Radix { 1 } else { timesteps };
        let mut outcomes = [Outcome { timesteps, ..Outcome::default() }];
        let mut values: Vec<Vec<i32>> = (plan.is_static.iter().zip(&self.lens))
            .map(|(&is_static, len)| vec![0; len * count * if is_static { 1 } else { steps }])
            .collect();
        if count > 0 {
            let mut buffers = Buffers::new(&self.plan, count, self.pass.min(steps));
            let recorder = Recorder { values: &mut values, lens: &self.lens, is_static: &plan.is_static, images: count, done: 0 };
            self.run_batch(images, &mut outcomes, first_image_index, &mut buffers, 1, &mut Watch::Recorder(recorder));
        }
        // What does not change is the same at all steps.
        for (values, &is_static) in values.iter_mut().zip(&plan.is_static) {
            if is_static && steps > 1 {
                *values = values.repeat(steps);
            }
        }
        let mut spikes = vec![Vec::new(); activity.populations.len()];
        for (value, source) in activity.sources.iter().enumerate() {
            let Some(population) = *source else { continue };
            spikes[population] = match (self.spec.code, activity.populations[population].digits) {
                (Code::Radix, Some(digits)) => {
                    let digit = |place: usize| values[value].iter().map(move |count| (count >> place & 1) as i8);
                    (0..digits).rev().flat_map(digit).collect()
                }
                _ => values[value].iter().map(|spike| spike.signum() as i8).collect(),
            };
        }
        let [outcome] = outcomes;
        Ok(Trace { outcome, spikes, values })
    }
}
