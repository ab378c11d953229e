//! The input of a network that is being compiled.

use super::poisson::{self, in_units, spikes, units};
use crate::{
    error::{Error, Result},
    options::{Code, Coding, Layout, Options, Preprocess},
    synthesize::Canvas,
};
use snnc_ir::{Element, Graph, Operator, Origin, ParamId, Provenance, Tensor, TensorType};
use snnc_runtime::artifact::{self, Quantiser};

/// Makes the spiking network's input of images in the model's own layout and units: whole numbers.
pub struct Encoder<'a> {
    canvas: &'a Canvas,
    /// As the artifact says it.
    pub coding: artifact::Coding,
    /// As the artifact says it: of a flat input, one for all or one a feature.
    pub quantiser: Quantiser,
    /// Channel of every entry of an image, to the quantiser.
    channels: Vec<usize>,
}

impl<'a> Encoder<'a> {
    /// An encoder for images of that kind.
    #[must_use]
    pub fn new(options: &Options, canvas: &'a Canvas, preprocess: &Preprocess) -> Self {
        let coding = match (options.code, options.coding) {
            (_, Coding::Poisson) => artifact::Coding::Poisson,
            (Code::Radix, Coding::Direct) => artifact::Coding::Digits,
            (Code::Rate, Coding::Direct) => artifact::Coding::Direct,
        };
        let colours = match coding {
            artifact::Coding::Poisson => poisson::quantiser(&amplitude(canvas)),
            _ => levels(options.input_digits, canvas, preprocess),
        };
        // A flat input has no channels to a reader but its features.
        let each = |values: Vec<f32>| match canvas.layout {
            Layout::Flat if values.len() > 1 => canvas.channel_of_entry().into_iter().map(|channel| values[channel]).collect(),
            _ => values,
        };
        let quantiser = Quantiser { digits: colours.digits, step: each(colours.step), zero: each(colours.zero) };
        let channels = if canvas.layout == Layout::Flat { (0..canvas.len()).collect() } else { canvas.channel_of_entry() };
        Self { canvas, coding, quantiser, channels }
    }

    fn units(&self) -> Option<Vec<f32>> {
        units(self.coding, &self.quantiser, self.channels.iter().copied())
    }

    /// The largest number of the input: 1 of random spikes.
    #[must_use]
    pub fn levels(&self) -> u32 {
        if self.varies() { 1 } else { u32::from(self.quantiser.top()) }
    }

    /// Gives the numbers at the input of a graph the size of what they stand for, by a scale and a shift behind it.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn decode(&self, graph: &mut Graph) -> Result<()> {
        let bug = |e: snnc_ir::infer::TypeError| Error::Internal(e.to_string());
        let input = graph.input().ok_or_else(|| Error::Internal("a verified graph has an input".into()))?;
        let dims = graph[input].ty.dims.clone();
        let mut list = |name: &str, values: Vec<f32>| -> ParamId {
            let tensor = self.over_channels(&dims, values);
            graph.add_param(name, tensor, Provenance::Fixed)
        };
        if self.varies() {
            let half = (1u64 << (self.quantiser.digits - 1)) as f32;
            let factor = list("input.amplitude", self.quantiser.step.iter().map(|step| half * step).collect());
            graph.insert_after(input, Operator::Scale { factor }, Origin::default()).map_err(bug)?;
            return Ok(());
        }
        let factor = list("input.step", self.quantiser.step.clone());
        let offset = list("input.zero", self.quantiser.zero.iter().map(|zero| -zero).collect());
        if self.coding == artifact::Coding::Digits {
            graph.set_input_type(input, TensorType { element: Element::Spike, dims });
        }
        // What a count is short of standing for 0, then its size.
        let shift = graph.insert_after(input, Operator::Shift { offset }, Origin::default()).map_err(bug)?;
        graph.insert_after(shift, Operator::Scale { factor }, Origin::default()).map_err(bug)?;
        graph.refresh_types().map_err(bug)
    }

    /// Values of channels, over a tensor of the input's shape.
    fn over_channels(&self, dims: &[usize], values: Vec<f32>) -> Tensor {
        let mut shape = vec![1; dims.len()];
        match self.canvas.layout {
            _ if values.len() == 1 => {}
            Layout::Nhwc => shape[dims.len() - 1] = values.len(),
            Layout::Nchw => shape[1] = values.len(),
            // One for every feature.
            Layout::Flat => shape = dims.to_vec(),
        }
        Tensor::new(shape, values)
    }

    /// Whether the input differs from step to step.
    #[must_use]
    pub fn varies(&self) -> bool {
        self.coding == artifact::Coding::Poisson
    }

    /// The input for images `[N, ..]`: as many numbers, or where it [varies](Encoder::varies) the spikes of all steps, `[T, N, ..]`. Random
    /// spikes follow from the seed.
    #[must_use]
    pub fn input(&self, images: &[f32], timesteps: usize, seed: u64) -> Vec<f32> {
        match self.units() {
            Some(units) => spikes(images, &units, timesteps, seed, 0),
            None => self.numbers(images),
        }
    }

    /// The mean of the input over time, as it would be after endless steps.
    #[must_use]
    pub fn mean(&self, images: &[f32]) -> Vec<f32> {
        match self.units() {
            Some(units) => in_units(images, Some(&units)),
            None => self.numbers(images),
        }
    }

    fn numbers(&self, images: &[f32]) -> Vec<f32> {
        let channels = self.channels.iter().cycle();
        images.iter().zip(channels).map(|(&x, &channel)| f32::from(self.quantiser.apply(channel, x))).collect()
    }
}

/// Numbers of so many digits over the range of every channel; of 8, the pixels themselves.
fn levels(digits: u32, canvas: &Canvas, preprocess: &Preprocess) -> Quantiser {
    if digits == 8 {
        return Quantiser::of_pixels(preprocess);
    }
    let top = ((1u64 << digits) - 1) as f32;
    let steps: Vec<f32> = canvas.range.iter().map(|(low, high)| ((high - low) / top).max(f32::MIN_POSITIVE)).collect();
    let zeros = canvas.range.iter().zip(&steps).map(|((low, _), step)| -low / step).collect();
    Quantiser { digits, step: steps, zero: zeros }
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
