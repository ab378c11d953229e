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
/// Most steps of a sum whose rows are gathered at a time: 18 KiB of them stay in the nearest cache while the weights of all outputs go by.
const MOST_STEPS: usize = 9;

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

/// Memory of a thread for rows of an operand that are gathered, and for sums of rows that are not there.
#[derive(Default)]
pub(crate) struct Panel {
    rows: Vec<Line>,
    spill: Vec<i32>,
}

/// How far the words of a row have been gathered.
#[derive(Default)]
struct Cursor {
    run: usize,
    /// Of this run.
    word: usize,
}

/// A product of bytes, as of [`super::super::Weights::product`].
///
/// # Safety
/// As of [`super::super::Weights::product`]; there are sums for all rows, and [`BEHIND`] lines behind the weights; the thread has [`Tiles`].
#[target_feature(enable = "avx512f")]
pub(crate) unsafe fn product(task: &Task<'_>, panel: &mut Panel, rows: &[*const u8], sums: &mut [i32]) {
    let width = task.width;
    if rows.len() >= TILE {
        // SAFETY: as the caller promises.
        return unsafe { tiles(task, &mut panel.rows, rows, sums) };
    }
    // The rest of the tile has a place of its own.
    panel.spill.resize(panel.spill.len().max(TILE * width), 0);
    // SAFETY: there are sums for a whole tile; the rest as the caller promises.
    unsafe { tiles(task, &mut panel.rows, rows, &mut panel.spill) }
    let len = rows.len() * width;
    sums[..len].copy_from_slice(&panel.spill[..len]);
}

/// A product of rows whose sums, and those of a whole tile at least, have a place.
///
/// # Safety
/// As of [`product`].
#[target_feature(enable = "avx512f")]
unsafe fn tiles(task: &Task<'_>, panel: &mut Vec<Line>, rows: &[*const u8], sums: &mut [i32]) {
    let (width, per_block) = (task.width, task.runs.len() * task.words);
    let steps = per_block.div_ceil(WORDS);
    // Parts of about the same length.
    let part = steps.div_ceil(steps.div_ceil(MOST_STEPS));
    if panel.len() < part * ROWS {
        panel.resize(part * ROWS, Line([0; COLUMNS]));
    }
    let mut done = 0;
    while done < rows.len() {
        // A last tile that is not full starts earlier, and makes some sums again.
        let first = done.min(rows.len().saturating_sub(TILE));
        let count = (rows.len() - first).min(ROWS);
        let rows = &rows[first..][..count];
        done = first + count;
        let mut cursor = Cursor::default();
        for start in (0..steps).step_by(part) {
            let steps = part.min(steps - start);
            // SAFETY: as the caller promises; the panel was made large enough.
            unsafe { gather(task, &mut cursor, steps, rows, panel) };
            for column in (0..width).step_by(2 * COLUMNS) {
                let weights = task.lines[column / COLUMNS * per_block + start * WORDS..].as_ptr();
                // The second tile of rows and outputs; where there is none, it is not read.
                let is_wide = width - column > COLUMNS;
                let below = count.saturating_sub(TILE);
                let pitch = width * size_of::<i32>();
                let sums = sums[first * width + column..].as_mut_ptr();
                let bias = task.bias[column..].as_ptr();
                // A stride of 0 makes every row the same.
                let (from, stride) = if start == 0 { (bias, 0) } else { (sums.cast_const(), pitch) };
                let job = Job {
                    rows: [panel.as_ptr(), panel[below..].as_ptr()],
                    weights: [weights, weights.wrapping_add(if is_wide { per_block } else { 0 })],
                    steps,
                    from,
                    stride,
                    sums,
                    pitch,
                    below,
                };
                // SAFETY: the tiles lie within the panel, the weights with what is behind them, and the sums.
                unsafe { job.run(count > TILE, is_wide) };
            }
        }
    }
}

/// Copies words of rows to a panel, as many as there are left for so many steps: by step of [`WORDS`] words and row. Zeros are behind the last word.
///
/// # Safety
/// All words of all runs of every row can be read; the panel has [`ROWS`] lines for every step.
#[target_feature(enable = "avx512f")]
unsafe fn gather(task: &Task<'_>, cursor: &mut Cursor, steps: usize, rows: &[*const u8], panel: &mut [Line]) {
    let mut word = 0;
    while word < steps * WORDS && cursor.run < task.runs.len() {
        let from = task.runs[cursor.run] as usize + cursor.word * 4;
        let place = word % WORDS;
        let len = (task.words - cursor.word).min(WORDS - place);
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
        word += len;
        cursor.word += len;
        if cursor.word == task.words {
            *cursor = Cursor { run: cursor.run + 1, word: 0 };
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
    /// What sums start with, and bytes from a row of it to the next.
    from: *const i32,
    stride: usize,
    /// The sums, bytes from a row of them to the next, and rows from the first tile to the second.
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

/// A version of the sum: what its registers start with, what a step does, and what stores the first and the second tile of rows.
macro_rules! sum {
    ($name:ident, $what:literal, [$($start:literal)*], [$($step:literal)*], [$($upper:literal)*], [$($lower:literal)*]) => {
        impl Job {
            #[doc = $what]
            ///
            /// # Safety
            /// As of [`Job::run`].
            unsafe fn $name(&self) {
                // SAFETY: as the caller promises.
                unsafe {
                    asm!(
                        "/* {from_below} is for two tiles of rows */",
                        $($start,)*
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
                        from = in(reg) self.from,
                        from_below = in(reg) self.from.wrapping_byte_add(self.below * self.stride),
                        stride = in(reg) self.stride,
                        sums = inout(reg) self.sums => _,
                        pitch = in(reg) self.pitch,
                        below = in(reg) self.below * self.pitch,
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
    ["tileloadd tmm0, [{from} + {stride}*1]"],
    ["tileloadd tmm4, [{x0} + {line}*1]" "tileloadd tmm6, [{w0} + {line}*1]" "tdpbusd tmm0, tmm4, tmm6"],
    ["tilestored [{sums} + {pitch}*1], tmm0"],
    []
);
sum!(
    wide,
    "16 rows and 32 outputs.",
    ["tileloadd tmm0, [{from} + {stride}*1]" "tileloadd tmm1, [{from} + {stride}*1 + 64]"],
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
    ["tileloadd tmm0, [{from} + {stride}*1]" "tileloadd tmm2, [{from_below} + {stride}*1]"],
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
        "tileloadd tmm0, [{from} + {stride}*1]"
        "tileloadd tmm1, [{from} + {stride}*1 + 64]"
        "tileloadd tmm2, [{from_below} + {stride}*1]"
        "tileloadd tmm3, [{from_below} + {stride}*1 + 64]"
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
