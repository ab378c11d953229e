//! The input of a network that is being compiled.

use super::poisson::{in_units, spikes, units};
use crate::{
    error::{Error, Result},
    options::{Coding, Layout},
    synthesize::Canvas,
};
use snnc_ir::{Graph, Operator, Origin, Provenance};
use snnc_runtime::artifact;

/// Makes the spiking network's input of images in the model's own layout and units.
pub struct Encoder<'a> {
    canvas: &'a Canvas,
    /// As the artifact says it.
    pub coding: artifact::Coding,
}

impl<'a> Encoder<'a> {
    /// An encoder for images of that kind.
    #[must_use]
    pub fn new(coding: Coding, canvas: &'a Canvas) -> Self {
        let coding = match coding {
            Coding::Direct => artifact::Coding::Direct,
            Coding::Poisson => artifact::Coding::Poisson { amplitude: amplitude(canvas) },
        };
        Self { canvas, coding }
    }

    fn units(&self) -> Option<Vec<f32>> {
        units(&self.coding, self.canvas.channel_of_entry())
    }

    /// Gives spikes at the input of a graph the size of what they stand for, by a scale behind it.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn decode(&self, graph: &mut Graph) -> Result<()> {
        let artifact::Coding::Poisson { amplitude } = &self.coding else { return Ok(()) };
        let input = graph.input().ok_or_else(|| Error::Internal("a verified graph has an input".into()))?;
        let axes = graph[input].ty.dims.len();
        let mut shape = vec![1; axes];
        if amplitude.len() > 1 {
            let axis = if self.canvas.layout == Layout::Nhwc { axes - 1 } else { 1 };
            shape[axis] = amplitude.len();
        }
        let factor = graph.add_param("input.amplitude", snnc_ir::Tensor::new(shape, amplitude.clone()), Provenance::Fixed);
        graph.insert_after(input, Operator::Scale { factor }, Origin::default()).map_err(|e| Error::Internal(e.to_string()))?;
        Ok(())
    }

    /// Whether the input differs from step to step.
    #[must_use]
    pub fn varies(&self) -> bool {
        matches!(self.coding, artifact::Coding::Poisson { .. })
    }

    /// The input for images `[N, ..]`: as many values, or where it [varies](Encoder::varies) those of all steps, `[T, N, ..]`. Random spikes
    /// follow from the seed.
    #[must_use]
    pub fn input(&self, images: &[f32], timesteps: usize, seed: u64) -> Vec<f32> {
        match self.units() {
            Some(units) => spikes(images, &units, timesteps, seed, 0),
            None => images.to_vec(),
        }
    }

    /// The mean of the input over time, as it would be after endless steps.
    #[must_use]
    pub fn mean(&self, images: &[f32]) -> Vec<f32> {
        in_units(images, self.units().as_deref())
    }
}

/// The value of each channel that fires at every step under Poisson coding.
fn amplitude(canvas: &Canvas) -> Vec<f32> {
    let per_channel: Vec<f32> = canvas.range.iter().map(|(low, high)| low.abs().max(high.abs()).max(f32::MIN_POSITIVE)).collect();
    match canvas.layout {
        // Features of a flat vector have no channel to a reader: one amplitude for all.
        Layout::Flat => vec![per_channel.iter().copied().fold(0.0, f32::max)],
        Layout::Nchw | Layout::Nhwc => per_channel,
    }
}
