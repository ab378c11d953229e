//! Neurons: potentials and spikes, one block of them at a time.

use super::params::Params;
use crate::{
    artifact::{LEAK_ONE, Reset},
    kernels::{Block, COLUMNS},
};
use alloc::vec::Vec;

/// Neurons of the radix code.
#[derive(Clone, Debug)]
pub(super) struct RadixNeuron {
    threshold: Params,
    initial: Params,
    /// One over the threshold, a little too large.
    inverse: Vec<f32>,
    levels: i32,
    /// Whether a product with the inverse is enough, by [`is_exact`].
    is_exact: bool,
}

/// Whether `⌊v/θ⌋ = ⌊fl(v · i)⌋` for all `0 ≤ v ≤ θ (L + 1)`, where `i` is the smallest f32 not below `1/θ`.
///
/// `i = (1 + d)/θ` with `0 ≤ d ≤ 2⁻²³`, and the product is rounded to the nearest: by a factor of at most `1 + 2⁻²⁴`. Rounding is monotone, so
/// where `v ≥ q θ` the product is at least q. Where `v ≤ q θ - 1` it is at most `(q - 1/θ)(1 + 2⁻²³)(1 + 2⁻²⁴)`, below q if
/// `q θ · 1.6 · 2⁻²³ < 1`; and v is an f32 itself. Both hold if `θ (L + 1) ≤ 2²²`.
fn is_exact(threshold: i32, levels: i32) -> bool {
    i64::from(threshold) * (i64::from(levels) + 1) <= 1 << 22
}

/// The smallest f32 that is not below `1 / threshold`.
fn inverse(threshold: i32) -> f32 {
    let nearest = (1.0 / f64::from(threshold)) as f32;
    if f64::from(nearest) * f64::from(threshold) < 1.0 { f32::from_bits(nearest.to_bits() + 1) } else { nearest }
}

impl RadixNeuron {
    pub(super) fn new(threshold: Params, initial: Params, pixels: usize, levels: u32) -> Self {
        let differs = threshold.differs() || initial.differs();
        let [threshold, initial] = [threshold, initial].map(|params| params.spread(differs, pixels));
        let levels = levels as i32;
        let is_exact = threshold.values().iter().all(|&threshold| is_exact(threshold, levels));
        Self { inverse: threshold.map(inverse), threshold, initial, levels, is_exact }
    }

    /// The parameters of a place for the block that starts at a channel.
    #[inline(always)]
    pub(super) fn block(&self, pixel: usize, channel: usize) -> RadixBlock {
        let at = self.threshold.start(pixel) + channel;
        let threshold = block_of(self.threshold.values(), at);
        RadixBlock {
            threshold: *threshold,
            initial: *block_of(self.initial.values(), at),
            inverse: *self.inverse[at..].first_chunk().expect("lines have whole blocks"),
            most: threshold.map(|threshold| threshold.wrapping_mul(self.levels)),
        }
    }

    /// Whether places differ.
    pub(super) fn differs(&self) -> bool {
        self.threshold.differs()
    }

    pub(super) fn is_exact(&self) -> bool {
        self.is_exact
    }

    pub(super) fn bytes(&self) -> usize {
        self.threshold.bytes() + self.initial.bytes() + size_of_val(&self.inverse[..])
    }
}

/// Parameters of a block of neurons.
#[derive(Clone, Copy)]
pub(super) struct RadixBlock {
    threshold: Block,
    initial: Block,
    inverse: [f32; COLUMNS],
    /// What is beyond it is as if it were this.
    most: Block,
}

impl RadixBlock {
    /// Currents become counts, `min(max(⌊(x + initial) / θ⌋, 0), levels)`.
    #[inline(always)]
    pub(super) fn fire<const IS_EXACT: bool>(&self, block: &mut Block) {
        for (lane, number) in block.iter_mut().enumerate() {
            let v = number.wrapping_add(self.initial[lane]).max(0).min(self.most[lane]);
            // SAFETY: neither negative nor more than 2^16, so that it fits.
            let q = unsafe { (v as f32 * self.inverse[lane]).to_int_unchecked::<i32>() };
            *number = if IS_EXACT {
                q
            } else {
                // At most one too much or too little: the product is off by less than 2^-6.
                let rest = v.wrapping_sub(q.wrapping_mul(self.threshold[lane]));
                q.wrapping_add(i32::from(rest >= self.threshold[lane])).wrapping_sub(i32::from(rest < 0))
            };
        }
    }
}

/// The block of a line that starts at a channel.
#[inline(always)]
pub(super) fn block_of(line: &[i32], at: usize) -> &Block {
    line[at..].first_chunk().expect("lines have whole blocks")
}

/// Integrate-and-fire neurons.
#[derive(Clone, Debug)]
pub(super) struct Neuron {
    threshold: Params,
    leak: Option<Params>,
    pub(super) reset: Reset,
}

impl Neuron {
    pub(super) fn new(threshold: Params, leak: Option<Params>, reset: Reset) -> Self {
        Self { threshold, leak, reset }
    }

    /// Potentials of a line, with those behind the last channel.
    pub(super) fn pitch(&self) -> usize {
        self.threshold.pitch()
    }

    pub(super) fn bytes(&self) -> usize {
        self.threshold.bytes() + self.leak.as_ref().map_or(0, Params::bytes)
    }

    /// Thresholds and leaks of a place from a channel on.
    #[inline(always)]
    pub(super) fn line(&self, pixel: usize, channel: usize) -> (&[i32], Option<&[i32]>) {
        (self.threshold.line(pixel, channel), self.leak.as_ref().map(|leak| leak.line(pixel, channel)))
    }
}

/// One step of neurons with a soft or hard reset: currents become spikes.
#[inline(always)]
pub(super) fn fire<const IS_HARD: bool>(x: &mut Block, v: &mut Block, threshold: &Block, leak: Option<&Block>) {
    for lane in 0..COLUMNS {
        let rest = leak.map_or(v[lane], |leak| leaked(v[lane], leak[lane]));
        let potential = rest.wrapping_add(x[lane]);
        let spike = i32::from(potential >= threshold[lane]);
        v[lane] = if spike == 0 {
            potential
        } else if IS_HARD {
            0
        } else {
            potential.wrapping_sub(threshold[lane])
        };
        x[lane] = spike;
    }
}

/// As [`fire`] with a soft reset and corrections: a spike of -1 where the potential is negative and `net`, the sum of the
/// spikes so far, is not 0.
#[inline(always)]
pub(super) fn fire_signed(x: &mut Block, v: &mut Block, net: &mut Block, threshold: &Block, leak: Option<&Block>) {
    for lane in 0..COLUMNS {
        let rest = leak.map_or(v[lane], |leak| leaked(v[lane], leak[lane]));
        let potential = rest.wrapping_add(x[lane]);
        // Without a short circuit, which would be a branch. Thresholds are positive: never both.
        let spike = i32::from(potential >= threshold[lane]) - i32::from((potential < 0) & (net[lane] > 0));
        v[lane] = potential.wrapping_sub(if spike == 0 {
            0
        } else if spike > 0 {
            threshold[lane]
        } else {
            threshold[lane].wrapping_neg()
        });
        x[lane] = spike;
        net[lane] = net[lane].wrapping_add(spike);
    }
}

/// What is left of a potential: `⌊leak · v / 65536⌋`.
#[inline(always)]
fn leaked(v: i32, leak: i32) -> i32 {
    // A shift rounds down, for negative numbers too. No potential grows by it, so that it stays one of 32 bits.
    ((i64::from(v) * i64::from(leak)) >> LEAK_ONE.trailing_zeros()) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Tensor;
    use crate::network::place::Order;

    fn counts(threshold: i32, levels: i32, currents: &[i32]) -> (Vec<i32>, bool) {
        let params = |value: i32| Params::new(&Tensor::new([], [value]), Order::Natural, &[1, COLUMNS], 1);
        let neuron = RadixNeuron::new(params(threshold), params(0), 1, levels as u32);
        let params = neuron.block(0, 0);
        let mut fired = Vec::new();
        for part in currents.chunks(COLUMNS) {
            let mut block = core::array::from_fn(|lane| part.get(lane).copied().unwrap_or(0));
            if neuron.is_exact() {
                params.fire::<true>(&mut block)
            } else {
                params.fire::<false>(&mut block)
            }
            fired.extend(&block[..part.len()]);
        }
        (fired, neuron.is_exact())
    }

    /// Every edge of every count, of thresholds on both sides of the one that a product with the inverse serves.
    #[test]
    fn counts_change_where_they_must() {
        let mut exact = 0;
        let limits = |levels: i32| {
            let last = (1 << 22) / (levels + 1);
            let largest = i32::MAX / (levels + 1);
            (1..40)
                .chain(last - 20..=last + 20)
                .chain([last / 3, last / 2 + 1, 1 << 15, 999_983, largest / 2, largest])
                .filter(move |&t| t >= 1 && t <= largest)
        };
        for levels in [1, 3, 15, 254, 255, 1023, 4095, 65535] {
            for threshold in limits(levels) {
                let edges = (0..=levels + 1).map(|q| q * threshold).flat_map(|edge| [edge - 1, edge]);
                let currents: Vec<i32> = edges.chain([i32::MIN, i32::MAX, -1, 0]).collect();
                let expected: Vec<i32> = currents.iter().map(|v| v.div_euclid(threshold).clamp(0, levels)).collect();
                let (fired, is_exact) = counts(threshold, levels, &currents);
                assert_eq!(fired, expected, "θ = {threshold}, {levels} levels");
                exact += usize::from(is_exact);
            }
        }
        assert!(exact > 100, "{exact} of the thresholds");
    }
}
