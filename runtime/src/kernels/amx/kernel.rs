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
    mem::offset_of,
    ops::Range,
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

/// Memory of a thread for rows of an operand that are gathered, for sums of rows that are not there, and for where each step's words are.
#[derive(Default)]
pub(crate) struct Panel {
    rows: Vec<Line>,
    spill: Vec<i32>,
    places: Vec<u32>,
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
    let Panel { rows: panel, spill, places } = panel;
    if rows.len() >= TILE {
        // SAFETY: as the caller promises.
        return unsafe { tiles(task, panel, places, rows, sums) };
    }
    // The rest of the tile has a place of its own.
    spill.resize(spill.len().max(TILE * task.width), 0);
    // SAFETY: there are sums for a whole tile; the rest as the caller promises.
    unsafe { tiles(task, panel, places, rows, spill) }
    let len = rows.len() * task.width;
    sums[..len].copy_from_slice(&spill[..len]);
}

/// A product of rows whose sums, and those of a whole tile at least, have a place.
///
/// # Safety
/// As of [`product`].
#[target_feature(enable = "avx512f")]
unsafe fn tiles(task: &Task<'_>, panel: &mut Vec<Line>, places: &mut Vec<u32>, rows: &[*const u8], sums: &mut [i32]) {
    let steps = (task.runs.len() * task.words).div_ceil(WORDS);
    // Parts of about the same length.
    let part = steps.div_ceil(steps.div_ceil(MOST_STEPS));
    let mut done = 0;
    while done < rows.len() {
        // A last tile that is not full starts earlier, and makes some sums again.
        let first = done.min(rows.len().saturating_sub(TILE));
        let rows = &rows[first..][..(rows.len() - first).min(ROWS)];
        done = first + rows.len();
        let below = rows.len().saturating_sub(TILE);
        let sums = &mut sums[first * task.width..];
        places.clear();
        if let Some(pitch) = pitch(task, rows) {
            places.extend(task.runs.iter().flat_map(|run| (0..task.words).step_by(WORDS).map(move |word| run + 4 * word as u32)));
            // SAFETY: all words of all runs can be read.
            unsafe { part_of_sums(task, 0..steps, [rows[0], rows[below]], pitch, places, rows.len(), sums) }
            continue;
        }
        places.extend((0..part).map(|step| (step * ROWS * size_of::<Line>()) as u32));
        if panel.len() < part * ROWS {
            panel.resize(part * ROWS, Line([0; COLUMNS]));
        }
        let mut cursor = Cursor::default();
        for start in (0..steps).step_by(part) {
            let part = start..steps.min(start + part);
            // SAFETY: as the caller promises; the panel was made large enough.
            unsafe {
                gather(task, &mut cursor, part.len(), rows, panel);
                let panel = [panel.as_ptr().cast(), panel[below..].as_ptr().cast()];
                part_of_sums(task, part, panel, size_of::<Line>(), places, rows.len(), sums);
            }
        }
    }
}

/// The distance of rows that are tiles as they stand in memory, if they are: the same from each to the next of a tile, and their words
/// those of whole steps.
fn pitch(task: &Task<'_>, rows: &[*const u8]) -> Option<usize> {
    if !task.words.is_multiple_of(WORDS) || rows.len() < TILE {
        return None;
    }
    let distance = |pair: &[*const u8]| (pair[1] as usize).wrapping_sub(pair[0] as usize);
    let pitch = distance(rows);
    let is_even = |tile: &[*const u8]| tile.windows(2).all(|pair| distance(pair) == pitch);
    (is_even(&rows[..TILE]) && is_even(&rows[rows.len() - TILE..])).then_some(pitch)
}

/// Some steps of the sums of up to two tiles of rows, with all outputs. Rows are `pitch` bytes apart, from the first of each tile on; `places` says by
/// step where its words are from there.
///
/// # Safety
/// The words can be read; the rest as of [`product`].
unsafe fn part_of_sums(
    task: &Task<'_>,
    steps: Range<usize>,
    rows: [*const u8; 2],
    pitch: usize,
    places: &[u32],
    count: usize,
    sums: &mut [i32],
) {
    let (width, per_block) = (task.width, task.runs.len() * task.words);
    let below = count.saturating_sub(TILE);
    assert!(places.len() >= steps.len() && sums.len() >= count.max(TILE) * width, "every step and every sum has a place");
    for column in (0..width).step_by(2 * COLUMNS) {
        let weights = task.lines[column / COLUMNS * per_block + steps.start * WORDS..].as_ptr();
        // The second tile of rows and outputs; where there is none, it is not read.
        let is_wide = width - column > COLUMNS;
        let sums = sums[column..].as_mut_ptr();
        let line = width * size_of::<i32>();
        // A distance of 0 makes every row the same.
        let (from, from_pitch) = if steps.start == 0 { (task.bias[column..].as_ptr(), 0) } else { (sums.cast_const(), line) };
        let job = Job {
            from: [from, from.wrapping_byte_add(below * from_pitch)],
            from_pitch,
            rows,
            pitch,
            places: places.as_ptr(),
            steps: steps.len(),
            weights: [weights, weights.wrapping_add(if is_wide { per_block } else { 0 })],
            sums: [sums, sums.wrapping_byte_add(below * line)],
            sums_pitch: line,
        };
        // SAFETY: the tiles lie within what can be read, the weights with what is behind them, and the sums.
        unsafe { job.run(count > TILE, is_wide) };
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

/// Sums of one tile, two or four. Pairs are of the first and the second tile of rows or, of weights, of outputs.
#[repr(C)]
struct Job {
    /// What sums start with, and bytes from a row of it to the next.
    from: [*const i32; 2],
    from_pitch: usize,
    /// Rows, bytes from each to the next, and by step where its words are.
    rows: [*const u8; 2],
    pitch: usize,
    places: *const u32,
    steps: usize,
    /// The first line of each block of weights.
    weights: [*const Line; 2],
    /// The sums, and bytes from a row of them to the next.
    sums: [*mut i32; 2],
    sums_pitch: usize,
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

/// A version of the sum: what its registers start with, what a step does, and what stores them. What it works on is looked up in the job, for general
/// registers are few: `{a}` and `{b}` are the addresses of both tiles, of rows, of weights, of what sums start with or of sums, and `{p}` the distance of
/// their rows.
macro_rules! sum {
    ($name:ident, $what:literal, [$($start:literal)*], [$($step:literal)*], [$($store:literal)*]) => {
        impl Job {
            #[doc = $what]
            ///
            /// # Safety
            /// As of [`Job::run`].
            unsafe fn $name(&self) {
                // SAFETY: as the caller promises.
                unsafe {
                    asm!(
                        "mov {a}, [{job} + {from}]",
                        "mov {b}, [{job} + {from} + 8]",
                        "mov {p}, [{job} + {from_pitch}]",
                        $($start,)*
                        "mov {x}, [{job} + {rows}]",
                        "mov {y}, [{job} + {rows} + 8]",
                        "mov {p}, [{job} + {pitch}]",
                        "mov {place}, [{job} + {places}]",
                        "mov {left}, [{job} + {steps}]",
                        "mov {w}, [{job} + {weights}]",
                        "mov {v}, [{job} + {weights} + 8]",
                        "2:",
                        "mov {b:e}, [{place}]",
                        "lea {a}, [{x} + {b}]",
                        "add {b}, {y}",
                        $($step,)*
                        "add {place}, 4",
                        "add {w}, {tile}",
                        "add {v}, {tile}",
                        "dec {left}",
                        "jnz 2b",
                        "mov {a}, [{job} + {sums}]",
                        "mov {b}, [{job} + {sums} + 8]",
                        "mov {p}, [{job} + {sums_pitch}]",
                        $($store,)*
                        job = in(reg) self,
                        a = out(reg) _,
                        b = out(reg) _,
                        p = out(reg) _,
                        x = out(reg) _,
                        y = out(reg) _,
                        w = out(reg) _,
                        v = out(reg) _,
                        place = out(reg) _,
                        left = out(reg) _,
                        line = in(reg) size_of::<Line>(),
                        tile = const WORDS * size_of::<Line>(),
                        from = const offset_of!(Job, from),
                        from_pitch = const offset_of!(Job, from_pitch),
                        rows = const offset_of!(Job, rows),
                        pitch = const offset_of!(Job, pitch),
                        places = const offset_of!(Job, places),
                        steps = const offset_of!(Job, steps),
                        weights = const offset_of!(Job, weights),
                        sums = const offset_of!(Job, sums),
                        sums_pitch = const offset_of!(Job, sums_pitch),
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
    ["tileloadd tmm0, [{a} + {p}*1]"],
    ["tileloadd tmm4, [{a} + {p}*1]" "tileloadd tmm6, [{w} + {line}*1]" "tdpbusd tmm0, tmm4, tmm6"],
    ["tilestored [{a} + {p}*1], tmm0"]
);
sum!(
    wide,
    "16 rows and 32 outputs.",
    ["tileloadd tmm0, [{a} + {p}*1]" "tileloadd tmm1, [{a} + {p}*1 + 64]"],
    [
        "tileloadd tmm4, [{a} + {p}*1]"
        "tileloadd tmm6, [{w} + {line}*1]"
        "tdpbusd tmm0, tmm4, tmm6"
        "tileloadd tmm7, [{v} + {line}*1]"
        "tdpbusd tmm1, tmm4, tmm7"
    ],
    ["tilestored [{a} + {p}*1], tmm0" "tilestored [{a} + {p}*1 + 64], tmm1"]
);
sum!(
    high,
    "32 rows and 16 outputs.",
    ["tileloadd tmm0, [{a} + {p}*1]" "tileloadd tmm2, [{b} + {p}*1]"],
    [
        "tileloadd tmm6, [{w} + {line}*1]"
        "tileloadd tmm4, [{a} + {p}*1]"
        "tdpbusd tmm0, tmm4, tmm6"
        "tileloadd tmm5, [{b} + {p}*1]"
        "tdpbusd tmm2, tmm5, tmm6"
    ],
    ["tilestored [{a} + {p}*1], tmm0" "tilestored [{b} + {p}*1], tmm2"]
);
sum!(
    square,
    "32 rows and 32 outputs.",
    [
        "tileloadd tmm0, [{a} + {p}*1]"
        "tileloadd tmm1, [{a} + {p}*1 + 64]"
        "tileloadd tmm2, [{b} + {p}*1]"
        "tileloadd tmm3, [{b} + {p}*1 + 64]"
    ],
    [
        "tileloadd tmm4, [{a} + {p}*1]"
        "tileloadd tmm6, [{w} + {line}*1]"
        "tdpbusd tmm0, tmm4, tmm6"
        "tileloadd tmm7, [{v} + {line}*1]"
        "tdpbusd tmm1, tmm4, tmm7"
        "tileloadd tmm5, [{b} + {p}*1]"
        "tdpbusd tmm2, tmm5, tmm6"
        "tdpbusd tmm3, tmm5, tmm7"
    ],
    [
        "tilestored [{a} + {p}*1], tmm0"
        "tilestored [{a} + {p}*1 + 64], tmm1"
        "tilestored [{b} + {p}*1], tmm2"
        "tilestored [{b} + {p}*1 + 64], tmm3"
    ]
);
