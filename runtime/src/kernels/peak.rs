//! How fast the products of this processor can be: those of operands that never leave the nearest cache.

use super::{COLUMNS, Isa, Kept, Panel, Tiles, Weights, Word};
use alloc::{vec, vec::Vec};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Rows and outputs of the product: those of a tile of a plan.
const ROWS: usize = 32;
const OUTPUTS: usize = 4 * COLUMNS;
/// Bytes of a row. With the weights and the sums they take 26 KiB.
const BYTES: usize = 192;
/// How long it is measured.
const TIME: Duration = Duration::from_millis(20);
/// Products that are timed together, so that the clock takes no time of them.
const TOGETHER: u32 = 16;

impl Isa {
    /// Products a second that one thread comes to with operands of so many bits (8, 16 or 32) in the nearest cache: what no layer exceeds, unless
    /// it leaves some out. It is measured anew each time, for a fiftieth of a second.
    ///
    /// None for another number of bits, or if the processor lacks the instructions.
    #[must_use]
    pub fn measure_peak(self, bits: u32) -> Option<f64> {
        let word = [Word::Bytes, Word::Halves, Word::Whole].into_iter().find(|word| 8 * word.bytes() as u32 == bits)?;
        if !self.is_available() {
            return None;
        }
        let weight = |output: usize, _: usize, entry: usize| (output * 7 + entry * 5) as i32 % 127 - 63;
        let weights = Weights::pack(word, Kept { zero: 0, most: 255 }, OUTPUTS, vec![0], BYTES / word.bytes(), |_| 0, weight);
        let operand: Vec<u8> = (0..ROWS * BYTES).map(|byte| (byte * 11 % 128) as u8).collect();
        let rows: Vec<*const u8> = operand.chunks_exact(BYTES).map(<[u8]>::as_ptr).collect();
        let (mut sums, mut panel) = (vec![0; ROWS * OUTPUTS], Panel::default());
        let _tiles = Tiles::new(self);
        let mut fastest = f64::INFINITY;
        let begin = Instant::now();
        while begin.elapsed() < TIME {
            let start = Instant::now();
            for _ in 0..TOGETHER {
                // SAFETY: every row has the one run, which is a whole number of words; the instructions are there.
                unsafe { weights.product(self, 0, black_box(&rows), black_box(&mut sums), OUTPUTS, &mut panel) };
            }
            fastest = fastest.min(start.elapsed().as_secs_f64());
        }
        Some((ROWS * weights.products()) as f64 * f64::from(TOGETHER) / fastest)
    }
}
