//! The adversaries, one file each. This file lists them.

pub mod adaptive;
pub mod black_box;
mod cells;
pub mod class_impressions;
pub mod hygiene;
pub mod locked;
pub mod membership;
pub mod reconversion;
pub mod samples;
pub mod through_time;
pub mod weights;

pub use cells::steps;

use super::attack::Attack;

/// The attacks, in the order in which they run and are reported.
pub static ATTACKS: [&dyn Attack; 10] = [
    &hygiene::Hygiene,
    &weights::WeightReadability,
    &reconversion::Reconversion,
    &through_time::ThroughTime,
    &adaptive::Adaptive,
    &class_impressions::ClassImpressions,
    &black_box::BlackBox,
    &locked::Locked,
    &membership::Membership,
    &samples::Samples,
];

/// The attack of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Attack> {
    ATTACKS.into_iter().find(|attack| attack.name() == name)
}
