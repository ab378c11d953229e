//! Targets: what a chip can hold of a spiking network, and what of a network it cannot.
//!
//! A [`Profile`] is data: options that a compilation for the chip begins with, limits, each with the public source of its numbers, and what no
//! limit says. [`misfits`] compares a graph with the limits and names every node that does not fit, with what would. A graph may be one of whole
//! numbers, as it is emitted, or a canonical one, before anything long has begun: of that, shapes and sizes are known, but no bits.
//!
//! | file | content |
//! |---|---|
//! | `profile` | profiles that come with the compiler, and those in files |
//! | `limit` | the limits that a profile may have |
//! | `network` | a graph as layers with their sizes |
//! | `misfit` | what does not fit |
//! | `checks` | limits one by one: what spikes say, numbers, shapes, sizes |
//! | `memories` | layers shared out among cores with memories of their own |
//!
//! `docs/targets.md` says what each profile covers, and what it leaves out.

mod checks;
mod limit;
mod memories;
mod misfit;
mod network;
mod profile;

pub use checks::says::Says;
pub use limit::{Code, Core, Groups, Limit, Limits, Memories, Operator, Per, Reset, Spikes};
pub use misfit::{CODE, Misfit};
pub use profile::{Error, NAMES, Profile};

use snnc_ir::Graph;

/// What a target does not do of all that the neurons of a network are to do, before there is one.
#[must_use]
pub fn misfits_of_neurons(says: &Says, profile: &Profile) -> Vec<Misfit> {
    let found = checks::says::beyond(says, &profile.limits).into_iter();
    found.map(|found| Misfit::of_network(found.limit, found.source, found.says, found.would_fit)).collect()
}

/// What of a network does not fit a target; nothing if all does.
///
/// `graph` is a canonical graph or one of whole numbers. Misfits come in the order of nodes, those of the whole network last.
#[must_use]
pub fn misfits(graph: &Graph, profile: &Profile) -> Vec<Misfit> {
    let network = network::Network::of(graph);
    let mut found = checks::all(&network, &profile.limits);
    found.extend(memories::check(&network, &profile.limits));
    found.sort_by_key(Misfit::place);
    found
}
