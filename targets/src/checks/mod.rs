//! Limits one by one.
//!
//! | file | limits |
//! |---|---|
//! | `says` | what spikes say: code, signs, resets, leaks, digits |
//! | `numbers` | bits, and whose thresholds are |
//! | `operators` | operators, and windows of pooling |
//! | `shapes` | kernels, strides, borders, groups, maps, channels, fan-in, readers |
//! | `sizes` | layers, neurons, weights, synapses |
//! | `node` | where a check looks, and what it says there |

mod node;
mod numbers;
mod operators;
pub(crate) mod says;
mod shapes;
mod sizes;

use crate::{limit::Limits, misfit::Misfit, network::Network};

/// All misfits but those of memories, in no order.
pub(crate) fn all(network: &Network<'_>, limits: &Limits) -> Vec<Misfit> {
    let mut found = Vec::new();
    if network.is_whole() {
        found.extend(says::check(network, limits));
        found.extend(numbers::check(network, limits));
    }
    found.extend(operators::check(network, limits));
    found.extend(shapes::check(network, limits));
    found.extend(sizes::check(network, limits));
    found
}
