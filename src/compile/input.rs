//! The network's input: where the values of an image stand in it, and which they are.

use crate::{
    data::layout,
    error::{Error, Result},
    options::{Layout, Preprocess},
    synthesize::Canvas,
};
use snnc_ir::{TensorType, types::Dims};

/// How images become input, for the float network and for the spiking one.
pub struct Input {
    /// The layout of the image.
    pub layout: Layout,
    /// How pixels become values.
    pub preprocess: Preprocess,
    /// The image behind it.
    pub canvas: Canvas,
}

impl Input {
    /// The input of that type; without a layout it has the one that its shape suggests.
    ///
    /// # Errors
    /// [`Error::Usage`] if the layout or the preprocessing does not fit.
    pub fn new(ty: &TensorType, layout: Option<Layout>, preprocess: Preprocess) -> Result<Self> {
        let default = if ty.dims.len() == 4 { Layout::Nchw } else { Layout::Flat };
        let layout = layout.or_else(|| layout::of_shape(&ty.dims)).unwrap_or(default);
        check_layout(layout, &ty.dims)?;
        let canvas = Canvas::new(ty, layout, &preprocess);
        check_channels(&preprocess, &canvas)?;
        Ok(Self { layout, preprocess, canvas })
    }
}

/// Refuses a layout that does not fit the model's input.
fn check_layout(layout: Layout, dims: &[usize]) -> Result<()> {
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
fn check_channels(preprocess: &Preprocess, canvas: &Canvas) -> Result<()> {
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
