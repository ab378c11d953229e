//! How images enter the spiking network: layout, range, coding.

use crate::{
    data::layout,
    error::{Error, Result},
    options::{Coding, Layout, Options, Preprocess},
    simulate::{Signal, poisson::spikes},
    synthesize::Canvas,
};
use candle_core::{Device, Tensor};
use snnc_ir::{Graph, Operator, Origin, Provenance, types::Dims};

/// Refuses a layout that does not fit the model's input.
pub fn check_layout(layout: Layout, dims: &[usize]) -> Result<()> {
    if layout.fits(dims) {
        return Ok(());
    }
    let fitting: Vec<String> = [Layout::Nchw, Layout::Nhwc, Layout::Flat]
        .into_iter()
        .filter(|other| other.fits(dims))
        .map(|other| format!("`--layout {}`", layout::name(other)))
        .collect();
    let help = if fitting.is_empty() {
        "images have two to four axes with the batch".to_owned()
    } else {
        format!("there is {}", fitting.join(" and "))
    };
    Err(Error::Usage(format!("the model's input [{}] does not fit the layout `{}`; {help}", Dims(dims), layout::name(layout))))
}

/// Refuses means and deviations that are not those of the model's channels.
pub fn check_channels(preprocess: &Preprocess, canvas: &Canvas) -> Result<()> {
    for (name, values) in [("--mean", &preprocess.mean), ("--std", &preprocess.std)] {
        if values.len() != 1 && values.len() != canvas.channels {
            return Err(Error::Usage(format!(
                "`{name}` has {} values, and the model's input has {} channel{}",
                values.len(),
                canvas.channels,
                if canvas.channels == 1 { "" } else { "s" }
            )));
        }
    }
    Ok(())
}

/// The value of each channel that fires at every step under Poisson coding.
pub fn amplitude(canvas: &Canvas) -> Vec<f32> {
    let per_channel: Vec<f32> = canvas.range.iter().map(|(low, high)| low.abs().max(high.abs()).max(f32::MIN_POSITIVE)).collect();
    match canvas.layout {
        // Features of a flat vector have no channel to a reader: one amplitude for all.
        Layout::Flat => vec![per_channel.iter().copied().fold(0.0, f32::max)],
        Layout::Nchw | Layout::Nhwc => per_channel,
    }
}

/// With Poisson coding the input is spikes; a scale behind it gives them the size of what they stand for.
pub fn decode_input(graph: &mut Graph, amplitude: &[f32], layout: Layout) -> Result<()> {
    let input = graph.input().ok_or_else(|| Error::Internal("a verified graph has an input".into()))?;
    let dims = graph[input].ty.dims.clone();
    let mut shape = vec![1; dims.len()];
    if amplitude.len() > 1 {
        let axis = if layout == Layout::Nhwc { dims.len() - 1 } else { 1 };
        shape[axis] = amplitude.len();
    }
    let factor = graph.add_param("input.amplitude", snnc_ir::Tensor::new(shape, amplitude.to_vec()), Provenance::Fixed);
    graph.insert_after(input, Operator::Scale { factor }, Origin::default()).map_err(|e| Error::Internal(e.to_string()))?;
    Ok(())
}

/// The spiking network's input for model-ready images `[N, ..]`.
pub fn encode(images: &Tensor, timesteps: usize, amplitude: &[f32], canvas: &Canvas, options: &Options) -> Result<Signal> {
    if options.coding == Coding::Direct {
        return Ok(Signal::Static(images.clone()));
    }
    let values = images.flatten_all()?.to_vec1::<f32>()?;
    let unit = |channel: usize| amplitude[if amplitude.len() == 1 { 0 } else { channel }];
    let units: Vec<f32> = canvas.channel_of_entry().into_iter().map(unit).collect();
    let spikes = spikes(&values, &units, timesteps, options.seed, 0);
    let shape: Vec<usize> = std::iter::once(timesteps * images.dim(0)?).chain(images.dims()[1..].iter().copied()).collect();
    Ok(Signal::Temporal(Tensor::from_vec(spikes, shape, &Device::Cpu)?))
}
