//! Products with operands that are mostly 0: for every event of a row, one line of weights is added.
//!
//! Weights stand by entry of a row, those of all outputs beside each other, as bytes. Sums are taken in 16 bits: an event adds at most 128, so
//! that [`MOST`] of them fit; then they are added to sums of 32 bits.

use super::{COLUMNS, Isa};
use alloc::{vec, vec::Vec};

/// Events after which sums of 16 bits may be full.
const MOST: usize = 255;

/// Sums of a row at a time, at most: they are in registers.
pub(crate) const MOST_SUMS: usize = 4 * COLUMNS;

/// Events of a part of a row: the entries of those that add their weights, and of those that take them away.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part<'a> {
    pub(crate) plus: &'a [u32],
    pub(crate) minus: &'a [u32],
    /// The number that the first entry of the part has.
    pub(crate) base: u32,
}

/// Weights by entry.
#[derive(Clone, Debug)]
pub(crate) struct EventWeights {
    /// By part of a row and entry of it: one byte an output, in whole blocks.
    lines: Vec<i8>,
    /// Bytes of a line.
    pitch: usize,
    /// Entries of a part.
    len: usize,
    bias: Vec<i32>,
}

impl EventWeights {
    /// Packs weights of 8 bits: `weight(output, part, entry)`.
    pub(crate) fn pack(
        outputs: usize,
        parts: usize,
        len: usize,
        bias: impl Fn(usize) -> i32,
        weight: impl Fn(usize, usize, usize) -> i32,
    ) -> Self {
        let pitch = outputs.next_multiple_of(COLUMNS);
        let mut lines = vec![0; parts * len * pitch];
        for (index, line) in lines.chunks_exact_mut(pitch).enumerate() {
            for (output, entry) in line[..outputs].iter_mut().enumerate() {
                *entry = weight(output, index / len, index % len) as i8;
            }
        }
        let bias = (0..pitch).map(|output| if output < outputs { bias(output) } else { 0 }).collect();
        Self { lines, pitch, len, bias }
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.len() + size_of_val(&self.bias[..])
    }

    /// `sums[i] = bias + Σ ± w[entry][output + i]` over the events of all parts of a row, for as many outputs from `output` as there are
    /// sums; both are multiples of [`COLUMNS`], and there are at most [`MOST_SUMS`].
    pub(crate) fn accumulate(&self, isa: Isa, output: usize, parts: &[Part<'_>], sums: &mut [i32]) {
        assert!(
            output + sums.len() <= self.pitch && sums.len() <= MOST_SUMS && parts.len() * self.len * self.pitch <= self.lines.len(),
            "outputs and parts are there"
        );
        let task = Task { weights: self, output, parts };
        #[cfg(target_arch = "x86_64")]
        {
            use super::lanes::x86::{Halves256, Halves512};

            /// # Safety
            /// The processor has the instructions.
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            unsafe fn avx512(task: &Task<'_>, sums: &mut [i32]) {
                // SAFETY: the instructions are those of this function.
                unsafe {
                    match sums.len() / COLUMNS {
                        1 => task.run::<Halves256, 1>(sums),
                        2 => task.run::<Halves512, 1>(sums),
                        3 => task.run::<Halves256, 3>(sums),
                        _ => task.run::<Halves512, 2>(sums),
                    }
                }
            }
            /// # Safety
            /// The processor has the instructions.
            #[target_feature(enable = "avx2")]
            unsafe fn avx2(task: &Task<'_>, sums: &mut [i32]) {
                // SAFETY: the instructions are those of this function.
                unsafe { task.any::<Halves256>(sums) }
            }
            match isa {
                // SAFETY: a network is only given instructions that the processor has.
                Isa::Avx512 | Isa::Avx512Vnni | Isa::Amx => return unsafe { avx512(&task, sums) },
                // SAFETY: as before.
                Isa::Avx2 | Isa::AvxVnni => return unsafe { avx2(&task, sums) },
                _ => {}
            }
        }
        let _ = isa;
        // SAFETY: portable code needs no instructions of its own.
        unsafe { task.any::<super::lanes::PortableHalves>(sums) }
    }
}

/// Numbers of 16 bits.
///
/// # Safety
/// Of all functions: the processor has the instructions; what is read or written lies within its object.
pub(super) trait Halves: Copy {
    /// How many.
    const LEN: usize;
    /// Zeros.
    unsafe fn zero() -> Self;
    /// Adds `LEN` bytes.
    unsafe fn add(self, bytes: *const i8) -> Self;
    /// Takes away `LEN` bytes.
    unsafe fn subtract(self, bytes: *const i8) -> Self;
    /// Adds the numbers to as many of 32 bits.
    unsafe fn add_to(self, sums: *mut i32);
}

struct Task<'a> {
    weights: &'a EventWeights,
    output: usize,
    parts: &'a [Part<'a>],
}

impl Task<'_> {
    /// # Safety
    /// The processor has the instructions of `H`.
    #[inline(always)]
    unsafe fn any<H: Halves>(&self, sums: &mut [i32]) {
        // SAFETY: as the caller promises.
        unsafe {
            match sums.len() / COLUMNS {
                1 => self.run::<H, 1>(sums),
                2 => self.run::<H, 2>(sums),
                3 => self.run::<H, 3>(sums),
                _ => self.run::<H, 4>(sums),
            }
        }
    }

    /// With `V` vectors.
    ///
    /// # Safety
    /// The processor has the instructions of `H`.
    #[inline(always)]
    unsafe fn run<H: Halves, const V: usize>(&self, sums: &mut [i32]) {
        debug_assert_eq!(V * H::LEN, sums.len());
        sums.copy_from_slice(&self.weights.bias[self.output..][..V * H::LEN]);
        // SAFETY: the instructions are there.
        let mut halves = [unsafe { H::zero() }; V];
        let mut count = 0;
        let first = self.weights.lines.as_ptr().wrapping_add(self.output);
        let pitch = self.weights.pitch;
        for (part, events) in self.parts.iter().enumerate() {
            let first = first.wrapping_add(part * self.weights.len * pitch).wrapping_sub(events.base as usize * pitch);
            for (entries, is_plus) in [(events.plus, true), (events.minus, false)] {
                let mut rest = entries;
                while !rest.is_empty() {
                    if count == MOST {
                        // SAFETY: there are as many sums as numbers.
                        unsafe { flush(&mut halves, sums) };
                        count = 0;
                    }
                    let (now, later) = rest.split_at(rest.len().min(MOST - count));
                    for &entry in now {
                        let line = first.wrapping_add(entry as usize * pitch);
                        for (v, halves) in halves.iter_mut().enumerate() {
                            let line = line.wrapping_add(v * H::LEN);
                            // SAFETY: lines are as long as all outputs, and as many as entries.
                            *halves = unsafe { if is_plus { halves.add(line) } else { halves.subtract(line) } };
                        }
                    }
                    count += now.len();
                    rest = later;
                }
            }
        }
        // SAFETY: as before.
        unsafe { flush(&mut halves, sums) };
    }
}

/// # Safety
/// There are as many sums as numbers; the processor has the instructions.
#[inline(always)]
unsafe fn flush<H: Halves, const V: usize>(halves: &mut [H; V], sums: &mut [i32]) {
    for (v, halves) in halves.iter_mut().enumerate() {
        // SAFETY: as the caller promises.
        unsafe {
            halves.add_to(sums.as_mut_ptr().add(v * H::LEN));
            *halves = H::zero();
        }
    }
}
