//! Networks whose answers can be differentiated with respect to the image: what an inversion needs to know of one.

use super::statistics::Watched;
use crate::{
    error::Result,
    simulate::Gradient,
    train::network::{Buffers, Loss},
};

/// A network that can be inverted.
pub trait Differentiable: Sync {
    /// The loss of the logits `[N, classes]` for N images in the model's own layout and units, and its gradient with respect to
    /// the images. The step of the descent tells apart what a random network draws.
    ///
    /// # Errors
    /// Only on a bug.
    fn gradient(&self, images: &[f32], count_and_step: (usize, usize), loss: Loss<'_>, buffers: &mut Buffers) -> Result<Gradient>;
}

/// A float network whose layers should have the statistics that were recorded for them, beside a loss of its answers.
pub struct Matching<'a> {
    /// The network and what was recorded.
    pub watched: &'a Watched,
    /// Shape of its input; the first dimension is the batch.
    pub dims: &'a [usize],
    /// Weight of the distance of an image's statistics.
    pub weight: f64,
    /// Units of the input's entries, where the network reads multiples of them (a spiking network with Poisson coding does).
    pub units: Option<&'a [f32]>,
}

impl Differentiable for Matching<'_> {
    fn gradient(&self, images: &[f32], (count, _): (usize, usize), loss: Loss<'_>, buffers: &mut Buffers) -> Result<Gradient> {
        let shape: Vec<usize> = std::iter::once(count).chain(self.dims[1..].iter().copied()).collect();
        let Watched { network, nodes } = self.watched;
        let watched = (nodes, self.weight * count as f64);
        let Some(units) = self.units else {
            return network.gradient(images, &shape, watched, &mut buffers.floats, loss);
        };
        let in_units = |values: &[f32]| values.iter().enumerate().map(|(k, x)| x / units[k % units.len()]).collect::<Vec<f32>>();
        let Gradient { loss, images } = network.gradient(&in_units(images), &shape, watched, &mut buffers.floats, loss)?;
        Ok(Gradient { loss, images: in_units(&images) })
    }
}
