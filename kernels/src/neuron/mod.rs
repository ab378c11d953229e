//! Neurons over all time steps, forward and backward through time: one file a spike code, and what they share.
//!
//! | file | content |
//! |---|---|
//! | [`rate`] | integrate-and-fire neurons, whose firing rate is their activation |
//! | [`radix`] | neurons whose spikes are the digits of their activation |
//! | [`surrogate`] | what stands in for the derivative of the step function |

pub mod radix;
pub mod rate;
pub mod surrogate;

pub use radix::{RadixGradients, RadixNeurons};
pub use rate::{NeuronGradients, Neurons, Reset};
pub use surrogate::{Derivation, Surrogate};
