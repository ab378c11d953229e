//! Everything that a run makes, for tests and tools.

use super::{
    Network, Outcome,
    run::{Buffers, Observer},
};
use crate::{artifact::Code, error::RunError};

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

struct Recorder<'a> {
    /// The latest of each value.
    now: Vec<Vec<i32>>,
    roots: &'a [usize],
    values: Vec<Vec<i32>>,
}

impl Observer for Recorder<'_> {
    fn value(&mut self, value: usize, entries: &[i32]) {
        self.now[value].clear();
        self.now[value].extend_from_slice(entries);
    }

    fn step_is_over(&mut self) {
        for (values, &root) in self.values.iter_mut().zip(self.roots) {
            values.extend_from_slice(&self.now[root]);
        }
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
        let mut outcomes = [Outcome { timesteps, ..Outcome::default() }];
        let none = vec![Vec::new(); plan.roots.len()];
        let mut recorder = Recorder { now: none.clone(), roots: &plan.roots, values: none };
        if count > 0 {
            self.run_batch(images, &mut outcomes, first_image_index, &mut Buffers::new(plan, count), &mut recorder);
        }
        let values = recorder.values;
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
