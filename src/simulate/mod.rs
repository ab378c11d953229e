//! Running networks on candle tensors: the float network with gradients, and the spiking network over time.
//!
//! Both walk the graph in topological order and share what is the same in them: every operator without state is one
//! [`action::Action`] on a tensor whose first axis is a batch of any size. The spiking simulator folds time into that axis.
//!
//! candle differentiates; convolution, linear layers and pools run in `snnc-kernels`, wrapped as candle operators with their
//! input gradients ([`kernel`]).

pub mod action;
pub mod float;
pub mod gradient;
pub mod kernel;
pub mod poisson;
pub mod spiking;

pub use float::FloatNetwork;
pub use gradient::{Gradient, Workspace};
pub use spiking::{Signal, SpikingSimulator};
