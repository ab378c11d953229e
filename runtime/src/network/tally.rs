//! Counting spikes, and the operations that they cause.

use super::{
    activity::{Activity, Counted, PopulationKind},
    arena::Memory,
    fans::Stretch,
    place::Place,
};
use crate::kernels::{Isa, Loop};
use alloc::{vec, vec::Vec};

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

/// The weights of a line: of an entry `base`, and `unit · 2^k` for every plane k that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    base: u64,
    unit: u64,
    /// By plane, the bits of its entries in the words of a line.
    planes: Vec<Vec<u64>>,
}

impl Line {
    /// From the weights of a line's entries, or from one for all; of a stretch of all entries there are no planes.
    fn new(stretches: &[Stretch], bytes: usize) -> Self {
        let weights = || stretches.iter().map(|stretch| stretch.weight);
        let base = weights().min().unwrap_or(0);
        let unit = weights().fold(0, |unit, weight| greatest_divisor(unit, weight - base)).max(1);
        let most = weights().map(|weight| (weight - base) / unit).max().unwrap_or(0);
        let len: usize = stretches.iter().map(|stretch| stretch.len).sum();
        let plane = |bit: u32| {
            let mut words = vec![0u64; (len * bytes).div_ceil(8)];
            let entries = stretches.iter().flat_map(|stretch| core::iter::repeat_n(stretch.weight, stretch.len));
            for (entry, weight) in entries.enumerate() {
                if ((weight - base) / unit) >> bit & 1 == 1 {
                    let mask = (u64::MAX >> (64 - 8 * bytes)) << (entry * bytes % 8 * 8);
                    words[entry * bytes / 8] |= mask;
                }
            }
            words
        };
        Self { base, unit, planes: (0..u64::BITS - most.leading_zeros()).map(plane).collect() }
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
        let planes = self.fans.iter().flat_map(|fan| &fan.lines).flat_map(|line| &line.planes);
        planes.map(|plane| size_of_val(&plane[..])).sum::<usize>() + self.fans.iter().map(|fan| size_of_val(&fan.rows[..])).sum::<usize>()
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
    fn run(self) -> [u64; 2] {
        let Self { place, counter, bytes, operations } = self;
        let sums = count(place, counter.counted, bytes, bytes.len() - 8, None);
        if sums[0] == 0 {
            return sums;
        }
        let entry = place.format.bytes();
        let line = place.grid.width * place.grid.channels * entry;
        for fan in &counter.fans {
            if fan.rows.is_empty() {
                operations[fan.layer] = operations[fan.layer].wrapping_add(fan.lines[0].base.wrapping_mul(sums[0]));
            }
            for (y, &kind) in fan.rows.iter().enumerate() {
                let Line { base, unit, planes } = &fan.lines[kind];
                let bytes = &bytes[place.within(y, 0) * entry..];
                let mut sum = base.wrapping_mul(count(place, counter.counted, bytes, line, None)[0]);
                for (bit, plane) in planes.iter().enumerate() {
                    sum = sum.wrapping_add(unit.wrapping_mul(count(place, counter.counted, bytes, line, Some(plane))[0]) << bit);
                }
                operations[fan.layer] = operations[fan.layer].wrapping_add(sum);
            }
        }
        sums
    }
}

/// Spikes and corrections of the first `len` bytes, or of those entries of them that a plane has.
#[inline(always)]
fn count(place: &Place, counted: Counted, bytes: &[u8], len: usize, plane: Option<&[u64]>) -> [u64; 2] {
    let format = place.format;
    let ones = |bits: u32| u64::MAX / ((1 << (bits - 1) << 1) - 1);
    let bits = 8 * format.bytes() as u32;
    let (low, high) = (ones(bits), ones(bits) << (bits - 1));
    let zero = u64::from_ne_bytes([format.zero; 8]);
    match (counted, format.is_unsigned) {
        // To take 128 from a byte is to turn its highest bit.
        (Counted::Digits, ..) => [set_bits(bytes, len, plane, |word| word ^ zero), 0],
        (Counted::Signs, true) => [set_bits(bytes, len, plane, |word| word ^ zero), 0],
        // Of -1 all bits are set.
        (Counted::Signs, false) => {
            [set_bits(bytes, len, plane, |word| (word ^ zero) & low), set_bits(bytes, len, plane, |word| (word ^ zero) & high)]
        }
        (Counted::Entries, ..) => [set_bits(bytes, len, plane, |word| nonzero(word ^ zero, bits, low)), 0],
    }
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

/// Bits that are set after `of`, which looks at words.
#[inline(always)]
fn set_bits(bytes: &[u8], len: usize, plane: Option<&[u64]>, of: impl Fn(u64) -> u64) -> u64 {
    let (words, rest) = (len / 8, len % 8);
    // Behind the end stands something else: it is looked at, and left out.
    let bytes = bytes[..words * 8 + 8].as_chunks::<8>().0;
    let last = if rest == 0 { 0 } else { u64::MAX >> (64 - 8 * rest) };
    let word = |index: usize| of(u64::from_le_bytes(bytes[index]));
    let count = |bits: u64| u64::from(bits.count_ones());
    match plane {
        None => bytes[..words].iter().map(|&word| count(of(u64::from_le_bytes(word)))).sum::<u64>() + count(word(words) & last),
        Some(plane) => {
            let whole = bytes[..words].iter().zip(plane).map(|(&word, plane)| count(of(u64::from_le_bytes(word)) & plane)).sum::<u64>();
            whole + if rest == 0 { 0 } else { count(word(words) & last & plane[words]) }
        }
    }
}
