//! What steps make, and buffers for it that go round.

use crate::sums::add_steps;
use snnc_kernels::spikes;
use std::{collections::BTreeMap, sync::Mutex};

/// Buffers that are done with, to be used again: one a thread, over all steps of a descent, so that a descent allocates nothing after its
/// first step. Whoever takes one overwrites all of it; only what was taken is given back, so that it does not grow from step to step.
#[derive(Default)]
pub struct Buffers {
    floats: BTreeMap<usize, Vec<Vec<f32>>>,
    bytes: BTreeMap<usize, Vec<Vec<i8>>>,
}

impl Buffers {
    /// So many values, of any kind.
    pub(crate) fn take(&mut self, len: usize) -> Vec<f32> {
        self.floats.get_mut(&len).and_then(Vec::pop).unwrap_or_else(|| vec![0.0; len])
    }

    /// So many zeros.
    pub(crate) fn zeros(&mut self, len: usize) -> Vec<f32> {
        let mut buffer = self.take(len);
        buffer.fill(0.0);
        buffer
    }

    /// The same values.
    pub(crate) fn copy(&mut self, values: &[f32]) -> Vec<f32> {
        let mut buffer = self.take(values.len());
        buffer.copy_from_slice(values);
        buffer
    }

    /// So many spikes, of any kind.
    pub(crate) fn take_bytes(&mut self, len: usize) -> Vec<i8> {
        self.bytes.get_mut(&len).and_then(Vec::pop).unwrap_or_else(|| vec![0; len])
    }

    /// Gives a buffer back.
    pub(crate) fn give(&mut self, buffer: Vec<f32>) {
        self.floats.entry(buffer.len()).or_default().push(buffer);
    }

    /// Gives back what a step made.
    pub(crate) fn give_data(&mut self, data: Data) {
        match data {
            Data::Floats(values) => self.give(values),
            Data::Spikes(values) => self.bytes.entry(values.len()).or_default().push(values),
        }
    }

    /// Lets go of all but one for so many values: results over all time steps are large, and those of the next layer may have another size.
    pub(crate) fn keep_one(&mut self, len: usize) {
        self.floats.retain(|&of, _| of == len);
        self.bytes.retain(|&of, _| of == len);
        self.floats.values_mut().for_each(|list| list.truncate(1));
        self.bytes.values_mut().for_each(|list| list.truncate(1));
    }

    /// Buffers at rest.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.floats.values().map(Vec::len).sum::<usize>() + self.bytes.values().map(Vec::len).sum::<usize>()
    }
}

/// Buffers of threads that rest.
#[derive(Default)]
pub struct Pool(Mutex<Vec<Buffers>>);

impl Pool {
    /// Lends buffers to `body`.
    pub fn with<R>(&self, body: impl FnOnce(&mut Buffers) -> R) -> R {
        let mut buffers = self.0.lock().ok().and_then(|mut list| list.pop()).unwrap_or_default();
        let result = body(&mut buffers);
        if let Ok(mut list) = self.0.lock() {
            list.push(buffers);
        }
        result
    }
}

/// What a step made. Spikes are bytes: a pass over all time steps has many.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    Floats(Vec<f32>),
    Spikes(Vec<i8>),
}

impl Data {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Spikes(values) => values.len(),
        }
    }

    /// Lends it as floats to `body`.
    pub(crate) fn with<R>(&self, buffers: &mut Buffers, body: impl FnOnce(&[f32], &mut Buffers) -> R) -> R {
        match self {
            Self::Floats(values) => body(values, buffers),
            Self::Spikes(bytes) => {
                let mut values = buffers.take(bytes.len());
                spikes::to_floats(bytes, &mut values);
                let result = body(&values, buffers);
                buffers.give(values);
                result
            }
        }
    }

    /// One value.
    pub(crate) fn at(&self, place: usize) -> f32 {
        match self {
            Self::Floats(values) => values[place],
            Self::Spikes(values) => f32::from(values[place]),
        }
    }

    /// The mean over the time steps of which it has as many as `len` goes into it, summed in their order.
    pub(crate) fn mean(&self, len: usize) -> Vec<f32> {
        let mut mean = vec![0.0f32; len];
        match self {
            Self::Floats(values) => add_steps(values, &mut mean),
            Self::Spikes(values) => values.chunks(len.max(1)).for_each(|step| spikes::add(step, &mut mean)),
        }
        let steps = self.len() / len.max(1);
        mean.iter_mut().for_each(|m| *m /= steps as f32);
        mean
    }
}
