//! Samples are read or made.

use super::{
    canonical::Canonical,
    fitted::Fitted,
    image_steps::drop_image_steps,
    input::Input,
    material::{self, Material},
    ranges,
};
use crate::{
    coding::Encoder,
    error::{Error, Result},
    float::{passes::Stage, with_batch_norms},
    observer::Observer,
    options::{Coding, Options, Rule, Threshold},
    synthesize::Source,
};
use snnc_ir::{Graph, Phase};
use snnc_passes::{PassCx, Settings};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Digits of the numbers that images become where they are pixels of 8 bits.
const PIXEL_DIGITS: u32 = 8;

const BOUND: Stage = Stage { name: "bound", passes: snnc_passes::BOUND, phase: Phase::Canonical };
const RECTIFY: Stage = Stage { name: "rectify", passes: snnc_passes::RECTIFY, phase: Phase::Canonical };

/// All that spiking networks are made from and judged by.
pub struct Sampled<'a> {
    /// The float network.
    pub canonical: Canonical<'a>,
    /// Its input.
    pub input: Input,
    /// The float network with its batch norms, if it has any: what they recorded says what the training images were like.
    pub normed: Option<Graph>,
    /// The samples.
    pub material: Material,
    /// The float network with rectifiers alone: what neurons take the place of.
    pub rectified: Graph,
    /// When the budget is spent.
    pub deadline: Option<Instant>,
}

impl Sampled<'_> {
    /// How images enter the spiking network.
    #[must_use]
    pub fn encoder(&self) -> Encoder<'_> {
        Encoder::new(self.canonical.options, &self.input.canvas, &self.input.preprocess)
    }

    /// What samples are made from.
    #[must_use]
    pub fn source(&self) -> Source<'_> {
        Source { float: &self.canonical.float, normed: self.normed.as_ref(), canvas: &self.input.canvas }
    }
}

/// Reads or makes the samples. Time counts from here on.
///
/// # Errors
/// If thresholds are to be set by batch norms and there are none, or if a pass refuses the network.
pub fn sample<'a>(fitted: Fitted<'a>, observer: &mut dyn Observer) -> Result<Sampled<'a>> {
    let Fitted { canonical, input, data } = fitted;
    let Canonical { model, options, imported, float } = &canonical;
    let normed = with_batch_norms(&imported.graph)?;
    if matches!(options.threshold, Threshold::Rule(Rule::BatchNorm(_))) && normed.is_none() {
        return Err(Error::Usage("--threshold batch-norm: the model has no batch norms; they were folded, or it never had any".into()));
    }
    let deadline = options.budget.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds));
    let source = Source { float, normed: normed.as_ref(), canvas: &input.canvas };
    let material = material::gather(source, options, data, observer)?;
    let rectified = rectify(float, options, &input, &material, model, observer)?;
    Ok(Sampled { canonical, input, normed, material, rectified, deadline })
}

fn rectify(
    float: &Graph,
    options: &Options,
    input: &Input,
    material: &Material,
    model: &Path,
    observer: &mut dyn Observer,
) -> Result<Graph> {
    let mut graph = float.clone();
    // Who asks for finer numbers than pixels wants them rounded as the network does.
    if options.input_digits == PIXEL_DIGITS && options.coding == Coding::Direct {
        drop_image_steps(&mut graph, &input.canvas)?;
    }
    let settings = Settings { code: options.code.in_ir(), ..Settings::default() };
    let ranges = ranges::of(&graph, material)?;
    BOUND.run(&mut graph, &mut PassCx::new(&settings).with_ranges(Some(&ranges)), model, observer)?;
    // Without bounds that never counted, layers may read what was none of their operands before.
    let ranges = ranges::of(&graph, material)?;
    RECTIFY.run(&mut graph, &mut PassCx::new(&settings).with_ranges(Some(&ranges)), model, observer)?;
    Ok(graph)
}
