//! The products of all instructions of this processor against sums in 64 bits.

use super::*;
use crate::common::Random;

/// What numbers of a test are drawn as.
#[derive(Clone, Copy, Debug)]
enum Draw {
    /// Any of the range.
    Any,
    /// One of its ends.
    Ends,
    /// Always the first, or the last.
    First,
    Last,
}

const DRAWS: [(Draw, Draw); 6] = [
    (Draw::Any, Draw::Any),
    (Draw::Ends, Draw::Ends),
    (Draw::Last, Draw::First),
    (Draw::Last, Draw::Last),
    (Draw::First, Draw::First),
    (Draw::Any, Draw::Ends),
];

impl Draw {
    fn from(self, r: &mut Random, (first, last): (i32, i32)) -> i32 {
        match self {
            Self::Any => (i64::from(first) + r.below((i64::from(last) - i64::from(first) + 1) as usize) as i64) as i32,
            Self::Ends => [first, last][r.below(2)],
            Self::First => first,
            Self::Last => last,
        }
    }
}

/// Largest bias of a product.
const MOST_BIAS: i32 = 1000;

/// A product: weights `[output][run][entry]`, and rows that start anywhere in the operand.
struct Case {
    word: Word,
    is_unsigned: bool,
    /// The largest byte.
    most: i32,
    outputs: usize,
    runs: Vec<usize>,
    len: usize,
    weights: Vec<i32>,
    bias: Vec<i32>,
    entries: Vec<i32>,
    rows: Vec<usize>,
}

impl Case {
    /// Ranges are such that no sum leaves 32 bits.
    fn random(r: &mut Random, word: Word, outputs: usize, runs: usize, len: usize, (x, w): (Draw, Draw)) -> Self {
        let count = (runs * len) as i32;
        let is_unsigned = r.below(2) == 0;
        let most = (i32::MAX - MOST_BIAS) / (128 * count);
        // Products of small bytes are added up otherwise: of the largest such, and of those for which most words fit.
        let most_byte = [255, MOST_SMALL, MOST_SMALL + 1, 1][r.below(4)];
        let (operand, weight) = match word {
            Word::Bytes => (if is_unsigned { (0, most_byte) } else { (-128, 127) }, (-128, 127)),
            // A word of the largest halves only just fits.
            Word::Halves if count <= 2 => ((-32767, 32767), (-32767, 32767)),
            Word::Halves => ((-most.min(32768), most.min(32767)), (-128, 127)),
            Word::Whole => ((-most, most), (-128, 127)),
        };
        let step = len + r.below(9);
        // Runs in any order, and rows that have some entries in common.
        let mut offsets: Vec<usize> = (0..runs).map(|run| run * step).collect();
        if r.below(2) == 0 {
            offsets.reverse();
        }
        let rows: Vec<usize> = (0..64).map(|row| if r.below(8) == 0 { r.below(700) } else { row * 11 }).collect();
        Self {
            word,
            is_unsigned,
            most: if is_unsigned { most_byte } else { 255 },
            outputs,
            runs: offsets,
            len,
            weights: (0..outputs * runs * len).map(|_| w.from(r, weight)).collect(),
            bias: (0..outputs).map(|_| r.around(MOST_BIAS)).collect(),
            entries: (0..runs * step + 700 + SLACK).map(|_| x.from(r, operand)).collect(),
            rows,
        }
    }

    fn expected(&self, row: usize, output: usize) -> i32 {
        if output >= self.outputs {
            return 0;
        }
        let weights = self.weights[output * self.runs.len() * self.len..].chunks(self.len);
        let sum = self.runs.iter().zip(weights).map(|(run, weights)| {
            let entries = &self.entries[self.rows[row] + run..];
            entries.iter().zip(weights).map(|(&x, &w)| i64::from(x) * i64::from(w)).sum::<i64>()
        });
        i32::try_from(i64::from(self.bias[output]) + sum.sum::<i64>()).expect("ranges are chosen so")
    }

    /// Entries as a value has them in memory, and no byte behind the last word that may be read.
    fn memory(&self, format: Format) -> Vec<u8> {
        struct Store<'c>(&'c [i32], usize);
        impl WithEntry for Store<'_> {
            type Output = Vec<u8>;

            fn with<E: Entry>(self, entry: E) -> Vec<u8> {
                let mut bytes = vec![0; self.0.len() * self.1];
                for (numbers, bytes) in self.0.chunks(COLUMNS).zip(bytes.chunks_mut(COLUMNS * self.1)) {
                    let block: Block = core::array::from_fn(|lane| numbers.get(lane).copied().unwrap_or(0));
                    // SAFETY: there are as many as are written.
                    unsafe { entry.store(&block, bytes.as_mut_ptr(), numbers.len()) };
                }
                bytes
            }
        }
        format.visit(Store(&self.entries, format.bytes()))
    }

    /// The panel is one that other products left something in.
    fn check(&self, isas: &[Isa], rows: impl Iterator<Item = usize> + Clone, panel: &mut Panel) {
        // Instructions differ in what they want a 0 kept as.
        for zero in [0, 128] {
            let zero_of = |isa: &Isa| if self.word == Word::Bytes { isa.byte_zero(self.is_unsigned) } else { 0 };
            let isas: Vec<Isa> = isas.iter().copied().filter(|isa| zero_of(isa) == zero).collect();
            if !isas.is_empty() {
                self.check_format(Format { word: self.word, is_unsigned: self.is_unsigned, zero }, &isas, rows.clone(), panel);
            }
        }
    }

    fn check_format(&self, format: Format, isas: &[Isa], rows: impl Iterator<Item = usize> + Clone, panel: &mut Panel) {
        let bytes = format.bytes();
        let weights = Weights::pack(
            self.word,
            // Where a 0 is not kept as 0, any byte may be.
            Kept { zero: format.offset(), most: if format.zero == 0 { self.most } else { 255 } },
            self.outputs,
            self.runs.iter().map(|run| (run * bytes) as u32).collect(),
            self.len,
            |output| self.bias[output],
            |output, run, entry| self.weights[(output * self.runs.len() + run) * self.len + entry],
        );
        let memory = self.memory(format);
        let starts: Vec<*const u8> = self.rows.iter().map(|row| memory[row * bytes..].as_ptr()).collect();
        let padded = self.outputs.next_multiple_of(COLUMNS);
        let expected: Vec<i32> = (0..64 * padded).map(|index| self.expected(index / padded, index % padded)).collect();
        for &isa in isas {
            let _tiles = Tiles::new(isa);
            for count in rows.clone() {
                for output in (0..padded).step_by(COLUMNS) {
                    for width in (COLUMNS..=padded - output).step_by(COLUMNS) {
                        const UNTOUCHED: i32 = 0x5A5A_5A5A;
                        let mut sums = vec![UNTOUCHED; count * width + COLUMNS];
                        // SAFETY: the rows lie within the operand, the instructions are available, the tiles are set up.
                        unsafe { weights.product(isa, output, &starts[..count], &mut sums, width, panel) };
                        let (sums, behind) = sums.split_at(count * width);
                        for (row, sums) in sums.chunks(width).enumerate() {
                            let expected = &expected[row * padded + output..][..width];
                            let what = format!("{isa:?}, {format:?}, {} × {}", self.runs.len(), self.len);
                            assert_eq!(sums, expected, "{what}: row {row} of {count}, {width} outputs from {output}");
                        }
                        assert!(behind.iter().all(|&sum| sum == UNTOUCHED), "{isa:?} writes behind the sums");
                    }
                }
            }
        }
    }
}

const WORDS: [Word; 3] = [Word::Bytes, Word::Halves, Word::Whole];

#[test]
fn products_of_any_shape_are_exact() {
    let (r, panel) = (&mut Random(1), &mut Panel::default());
    let isas = Isa::available();
    for word in WORDS {
        for index in 0..60 {
            let (outputs, runs, len) = (1 + r.below(150), 1 + r.below(4), 1 + r.below(if index % 3 == 0 { 400 } else { 40 }));
            let case = Case::random(r, word, outputs, runs, len, DRAWS[index % DRAWS.len()]);
            let counts = [1, 3, 1 + r.below(64), 1 + r.below(64), 64];
            case.check(&isas, counts.into_iter(), panel);
        }
    }
}

#[test]
fn products_of_any_number_of_rows_are_exact() {
    let (r, panel) = (&mut Random(2), &mut Panel::default());
    let isas = Isa::available();
    for word in WORDS {
        for (index, draws) in DRAWS.into_iter().enumerate() {
            let outputs = [64, 48, 20, 16, 100, 1][index];
            let (runs, len) = [(1, 64), (3, 27), (1, 1), (3, 48), (2, 33), (1, 130)][index];
            Case::random(r, word, outputs, runs, len, draws).check(&isas, 1..=64, panel);
        }
    }
}

#[test]
fn words_of_the_largest_numbers_are_exact() {
    // Two products of bytes in 16 bits would be too large; one of whole numbers takes all 32.
    let (r, panel) = (&mut Random(3), &mut Panel::default());
    for word in WORDS {
        for draws in DRAWS {
            for len in [1, 2] {
                Case::random(r, word, 16, 1, len, draws).check(&Isa::available(), 1..=20, panel);
            }
        }
        let mut case = Case::random(r, word, 16, 1, 1, DRAWS[0]);
        if word == Word::Whole {
            case.entries.iter_mut().enumerate().for_each(|(index, entry)| *entry = [i32::MAX, i32::MIN][index % 2]);
            case.weights.fill(1);
            case.bias.fill(0);
            case.check(&Isa::available(), 1..=20, panel);
        }
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux", feature = "std"))]
#[test]
fn products_of_bytes_go_by_tiles() {
    let Some(before) = emulated() else { return };
    let (r, panel) = (&mut Random(5), &mut Panel::default());
    let mut count = before;
    let mut check = |word: Word, rows: usize, outputs: usize, entries: usize, expected: usize| {
        let case = Case::random(r, word, outputs, 2, entries, DRAWS[0]);
        case.check(&[Isa::Amx], core::iter::once(rows), panel);
        let done = emulated().unwrap() - count;
        count += done;
        assert_eq!(done, expected, "{word:?}, {rows} rows, {outputs} outputs, 2 × {entries} entries");
    };
    // Two runs of 100 bytes are four steps. Three tiles of rows: two, and one that is not full.
    check(Word::Bytes, 40, 16, 100, 3 * 4);
    // Each of the three blocks alone, the pairs, and all.
    check(Word::Bytes, 16, 48, 100, (3 + 2 * 2 + 3) * 4);
    check(Word::Bytes, 17, 16, 5, 2);
    check(Word::Bytes, 4, 16, 5, 1);
    check(Word::Bytes, 3, 16, 5, 0);
    // More steps than are gathered at a time: 22 of them, in three parts.
    check(Word::Bytes, 40, 16, 700, 3 * 22);
    check(Word::Bytes, 37, 48, 700, 3 * (3 + 2 * 2 + 3) * 22);
    check(Word::Bytes, 5, 48, 700, (3 + 2 * 2 + 3) * 22);
    check(Word::Halves, 40, 16, 100, 0);
    check(Word::Whole, 40, 16, 100, 0);
}

/// Rows as far from each other as the next, of whole steps, are tiles as they stand in memory.
#[test]
fn products_of_even_rows_are_exact() {
    let (r, panel) = (&mut Random(6), &mut Panel::default());
    for (len, bend) in [(64, 64), (128, 64), (64, 16), (64, 20), (64, 33), (60, 64)] {
        let mut case = Case::random(r, Word::Bytes, 48, 3, len, DRAWS[0]);
        case.rows = (0..64).map(|row| row * 10 + if row < bend { 0 } else { 37 }).collect();
        case.check(&Isa::available(), [15, 16, 31, 32, 40, 64].into_iter(), panel);
    }
}

#[test]
fn sums_of_events_are_exact() {
    let r = &mut Random(4);
    for index in 0..120 {
        let draw = [Draw::Any, Draw::Ends, Draw::First, Draw::Last][index % 4];
        let (outputs, parts, len) = (1 + r.below(90), 1 + r.below(3), 1 + r.below(300));
        let weights: Vec<i32> = (0..outputs * parts * len).map(|_| draw.from(r, (-128, 127))).collect();
        let weight = |output: usize, part: usize, entry: usize| weights[(output * parts + part) * len + entry];
        let bias: Vec<i32> = (0..outputs).map(|_| r.around(100_000)).collect();
        let packed = EventWeights::pack(outputs, parts, len, |output| bias[output], weight);
        // More than fit in sums of 16 bits, of one sign or of both.
        let base = r.below(1000) as u32;
        let events = |r: &mut Random, most: usize| -> Vec<u32> {
            let count = r.below(most + 1);
            (0..count).map(|_| base + r.below(len) as u32).collect()
        };
        let mixed = index % 3;
        let kept: Vec<[Vec<u32>; 2]> =
            (0..parts).map(|_| [events(r, if mixed == 1 { 0 } else { 900 }), events(r, if mixed == 2 { 0 } else { 900 })]).collect();
        let events: Vec<Part<'_>> = kept.iter().map(|[plus, minus]| Part { plus, minus, base }).collect();
        let padded = outputs.next_multiple_of(COLUMNS);
        let expected: Vec<i32> = (0..padded)
            .map(|output| {
                if output >= outputs {
                    return 0;
                }
                let of = |part: usize, entries: &[u32]| {
                    entries.iter().map(|&entry| i64::from(weight(output, part, (entry - base) as usize))).sum::<i64>()
                };
                let sum: i64 = kept.iter().enumerate().map(|(part, [plus, minus])| of(part, plus) - of(part, minus)).sum();
                i32::try_from(sum + i64::from(bias[output])).expect("there are few")
            })
            .collect();
        for isa in Isa::available() {
            for output in (0..padded).step_by(COLUMNS) {
                for width in (COLUMNS..=MOST_SUMS.min(padded - output)).step_by(COLUMNS) {
                    let mut sums = vec![7; width];
                    packed.accumulate(isa, output, &events, &mut sums);
                    assert_eq!(sums, expected[output..][..width], "case {index}, {isa:?}, {width} outputs from {output}");
                }
            }
        }
    }
}

#[test]
fn what_wider_instructions_need_is_there() {
    let available = Isa::available();
    assert_eq!(available[0], Isa::Portable);
    let order = [Isa::Portable, Isa::Avx2, Isa::Avx512, Isa::Avx512Vnni, Isa::Amx];
    let widest = order.iter().rposition(|isa| available.contains(isa)).unwrap();
    assert!(order[..=widest].iter().all(|isa| available.contains(isa)), "{available:?}");
    // Where the rest is there, tiles are tested, if need be by emulation.
    let has_tiles = cfg!(all(target_os = "linux", feature = "std")) && available.contains(&Isa::Avx512Vnni);
    assert_eq!(available.contains(&Isa::Amx), has_tiles, "{available:?}");
}
