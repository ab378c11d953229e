//! Where the spikes of a value are.

use super::{arena::Memory, place::Place};
use crate::kernels::{Format, Part, Word};
use alloc::vec::Vec;
use core::ops::Range;

/// Events of one sign.
#[derive(Debug, Default)]
struct Side {
    /// For every place where its events end.
    ends: Vec<u32>,
    /// The entries that spike, counted through the lines of the value with its border; one of several spikes as often.
    entries: Vec<u32>,
}

impl Side {
    fn clear(&mut self) {
        self.ends.clear();
        self.entries.clear();
    }

    /// The events of some places that stand together.
    #[inline]
    fn of(&self, places: Range<usize>) -> &[u32] {
        let start = places.start.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.entries[start..self.ends[places.end - 1] as usize]
    }
}

/// The events of a value in all images and time steps of a pass.
#[derive(Debug, Default)]
pub(super) struct Events {
    plus: Side,
    minus: Side,
    /// Places of a line, border included, and their channels.
    line: usize,
    channels: usize,
}

impl Events {
    /// Finds the events of a value of bytes or halves, of which none is but 0 and 1 if it `is_binary`;
    /// false if they are more than `most` for every entry.
    pub(super) fn find(&mut self, place: &Place, memory: Memory, images: usize, steps: usize, is_binary: bool, most: f32) -> bool {
        self.plus.clear();
        self.minus.clear();
        let (bytes, channels) = (place.format.bytes(), place.grid.channels);
        (self.line, self.channels) = (place.line() / channels, channels);
        let mut seen = 0;
        for image in 0..images {
            for step in 0..place.steps(steps) {
                let start = place.start(image, step);
                // SAFETY: it is the value with its border.
                let value = unsafe { core::slice::from_raw_parts(memory.at(start).cast_const(), place.padded() * bytes) };
                for (index, pixel) in value.chunks_exact(channels * bytes).enumerate() {
                    let first = index % self.line * channels;
                    if place.format.word == Word::Bytes {
                        self.of_bytes(first as u32, pixel, place.format, is_binary);
                    } else {
                        self.of_halves(first as u32, pixel);
                    }
                    self.plus.ends.push(self.plus.entries.len() as u32);
                    self.minus.ends.push(self.minus.entries.len() as u32);
                }
                seen += place.grid.len();
                if (self.plus.entries.len() + self.minus.entries.len()) as f32 > most * seen as f32 {
                    return false;
                }
            }
        }
        true
    }

    fn of_bytes(&mut self, first: u32, pixel: &[u8], format: Format, is_binary: bool) {
        for (index, bytes) in (first..).step_by(64).zip(pixel.chunks(64)) {
            let mut others = mask(bytes, format.zero);
            while others != 0 {
                let byte = others.trailing_zeros();
                others &= others - 1;
                let entry = index + byte;
                if is_binary {
                    self.plus.entries.push(entry);
                    continue;
                }
                let number = bytes[byte as usize].wrapping_sub(format.zero);
                if !format.is_unsigned && number >= 128 {
                    (number as i8..0).for_each(|_| self.minus.entries.push(entry));
                } else {
                    (0..number).for_each(|_| self.plus.entries.push(entry));
                }
            }
        }
    }

    fn of_halves(&mut self, first: u32, pixel: &[u8]) {
        for (index, block) in (0u32..).step_by(4).zip(pixel.as_chunks::<2>().0.chunks(4)) {
            if block.iter().all(|half| *half == [0; 2]) {
                continue;
            }
            for (channel, half) in (first + index..).zip(block) {
                let number = i16::from_ne_bytes(*half);
                (0..number).for_each(|_| self.plus.entries.push(channel));
                (number..0).for_each(|_| self.minus.entries.push(channel));
            }
        }
    }

    /// The events of some places of a line, from one that is counted through images, steps and places with their border.
    #[inline]
    pub(super) fn of(&self, place: usize, places: usize) -> Part<'_> {
        let range = place..place + places;
        Part { plus: self.plus.of(range.clone()), minus: self.minus.of(range), base: (place % self.line * self.channels) as u32 }
    }
}

/// One bit for each of up to 64 bytes, set where it is not `zero`.
#[inline]
fn mask(bytes: &[u8], zero: u8) -> u64 {
    let zeros = u64::from_ne_bytes([zero; 8]);
    let (words, rest) = bytes.as_chunks::<8>();
    let of = |word: [u8; 8]| {
        let mut word = u64::from_le_bytes(word) ^ zeros;
        // The bits of a byte come together in its lowest, and these in the highest byte.
        word |= word >> 4;
        word |= word >> 2;
        word |= word >> 1;
        (word & 0x0101_0101_0101_0101).wrapping_mul(0x0102_0408_1020_4080) >> 56
    };
    let mut last = [zero; 8];
    last[..rest.len()].copy_from_slice(rest);
    let mut mask = if rest.is_empty() { 0 } else { of(last) << (8 * words.len()) };
    for (index, word) in words.iter().enumerate() {
        mask |= of(*word) << (8 * index);
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn bits_are_those_of_bytes() {
        for (len, zero) in [(64, 0), (64, 128), (23, 1), (8, 0), (3, 0), (0, 0)] {
            let bytes: Vec<u8> =
                (0..len).map(|i: usize| if i.is_multiple_of(3) || i % 7 == 1 { zero } else { (i * 37 + 1) as u8 | 4 }).collect();
            let expected = bytes.iter().enumerate().map(|(i, &byte)| u64::from(byte != zero) << i).sum::<u64>();
            assert_eq!(mask(&bytes, zero), expected, "{len} bytes, zero {zero}");
            for byte in 0..=255 {
                assert_eq!(mask(&[byte, zero], zero), u64::from(byte != zero));
            }
        }
    }
}
