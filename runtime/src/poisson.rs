//! Random spikes from counters.
//!
//! Whether a pixel fires at a step is a function of the seed, the index of the image, the step and the index of the pixel,
//! nothing else: no generator is carried along, so a result depends neither on the order of evaluation nor on the batch.
//!
//! With `mix(z)` the finaliser of SplitMix64 over `z + 0x9E3779B97F4A7C15`,
//! `bits = mix(mix(mix(mix(seed) ^ image) ^ step) ^ pixel)`; steps count from 0. The upper 24 bits are a uniform number
//! `u` in `0..2²⁴`. A number `q` of `D` digits stands for `v = q - 2^(D-1)`, and fires with the sign of `v` where
//! `u · 2^(D-1) < |v| · 2²⁴`: with probability `|v| / 2^(D-1)`.

/// SplitMix64's output for the state `z`.
fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The random numbers of one image at one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws(u64);

impl Draws {
    /// For the image of that index at that step, which counts from 0.
    #[must_use]
    pub fn new(seed: u64, image: u64, step: u64) -> Self {
        Self(mix(mix(mix(seed) ^ image) ^ step))
    }

    /// The number of a pixel, uniform in `0..2^24`.
    #[must_use]
    pub fn number(self, pixel: u64) -> u32 {
        (mix(self.0 ^ pixel) >> 40) as u32
    }

    /// The spike of a pixel: 0, or the sign of `v = value - 2^(digits - 1)` with probability `|v| / 2^(digits - 1)`.
    ///
    /// # Panics
    /// If `digits` is not in `1..=16`.
    #[must_use]
    pub fn spike(self, pixel: u64, value: u16, digits: u32) -> i32 {
        let middle = 1i64 << (digits - 1);
        let v = i64::from(value) - middle;
        if i64::from(self.number(pixel)) * middle < v.abs() << 24 { v.signum() as i32 } else { 0 }
    }
}

/// The spike of one pixel of the image of that index at that step, which counts from 0; see [`Draws::spike`]. For many pixels, make the
/// [`Draws`] of the image and step once.
///
/// # Panics
/// As [`Draws::spike`].
#[must_use]
pub fn spike(seed: u64, image: u64, step: u64, pixel: u64, value: u16, digits: u32) -> i32 {
    Draws::new(seed, image, step).spike(pixel, value, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mix_is_splitmix64() {
        // The first outputs of the reference SplitMix64 with seed 0 and seed 1234567.
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(mix(1_234_567), 6_457_827_717_110_365_317);
    }
}
