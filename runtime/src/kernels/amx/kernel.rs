//! The product by tiles.
//!
//! Registers 0 to 3 hold sums of up to 32 rows and 32 outputs, 4 and 5 hold the rows, 6 and 7 the weights: four loads for four products. The compiler knows
//! nothing of the registers, and no stable function makes it; so a whole sum is one piece of assembly, from the bias to the store.

use super::{
    super::{
        COLUMNS, Isa,
        product::{Line, Task},
    },
    is_available,
};
use alloc::vec::Vec;
use core::{
    arch::{asm, x86_64::*},
    marker::PhantomData,
};

/// Lines behind packed weights that are read: less than a tile of them.
pub(crate) const BEHIND: usize = WORDS - 1;
/// Fewest rows for which tiles pay: a tile of weights takes 16 cycles for up to 16 rows, and vectors about 8 a row.
pub(crate) const FEWEST_ROWS: usize = 4;

/// Rows of a tile. Its outputs are [`COLUMNS`].
const TILE: usize = 16;
/// Rows of a panel.
const ROWS: usize = 2 * TILE;
/// Words of a row of a tile.
const WORDS: usize = 16;

/// What the registers are set up as: all eight of 16 rows and 64 bytes.
#[repr(align(64))]
struct Configuration(#[allow(dead_code, reason = "read by its address")] [u8; 64]);

static CONFIGURATION: Configuration = {
    let mut bytes = [0; 64];
    // The palette.
    bytes[0] = 1;
    let mut register = 0;
    while register < 8 {
        // Bytes of a row, in 16 bits, and rows.
        bytes[16 + 2 * register] = 4 * WORDS as u8;
        bytes[48 + register] = TILE as u8;
        register += 1;
    }
    Configuration(bytes)
};

/// The tile registers of a thread, set up until this is dropped; the system need not keep them any longer. Nothing for other instructions.
#[must_use = "products want it held"]
pub(crate) struct Tiles {
    isa: Isa,
    /// It stays with the thread.
    thread: PhantomData<*const ()>,
}

impl Tiles {
    /// Sets the registers up.
    pub(crate) fn new(isa: Isa) -> Self {
        if isa == Isa::Amx {
            debug_assert!(is_available(), "instructions that this processor lacks");
            // SAFETY: a network is only given instructions that the processor has; the configuration is a valid one.
            unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION, options(nostack, preserves_flags)) };
        }
        Self { isa, thread: PhantomData }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        if self.isa == Isa::Amx {
            // SAFETY: as in `new`.
            unsafe { asm!("tilerelease", options(nostack, preserves_flags)) };
        }
    }
}

/// Memory to gather rows of an operand in.
#[derive(Default)]
pub(crate) struct Panel(Vec<Line>);

/// A product of bytes, as of [`super::super::Weights::product`].
///
/// # Safety
/// As of [`super::super::Weights::product`]; there are sums for all rows, and [`BEHIND`] lines behind the weights; the thread has [`Tiles`].
#[target_feature(enable = "avx512f")]
pub(crate) unsafe fn product(task: &Task<'_>, panel: &mut Panel, rows: &[*const u8], sums: &mut [i32]) {
    let (width, per_block) = (task.width, task.runs.len() * task.words);
    let steps = per_block.div_ceil(WORDS);
    let panel = &mut panel.0;
    if panel.len() < steps * ROWS {
        panel.resize(steps * ROWS, Line([0; COLUMNS]));
    }
    let mut done = 0;
    while done < rows.len() {
        // A last tile that is not full starts earlier, and makes some sums again.
        let first = done.min(rows.len().saturating_sub(TILE));
        let count = (rows.len() - first).min(ROWS);
        // SAFETY: as the caller promises; the panel was made large enough.
        unsafe { gather(task, &rows[first..][..count], panel) };
        done = first + count;
        for column in (0..width).step_by(2 * COLUMNS) {
            let outputs = (width - column).min(2 * COLUMNS);
            let weights = task.lines[column / COLUMNS * per_block..].as_ptr();
            // The second tile of rows and outputs; where there is none, it is not read.
            let (below, beside) = (count.saturating_sub(TILE), if outputs > COLUMNS { per_block } else { 0 });
            let mut job = Job {
                rows: [panel.as_ptr(), panel[below..].as_ptr()],
                weights: [weights, weights.wrapping_add(beside)],
                steps,
                bias: task.bias[column..][..outputs].as_ptr(),
                sums: sums[first * width + column..].as_mut_ptr(),
                pitch: width * size_of::<i32>(),
                below: below * width * size_of::<i32>(),
            };
            if count < TILE {
                let mut spill = [[0; 2 * COLUMNS]; TILE];
                (job.sums, job.pitch) = (spill.as_mut_ptr().cast(), size_of_val(&spill[0]));
                // SAFETY: the tile has a place of its own; the rest as below.
                unsafe { job.run(false, outputs > COLUMNS) };
                for (row, spill) in spill.iter().enumerate().take(count) {
                    sums[row * width + column..][..outputs].copy_from_slice(&spill[..outputs]);
                }
            } else {
                // SAFETY: the tiles lie within the panel, the weights with what is behind them, and the sums.
                unsafe { job.run(count > TILE, outputs > COLUMNS) };
            }
        }
    }
}

/// Copies rows to a panel: by step of [`WORDS`] words and row. Zeros are behind the last word.
///
/// # Safety
/// All words of all runs of every row can be read; the panel has [`ROWS`] lines for every step.
#[target_feature(enable = "avx512f")]
unsafe fn gather(task: &Task<'_>, rows: &[*const u8], panel: &mut [Line]) {
    let mut word = 0;
    for &run in task.runs {
        let mut from = run as usize;
        let end = from + task.words * 4;
        while from < end {
            let place = word % WORDS;
            let len = ((end - from) / 4).min(WORDS - place);
            let mask = u16::MAX >> (WORDS - len);
            let lines = panel[word / WORDS * ROWS..][..rows.len()].iter_mut();
            for (&row, line) in rows.iter().zip(lines) {
                // SAFETY: the caller lets the words be read; a mask has no others read or written.
                unsafe {
                    let words = _mm512_maskz_loadu_epi32(mask, row.add(from).cast());
                    let to = line.0.as_mut_ptr();
                    if place == 0 {
                        // The first one of a line makes the rest 0.
                        _mm512_store_si512(to.cast(), words);
                    } else {
                        _mm512_mask_storeu_epi32(to.add(place).cast(), mask, words);
                    }
                }
            }
            from += 4 * len;
            word += len;
        }
    }
}

/// Sums of one tile, two or four.
struct Job {
    /// The first line of each tile of rows, in a panel.
    rows: [*const Line; 2],
    /// The first line of each block of weights.
    weights: [*const Line; 2],
    steps: usize,
    /// What sums start with, for both blocks of outputs.
    bias: *const i32,
    /// The sums, and bytes from a row of them to the next and from the first tile of rows to the second.
    sums: *mut i32,
    pitch: usize,
    below: usize,
}

impl Job {
    /// # Safety
    /// The tile registers are set up; all addresses are those of tiles, of the second only if there is one.
    unsafe fn run(&self, is_high: bool, is_wide: bool) {
        // SAFETY: as the caller promises.
        unsafe {
            match (is_high, is_wide) {
                (false, false) => self.tile(),
                (false, true) => self.wide(),
                (true, false) => self.high(),
                (true, true) => self.square(),
            }
        }
    }
}

/// A version of the sum: what sets its registers to the bias, what a step does, and what stores the first and the second tile of rows.
macro_rules! sum {
    ($name:ident, $what:literal, [$($bias:literal)*], [$($step:literal)*], [$($upper:literal)*], [$($lower:literal)*]) => {
        impl Job {
            #[doc = $what]
            ///
            /// # Safety
            /// As of [`Job::run`].
            unsafe fn $name(&self) {
                // SAFETY: as the caller promises.
                unsafe {
                    asm!(
                        // A stride of 0 makes every row the same.
                        $($bias,)*
                        "2:",
                        $($step,)*
                        "add {x0}, {panel}",
                        "add {x1}, {panel}",
                        "add {w0}, {tile}",
                        "add {w1}, {tile}",
                        "dec {steps}",
                        "jnz 2b",
                        $($upper,)*
                        "add {sums}, {below}",
                        $($lower,)*
                        x0 = inout(reg) self.rows[0] => _,
                        x1 = inout(reg) self.rows[1] => _,
                        w0 = inout(reg) self.weights[0] => _,
                        w1 = inout(reg) self.weights[1] => _,
                        steps = inout(reg) self.steps => _,
                        bias = in(reg) self.bias,
                        sums = inout(reg) self.sums => _,
                        pitch = in(reg) self.pitch,
                        below = in(reg) self.below,
                        zero = in(reg) 0usize,
                        line = in(reg) size_of::<Line>(),
                        panel = const ROWS * size_of::<Line>(),
                        tile = const WORDS * size_of::<Line>(),
                        out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                        out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                        options(nostack)
                    );
                }
            }
        }
    };
}

sum!(
    tile,
    "16 rows and 16 outputs.",
    ["tileloadd tmm0, [{bias} + {zero}*1]"],
    ["tileloadd tmm4, [{x0} + {line}*1]" "tileloadd tmm6, [{w0} + {line}*1]" "tdpbusd tmm0, tmm4, tmm6"],
    ["tilestored [{sums} + {pitch}*1], tmm0"],
    []
);
sum!(
    wide,
    "16 rows and 32 outputs.",
    ["tileloadd tmm0, [{bias} + {zero}*1]" "tileloadd tmm1, [{bias} + {zero}*1 + 64]"],
    [
        "tileloadd tmm4, [{x0} + {line}*1]"
        "tileloadd tmm6, [{w0} + {line}*1]"
        "tdpbusd tmm0, tmm4, tmm6"
        "tileloadd tmm7, [{w1} + {line}*1]"
        "tdpbusd tmm1, tmm4, tmm7"
    ],
    ["tilestored [{sums} + {pitch}*1], tmm0" "tilestored [{sums} + {pitch}*1 + 64], tmm1"],
    []
);
sum!(
    high,
    "32 rows and 16 outputs.",
    ["tileloadd tmm0, [{bias} + {zero}*1]" "tileloadd tmm2, [{bias} + {zero}*1]"],
    [
        "tileloadd tmm6, [{w0} + {line}*1]"
        "tileloadd tmm4, [{x0} + {line}*1]"
        "tdpbusd tmm0, tmm4, tmm6"
        "tileloadd tmm5, [{x1} + {line}*1]"
        "tdpbusd tmm2, tmm5, tmm6"
    ],
    ["tilestored [{sums} + {pitch}*1], tmm0"],
    ["tilestored [{sums} + {pitch}*1], tmm2"]
);
sum!(
    square,
    "32 rows and 32 outputs.",
    [
        "tileloadd tmm0, [{bias} + {zero}*1]"
        "tileloadd tmm1, [{bias} + {zero}*1 + 64]"
        "tileloadd tmm2, [{bias} + {zero}*1]"
        "tileloadd tmm3, [{bias} + {zero}*1 + 64]"
    ],
    [
        "tileloadd tmm4, [{x0} + {line}*1]"
        "tileloadd tmm6, [{w0} + {line}*1]"
        "tdpbusd tmm0, tmm4, tmm6"
        "tileloadd tmm7, [{w1} + {line}*1]"
        "tdpbusd tmm1, tmm4, tmm7"
        "tileloadd tmm5, [{x1} + {line}*1]"
        "tdpbusd tmm2, tmm5, tmm6"
        "tdpbusd tmm3, tmm5, tmm7"
    ],
    ["tilestored [{sums} + {pitch}*1], tmm0" "tilestored [{sums} + {pitch}*1 + 64], tmm1"],
    ["tilestored [{sums} + {pitch}*1], tmm2" "tilestored [{sums} + {pitch}*1 + 64], tmm3"]
);
