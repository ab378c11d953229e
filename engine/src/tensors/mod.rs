//! Networks on candle tensors: on a graphics card, and in 64 bits on the processor as the reference of [`Network`](crate::Network).
//!
//! candle differentiates.
//!
//! | file | content |
//! |---|---|
//! | `network` | a plan for candle tensors |
//! | `run` | forward, and backward by candle |
//! | `neurons` | neurons and their twins, step after step |
//! | `windows` | convolutions and pools |

mod network;
mod neurons;
mod run;
mod windows;

pub use network::TensorNetwork;
