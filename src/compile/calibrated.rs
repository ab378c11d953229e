//! The float network becomes a spiking one: for the number of time steps that was asked for or serves best.

use super::{measured::Measured, rules, sampled::Sampled};
use crate::{
    error::{Error, Result},
    observer::Observer,
    options::{Code, Threshold, Timesteps},
    report::{
        RuleTried,
        agreement::{Agreement, ENOUGH},
    },
};

/// Numbers of time steps, or of digits, that `--timesteps auto` tries, in order.
const STEPS: [usize; 6] = [4, 8, 16, 32, 64, 128];
const DIGITS: [usize; 7] = [3, 4, 5, 6, 8, 10, 12];

/// The spiking network as it was found.
pub struct Calibrated<'a> {
    /// What it was made from.
    pub sampled: Sampled<'a>,
    /// The network.
    pub network: Measured,
    /// How it was found.
    pub search: Search,
}

/// What was tried before the network was settled on.
pub struct Search {
    /// What `--timesteps auto` tried.
    pub timesteps: Option<Vec<Agreement>>,
    /// What `--threshold auto` tried, for that number of steps.
    pub rules: Option<Vec<RuleTried>>,
}

/// Makes the spiking network, or several to choose from.
///
/// # Errors
/// If a pass refuses the network.
pub fn calibrate<'a>(sampled: Sampled<'a>, observer: &mut dyn Observer) -> Result<Calibrated<'a>> {
    let options = sampled.canonical.options;
    let candidates = match options.timesteps {
        Timesteps::Fixed(n) => vec![n],
        Timesteps::Auto if options.code == Code::Radix => DIGITS.to_vec(),
        Timesteps::Auto => STEPS.to_vec(),
    };
    let mut tried = Vec::new();
    let mut best: Option<(Measured, Vec<RuleTried>)> = None;
    for timesteps in candidates {
        let found = rules::best(&sampled, timesteps, observer)?;
        let percent = found.0.percent();
        // By what was asked for: in the radix code the input may have more digits than the neurons, and T with it.
        tried.extend(found.0.agreement.last().map(|last| Agreement { timesteps, ..*last }));
        // More steps only where they help: on a plateau the earlier, cheaper network stays.
        if best.as_ref().is_none_or(|(best, _)| percent > best.percent()) {
            best = Some(found);
        }
        if percent >= ENOUGH {
            break;
        }
    }
    let (network, rules) = best.ok_or_else(|| Error::Internal("no number of time steps was tried".into()))?;
    let search = Search {
        timesteps: (options.timesteps == Timesteps::Auto).then_some(tried),
        rules: (options.threshold == Threshold::Auto).then_some(rules),
    };
    Ok(Calibrated { sampled, network, search })
}
