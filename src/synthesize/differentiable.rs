//! Networks whose answers can be differentiated with respect to the image: what an inversion needs to know of one.

use super::statistics::Watched;
use crate::error::Result;
use snnc_engine::{Buffers, Device, Inside, Loss, Losses, Wanted, loss::Statistics};
use snnc_kernels::neuron::{Derivation, Surrogate};

/// A loss and its gradient.
#[derive(Clone, Debug)]
pub struct Gradient {
    /// The loss, with all that is added to it.
    pub loss: f64,
    /// With respect to the images, in their shape.
    pub images: Vec<f32>,
}

/// A network that can be inverted.
pub trait Differentiable: Sync {
    /// The loss of the logits `[N, classes]` for N images in the model's own layout and units, and its gradient with respect to
    /// the images. The step of the descent tells apart what a random network draws.
    ///
    /// # Errors
    /// Only on a bug.
    fn gradient(&self, images: &[f32], count_and_step: (usize, usize), loss: Loss<'_>, buffers: &mut Buffers) -> Result<Gradient>;

    /// Where gradients are computed.
    fn device(&self) -> &Device;
}

/// How a network without neurons is differentiated: there is no step function whose surrogate this could be.
const NO_NEURON: Derivation = Derivation { surrogate: Surrogate::Triangle { height: 1.0 }, through_reset: false };

/// A float network whose layers should have the statistics that were recorded for them, beside a loss of its answers.
pub struct Matching<'a> {
    /// The network and what was recorded.
    pub watched: &'a Watched<'a>,
    /// Weight of the distance of an image's statistics.
    pub weight: f64,
    /// Units of the input's entries, where the network reads multiples of them (a spiking network with Poisson coding does).
    pub units: Option<&'a [f32]>,
    /// Where gradients are computed.
    pub device: &'a Device,
}

impl Differentiable for Matching<'_> {
    fn gradient(&self, images: &[f32], (count, _): (usize, usize), loss: Loss<'_>, buffers: &mut Buffers) -> Result<Gradient> {
        let Watched { network, layers } = self.watched;
        let weight = self.weight * count as f64;
        let statistics: Vec<(usize, Statistics<'_>)> =
            layers.iter().map(|(step, recorded)| (*step, Statistics { recorded, weight })).collect();
        let inside: Vec<(usize, &dyn Inside)> = statistics.iter().map(|(step, watch)| (*step, watch as &dyn Inside)).collect();
        let losses = Losses { output: loss, inside: &inside };
        let wanted = Wanted::input_of(network.plan());
        let mut run = |input: &[f32]| self.device.gradients(network, (input, count), &wanted, NO_NEURON, &losses, buffers);
        let Some(units) = self.units else {
            let found = run(images)?;
            return Ok(Gradient { loss: found.loss, images: found.input });
        };
        let in_units = |values: &[f32]| values.iter().enumerate().map(|(k, x)| x / units[k % units.len()]).collect::<Vec<f32>>();
        let found = run(&in_units(images))?;
        Ok(Gradient { loss: found.loss, images: in_units(&found.input) })
    }

    fn device(&self) -> &Device {
        self.device
    }
}
