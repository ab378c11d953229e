//! Search for stretches of numbers up to a factor: by the ratios of consecutive entries, which a factor leaves as they are.

use super::{
    element::Element,
    finder::{Filter, in_chunks},
    window::LENGTH,
};
use crate::artifact::remains::distance;

/// Of the deviations from the mean of a stretch, the share that may differ, in units of the format's rounding.
const TOLERANCE: f64 = 3.0;
/// Tolerance of formats that do not round.
const LEAST_TOLERANCE: f64 = 1e-5;

/// Stretches of numbers to search for in one format.
pub(crate) struct Ratios<'a> {
    windows: &'a [(usize, &'a [f32])],
    element: Element,
    /// Key of the first two ratios and index of the stretch, sorted; several keys each, for what rounding may do.
    keys: Vec<(u32, usize)>,
    filter: Filter,
}

impl<'a> Ratios<'a> {
    /// Of stretches of [`LENGTH`] entries, the first three of them not small.
    pub(crate) fn new(windows: &'a [(usize, &'a [f32])], element: Element) -> Self {
        let mut keys = Vec::new();
        for (k, (_, window)) in windows.iter().enumerate() {
            let second = buckets(window[2] / window[1], element);
            for first in buckets(window[1] / window[0], element) {
                keys.extend(second.clone().map(|second| (key(first, second), k)));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        let filter = Filter::new(keys.iter().map(|k| k.0));
        Self { windows, element, keys, filter }
    }

    /// Where the stretches occur: offset and index of the stretch, ascending.
    pub(crate) fn places(&self, bytes: &[u8]) -> Vec<(usize, usize)> {
        let width = self.element.width();
        if self.keys.is_empty() || bytes.len() < LENGTH * width {
            return Vec::new();
        }
        let last = bytes.len() - LENGTH * width;
        let mut found = in_chunks(last + 1, |range| match self.element {
            // One loop each, so that the compiler knows the format.
            Element::F32 => self.scan(bytes, range, Element::F32),
            Element::F16 => self.scan(bytes, range, Element::F16),
            Element::Bf16 => self.scan(bytes, range, Element::Bf16),
            Element::F64 => self.scan(bytes, range, Element::F64),
        });
        found.sort_unstable();
        found
    }

    #[inline(always)]
    fn scan(&self, bytes: &[u8], range: std::ops::Range<usize>, element: Element) -> Vec<(usize, usize)> {
        let width = element.width();
        let mut found = Vec::new();
        for phase in 0..width.min(range.len()) {
            // Numbers of this phase, two ahead of the place looked at.
            let from = range.start + phase;
            let mut before = element.read(&bytes[from + width..]);
            let mut first = bucket(before / element.read(&bytes[from..]), element);
            for offset in (from..range.end).step_by(width) {
                let number = element.read(&bytes[offset + 2 * width..]);
                let second = bucket(number / before, element);
                let key = key(first, second);
                if self.filter.may_have(key) {
                    self.check(bytes, offset, key, &mut found);
                }
                (before, first) = (number, second);
            }
        }
        found
    }

    #[inline(never)]
    fn check(&self, bytes: &[u8], offset: usize, key: u32, found: &mut Vec<(usize, usize)>) {
        let first = self.keys.partition_point(|k| k.0 < key);
        for &(_, k) in self.keys[first..].iter().take_while(|k| k.0 == key) {
            let numbers = bytes[offset..].chunks_exact(self.element.width()).take(LENGTH);
            if is_multiple(numbers.map(|b| self.element.read(b)), self.windows[k].1, self.element) {
                found.push((offset, k));
            }
        }
    }
}

/// Whether the numbers are a multiple of the entries, but for rounding.
fn is_multiple(numbers: impl Iterator<Item = f32>, entries: &[f32], element: Element) -> bool {
    let mut read = [0.0f32; LENGTH];
    read.iter_mut().zip(numbers).for_each(|(r, n)| *r = n);
    distance(&read, entries) <= (TOLERANCE * f64::from(element.rounding())).max(LEAST_TOLERANCE)
}

/// Sign, exponent and leading digits of a ratio: as many as the format's rounding leaves.
#[inline(always)]
fn bucket(ratio: f32, element: Element) -> u32 {
    let digits = match element {
        Element::F32 | Element::F64 => 14,
        Element::F16 => 8,
        Element::Bf16 => 6,
    };
    ratio.to_bits() >> (23 - digits)
}

/// All that the ratio of two rounded numbers may fall into.
fn buckets(ratio: f32, element: Element) -> std::ops::RangeInclusive<u32> {
    // Two roundings, and a little for those of the search itself.
    let tolerance = 2.1 * element.rounding() + 1e-6;
    bucket(ratio * (1.0 - tolerance), element)..=bucket(ratio * (1.0 + tolerance), element)
}

#[inline(always)]
fn key(first: u32, second: u32) -> u32 {
    first.wrapping_mul(0x85EB_CA6B) ^ second.rotate_left(7).wrapping_mul(0xC2B2_AE35)
}
