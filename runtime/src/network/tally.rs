//! Counting spikes.

use super::{
    activity::{Activity, PopulationKind},
    arena::Memory,
    fans::{Fan, Others},
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

    /// Counts what a population says: the digits 1 of its counts if it `has_digits`, else the entries that are not 0.
    #[allow(clippy::too_many_arguments, reason = "where the spikes are, and where their numbers go")]
    pub(super) fn count(
        &mut self,
        activity: &Activity,
        population: usize,
        has_digits: bool,
        place: &Place,
        memory: Memory,
        isa: Isa,
        images: usize,
        steps: usize,
    ) {
        let bytes = place.format.bytes();
        let line = place.grid.width * place.pixel();
        let count = |at: usize, len: usize| -> [u64; 2] {
            // SAFETY: it is a part of a line of the value.
            let bytes = unsafe { core::slice::from_raw_parts(memory.at(at).cast_const(), len) };
            isa.run(Count { place, has_digits, bytes })
        };
        let (populations, layers) = (activity.populations.len(), activity.layers.len());
        for image in 0..images {
            for step in 0..place.steps(steps) {
                let mut sums = [0; 2];
                for y in 0..place.grid.height {
                    let [spikes, corrections] = count(place.byte(image, step, y, 0), line);
                    sums[0] += spikes;
                    sums[1] += corrections;
                }
                self.spikes[image * populations + population] += sums[0];
                if activity.populations[population].kind == PopulationKind::Neurons {
                    self.corrections[image * populations + population] += sums[1];
                }
                if sums[0] == 0 {
                    continue;
                }
                for Fan { layer, common, others } in &activity.fans[population] {
                    let mut operations = common.wrapping_mul(sums[0]);
                    let (others, unit) = match others {
                        Others::Places(others) => (others, place.grid.channels),
                        Others::Entries(others) => (others, 1),
                    };
                    for &(index, more) in others {
                        let entry = index as usize * unit;
                        let (pixel, channel) = (entry / place.grid.channels, entry % place.grid.channels);
                        let at = place.byte(image, step, pixel / place.grid.width, pixel % place.grid.width) + channel * bytes;
                        operations = operations.wrapping_add((more as u64).wrapping_mul(count(at, unit * bytes)[0]));
                    }
                    self.operations[image * layers + layer] += operations;
                }
            }
        }
    }
}

/// Spikes and corrections of entries that stand together.
struct Count<'a> {
    place: &'a Place,
    has_digits: bool,
    bytes: &'a [u8],
}

impl Loop for Count<'_> {
    type Output = [u64; 2];

    #[inline(always)]
    fn run(self) -> [u64; 2] {
        let zero = self.place.format.zero;
        match (self.place.format.word, self.has_digits) {
            (Word::Bytes, true) => [sum(self.bytes, |&byte| u16::from(byte.wrapping_sub(zero).count_ones() as u8)), 0],
            (Word::Bytes, false) => {
                let spikes = sum(self.bytes, |&byte| u16::from(byte != zero));
                let corrections =
                    if self.place.format.is_unsigned { 0 } else { sum(self.bytes, |&byte| u16::from((byte.wrapping_sub(zero) as i8) < 0)) };
                [spikes, corrections]
            }
            (Word::Halves, true) => {
                let halves = self.bytes.as_chunks::<2>().0;
                [sum(halves, |&half| u16::from_ne_bytes(half).count_ones() as u16), 0]
            }
            (Word::Halves, false) => {
                let halves = self.bytes.as_chunks::<2>().0;
                let spikes = sum(halves, |&half| u16::from(i16::from_ne_bytes(half) != 0));
                [spikes, sum(halves, |&half| u16::from(i16::from_ne_bytes(half) < 0))]
            }
            (Word::Whole, has_digits) => {
                let (mut spikes, mut corrections) = (0, 0);
                for number in self.bytes.as_chunks::<4>().0 {
                    let number = i32::from_ne_bytes(*number);
                    spikes += u64::from(if has_digits { number.count_ones() } else { u32::from(number != 0) });
                    corrections += u64::from(!has_digits && number < 0);
                }
                [spikes, corrections]
            }
        }
    }
}

/// The sum of small numbers, of at most 16 each.
#[inline(always)]
fn sum<T>(entries: &[T], of: impl Fn(&T) -> u16) -> u64 {
    // Sums of 16 bits hold 4096 of them; blocks have a length that the compiler knows.
    const LANES: usize = 32;
    let mut total = 0;
    for part in entries.chunks(1024 * LANES) {
        let (blocks, rest) = part.as_chunks::<LANES>();
        let mut sums = [0u16; LANES];
        for block in blocks {
            for lane in 0..LANES {
                sums[lane] += of(&block[lane]);
            }
        }
        total += sums.iter().map(|&sum| u64::from(sum)).sum::<u64>() + rest.iter().map(|entry| u64::from(of(entry))).sum::<u64>();
    }
    total
}
