//! The samples of a compilation: those that thresholds are set on, and those that judge the result.

use crate::{
    data::{Images, Plan},
    error::Result,
    observer::Observer,
    options::{Calibration, Code, Options, Rule, Synthesis, Threshold, Timesteps, Train},
    synthesize::{Canvas, Labelled, Recipe, Samples, Source, calibration_indices, held_out_indices, synthesize},
};

/// Samples to calibrate on and samples that judge: enough to see a difference of a few percent, few enough to cost little.
const USUAL: Count = Count { calibration: 96, held_out: 64 };

/// Large images cost more each, and each shows a layer as many places as several small ones.
const OF_LARGE: Count = Count { calibration: 48, held_out: 40 };

/// Pixels from which images are large.
const LARGE: usize = 128 * 128;

/// Share of the budget that samples may take; the rest is for training.
const SYNTHESIS_SHARE: f64 = 1.0 / 3.0;

/// Fewer digits than this hide less of what samples leave open of means and ranges: then there are [`MORE`] times as many samples.
const MANY_DIGITS: usize = 6;

/// As many times the samples cost about half the compilation more, and at 4 digits bring back a third of what is lost.
const MORE: usize = 2;

/// What the user's file must have at least for a part of it to judge.
const FEW: usize = 16;

/// How many samples there are to be.
#[derive(Clone, Copy)]
pub struct Count {
    /// To calibrate on.
    pub calibration: usize,
    /// To judge by.
    pub held_out: usize,
}

impl Count {
    /// As many as the options say, or images of that size ask for.
    #[must_use]
    pub fn of(options: &Options, canvas: &Canvas) -> Self {
        let usual = if canvas.height * canvas.width >= LARGE { OF_LARGE } else { USUAL };
        let has_few_digits = options.code == Code::Radix && matches!(options.timesteps, Timesteps::Fixed(digits) if digits < MANY_DIGITS);
        let calibration = usual.calibration * if has_few_digits { MORE } else { 1 };
        Self { calibration: options.samples.unwrap_or(calibration), ..usual }
    }
}

/// All samples of a compilation.
pub struct Material {
    /// Thresholds and biases are set on these; none where nothing is calibrated.
    pub calibration: Labelled,
    /// These judge.
    pub held_out: Labelled,
    /// Whether the judges are images of the user.
    pub judged_by_data: bool,
    /// Images of the user beyond those, to train on.
    pub spare: Samples,
    /// Gradient steps that were made and that were asked for, where there was an inversion.
    pub steps: Option<(usize, usize)>,
}

/// Reads or makes the samples. `data` are the user's images and how they become input, if there are any.
///
/// # Errors
/// Only on a bug.
pub fn gather(source: Source<'_>, options: &Options, data: Option<(Images, Plan)>, observer: &mut dyn Observer) -> Result<Material> {
    let float = source.float;
    let is_fixed = matches!(options.threshold, Threshold::Rule(Rule::Fixed(_)));
    let method = match options.calibration {
        // Fixed thresholds need no samples, and with data at hand the held-out ones need no inversion.
        Calibration::Synthetic(method) if !is_fixed => method,
        _ => Synthesis::Prior,
    };
    let count = Count::of(options, source.canvas);
    let (wanted, judging) = (if is_fixed { 0 } else { count.calibration }, count.held_out);
    // Time is shared out by the number of images.
    let trains = options.training.train == Train::Temporal || options.training.train == Train::Auto && options.code == Code::Rate;
    let lessons = if !trains || is_fixed { 0 } else { options.training.samples };
    let all = (judging + wanted + lessons) as f64;
    let mut steps: Option<(usize, usize)> = None;
    let mut make = |indices: Vec<usize>, observer: &mut dyn Observer| -> Result<Labelled> {
        let budget = options.budget.map(|seconds| SYNTHESIS_SHARE * seconds * indices.len() as f64 / all);
        let recipe = Recipe { method, steps: options.synthesis_steps, budget, seed: options.seed };
        let made = synthesize(source, &recipe, &indices, observer)?;
        steps = match (steps, made.steps) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1)),
            (a, b) => a.or(b),
        };
        Labelled::new(float, made.samples)
    };
    let Some((images, plan)) = data else {
        let held_out = make(held_out_indices(judging), observer)?;
        let calibration = make(calibration_indices(wanted), observer)?;
        let spare = Samples { count: 0, data: Vec::new() };
        return Ok(Material { calibration, held_out, judged_by_data: false, spare, steps });
    };
    let judges = match images.count {
        count if count >= wanted + judging => judging,
        count if count >= FEW => (count / 4).min(judging),
        _ => 0,
    };
    let used = wanted.min(images.count - judges);
    let part = |range: std::ops::Range<usize>| Labelled::new(float, Samples { count: range.len(), data: plan.convert(&images, range) });
    let held_out = if judges > 0 { part(used..used + judges)? } else { make(held_out_indices(judging), observer)? };
    let first = used + judges;
    let spare = first..images.count.min(first + options.training.samples);
    let spare = Samples { count: spare.len(), data: plan.convert(&images, spare) };
    Ok(Material { calibration: part(0..used)?, held_out, judged_by_data: judges > 0, spare, steps: None })
}

/// Samples to train on: those for calibration and more like them.
///
/// # Errors
/// Only on a bug.
pub fn lessons(source: Source<'_>, options: &Options, material: &Material, observer: &mut dyn Observer) -> Result<Samples> {
    let mut samples = material.calibration.samples.clone();
    let more = match options.calibration {
        Calibration::File(_) => material.spare.clone(),
        Calibration::Synthetic(method) => {
            let extra = options.training.samples;
            let count = Count::of(options, source.canvas);
            let all = (count.held_out + count.calibration + extra) as f64;
            let budget = options.budget.map(|seconds| SYNTHESIS_SHARE * seconds * extra as f64 / all);
            let recipe = Recipe { method, steps: options.synthesis_steps, budget, seed: options.seed };
            let indices: Vec<usize> = (samples.count..samples.count + extra).collect();
            synthesize(source, &recipe, &indices, observer)?.samples
        }
    };
    samples.append(&more);
    Ok(samples)
}
