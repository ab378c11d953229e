//! Where the spikes of a value are.

use super::{arena::Memory, place::Place};
use crate::kernels::{Part, Word};
use alloc::vec::Vec;

/// The events of a value in all images and time steps of a pass: for every place, border included, the channels that spike.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// For every place the end of its events that add and of those that take away, in [`Events::channels`].
    ends: Vec<[u32; 2]>,
    /// The channels, place by place; one of several spikes as often.
    channels: Vec<u16>,
}

impl Events {
    /// Finds the events of a value of bytes or halves; false if they are more than `most`.
    pub(super) fn find(&mut self, place: &Place, memory: Memory, images: usize, steps: usize, most: usize) -> bool {
        self.ends.clear();
        self.channels.clear();
        let bytes = place.format.bytes();
        let line = place.grid.channels * bytes;
        for image in 0..images {
            for step in 0..place.steps(steps) {
                let start = place.byte(image, step, 0, 0) - place.within(0, 0) * bytes;
                // SAFETY: it is the value with its border.
                let value = unsafe { core::slice::from_raw_parts(memory.at(start).cast_const(), place.padded() * bytes) };
                for pixel in value.chunks_exact(line) {
                    if place.format.word == Word::Bytes {
                        self.of_bytes(pixel, place.format.zero, place.format.is_unsigned);
                    } else {
                        self.of_halves(pixel);
                    }
                    if self.channels.len() > most {
                        return false;
                    }
                }
            }
        }
        true
    }

    fn of_bytes(&mut self, pixel: &[u8], zero: u8, is_unsigned: bool) {
        let (words, rest) = pixel.as_chunks::<8>();
        let mut last = [zero; 8];
        last[..rest.len()].copy_from_slice(rest);
        let all = u64::from_ne_bytes([zero; 8]);
        let words = || words.iter().chain(core::iter::once(&last)).map(|word| u64::from_le_bytes(*word));
        let mut has_minus = false;
        for (index, word) in words().enumerate() {
            let mut others = word ^ all;
            while others != 0 {
                let byte = others.trailing_zeros() / 8;
                others &= !(0xFF << (8 * byte));
                let number = ((word >> (8 * byte)) as u8).wrapping_sub(zero);
                let channel = (index * 8) as u16 + byte as u16;
                if is_unsigned || number < 128 {
                    (0..number).for_each(|_| self.channels.push(channel));
                } else {
                    has_minus = true;
                }
            }
        }
        let plus = self.channels.len() as u32;
        if has_minus {
            for (channel, &byte) in pixel.iter().enumerate() {
                if byte.wrapping_sub(zero) as i8 == -1 {
                    self.channels.push(channel as u16);
                }
            }
        }
        self.ends.push([plus, self.channels.len() as u32]);
    }

    fn of_halves(&mut self, pixel: &[u8]) {
        let halves = pixel.as_chunks::<2>().0;
        let mut has_minus = false;
        for (first, block) in halves.chunks(4).enumerate() {
            if block.iter().all(|half| *half == [0; 2]) {
                continue;
            }
            for (channel, half) in (first * 4..).zip(block) {
                let number = i16::from_ne_bytes(*half);
                has_minus |= number < 0;
                (0..number).for_each(|_| self.channels.push(channel as u16));
            }
        }
        let plus = self.channels.len() as u32;
        if has_minus {
            for (channel, half) in halves.iter().enumerate() {
                (i16::from_ne_bytes(*half)..0).for_each(|_| self.channels.push(channel as u16));
            }
        }
        self.ends.push([plus, self.channels.len() as u32]);
    }

    /// The events of a place, counted through images, steps and places with their border.
    #[inline]
    pub(super) fn of(&self, place: usize) -> Part<'_> {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before][1] as usize);
        let [plus, end] = self.ends[place].map(|end| end as usize);
        Part { plus: &self.channels[start..plus], minus: &self.channels[plus..end] }
    }
}
