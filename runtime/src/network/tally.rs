//! Counting spikes.

use super::{
    activity::{Activity, Counted, PopulationKind},
    arena::Memory,
    fans::Fan,
    place::Place,
};
use crate::kernels::{Isa, Loop, Word};
use alloc::vec::Vec;

/// Spikes, corrections and operations of a batch so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// `[images, populations]`.
    pub(super) spikes: Vec<u64>,
    /// `[images, populations]`.
    pub(super) corrections: Vec<u64>,
    /// `[images, layers]`.
    pub(super) operations: Vec<u64>,
}

impl Tally {
    /// Nothing yet, for so many images.
    pub(super) fn reset(&mut self, activity: &Activity, images: usize) {
        let clear = |counts: &mut Vec<u64>, len: usize| {
            counts.clear();
            counts.resize(len * images, 0);
        };
        clear(&mut self.spikes, activity.populations.len());
        clear(&mut self.corrections, activity.populations.len());
        clear(&mut self.operations, activity.layers.len());
    }

    /// Counts what a population says.
    #[allow(clippy::too_many_arguments, reason = "where the spikes are, and where their numbers go")]
    pub(super) fn count(
        &mut self,
        activity: &Activity,
        population: usize,
        place: &Place,
        memory: Memory,
        isa: Isa,
        images: usize,
        steps: usize,
    ) {
        let (populations, layers) = (activity.populations.len(), activity.layers.len());
        for image in 0..images {
            for step in 0..place.steps(steps) {
                let operations = &mut self.operations[image * layers..][..layers];
                let start = memory.at(place.byte(image, step, 0, 0)).wrapping_sub(place.within(0, 0) * place.format.bytes());
                // SAFETY: it is the value with its border, which is written before it is counted.
                let bytes = unsafe { core::slice::from_raw_parts(start.cast_const(), place.padded() * place.format.bytes()) };
                let [spikes, corrections] = {
                    let (counted, fans) = (activity.counted[population], &activity.fans[population][..]);
                    isa.run(Count { place, counted, bytes, fans, operations })
                };
                self.spikes[image * populations + population] += spikes;
                if activity.populations[population].kind == PopulationKind::Neurons {
                    self.corrections[image * populations + population] += corrections;
                }
            }
        }
    }
}

/// Counts a value of an image at a time step. Borders are zeros, which say nothing.
struct Count<'a> {
    place: &'a Place,
    counted: Counted,
    bytes: &'a [u8],
    fans: &'a [Fan],
    operations: &'a mut [u64],
}

impl Loop for Count<'_> {
    type Output = [u64; 2];

    #[inline(always)]
    fn run(self) -> [u64; 2] {
        let sums = self.of(self.bytes);
        if sums[0] == 0 {
            return sums;
        }
        let bytes = self.place.format.bytes();
        for Fan { layer, common, others } in self.fans {
            let mut operations = common.wrapping_mul(sums[0]);
            for other in others {
                let pixel = other.pixel as usize;
                let first = self.place.within(pixel / self.place.grid.width, pixel % self.place.grid.width) + other.channel as usize;
                let spikes = self.of(&self.bytes[first * bytes..][..other.len as usize * bytes])[0];
                operations = operations.wrapping_add((other.more as u64).wrapping_mul(spikes));
            }
            self.operations[*layer] += operations;
        }
        sums
    }
}

impl Count<'_> {
    /// Spikes and corrections of entries.
    #[inline(always)]
    fn of(&self, entries: &[u8]) -> [u64; 2] {
        let format = self.place.format;
        let each = |byte: u8| u64::from_ne_bytes([byte; 8]);
        let ones = |bits: u32| u64::MAX / ((1 << (bits - 1) << 1) - 1);
        let bits = 8 * format.bytes() as u32;
        let (low, high) = (ones(bits), ones(bits) << (bits - 1));
        let zero = if format.word == Word::Bytes { format.zero } else { 0 };
        match (self.counted, format.word, zero) {
            // To take 128 from a byte is to turn its highest bit.
            (Counted::Digits, ..) => [set_bits(entries, zero, |word| word ^ each(zero)), 0],
            (Counted::Signs, ..) if format.is_unsigned => [set_bits(entries, zero, |word| word ^ each(zero)), 0],
            // Bytes 0, 1, 2 for -1, 0, 1: with the lowest bit turned 1, 0, 3.
            (Counted::Signs, Word::Bytes, 1) => {
                let positive = set_bits(entries, zero, |word| word & each(2));
                let negative = set_bits(entries, zero, |word| word ^ each(1)) - 2 * positive;
                [positive + negative, negative]
            }
            // Of -1 all bits are set.
            (Counted::Signs, ..) => [set_bits(entries, 0, |word| word & low), set_bits(entries, 0, |word| word & high)],
            (Counted::Entries, word, zero) => {
                let is_zero = |entry: &[u8]| entry.iter().all(|&byte| byte == zero);
                [entries.chunks_exact(word.bytes()).filter(|entry| !is_zero(entry)).count() as u64, 0]
            }
        }
    }
}

/// Bits that are set after `of`, which leaves words of zeros without any.
#[inline(always)]
fn set_bits(entries: &[u8], zero: u8, of: impl Fn(u64) -> u64) -> u64 {
    let (words, rest) = entries.as_chunks::<8>();
    let mut last = [zero; 8];
    last[..rest.len()].copy_from_slice(rest);
    let mut sum = u64::from(of(u64::from_ne_bytes(last)).count_ones());
    for word in words {
        sum += u64::from(of(u64::from_ne_bytes(*word)).count_ones());
    }
    sum
}
