//! Values of parameters: summaries to print, generators to read.

use super::{ParseError, lex::Position};

/// Tensors of up to this many entries print in full.
const IN_FULL: usize = 16;

/// The shortest form that reads back as the same number.
pub(super) fn float(value: f32) -> String {
    let magnitude = value.abs();
    // The plain form of the others would be rows of zeros.
    if magnitude != 0.0 && magnitude.is_finite() && !(1e-5..1e16).contains(&magnitude) { format!("{value:e}") } else { value.to_string() }
}

pub(super) fn print(data: &[f32]) -> String {
    match data {
        [first, rest @ ..] if rest.iter().all(|v| v.to_bits() == first.to_bits()) => format!("splat({})", float(*first)),
        _ if data.len() <= IN_FULL => {
            let entries: Vec<String> = data.iter().map(|&v| float(v)).collect();
            format!("[{}]", entries.join(", "))
        }
        _ => {
            let hash = data.iter().flat_map(|v| v.to_le_bytes()).fold(FNV_BASIS, |h, byte| (h ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
            let min = data.iter().copied().fold(f32::INFINITY, f32::min);
            let max = data.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mean = data.iter().map(|&v| f64::from(v)).sum::<f64>() / data.len() as f64;
            format!("dense({hash:016x}, min={}, max={}, mean={})", float(min), float(max), float(mean as f32))
        }
    }
}

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// `start + i · step`, computed in 64 bits and rounded once.
pub(super) fn ramp(len: usize, start: f32, step: f32) -> Vec<f32> {
    (0..len).map(|i| (f64::from(start) + f64::from(step) * i as f64) as f32).collect()
}

/// `len` numbers, uniform in `[-scale, scale)`, the same on every machine: the top 24 bits of each number of `splitmix64`
/// from `seed`. What `noise(seed, scale)` means in the text form.
#[must_use]
pub fn noise(len: usize, seed: u64, scale: f32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    // 24 bits minus 2^23 is exact in an f32, and so is the division by a power of two.
    (0..len).map(|_| (((next() >> 40) as i32 - (1 << 23)) as f32 / (1 << 23) as f32) * scale).collect()
}

/// Reads a number that fits an `f32`.
pub(super) fn parse_float(word: &str, at: Position) -> Result<f32, ParseError> {
    let value: f32 = word.parse().map_err(|_| at.error(format!("`{word}` is no number")))?;
    if value.is_infinite() && !word.to_ascii_lowercase().contains("inf") {
        return Err(at.error(format!("`{word}` is too large for 32 bits")));
    }
    Ok(value)
}
