//! Counting spikes, and the operations that they cause.

use super::{
    activity::{Activity, Counted, PopulationKind},
    arena::Memory,
    fans::Stretch,
    place::Place,
};
use crate::kernels::{Isa, Loop, Narrow};
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

/// How a population is counted.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    population: usize,
    counted: Counted,
    has_corrections: bool,
    fans: Vec<CountedFan>,
}

/// What its spikes meet in a layer.
#[derive(Clone, Debug)]
struct CountedFan {
    layer: usize,
    lines: Vec<Line>,
    /// For every row of the grid its line; none where all are of the same weight throughout.
    rows: Vec<usize>,
}

/// The weights of a line: of an entry `most`, less `unit · 2^k` for every plane k that it is in. Mostly it is those at the ends that weigh less, so that
/// planes have few words.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    most: u64,
    unit: u64,
    /// By plane, where it has entries.
    planes: Vec<Vec<Part>>,
}

/// Words of a line, and in each the bits of a plane's entries.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    first: usize,
    masks: Vec<u64>,
}

/// Words without entries that are not worth a new part.
const GAP: usize = 8;

impl Line {
    /// From the weights of a line's entries, or from one for all.
    fn new(stretches: &[Stretch], bytes: usize) -> Self {
        let weights = || stretches.iter().map(|stretch| stretch.weight);
        let most = weights().max().unwrap_or(0);
        let unit = weights().fold(0, |unit, weight| greatest_divisor(unit, most - weight)).max(1);
        let deepest = weights().map(|weight| (most - weight) / unit).max().unwrap_or(0);
        let plane = |bit: u32| {
            let mut parts: Vec<Part> = Vec::new();
            let entries = stretches.iter().flat_map(|stretch| core::iter::repeat_n(stretch.weight, stretch.len));
            for (entry, weight) in entries.enumerate() {
                if ((most - weight) / unit) >> bit & 1 == 0 {
                    continue;
                }
                let (word, mask) = (entry * bytes / 8, (u64::MAX >> (64 - 8 * bytes)) << (entry * bytes % 8 * 8));
                if parts.last().is_none_or(|last| word > last.first + last.masks.len() + GAP) {
                    parts.push(Part { first: word, masks: Vec::new() });
                }
                let last = parts.last_mut().expect("there is one now");
                last.masks.resize(last.masks.len().max(word - last.first + 1), 0);
                last.masks[word - last.first] |= mask;
            }
            parts
        };
        Self { most, unit, planes: (0..u64::BITS - deepest.leading_zeros()).map(plane).collect() }
    }
}

fn greatest_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_divisor(b, a % b) }
}

impl Counter {
    /// For a population that lives in a place.
    pub(super) fn new(activity: &Activity, population: usize, place: &Place) -> Self {
        let fans = activity.fans[population].iter().map(|fan| {
            let lines: Vec<Line> = fan.lines.iter().map(|line| Line::new(line, place.format.bytes())).collect();
            let is_one = lines.iter().all(|line| line.planes.is_empty() && *line == lines[0]);
            CountedFan { layer: fan.layer, lines, rows: if is_one { Vec::new() } else { fan.rows.clone() } }
        });
        Self {
            population,
            counted: activity.counted[population],
            has_corrections: activity.populations[population].kind == PopulationKind::Neurons,
            fans: fans.collect(),
        }
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let parts = self.fans.iter().flat_map(|fan| &fan.lines).flat_map(|line| &line.planes).flatten();
        parts.map(|part| size_of_val(&part.masks[..])).sum::<usize>()
            + self.fans.iter().map(|fan| size_of_val(&fan.rows[..])).sum::<usize>()
    }
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

    /// Counts what a population says in some images and time steps.
    pub(super) fn count(&mut self, counter: &Counter, place: &Place, memory: Memory, isa: Isa, images: usize, steps: usize) {
        let all = images.max(1);
        let (populations, layers) = (self.spikes.len() / all, self.operations.len() / all);
        for image in 0..images {
            for step in 0..place.steps(steps) {
                let operations = &mut self.operations[image * layers..][..layers];
                let start = memory.at(place.start(image, step));
                // SAFETY: it is the value with its border, which is written before it is counted; behind it the arena goes on.
                let bytes = unsafe { core::slice::from_raw_parts(start.cast_const(), place.padded() * place.format.bytes() + 8) };
                let [spikes, corrections] = isa.run(Count { place, counter, bytes, operations });
                self.spikes[image * populations + counter.population] += spikes;
                if counter.has_corrections {
                    self.corrections[image * populations + counter.population] += corrections;
                }
            }
        }
    }
}

/// Counts a value of an image at a time step. Borders are zeros, which say nothing.
struct Count<'a> {
    place: &'a Place,
    counter: &'a Counter,
    /// The value with its border, and eight bytes more.
    bytes: &'a [u8],
    operations: &'a mut [u64],
}

impl Loop for Count<'_> {
    type Output = [u64; 2];

    #[inline(always)]
    fn run<N: Narrow>(self) -> [u64; 2] {
        let Self { place, counter, bytes, operations } = self;
        let bits = Bits::of(place, counter.counted);
        let entry = place.format.bytes();
        let mut sums = [0; 2];
        if counter.fans.iter().all(|fan| fan.rows.is_empty()) {
            sums = bits.count(bytes, bytes.len() - 8);
        } else {
            let line = place.grid.width * place.grid.channels * entry;
            for y in 0..place.grid.height {
                let bytes = &bytes[place.within(y, 0) * entry..];
                let [spikes, corrections] = bits.count(bytes, line);
                sums = [sums[0] + spikes, sums[1] + corrections];
                if spikes == 0 {
                    continue;
                }
                for fan in counter.fans.iter().filter(|fan| !fan.rows.is_empty()) {
                    let Line { most, unit, planes } = &fan.lines[fan.rows[y]];
                    let less = planes.iter().enumerate().map(|(bit, plane)| bits.count_in(bytes, plane) << bit).fold(0, u64::wrapping_add);
                    let sum = most.wrapping_mul(spikes).wrapping_sub(unit.wrapping_mul(less));
                    operations[fan.layer] = operations[fan.layer].wrapping_add(sum);
                }
            }
        }
        for fan in counter.fans.iter().filter(|fan| fan.rows.is_empty()) {
            operations[fan.layer] = operations[fan.layer].wrapping_add(fan.lines[0].most.wrapping_mul(sums[0]));
        }
        sums
    }
}

/// What says a spike in the words of a value.
#[derive(Clone, Copy)]
struct Bits {
    counted: Counted,
    is_unsigned: bool,
    /// Bits of an entry, and the lowest and the highest one of each.
    bits: u32,
    low: u64,
    high: u64,
    zero: u64,
}

impl Bits {
    fn of(place: &Place, counted: Counted) -> Self {
        let format = place.format;
        let bits = 8 * format.bytes() as u32;
        let low = u64::MAX / ((1 << (bits - 1) << 1) - 1);
        Self { counted, is_unsigned: format.is_unsigned, bits, low, high: low << (bits - 1), zero: u64::from_ne_bytes([format.zero; 8]) }
    }

    /// Spikes and corrections of the first `len` bytes.
    #[inline(always)]
    fn count(self, bytes: &[u8], len: usize) -> [u64; 2] {
        match (self.counted, self.is_unsigned) {
            // To take 128 from a byte is to turn its highest bit.
            (Counted::Digits, _) | (Counted::Signs, true) => [set_bits(bytes, len, |word| word ^ self.zero), 0],
            // Of -1 all bits are set, and it is a spike too.
            (Counted::Signs, false) => {
                [set_bits(bytes, len, |word| (word ^ self.zero) & self.low), set_bits(bytes, len, |word| (word ^ self.zero) & self.high)]
            }
            (Counted::Entries, _) => [set_bits(bytes, len, |word| nonzero(word ^ self.zero, self.bits, self.low)), 0],
        }
    }

    /// Spikes of the entries of a plane.
    #[inline(always)]
    fn count_in(self, bytes: &[u8], plane: &[Part]) -> u64 {
        let of = |part: &Part| {
            let words = bytes[8 * part.first..].as_chunks::<8>().0;
            let masked = words.iter().zip(&part.masks);
            match (self.counted, self.is_unsigned) {
                (Counted::Digits, _) | (Counted::Signs, true) => add_bits(masked, |word| word ^ self.zero),
                (Counted::Signs, false) => add_bits(masked, |word| (word ^ self.zero) & self.low),
                (Counted::Entries, _) => add_bits(masked, |word| nonzero(word ^ self.zero, self.bits, self.low)),
            }
        };
        plane.iter().map(of).sum()
    }
}

/// Bits that are set in words after `of`, of those of a mask.
#[inline(always)]
fn add_bits<'a>(words: impl Iterator<Item = (&'a [u8; 8], &'a u64)>, of: impl Fn(u64) -> u64) -> u64 {
    words.map(|(word, mask)| u64::from((of(u64::from_le_bytes(*word)) & mask).count_ones())).sum()
}

/// One bit for every entry of a word that is not zero.
#[inline(always)]
fn nonzero(word: u64, bits: u32, low: u64) -> u64 {
    let mut folded = word;
    // The bits of an entry come together in its lowest.
    let mut half = bits / 2;
    while half > 0 {
        folded |= folded >> half;
        half /= 2;
    }
    folded & low
}

/// Bits that are set in the first `len` bytes after `of`, which looks at words.
#[inline(always)]
fn set_bits(bytes: &[u8], len: usize, of: impl Fn(u64) -> u64) -> u64 {
    let (words, rest) = (len / 8, len % 8);
    // Behind the end stands something else: it is looked at, and left out.
    let bytes = bytes[..words * 8 + 8].as_chunks::<8>().0;
    let last = if rest == 0 { 0 } else { u64::MAX >> (64 - 8 * rest) };
    let count = |word: [u8; 8], mask: u64| u64::from((of(u64::from_le_bytes(word)) & mask).count_ones());
    bytes[..words].iter().map(|&word| count(word, u64::MAX)).sum::<u64>() + count(bytes[words], last)
}
