//! Running the steps of a plan over a batch.

use super::{
    arena::Memory,
    events::Events,
    place::{Place, Span, spans},
    plan::{Arrangement, Plan},
    step::{EventProduct, MAX_PARTS, Source, Step},
    tile::{Context, Extent, Finish, Load, Stage, Tile},
    trace::Recorder,
    watch::Watch,
    window::{Pool, Taps},
};
use crate::kernels::{COLUMNS, Isa, MOST_SUMS, Panel, Part, Tiles};
use alloc::vec::Vec;
use core::ops::Range;

/// What a run needs besides the arena.
pub(super) struct Scratch {
    desk: Desk,
    /// Of the operand of the step that is being done.
    events: Events,
}

/// What a thread needs to make tiles.
pub(super) struct Desk {
    pub(super) sums: Vec<i32>,
    pub(super) spans: Vec<Span>,
    rows: Vec<*const u8>,
    panel: Panel,
    pub(super) line: Vec<i32>,
}

// SAFETY: the addresses are written before they are read, by one thread.
unsafe impl Send for Desk {}

impl Scratch {
    pub(super) fn new() -> Self {
        Self { desk: Desk::new(), events: Events::default() }
    }
}

impl Desk {
    fn new() -> Self {
        Self { sums: Vec::new(), spans: Vec::new(), rows: Vec::new(), panel: Panel::default(), line: Vec::new() }
    }
}

/// Some channels of some places, which one thread makes tile by tile.
#[derive(Clone, Debug)]
struct Task {
    channel: usize,
    channels: usize,
    /// Places, counted through the images.
    places: Range<usize>,
}

/// Products below which waking other threads costs more than it saves.
#[cfg(feature = "threads")]
const SERIAL_BELOW: usize = 1 << 20;

/// Room for so many numbers, which a thread keeps.
pub(super) fn room(numbers: &mut Vec<i32>, len: usize) -> &mut [i32] {
    if numbers.len() < len {
        numbers.resize(len, 0);
    }
    &mut numbers[..len]
}

/// Whether a source is a product that does not go by events.
fn is_dense(source: &Source, events: Option<&Events>) -> bool {
    matches!(source, Source::Product { .. }) && events.is_none()
}

/// A batch that goes through the network.
pub(super) struct Execution<'a> {
    pub(super) plan: &'a Plan,
    pub(super) arrangement: &'a Arrangement,
    pub(super) memory: Memory,
    pub(super) isa: Isa,
    /// Images of this batch, and time steps of this pass.
    pub(super) images: usize,
    pub(super) steps: usize,
    /// Time steps before this pass.
    pub(super) done: usize,
    /// Threads that may share a step.
    #[cfg_attr(not(feature = "threads"), allow(dead_code, reason = "there is one"))]
    pub(super) threads: usize,
}

impl Execution<'_> {
    pub(super) fn context(&self) -> Context<'_> {
        Context { isa: self.isa, memory: self.memory, places: &self.arrangement.places, regions: &self.arrangement.regions }
    }

    pub(super) fn place(&self, place: usize) -> &Place {
        &self.arrangement.places[place]
    }

    /// States as they are before the first step of an image.
    pub(super) fn reset(&self) {
        for state in &self.plan.states {
            let start = self.memory.at(self.arrangement.regions[state.region]).cast::<i32>();
            // SAFETY: the region has `len` numbers for every image; nobody else is at work yet.
            let numbers = unsafe { core::slice::from_raw_parts_mut(start, state.len * self.images) };
            match &state.initial {
                None => numbers.fill(0),
                Some(initial) => {
                    let lines = numbers.chunks_exact_mut(initial.pitch());
                    lines.enumerate().for_each(|(line, numbers)| numbers.copy_from_slice(initial.line(line % state.pixels, 0)));
                }
            }
        }
    }

    /// Writes zeros around the entries of a value.
    pub(super) fn surround(&self, place: &Place) {
        if place.pads == [0; 4] {
            return;
        }
        let bytes = place.format.bytes();
        let (line, height) = (place.line() * bytes, place.grid.height);
        let fill = |at: usize, len: usize| {
            // SAFETY: the border is a part of the value, which nobody reads yet.
            unsafe { self.memory.at(at).write_bytes(place.format.zero, len) };
        };
        let (left, inner) = (place.pads[1] * place.pixel(), place.grid.width * place.pixel());
        for image in 0..self.images {
            for step in 0..place.steps(self.steps) {
                let start = place.start(image, step);
                fill(start, place.pads[0] * line + left);
                for row in 0..height - 1 {
                    // The right end of a row and the left one of the next stand together.
                    fill(start + (place.pads[0] + row) * line + left + inner, line - inner);
                }
                let end = start + (place.pads[0] + height - 1) * line + left + inner;
                fill(end, line - inner - left + place.pads[2] * line);
            }
        }
    }

    /// Runs one step.
    pub(super) fn run(&self, step: &Step, scratch: &mut Scratch, watch: &mut Watch<'_>) {
        let target = self.place(step.target);
        self.surround(target);
        match &step.source {
            Source::Move { parts, has_gaps } => self.moves(parts, *has_gaps, target),
            Source::Sum { place, index } => self.sum(self.place(*place), index, target, &mut scratch.desk),
            Source::CountMax { place, window, arrived, best } => {
                self.count_max(self.place(*place), window, self.place(*arrived), self.place(*best), target, &mut scratch.desk);
            }
            source => {
                let has_events = self.finds_events(source, &mut scratch.events);
                let events = has_events.then_some(&scratch.events);
                self.tiles(step, target, events, &mut scratch.desk, watch);
            }
        }
    }

    /// Looks for the events of a product's operand; whether there are so few that it goes by them.
    fn finds_events(&self, source: &Source, events: &mut Events) -> bool {
        let Source::Product { place, events: Some(product), .. } = source else { return false };
        let x = self.place(*place);
        let most = self.isa.most_events(product.readers, product.outputs);
        most > 0.0 && events.find(x, self.memory, self.images, self.steps, product.is_binary, most)
    }

    /// Goes through a value in tiles.
    fn tiles(&self, step: &Step, target: &Place, events: Option<&Events>, desk: &mut Desk, watch: &mut Watch<'_>) {
        let tasks = self.tasks(&step.source, target, 1);
        #[cfg(feature = "threads")]
        if self.threads > 1 && !matches!(watch, Watch::Recorder(_)) && self.products(&step.source, target) >= SERIAL_BELOW {
            use rayon::prelude::*;
            // A few for each thread, for some are done sooner than others.
            let tasks: Vec<Task> = self.tasks(&step.source, target, 4 * self.threads).collect();
            tasks.into_par_iter().for_each_init(Desk::new, |desk, task| self.task(step, target, &task, events, desk, &mut Watch::Nobody));
            return;
        }
        for task in tasks {
            self.task(step, target, &task, events, desk, watch);
        }
    }

    /// Products of a step of this pass, with those of stages and poolings counted as one.
    #[cfg(feature = "threads")]
    fn products(&self, source: &Source, target: &Place) -> usize {
        let each = match source {
            Source::Product { groups, .. } => groups.first().map_or(1, |weights| weights.products() / weights.outputs().max(1)),
            Source::Depthwise { depthwise, .. } => depthwise.taps(),
            _ => 1,
        };
        each * target.grid.len() * self.images * target.steps(self.steps)
    }

    /// How large the tiles of a source are.
    fn extent(&self, source: &Source) -> Extent {
        if matches!(source, Source::Product { .. }) { Extent::of_products(self.isa) } else { Extent::SMALL }
    }

    /// A value in parts: blocks of channels, and each of these in so many parts of its places, or fewer.
    fn tasks(&self, source: &Source, target: &Place, parts: usize) -> impl Iterator<Item = Task> {
        let grid = target.grid;
        // Channels of a group are a block of their own.
        let group = match source {
            Source::Product { groups, .. } => grid.channels / groups.len(),
            _ => grid.channels,
        };
        let places = self.images * grid.pixels();
        let extent = self.extent(source);
        (0..grid.channels).step_by(group).flat_map(move |first| {
            (first..first + group).step_by(extent.channels).flat_map(move |channel| {
                let channels = extent.channels.min(first + group - channel);
                let rows = extent.places(channels);
                // Whole tiles.
                let part = places.div_ceil(parts).next_multiple_of(rows);
                (0..places).step_by(part).map(move |start| Task { channel, channels, places: start..(start + part).min(places) })
            })
        })
    }

    /// Makes a part of a value, tile by tile.
    fn task(&self, step: &Step, target: &Place, task: &Task, events: Option<&Events>, desk: &mut Desk, watch: &mut Watch<'_>) {
        let _tiles = matches!(step.source, Source::Product { .. }).then(|| Tiles::new(self.isa));
        let Desk { sums, spans: parts, rows, panel, .. } = desk;
        let &Task { channel, channels, .. } = task;
        let context = self.context();
        let (width, steps, extent) = (channels.next_multiple_of(COLUMNS), target.steps(self.steps), self.extent(&step.source));
        let most = extent.places(channels);
        for start in task.places.clone().step_by(most) {
            let range = start..(start + most).min(task.places.end);
            spans(target.grid, range.clone(), parts);
            let numbers = range.len() * width;
            // Neurons go from step to step, products need not: what few places make at many steps is one product.
            let together = if is_dense(&step.source, events) { (extent.together / numbers).max(1) } else { 1 };
            for first in (0..steps).step_by(together) {
                let times = first..(first + together).min(steps);
                let sums = room(sums, numbers * times.len());
                let mut tile = Tile { sums, width, spans: parts, channel, channels, step: first, grid: target.grid };
                self.fill(&step.source, &mut tile, times.len(), rows, panel, events, &context);
                for (time, sums) in times.zip(tile.sums.chunks_exact_mut(numbers)) {
                    let mut tile = Tile { sums, step: time, ..tile };
                    match watch {
                        Watch::Recorder(recorder) => {
                            self.record(step, &mut tile, target, &context, recorder);
                            self.isa.run(Finish { tile: &mut tile, context: &context, stages: &[], target });
                        }
                        _ => self.isa.run(Finish { tile: &mut tile, context: &context, stages: &step.stages, target }),
                    }
                }
            }
        }
    }

    /// Runs the stages one by one and records what each makes.
    fn record(&self, step: &Step, tile: &mut Tile<'_>, target: &Place, context: &Context<'_>, recorder: &mut Recorder<'_>) {
        for (index, &value) in step.values.iter().enumerate() {
            if let Some(stage) = index.checked_sub(1).and_then(|index| step.stages.get(index)) {
                if let Stage::AddScaled { place, factor, value } = stage {
                    recorder.scaled(*value, tile, self.place(*place), factor, context);
                }
                // In plain code: a trace is not in a hurry, and stages are large.
                tile.stage(context, stage);
            }
            recorder.tile(value, tile, target.order);
        }
    }

    /// Fills a tile; with a product that does not go by events, of `steps` time steps from its own on, one behind the other.
    #[allow(clippy::too_many_arguments, reason = "what a desk has, apart")]
    fn fill(
        &self,
        source: &Source,
        tile: &mut Tile<'_>,
        steps: usize,
        rows: &mut Vec<*const u8>,
        panel: &mut Panel,
        events: Option<&Events>,
        context: &Context<'_>,
    ) {
        match (source, events) {
            (Source::Product { place, stride, origin, events: Some(product), .. }, Some(events)) => {
                self.accumulate(self.place(*place), product, *stride, *origin, tile, events);
            }
            (Source::Product { place, groups, stride, origin, .. }, _) => {
                let x = self.place(*place);
                let outer = tile.grid.channels / groups.len();
                let (group, output) = (tile.channel / outer, tile.channel % outer);
                let bytes = x.format.bytes();
                let inner = x.grid.channels / groups.len();
                let first = x.at + (origin + group * inner) * bytes;
                let next = stride[1] * x.pixel();
                rows.clear();
                for time in tile.step..tile.step + steps {
                    for span in tile.spans {
                        let entry =
                            span.image * x.image + time * x.step + span.y * stride[0] * x.line() + span.x * stride[1] * x.grid.channels;
                        let start = self.memory.at(first + entry * bytes).cast_const();
                        rows.extend((0..span.len).map(|index| start.wrapping_add(index * next)));
                    }
                }
                // SAFETY: rows start at windows of the operand, whose border is as wide as the padding; a run goes less than a word
                // beyond its end, where the arena goes on. `run` holds the tiles.
                unsafe { groups[group].product(self.isa, output, rows, tile.sums, tile.width, panel) }
            }
            (Source::Depthwise { place, depthwise, stride, origin }, _) => {
                let x = self.place(*place);
                let origin = x.at + origin * x.format.bytes();
                self.isa.run(Taps { tile, memory: self.memory, place: x, depthwise, origin, stride: *stride });
            }
            (Source::Load { place }, _) => self.isa.run(Load { tile, context, place: self.place(*place) }),
            (Source::Pool { place, window, is_max }, _) => {
                self.isa.run(Pool { tile, memory: self.memory, place: self.place(*place), window, is_max: *is_max });
            }
            (Source::CountMax { .. } | Source::Sum { .. } | Source::Move { .. }, _) => unreachable!("they go their own ways"),
        }
    }

    /// Fills a tile with a product by events.
    fn accumulate(&self, x: &Place, product: &EventProduct, stride: [usize; 2], origin: usize, tile: &mut Tile<'_>, events: &Events) {
        let line = x.line() / x.grid.channels;
        let pixels = x.padded() / x.grid.channels;
        let mut parts = [Part::default(); MAX_PARTS];
        let parts = &mut parts[..product.parts.len()];
        let (channel, step, width) = (tile.channel, tile.step, tile.width);
        for (span, rows) in tile.spans() {
            let first = (span.image * x.steps(self.steps) + step) * pixels + origin / x.grid.channels + span.y * stride[0] * line;
            for (place, row) in (span.x..).zip(rows.chunks_exact_mut(width)) {
                let first = first + place * stride[1];
                parts.iter_mut().zip(&product.parts).for_each(|(part, &at)| *part = events.of(first + at as usize, product.places));
                for (channel, sums) in (channel..).step_by(MOST_SUMS).zip(row.chunks_mut(MOST_SUMS)) {
                    product.weights.accumulate(self.isa, channel, parts, sums);
                }
            }
        }
    }
}
