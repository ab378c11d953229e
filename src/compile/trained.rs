//! The spiking network is trained through time, if that was asked for or fits the budget.

use super::{
    calibrated::{Calibrated, Search},
    course::Course,
    decision::decide,
    measured::{Measured, measure},
    round::round,
    sampled::Sampled,
};
use crate::{
    error::Result,
    float::passes::{self, in_file},
    observer::Observer,
    options::{Coding, Device, Train, Training},
    train::{device, record::TrainingRecord},
};
use snnc_engine::{Plan, plan::Tail};
use snnc_ir::{Phase, verify};
use snnc_passes::{PassCx, TRAIN};

/// The spiking network as it will be emitted.
pub struct Trained<'a> {
    /// What it was made from.
    pub sampled: Sampled<'a>,
    /// The network.
    pub network: Measured,
    /// How it was found.
    pub search: Search,
    /// What came of training it.
    pub training: TrainingRecord,
}

/// Refuses a device that is not there, if there may be a training.
///
/// # Errors
/// If a graphics card was asked for that cannot be used.
pub fn check_device(training: &Training) -> Result<()> {
    if let (Device::Cuda(_), true) = (training.device, training.train != Train::None) {
        device::open(training.device)?;
    }
    Ok(())
}

/// Trains the network. Its graph is in the phase `Trained` then, if nothing is left of the source network.
///
/// # Errors
/// If a checkpoint cannot be read or written.
pub fn train<'a>(calibrated: Calibrated<'a>, observer: &mut dyn Observer) -> Result<Trained<'a>> {
    let Calibrated { sampled, network, search } = calibrated;
    let options = sampled.canonical.options;
    let plan = Plan::spiking(&network.draft.graph, network.draft.settings.timesteps, options.coding == Coding::Direct, Tail::OnMean)?;
    if let Some(training) = decide(&plan, options, sampled.material.calibration.samples.count, observer) {
        return Ok(Trained { sampled, network, search, training });
    }
    let mut draft = network.draft;
    let mut course = Course::new(&sampled, &draft.settings, plan, observer);
    let mut cx = PassCx { training: Some(&mut course), ..PassCx::new(&draft.settings) };
    let ran = passes::run(TRAIN, &mut draft.graph, &mut cx);
    // What the training itself has to say comes first: the pass can but hand on a text.
    let mut training = course.finish()?;
    draft.passes.extend(ran.map_err(in_file(sampled.canonical.model))?);
    let mut fully_trained = draft.graph.clone();
    Phase::Trained.enter(&mut fully_trained);
    // Parameters that were trained may still be what they were, up to a factor, where training has hardly moved them.
    if let (TrainingRecord::Ran(ran), Ok(_)) = (&mut training, verify(&fully_trained))
        && ran.left().0 == 0
    {
        ran.is_fully_trained = true;
        draft.graph = fully_trained;
    }
    // What training found of no use was rounded before.
    if !matches!(&training, TrainingRecord::Ran(ran) if ran.best == 0) {
        // Training has seen to the means.
        draft.whole = draft.graph.clone();
        draft.passes.extend(round(&mut draft.whole, &draft.settings, None, sampled.canonical.model, observer)?);
    }
    let network = measure(&sampled, draft, observer)?;
    Ok(Trained { sampled, network, search, training })
}
