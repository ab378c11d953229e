//! From an artifact to a list of steps.
//!
//! Three decisions are made here, once: which nodes become one step (a [`Chain`]), how every value is kept (its [`Place`]), and which parts of
//! the arena values share, by the first and last step that needs each.

mod builder;
mod source;
mod stage;

use super::{
    activity::Activity,
    arena::Allocator,
    params::Params,
    place::{Order, Place},
    step::Step,
    tally::Counter,
};
use crate::{
    artifact::{Artifact, Links},
    kernels::{Isa, SLACK},
};
use alloc::{vec, vec::Vec};
use builder::Builder;

/// How the image comes in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Feed {
    /// Once, as it is.
    Once,
    /// At every step, as random spikes.
    Poisson { digits: u32, seed: u64 },
}

/// A part of the arena.
#[derive(Clone, Debug)]
struct Region {
    /// Bytes for an image and a time step, or for an image.
    bytes: usize,
    /// Whether there are as many as time steps.
    has_steps: bool,
    /// The first and last step that need it, counted through `once` and `each`.
    first: usize,
    last: usize,
}

/// A state of neurons: where their potentials start.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) region: usize,
    /// Numbers for an image.
    pub(super) len: usize,
    /// By place; zeros if there is none.
    pub(super) initial: Option<Params>,
    pub(super) pixels: usize,
}

/// A network as a list of steps.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) feed: Feed,
    /// The place of the input, and of the output.
    pub(super) input: usize,
    pub(super) output: usize,
    /// For every entry of the input, pixel by pixel, its index in an image; for every entry of the output likewise.
    pub(super) input_index: Option<Vec<u32>>,
    pub(super) output_index: Vec<u32>,
    /// What never changes while the image stays.
    pub(super) once: Vec<Step>,
    /// What is done at every time step.
    pub(super) each: Vec<Step>,
    /// What one of the output's units is in the read-out.
    pub(super) scale: f64,
    pub(super) is_rectified: bool,
    /// The places; where they start is for an [`Arrangement`] to say.
    pub(super) places: Vec<Place>,
    /// For every value its place, if it is in memory.
    pub(super) of_value: Vec<Option<usize>>,
    /// Whether each value is the same at all time steps.
    pub(super) is_static: Vec<bool>,
    pub(super) states: Vec<State>,
    /// How the input and each step's result are counted, if they are.
    pub(super) counters: Vec<Option<Counter>>,
    regions: Vec<Region>,
}

/// Where everything lives, for a number of images and of time steps at a time.
#[derive(Clone, Debug)]
pub(super) struct Arrangement {
    #[cfg_attr(not(feature = "std"), allow(dead_code, reason = "without an operating system no buffers are kept"))]
    pub(super) images: usize,
    pub(super) steps: usize,
    pub(super) places: Vec<Place>,
    /// First byte of each part.
    pub(super) regions: Vec<usize>,
    /// Bytes of the arena.
    pub(super) bytes: usize,
}

impl Plan {
    /// Bytes of all parameters.
    pub(super) fn parameters(&self) -> usize {
        let steps = self.once.iter().chain(&self.each).map(Step::bytes).sum::<usize>();
        let states = self.states.iter().filter_map(|state| state.initial.as_ref()).map(Params::bytes).sum::<usize>();
        steps + states + self.counters.iter().flatten().map(Counter::bytes).sum::<usize>()
    }

    /// Bytes of the states of an image.
    pub(super) fn state_bytes(&self) -> usize {
        self.states.iter().map(|state| state.len * size_of::<i32>()).sum()
    }

    /// Gives every value its part of the arena.
    pub(super) fn arrange(&self, images: usize, steps: usize) -> Arrangement {
        let bytes = |region: &Region| region.bytes * images * if region.has_steps { steps } else { 1 } + SLACK;
        let mut allocator = Allocator::default();
        let mut starts = vec![0; self.regions.len()];
        let mut order: Vec<usize> = (0..self.regions.len()).collect();
        order.sort_by_key(|&index| self.regions[index].first);
        let mut alive: Vec<usize> = Vec::new();
        for index in order {
            let region = &self.regions[index];
            alive.retain(|&other| {
                let is_needed = self.regions[other].last >= region.first;
                if !is_needed {
                    allocator.release(starts[other], bytes(&self.regions[other]));
                }
                is_needed
            });
            starts[index] = allocator.take(bytes(region));
            alive.push(index);
        }
        let places = self.places.iter().map(|place| {
            let has_steps = place.step != 0;
            Place { at: starts[place.region], image: place.padded() * if has_steps { steps } else { 1 }, ..place.clone() }
        });
        Arrangement { images, steps, places: places.collect(), regions: starts, bytes: allocator.size + SLACK }
    }

    pub(super) fn new(artifact: &Artifact, links: &Links, orders: &[Order], activity: &Activity, isa: Isa) -> Self {
        Builder::new(artifact, links, orders, activity, isa).build()
    }
}

impl Plan {
    /// The first and last step that need each part of the arena.
    fn find_lifetimes(&mut self) {
        let Self { regions, places, once, each, .. } = self;
        let end = once.len() + each.len();
        let mut needs = |region: usize, at: usize| {
            let region: &mut Region = &mut regions[region];
            region.first = region.first.min(at);
            region.last = region.last.max(at);
        };
        for (at, step) in once.iter().chain(each.iter()).enumerate() {
            for place in step.operands().into_iter().chain([step.target]) {
                let place = &places[place];
                needs(place.region, at);
                // What every time step reads anew is never given up.
                if place.step == 0 && at >= once.len() {
                    needs(place.region, end);
                }
            }
        }
        needs(places[self.input].region, 0);
        needs(places[self.output].region, end);
        for state in &self.states {
            needs(state.region, 0);
            needs(state.region, end);
        }
        // What is written at every pass of `each` must not share with what `once` leaves for it: those parts live to the end, from where they
        // are made.
        if let Feed::Poisson { .. } = self.feed {
            needs(places[self.input].region, once.len());
        }
    }
}
