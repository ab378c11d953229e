//! Who looks on while a network runs.

use super::{exec::Execution, plan::Plan, trace::Recorder};
#[cfg(feature = "std")]
use std::time::{Duration, Instant};

/// Who looks on.
pub(super) enum Watch<'a> {
    /// Nobody.
    Nobody,
    /// Who writes down every value.
    Recorder(Recorder<'a>),
    /// Who takes the time of the input and each step.
    #[cfg(feature = "std")]
    Clock {
        /// Times so far: the input's, and behind it those of the steps.
        times: &'a mut [Duration],
        /// When the last one ended.
        last: Instant,
    },
}

impl Watch<'_> {
    /// A batch begins.
    pub(super) fn begins(&mut self) {
        #[cfg(feature = "std")]
        if let Self::Clock { last, .. } = self {
            *last = Instant::now();
        }
    }

    /// A pass begins, after so many time steps.
    pub(super) fn passes(&mut self, done: usize) {
        if let Self::Recorder(recorder) = self {
            recorder.done = done;
        }
    }

    /// A step, or with `index` 0 the input, has made a value.
    pub(super) fn made(&mut self, plan: &Plan, index: usize, value: usize, execution: &Execution<'_>) {
        let _ = index;
        match self {
            Self::Nobody => {}
            Self::Recorder(recorder) => {
                // The value, and those that are other views of it.
                let places = &execution.arrangement.places;
                let Some(made) = plan.of_value[value] else { return };
                for (value, place) in plan.of_value.iter().enumerate() {
                    let Some(place) = place.map(|place| &places[place]) else { continue };
                    if place.region == places[made].region {
                        recorder.value(value, place, execution.memory, execution.images, execution.steps);
                    }
                }
            }
            #[cfg(feature = "std")]
            Self::Clock { times, last } => {
                let now = Instant::now();
                times[index] += now - core::mem::replace(last, now);
            }
        }
    }
}
