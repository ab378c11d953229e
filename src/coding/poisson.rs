//! The random input of a spiking network with Poisson coding.

use snnc_runtime::poisson::Draws;

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
