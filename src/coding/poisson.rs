//! The random input of a spiking network with Poisson coding.

use snnc_runtime::{
    artifact::{Coding, Quantiser},
    poisson::Draws,
};

/// Digits of the numbers that the draws are compared with.
pub const DIGITS: u32 = 16;

/// Half of the numbers that there are: 0 is in the middle.
const MIDDLE: f32 = (1u32 << (DIGITS - 1)) as f32;

/// The quantiser of images whose channels fire at every step where they are `amplitude`.
#[must_use]
pub fn quantiser(amplitude: &[f32]) -> Quantiser {
    Quantiser { digits: DIGITS, step: amplitude.iter().map(|amplitude| amplitude / MIDDLE).collect(), zero: vec![MIDDLE] }
}

/// The value of every entry of an image that fires at every step, of entries of these channels; none where the coding is another.
#[must_use]
pub fn units(coding: Coding, quantiser: &Quantiser, channels: impl IntoIterator<Item = usize>) -> Option<Vec<f32>> {
    let half = (1u64 << (quantiser.digits - 1)) as f32;
    let of = |channel: usize| half * quantiser.step[if quantiser.step.len() == 1 { 0 } else { channel }];
    (coding == Coding::Poisson).then(|| channels.into_iter().map(of).collect())
}

/// Images in such units, where there are some: what their spikes are on average.
#[must_use]
pub fn in_units(images: &[f32], units: Option<&[f32]>) -> Vec<f32> {
    let Some(units) = units else { return images.to_vec() };
    images.iter().enumerate().map(|(k, x)| x / units[k % units.len()]).collect()
}

/// The spikes `[T, N, ..]` of images `[N, ..]` whose first has the index `first` among all. `units` holds, for each entry of an image, the
/// value that fires at every step.
#[must_use]
pub fn spikes(images: &[f32], units: &[f32], timesteps: usize, seed: u64, first: usize) -> Vec<f32> {
    let quantiser = quantiser(units);
    let len = units.len();
    let numbers: Vec<u16> = images.iter().enumerate().map(|(k, &x)| quantiser.apply(k % len, x)).collect();
    let mut spikes = Vec::with_capacity(images.len() * timesteps);
    for step in 0..timesteps {
        for (k, image) in numbers.chunks(len).enumerate() {
            let draws = Draws::new(seed, (first + k) as u64, step as u64);
            spikes.extend(image.iter().enumerate().map(|(i, &number)| draws.spike(i as u64, number, DIGITS) as f32));
        }
    }
    spikes
}
