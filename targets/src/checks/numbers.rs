//! Bits, and whose thresholds are.

use crate::{
    limit::{Limit, Limits, Per},
    misfit::Misfit,
    network::Network,
};
use snnc_ir::Tensor;

/// What a parameter is called, its limit, and what would fit in so many bits.
struct Number {
    role: &'static str,
    key: &'static str,
    limit: fn(&Limits) -> Option<&Limit<u32>>,
    name: &'static str,
    would_fit: fn(u32) -> String,
}

const NUMBERS: [Number; 6] = [
    Number { role: "weight", key: "weight-bits", limit: |limits| limits.weight_bits.as_ref(), name: "weight", would_fit: fewer_weights },
    Number {
        role: "factor",
        key: "weight-bits",
        limit: |limits| limits.weight_bits.as_ref(),
        name: "factor",
        would_fit: |_| "train a network without shortcuts: the factor makes up for a sum of different scales".into(),
    },
    Number {
        role: "bias",
        key: "bias-bits",
        limit: |limits| limits.bias_bits.as_ref(),
        name: "bias",
        would_fit: |bits| {
            format!("compile with `--bias-bits {bits}` or fewer; if it is too long all the same, train the network with smaller biases")
        },
    },
    Number {
        role: "offset",
        key: "bias-bits",
        limit: |limits| limits.bias_bits.as_ref(),
        name: "constant current",
        would_fit: |bits| format!("compile with `--bias-bits {bits}` or fewer; if it is too long all the same, let the host add it"),
    },
    Number {
        role: "threshold",
        key: "threshold-bits",
        limit: |limits| limits.threshold_bits.as_ref(),
        name: "threshold",
        would_fit: |bits| format!("compile with `--threshold-bits {bits}`"),
    },
    Number {
        role: "initial",
        key: "potential-bits",
        limit: |limits| limits.potential_bits.as_ref(),
        name: "potential before the first step",
        would_fit: |bits| {
            format!("compile with `--v-init zero`, or with `--threshold-bits {bits}`: potentials begin at half the threshold, and a bias")
        },
    },
];

/// What makes weights of so many bits.
fn fewer_weights(bits: u32) -> String {
    match bits {
        8.. => "compile with `--weights 8`".into(),
        4.. => "compile with `--weights 4`".into(),
        _ => "train the network for so few bits, with a scale that makes them whole numbers: `--weights 4` rounds to no fewer".into(),
    }
}

/// Numbers that need more bits than a target has, and thresholds that differ where it has one.
pub(super) fn check(network: &Network<'_>, limits: &Limits) -> Vec<Misfit> {
    let mut found = Vec::new();
    for &node in &network.order {
        for (role, parameter) in network.graph[node].op.params() {
            let tensor = &network.graph.param(parameter).tensor;
            for number in NUMBERS.iter().filter(|number| number.role == role) {
                let Some(limit) = (number.limit)(limits) else { continue };
                let bits = bits(tensor);
                if bits > limit.is {
                    let says = format!("a {} has {} bits, and one here needs {bits}", number.name, limit.is);
                    found.push(Misfit::of_node(network.at(node), number.key, limit.source.as_ref(), says, (number.would_fit)(limit.is)));
                }
            }
            if role == "threshold"
                && let Some(limit) = &limits.threshold_per
                && !is_one(tensor, limit.is)
            {
                let (says, would_fit) = match limit.is {
                    Per::Layer => {
                        ("the neurons of a layer have one threshold, and these have several", "compile with `--threshold-per layer`")
                    }
                    Per::Channel => {
                        ("the neurons of a channel have one threshold, and these have several", "normalise by channels, not by places")
                    }
                };
                found.push(Misfit::of_node(network.at(node), "threshold-per", limit.source.as_ref(), says.into(), would_fit));
            }
        }
    }
    found
}

/// Bits of the largest number, its sign included.
fn bits(tensor: &Tensor) -> u32 {
    let most = tensor.data.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    // Whole numbers below 2^31, which the verifier of whole graphs sees to.
    1 + (most as u32).checked_ilog2().map_or(0, |log| log + 1)
}

/// Whether a threshold is one for all of a layer, or of a channel.
fn is_one(threshold: &Tensor, per: Per) -> bool {
    match per {
        Per::Layer => threshold.data.iter().all(|v| *v == threshold.data[0]),
        Per::Channel => {
            let channels = threshold.dims.get(1).copied().unwrap_or(1).max(1);
            let plane = threshold.data.len() / channels;
            threshold.data.chunks(plane.max(1)).all(|channel| channel.iter().all(|v| *v == channel[0]))
        }
    }
}
