//! The product: a few rows of the operand times all columns of the weights.
//!
//! A row is what one result of a convolution or linear layer reads: *runs* of entries that stand together in memory, all of one
//! length, each at an offset from where the row starts. With channels last in memory, the run of a convolution is a line of its kernel, and of a
//! linear layer the whole operand. So nothing is gathered: the products read operands where they lie, and what a run has beyond a whole
//! number of words meets weights of 0.
//!
//! Weights are packed when the network is loaded, [`COLUMNS`] outputs beside each other, word by word.

use super::{
    Isa, Panel, Word, amx,
    lanes::{Lanes, Portable},
};
use alloc::{vec, vec::Vec};

/// Outputs that stand together in packed weights.
pub(crate) const COLUMNS: usize = 16;

/// Words of neighbouring outputs: a line of a cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Line(pub(super) [u32; COLUMNS]);

/// Packed weights.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    word: Word,
    outputs: usize,
    /// Offsets of the runs from the start of a row, in bytes.
    runs: Vec<u32>,
    /// Entries of a run.
    len: usize,
    /// Words of a run.
    words: usize,
    /// By block of outputs, run and word; behind those of bytes, what tiles read beyond ([`amx::BEHIND`]).
    lines: Vec<Line>,
    /// What sums start with: one an output, zeros behind.
    bias: Vec<i32>,
    /// Words of bytes whose products fit in 16 bits, two bytes together: see [`Lanes::add_pairs`].
    together: usize,
}

/// How the numbers of an operand are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// What is kept for a 0, see [`Isa::byte_zero`].
    pub(crate) zero: i32,
    /// The largest number that is kept.
    pub(crate) most: i32,
}

/// Words whose products have to fit in 16 bits for pairs to pay.
const FEWEST_TOGETHER: usize = 4;

/// Largest number of bytes for which they do: two products of it and -128 a word.
pub(crate) const MOST_SMALL: i32 = i16::MAX as i32 / (2 * 128 * FEWEST_TOGETHER as i32);

impl Weights {
    /// Packs weights: `weight(output, run, entry)` for every entry of every run. `runs` are offsets in bytes, `len` entries each.
    pub(crate) fn pack(
        word: Word,
        kept: Kept,
        outputs: usize,
        runs: Vec<u32>,
        len: usize,
        bias: impl Fn(usize) -> i32,
        weight: impl Fn(usize, usize, usize) -> i32,
    ) -> Self {
        let words = len.div_ceil(word.entries());
        let blocks = outputs.div_ceil(COLUMNS);
        let behind = if word == Word::Bytes { amx::BEHIND } else { 0 };
        let mut lines = vec![Line([0; COLUMNS]); blocks * runs.len() * words + behind];
        let mut sums = vec![0i32; blocks * COLUMNS];
        for (output, sum) in sums.iter_mut().enumerate().take(outputs) {
            let first = output / COLUMNS * runs.len() * words;
            for run in 0..runs.len() {
                for index in 0..len {
                    let weight = weight(output, run, index);
                    *sum = sum.wrapping_add(weight);
                    let line = &mut lines[first + run * words + index / word.entries()];
                    line.0[output % COLUMNS] |= word.place(weight, index % word.entries());
                }
            }
        }
        let start = |output: usize| if output < outputs { bias(output).wrapping_sub(kept.zero.wrapping_mul(sums[output])) } else { 0 };
        let bias = (0..sums.len()).map(start).collect();
        let together = if word == Word::Bytes { i32::from(i16::MAX) / (2 * 128 * kept.most.max(1)) } else { 0 };
        Self { word, outputs, runs, len, words, lines, bias, together: together as usize }
    }

    /// Number of outputs.
    #[cfg(feature = "threads")]
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Products for one row.
    pub(crate) fn products(&self) -> usize {
        self.outputs * self.len * self.runs.len()
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.lines[..]) + size_of_val(&self.bias[..]) + size_of_val(&self.runs[..])
    }

    /// `sums[row][i] = bias + Σ x[row] · w[output + i]` for `width` outputs from `output`, both multiples of [`COLUMNS`]. Outputs that are not
    /// there make 0.
    ///
    /// # Safety
    /// All words of all runs of every row can be read; the processor has the instructions; the thread has the [`amx::Tiles`] of these.
    pub(crate) unsafe fn product(&self, isa: Isa, output: usize, rows: &[*const u8], sums: &mut [i32], width: usize, panel: &mut Panel) {
        let per_block = self.runs.len() * self.words;
        let (first, blocks) = (output / COLUMNS, width / COLUMNS);
        assert!(sums.len() >= rows.len() * width, "there is a place for every sum");
        assert!(self.bias.len() >= (first + blocks) * COLUMNS, "the outputs are there");
        let task = Task {
            word: self.word,
            lines: &self.lines[first * per_block..],
            bias: &self.bias[first * COLUMNS..][..width],
            runs: &self.runs,
            words: self.words,
            width,
            together: self.together,
        };
        // SAFETY: as the caller promises.
        unsafe { task.run(isa, rows, sums, panel) }
    }
}

/// A product to be made.
pub(super) struct Task<'a> {
    word: Word,
    /// From the first block on, and what is behind the last.
    pub(super) lines: &'a [Line],
    pub(super) bias: &'a [i32],
    pub(super) runs: &'a [u32],
    pub(super) words: usize,
    pub(super) width: usize,
    together: usize,
}

impl Task<'_> {
    /// # Safety
    /// As of [`Weights::product`].
    unsafe fn run(&self, isa: Isa, rows: &[*const u8], sums: &mut [i32], panel: &mut Panel) {
        #[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
        if isa == Isa::Amx && self.word == Word::Bytes && rows.len() >= amx::FEWEST_ROWS {
            // SAFETY: as the caller promises.
            return unsafe { amx::product(self, panel, rows, sums) };
        }
        #[cfg(target_arch = "x86_64")]
        {
            use super::lanes::x86::{Avx2, Avx512, Avx512Vnni, AvxVnni};

            /// # Safety
            /// As of [`Weights::product`].
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
            unsafe fn avx512_vnni(task: &Task<'_>, rows: &[*const u8], sums: &mut [i32]) {
                // SAFETY: the instructions are those of this function; the rest as the caller promises.
                unsafe { task.with::<Avx512Vnni, 8, 2>(rows, sums) }
            }
            /// # Safety
            /// As of [`Weights::product`].
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            unsafe fn avx512(task: &Task<'_>, rows: &[*const u8], sums: &mut [i32]) {
                // SAFETY: as before.
                unsafe { task.with::<Avx512, 8, 2>(rows, sums) }
            }
            /// # Safety
            /// As of [`Weights::product`].
            #[target_feature(enable = "avx2,avxvnni")]
            unsafe fn avx_vnni(task: &Task<'_>, rows: &[*const u8], sums: &mut [i32]) {
                // SAFETY: as before.
                unsafe { task.with::<AvxVnni, 4, 2>(rows, sums) }
            }
            /// # Safety
            /// As of [`Weights::product`].
            #[target_feature(enable = "avx2")]
            unsafe fn avx2(task: &Task<'_>, rows: &[*const u8], sums: &mut [i32]) {
                // SAFETY: as before.
                unsafe { task.with::<Avx2, 4, 2>(rows, sums) }
            }
            // SAFETY: as the caller promises.
            unsafe {
                match isa {
                    Isa::Avx512Vnni | Isa::Amx => return avx512_vnni(self, rows, sums),
                    Isa::Avx512 => return avx512(self, rows, sums),
                    Isa::AvxVnni => return avx_vnni(self, rows, sums),
                    Isa::Avx2 => return avx2(self, rows, sums),
                    _ => {}
                }
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            use super::lanes::{Dotprod, Neon};

            /// # Safety
            /// As of [`Weights::product`].
            #[target_feature(enable = "dotprod")]
            unsafe fn dotprod(task: &Task<'_>, rows: &[*const u8], sums: &mut [i32]) {
                // SAFETY: the instructions are those of this function; the rest as the caller promises.
                unsafe { task.with::<Dotprod, 4, 4>(rows, sums) }
            }
            // SAFETY: as the caller promises.
            unsafe {
                match isa {
                    Isa::Dotprod => return dotprod(self, rows, sums),
                    Isa::Neon => return self.with::<Neon, 4, 4>(rows, sums),
                    _ => {}
                }
            }
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        if isa == Isa::Simd128 {
            // SAFETY: as the caller promises.
            return unsafe { self.with::<super::lanes::Simd128, 2, 4>(rows, sums) };
        }
        let _ = (isa, panel);
        // SAFETY: portable lanes need no instructions of their own; the rest as the caller promises.
        unsafe { self.with::<Portable, 2, 1>(rows, sums) }
    }

    /// In tiles of `R` rows and `V` vectors of outputs, or of fewer where there are no more.
    ///
    /// # Safety
    /// As of [`Weights::product`].
    #[inline(always)]
    unsafe fn with<L: Lanes, const R: usize, const V: usize>(&self, rows: &[*const u8], sums: &mut [i32]) {
        // SAFETY: as the caller promises.
        unsafe {
            match self.word {
                Word::Bytes if L::HAS_PAIRS && self.together >= FEWEST_TOGETHER => self.of_words::<L, SMALL, R, V>(rows, sums),
                Word::Bytes => self.of_words::<L, 0, R, V>(rows, sums),
                Word::Halves => self.of_words::<L, 1, R, V>(rows, sums),
                Word::Whole => self.of_words::<L, 2, R, V>(rows, sums),
            }
        }
    }

    /// # Safety
    /// As of [`Weights::product`].
    #[inline(always)]
    unsafe fn of_words<L: Lanes, const WORD: usize, const R: usize, const V: usize>(&self, rows: &[*const u8], sums: &mut [i32]) {
        let mut column = 0;
        while column < self.width {
            let is_whole = column + V * L::LEN <= self.width;
            for (rows, sums) in rows.chunks(R).zip(sums.chunks_mut(R * self.width)) {
                // SAFETY: as the caller promises.
                unsafe {
                    match (rows.len(), is_whole) {
                        (1, true) => self.tile::<L, WORD, 1, V>(column, rows, sums),
                        (1, false) => self.tile::<L, WORD, 1, 1>(column, rows, sums),
                        (_, true) => self.tile::<L, WORD, R, V>(column, rows, sums),
                        (_, false) => self.tile::<L, WORD, R, 1>(column, rows, sums),
                    }
                }
            }
            column += if is_whole { V * L::LEN } else { L::LEN };
        }
    }

    /// Up to `R` rows and `V` vectors of outputs from `column`; the sums are in registers.
    ///
    /// # Safety
    /// As of [`Weights::product`].
    #[inline(always)]
    unsafe fn tile<L: Lanes, const WORD: usize, const R: usize, const V: usize>(
        &self,
        column: usize,
        rows: &[*const u8],
        sums: &mut [i32],
    ) {
        let word = const { [Word::Bytes, Word::Halves, Word::Whole, Word::Bytes][WORD] };
        let count = rows.len();
        debug_assert!(column + V * L::LEN <= self.width && (1..=R).contains(&count), "the tile lies within the sums");
        // Missing rows are the last one again.
        let rows: [*const u8; R] = core::array::from_fn(|r| rows[r.min(count - 1)]);
        let per_block = self.runs.len() * self.words;
        let places: [*const u32; V] = core::array::from_fn(|v| {
            let column = column + v * L::LEN;
            // SAFETY: the block is one of the lines'.
            unsafe { self.lines.as_ptr().add(column / COLUMNS * per_block).cast::<u32>().add(column % COLUMNS) }
        });
        // SAFETY: biases are as many as outputs.
        let bias: [L; V] = core::array::from_fn(|v| unsafe { L::load(self.bias.as_ptr().add(column + v * L::LEN).cast()) });
        // Of small bytes, lanes hold pairs, which are added to the sums in memory when they are full: registers are few.
        // SAFETY: the instructions are there.
        let mut lanes = if WORD == SMALL { [[unsafe { L::splat(0) }; V]; R] } else { [bias; R] };
        let mut sums = Sums { first: sums[column..].as_mut_ptr(), width: self.width, count };
        if WORD == SMALL {
            // SAFETY: the columns lie within the rows of sums; the instructions are there.
            unsafe { sums.write(&[bias; R]) };
        }
        let mut left = self.together;
        let mut line = 0;
        for &run in self.runs {
            let mut at = run as usize;
            let end = at + self.words * 4;
            while at < end {
                // SAFETY: there are as many lines as words in all runs.
                let w: [L; V] = core::array::from_fn(|v| unsafe { L::load(places[v].add(line)) });
                for r in 0..R {
                    // SAFETY: the caller lets all words of the row be read.
                    let x = unsafe { L::splat(rows[r].add(at).cast::<u32>().read_unaligned()) };
                    for v in 0..V {
                        // SAFETY: the instructions are there.
                        unsafe {
                            lanes[r][v] = match WORD {
                                SMALL => lanes[r][v].add_pairs(x, w[v]),
                                _ => lanes[r][v].add_products(word, x, w[v]),
                            };
                        }
                    }
                }
                if WORD == SMALL {
                    left -= 1;
                    if left == 0 {
                        // SAFETY: as before.
                        unsafe { sums.flush(&mut lanes) };
                        left = self.together;
                    }
                }
                at += 4;
                line += COLUMNS;
            }
        }
        // SAFETY: as before.
        unsafe { if WORD == SMALL { sums.flush(&mut lanes) } else { sums.write(&lanes) } }
    }
}

/// What [`Task::tile`] calls bytes that are so small that their products are added up in pairs.
const SMALL: usize = 3;

/// The sums of a tile in memory: `count` rows at a distance of `width`.
struct Sums {
    first: *mut i32,
    width: usize,
    count: usize,
}

impl Sums {
    /// # Safety
    /// The columns of `V` vectors lie within each row; the processor has the instructions of `L`.
    #[inline(always)]
    unsafe fn write<L: Lanes, const R: usize, const V: usize>(&mut self, lanes: &[[L; V]; R]) {
        for (r, lanes) in lanes.iter().enumerate().take(self.count) {
            for (v, lanes) in lanes.iter().enumerate() {
                // SAFETY: as the caller promises.
                unsafe { lanes.store(self.first.add(r * self.width + v * L::LEN)) };
            }
        }
    }

    /// Adds pairs, of which none are left.
    ///
    /// # Safety
    /// As of [`Sums::write`]; the lanes have pairs.
    #[inline(always)]
    unsafe fn flush<L: Lanes, const R: usize, const V: usize>(&mut self, pairs: &mut [[L; V]; R]) {
        for (r, pairs) in pairs.iter_mut().enumerate().take(self.count) {
            for (v, pairs) in pairs.iter_mut().enumerate() {
                // SAFETY: as the caller promises.
                unsafe {
                    let sum = self.first.add(r * self.width + v * L::LEN);
                    L::load(sum.cast_const().cast()).add_halves(*pairs).store(sum);
                }
            }
        }
        // SAFETY: the instructions are there.
        *pairs = [[unsafe { L::splat(0) }; V]; R];
    }
}
