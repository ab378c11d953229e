//! Images that stop before their time is over, because their class is clear.

use crate::error::{Error, Result};
use snnc_runtime::{Code, Network, Session, argmax};
use std::path::Path;

/// Refuses networks that have no time to stop in.
pub(crate) fn check(artifact: &Path, network: &Network) -> Result<()> {
    if network.spec().code == Code::Rate {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "--early-exit: `{}` is of the radix code, which has no class before its last digit; leave the option out, or compile with `--code rate`",
        artifact.display()
    )))
}

/// Where an image stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) class: usize,
    /// Time steps that it took.
    pub(crate) steps: usize,
}

/// Where an image stops for each of some confidences, and behind them where it stops after all steps.
///
/// # Errors
/// If the network does not take the image.
pub(crate) fn stops(
    session: &mut Session,
    image: &[u16],
    index: u64,
    confidences: &[f32],
    timesteps: usize,
) -> std::result::Result<Vec<Stop>, snnc_runtime::RunError> {
    // By rising confidence: whoever wants more waits longer.
    let mut order: Vec<usize> = (0..confidences.len()).collect();
    order.sort_by(|&a, &b| confidences[a].total_cmp(&confidences[b]));
    let mut stops = vec![Stop { class: 0, steps: 0 }; confidences.len() + 1];
    session.start(image, index)?;
    for place in order {
        let class = argmax(session.advance_until(confidences[place], timesteps)?);
        stops[place] = Stop { class, steps: session.steps() };
    }
    let class = argmax(session.advance_until(f32::INFINITY, timesteps)?);
    stops[confidences.len()] = Stop { class, steps: session.steps() };
    Ok(stops)
}
