//! What spikes say.

use crate::{
    limit::{Code, Limits, Reset, Spikes},
    misfit::Misfit,
    network::Network,
};
use snnc_ir::{Operator, Reset as Resets};

/// What neurons do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Says {
    /// What their spikes stand for.
    pub code: Code,
    /// Whether these have a sign.
    pub spikes: Spikes,
    /// What a spike does to the potential.
    pub reset: Reset,
    /// Whether potentials leak.
    pub leaks: bool,
    /// In the radix code, their digits.
    pub digits: Option<u32>,
}

impl Says {
    /// What neurons of an operator do; none if it is not of neurons.
    fn of(op: &Operator) -> Option<Self> {
        match op {
            Operator::Neuron { reset, leak, .. } => Some(Self {
                code: Code::Rate,
                spikes: if *reset == Resets::Signed { Spikes::Signed } else { Spikes::Binary },
                reset: if *reset == Resets::Hard { Reset::Hard } else { Reset::Soft },
                leaks: leak.is_some(),
                digits: None,
            }),
            Operator::RadixNeuron { digits, .. } => {
                Some(Self { code: Code::Radix, spikes: Spikes::Binary, reset: Reset::Soft, leaks: false, digits: Some(*digits) })
            }
            _ => None,
        }
    }
}

/// What neurons do that a target does not.
pub(crate) struct Beyond<'l> {
    pub(crate) limit: &'static str,
    pub(crate) source: Option<&'l String>,
    pub(crate) says: String,
    pub(crate) would_fit: String,
}

/// All that such neurons do and a target does not.
pub(crate) fn beyond<'l>(says: &Says, limits: &'l Limits) -> Vec<Beyond<'l>> {
    let mut found = Vec::new();
    let mut add = |limit, source: &'l Option<String>, says: String, would_fit: String| {
        found.push(Beyond { limit, source: source.as_ref(), says, would_fit });
    };
    if let Some(limit) = limits.codes.as_ref().filter(|limit| !limit.is.contains(&says.code)) {
        let would_fit = format!("compile with `--code {}`", limit.is.first().map_or("rate", |&code| word(code)));
        add("codes", &limit.source, format!("it has no neurons of the {} code", word(says.code)), would_fit);
        // All else that is said of its neurons is said of the other code.
        return found;
    }
    if let Some(limit) = limits.spikes.as_ref().filter(|limit| !limit.is.contains(&says.spikes)) {
        let (sentence, option) = match says.spikes {
            Spikes::Signed => ("its spikes have no sign, and these are taken back by others of -1", "binary"),
            Spikes::Binary => ("it takes spikes back by others of -1, and these are final", "signed"),
        };
        add("spikes", &limit.source, sentence.into(), format!("compile with `--spikes {option}`"));
    }
    if let Some(limit) = limits.resets.as_ref().filter(|limit| !limit.is.contains(&says.reset)) {
        let (sentence, options) = match says.reset {
            Reset::Soft => ("a spike sets its potentials to 0, and here it takes the threshold off", "--spikes binary --reset hard"),
            Reset::Hard => ("a spike takes the threshold off its potentials, and here it sets them to 0", "--reset soft"),
        };
        add("resets", &limit.source, sentence.into(), format!("compile with `{options}`"));
    }
    if let Some(limit) = limits.leak.as_ref().filter(|limit| says.leaks && !limit.is) {
        add("leak", &limit.source, "its potentials do not leak".into(), "compile without `--leak`".into());
    }
    if let (Some(limit), Some(digits)) = (&limits.digits, says.digits)
        && digits > limit.is
    {
        let sentence = format!("a neuron says at most {} digits, and these say {digits}", limit.is);
        let would_fit = format!("compile with `--timesteps {}` or fewer and `--digits-extra none`", limit.is);
        add("digits", &limit.source, sentence, would_fit);
    }
    found
}

/// What neurons of a network do that a target does not.
pub(super) fn check(network: &Network<'_>, limits: &Limits) -> Vec<Misfit> {
    let says = network.order.iter().filter_map(|&node| Some((node, Says::of(&network.graph[node].op)?)));
    says.flat_map(|(node, says)| {
        beyond(&says, limits)
            .into_iter()
            .map(move |found| Misfit::of_node(network.at(node), found.limit, found.source, found.says, found.would_fit))
    })
    .collect()
}

fn word(code: Code) -> &'static str {
    match code {
        Code::Radix => "radix",
        Code::Rate => "rate",
    }
}
