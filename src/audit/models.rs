//! The networks under attack as something to differentiate, or to ask.

use super::{attack::Subject, case::Case};
use crate::{
    coding::spikes,
    error::{Error, Result},
    synthesize::differentiable::{Differentiable, Gradient},
};
use snnc_engine::{Buffers, Device, Loss, Losses, Network, Plan, Wanted};
use snnc_ir::Graph;
use snnc_kernels::neuron::Derivation;

/// The float network of a subject that has one.
pub fn float<'a>(case: &'a Case<'_>, subject: Subject) -> Option<&'a Graph> {
    match subject {
        Subject::Ann => Some(case.given.float),
        Subject::Control => Some(&case.control),
        Subject::Snn => None,
    }
}

/// A spiking network, or a twin of it without time, to differentiate.
pub struct Planned<'a> {
    plan: &'a Plan,
    network: Network<'a>,
    wanted: Wanted,
    derivation: Derivation,
    device: &'a Device,
    /// The input's unit for each entry, with Poisson coding.
    units: Option<&'a [f32]>,
    /// Seeds the spikes of Poisson coding, and number of draws whose gradients are averaged; none for a twin, which gets the mean.
    draws: Option<(u64, usize)>,
}

impl<'a> Planned<'a> {
    /// A plan with these values of its parameters. `draws` says how often the random input of a spiking network is drawn for one gradient,
    /// and from which seed.
    #[must_use]
    pub fn new(case: &'a Case<'_>, plan: &'a Plan, values: &'a [Vec<f32>], derivation: Derivation, draws: Option<(u64, usize)>) -> Self {
        let (network, wanted) = (Network::new(plan, values), Wanted::input_of(plan));
        Self { plan, network, wanted, derivation, device: &case.device, units: case.units.as_deref(), draws }
    }
}

impl Differentiable for Planned<'_> {
    fn gradient(&self, images: &[f32], (count, step): (usize, usize), loss: Loss<'_>, buffers: &mut Buffers) -> Result<Gradient> {
        let losses = Losses { output: loss, inside: &[] };
        let mut run = |input: &[f32]| -> Result<(f64, Vec<f32>)> {
            let found = self.device.gradients(&self.network, (input, count), &self.wanted, self.derivation, &losses, buffers)?;
            Ok((found.loss, found.input))
        };
        let Some(units) = self.units else {
            let (loss, images) = run(images)?;
            return Ok(Gradient { loss, images });
        };
        let unit = |entry: usize| units[entry % units.len()];
        let (mut sum, mut total) = (vec![0.0f32; images.len()], 0.0);
        let draws = match self.draws {
            // The mean over time of the spikes.
            None => {
                let still: Vec<f32> = images.iter().enumerate().map(|(k, x)| (x / unit(k)).clamp(-1.0, 1.0)).collect();
                let (loss, gradient) = run(&still)?;
                total += loss;
                sum.copy_from_slice(&gradient);
                1
            }
            Some((seed, draws)) => {
                for draw in 0..draws {
                    let seed = seed ^ ((step * draws + draw) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    let spikes = spikes(images, units, self.plan.timesteps, seed, 0);
                    let (loss, gradient) = run(&spikes)?;
                    total += loss;
                    gradient.chunks(images.len()).for_each(|at_step| sum.iter_mut().zip(at_step).for_each(|(s, g)| *s += g));
                }
                draws
            }
        };
        // A spike's expectation is the pixel over its unit, so that is what it is differentiated as.
        sum.iter_mut().enumerate().for_each(|(k, s)| *s /= unit(k) * draws as f32);
        Ok(Gradient { loss: total / draws as f64, images: sum })
    }

    fn device(&self) -> &Device {
        self.device
    }
}

/// Images that are asked about together.
const BATCH: usize = 32;

/// A network that answers.
pub enum Oracle<'a> {
    /// A float network.
    Float(Network<'a>),
    /// The artifact, as it is deployed, for so many steps.
    Spiking(&'a snnc_runtime::Network, usize),
}

impl<'a> Oracle<'a> {
    /// That of a subject.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn new(case: &'a Case<'_>, subject: Subject, timesteps: usize) -> Result<Self> {
        Ok(match float(case, subject) {
            Some(graph) => Self::Float(Network::float(graph, &[])?),
            None => Self::Spiking(&case.network, timesteps),
        })
    }

    /// Logits `[N, classes]` of images in the model's own layout and units.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn logits(&self, images: &[f32]) -> Result<Vec<f32>> {
        match self {
            Self::Float(network) => Ok(network.side_by_side(images, BATCH, &[]).into_iter().flat_map(|(logits, _)| logits).collect()),
            Self::Spiking(network, timesteps) => {
                let outcome = network.run(images, *timesteps, 0).map_err(|e| Error::Internal(e.to_string()))?;
                Ok(outcome.logits)
            }
        }
    }
}
