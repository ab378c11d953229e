//! What a network is held to, that is for a chip: `--target`.

use super::{
    args::{CompileArgs, ResetArg},
    presets, profiles,
    vocabulary::vocabulary,
};
use crate::{
    error::{Error, Result},
    options::{Code, Spikes, Timesteps},
};
use serde_json::{Value, json};
use snnc_ir::{Diagnostic, Graph};
use snnc_project::vocabulary::Writes;
use snnc_targets::{Misfit, Profile, Says, misfits, misfits_of_neurons};

/// The profile of a name that `snnc targets` lists, or of a file.
///
/// # Errors
/// If there is neither, or the file is no profile, or has an option that is not one of a conversion.
pub(super) fn read(word: &str) -> Result<Profile> {
    let profile = profiles::read(word)?;
    let known = vocabulary();
    for (option, _) in &profile.options {
        let of_conversion = known.get(option).is_some_and(|about| about.refused.is_none() && about.writes == Writes::Nothing);
        if !of_conversion || presets::NAMES.contains(&option.as_str()) {
            let message = format!(
                "options: `{option}` is no option of a conversion; `snnc --help` has these, and a profile names them without dashes"
            );
            return Err(Error::format(word, message));
        }
    }
    Ok(profile)
}

/// What was asked for that the target does not do, whatever the network. Options of a target may not go with what was typed, so this is asked
/// before they are compared with each other.
///
/// # Errors
/// With all of it.
pub(super) fn agrees(args: &CompileArgs, profile: &Profile) -> Result<()> {
    let is_rate = args.code == Code::Rate;
    let says = Says {
        code: if is_rate { snnc_targets::Code::Rate } else { snnc_targets::Code::Radix },
        spikes: if is_rate && args.spikes.unwrap_or(Spikes::Signed) == Spikes::Signed {
            snnc_targets::Spikes::Signed
        } else {
            snnc_targets::Spikes::Binary
        },
        reset: if is_rate && args.reset == Some(ResetArg::Hard) { snnc_targets::Reset::Hard } else { snnc_targets::Reset::Soft },
        leaks: is_rate && args.leak.is_some(),
        digits: match args.timesteps {
            Some(Timesteps::Fixed(digits)) if !is_rate => u32::try_from(digits).ok(),
            _ => None,
        },
    };
    held(&misfits_of_neurons(&says, profile), profile)
}

/// What of a network does not fit, as messages.
pub(super) fn objections(graph: &Graph, profile: &Profile) -> Vec<Diagnostic> {
    diagnostics(&misfits(graph, profile), profile)
}

/// Nothing, if a network fits a target.
///
/// # Errors
/// With all that does not fit.
pub(super) fn held(misfits: &[Misfit], profile: &Profile) -> Result<()> {
    if misfits.is_empty() { Ok(()) } else { Err(Error::Refused(diagnostics(misfits, profile))) }
}

/// What the report says of it.
pub(super) fn report(misfits: &[Misfit], profile: &Profile) -> Value {
    let misfit = |misfit: &Misfit| json!({"limit": misfit.limit, "node": misfit.node, "says": misfit.says, "source": misfit.source, "would_fit": misfit.would_fit});
    json!({"name": profile.name, "fits": misfits.is_empty(), "misfits": misfits.iter().map(misfit).collect::<Vec<_>>()})
}

fn diagnostics(misfits: &[Misfit], profile: &Profile) -> Vec<Diagnostic> {
    misfits.iter().map(|misfit| misfit.diagnostic(&profile.name)).collect()
}
