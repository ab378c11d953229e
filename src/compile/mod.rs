//! The driver: one model from ONNX file to artifact and report.
//!
//! Every stage is a file: a struct that holds what is known after it, and the function that makes it of the one before.
//!
//! | stage | what is known after it | an observer hears of | phase of the graph |
//! |---|---|---|---|
//! | `canonical` | the float network | import, canonicalise | `Imported`, `Canonical` |
//! | `fitted` | how images become its input, and that on such images it computes what the file says | compare | |
//! | `sampled` | samples to calibrate on and samples that judge; the network with rectifiers alone | synthesize, bound, rectify | |
//! | `calibrated` | the spiking network, by the rule and for the number of time steps that serve best | spike, calibrate, deploy, round, measure | `Spiking`, `Calibrated`, `Whole` |
//! | `trained` | the same, its weights trained, if they were to be | train, measure | `Trained`, if nothing is left of the source, `Whole` |
//! | `emitted` | artifact and report | | |
//! | `audited` | what attacks on the artifact get | audit | |
//!
//! The other files serve one stage or a few: what is done there is a matter of its own.
//!
//! | file | content |
//! |---|---|
//! | `input` | layout and range of the input |
//! | `material` | which samples there are, and how they are shared out |
//! | `image_steps` | rounding of the image that its pixels make superfluous |
//! | `ranges` | what bounded activations see of samples |
//! | `draft` | a spiking graph by one rule, for one number of time steps |
//! | `digits`, `bits` | how many digits and bits each layer gets |
//! | `round` | a graph becomes one of whole numbers |
//! | `measured` | a draft, emitted and run on the samples that judge |
//! | `rules` | the search for a rule |
//! | `decision`, `recipe`, `course` | whether there is to be a training, how, and one training |

mod audited;
mod bits;
mod calibrated;
mod canonical;
mod course;
mod decision;
mod digits;
mod draft;
mod emitted;
mod fitted;
mod image_steps;
mod input;
mod material;
mod measured;
mod ranges;
mod recipe;
mod round;
mod rules;
mod sampled;
mod trained;

pub use audited::{Audited, Compiled};

use crate::{
    error::{Error, Result},
    observer::Observer,
    options::Options,
};
use std::path::Path;

/// Compiles one model.
///
/// # Errors
/// If the model cannot be read or converted, a file of samples does not fit it, or the observer objects.
pub fn compile(model: &Path, options: &Options, observer: &mut dyn Observer) -> Result<Compiled> {
    // Better now than after the samples are made.
    trained::check_device(&options.training)?;
    let canonical = canonical::read(model, options, observer)?;
    let objections = observer.objections(&canonical.float);
    if !objections.is_empty() {
        return Err(Error::Refused(objections));
    }
    let fitted = fitted::fit(canonical, observer)?;
    let sampled = sampled::sample(fitted, observer)?;
    let calibrated = calibrated::calibrate(sampled, observer)?;
    let trained = trained::train(calibrated, observer)?;
    let emitted = emitted::emit(trained);
    audited::audit(emitted, observer)
}
