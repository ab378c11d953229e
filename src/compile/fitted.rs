//! Images are fitted to the float network's input.

use super::{canonical::Canonical, input::Input};
use crate::{
    data::{Images, Plan},
    error::{Error, Result},
    float::{faithful, pixels, preprocessing},
    observer::Observer,
    options::Calibration,
};
use std::time::Instant;

/// The float network, and how images become its input.
pub struct Fitted<'a> {
    /// The float network.
    pub canonical: Canonical<'a>,
    /// Its input.
    pub input: Input,
    /// The user's images and how they become input, if there are any.
    pub data: Option<(Images, Plan)>,
}

/// Reads the user's images, chooses what nobody asked for, and holds the float network against the file on images of that kind.
///
/// # Errors
/// If images, layout or preprocessing do not fit the network, or if it does not compute what the file says.
pub fn fit<'a>(canonical: Canonical<'a>, observer: &mut dyn Observer) -> Result<Fitted<'a>> {
    let Canonical { model, options, imported, float } = &canonical;
    let input = float.input().ok_or_else(|| Error::Internal("a verified graph has an input".into()))?;
    let ty = &float[input].ty;
    let preprocess = preprocessing(imported, &options.pixels, "--")?;
    let data = match &options.calibration {
        Calibration::File(path) => {
            let images = Images::read(path)?;
            let plan = Plan::new(&images, &ty.dims, options.layout, &preprocess)?;
            Some((images, plan))
        }
        Calibration::Synthetic(_) => None,
    };
    let layout = options.layout.or_else(|| data.as_ref().and_then(|(_, plan)| plan.layout()));
    let input = Input::new(ty, layout, preprocess)?;
    if options.pixels.scale.is_none() && imported.input_integers.is_none() {
        pixels::scaled_inside(&imported.graph, &input.preprocess).iter().for_each(|warning| observer.warning(warning));
    }
    let start = Instant::now();
    observer.stage("compare", None);
    faithful::check(model, imported, float, &input.canvas, options.seed)?;
    observer.stage_done(start.elapsed());
    Ok(Fitted { canonical, input, data })
}
