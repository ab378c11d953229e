//! The random input of a spiking network with Poisson coding.

use snnc_runtime::{artifact::Coding, poisson::Draws};

/// The value of every entry of an image that fires at every step, of entries of these channels; none where pixels are constant currents.
#[must_use]
pub fn units(coding: &Coding, channels: impl IntoIterator<Item = usize>) -> Option<Vec<f32>> {
    let Coding::Poisson { amplitude } = coding else { return None };
    Some(channels.into_iter().map(|channel| amplitude[if amplitude.len() == 1 { 0 } else { channel }]).collect())
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
    let mut spikes = Vec::with_capacity(images.len() * timesteps);
    for step in 0..timesteps {
        for (k, image) in images.chunks(units.len()).enumerate() {
            let draws = Draws::new(seed, (first + k) as u64, step as u64);
            spikes.extend(image.iter().zip(units).enumerate().map(|(i, (&x, &unit))| draws.spike(i as u64, x, unit)));
        }
    }
    spikes
}
