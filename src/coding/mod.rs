//! How images enter the spiking network: as digits, as constant currents, or as random spikes.
//!
//! | file | content |
//! |---|---|
//! | [`encoder`] | the input of a network that is being compiled |
//! | [`poisson`] | random spikes |

pub mod encoder;
pub mod poisson;

pub use encoder::Encoder;
pub use poisson::{in_units, spikes, units};
