//! The engine: networks made from graphs, run forward and backward.
//!
//! A [`Plan`] is a network as a list of steps: a float network, a spiking one over all its time steps at once, or a twin of a spiking one
//! that has no time. It runs in two ways:
//!
//! | | on | for |
//! |---|---|---|
//! | [`Network`] | the processor, with `snnc-kernels` | synthesis, calibration, training, audit |
//! | [`TensorNetwork`] | candle tensors: a graphics card, or 64 bits on the processor | training on a card; the reference of the other |
//!
//! Both give the network's answers and the gradients of a loss with respect to the input and to any parameters. Who changes a graph while it
//! runs asks a [`Walk`] for one node after the other.
//!
//! | folder or file | content |
//! |---|---|
//! | [`plan`] | the list of steps: what each does, how often it runs, what its parameters are |
//! | [`processor`] | steps on the processor, forward and backward |
//! | [`tensors`] | steps on candle tensors |
//! | `cuda` | kernels for graphics cards, in builds for cards: neurons, convolutions |
//! | [`loss`] | what is descended: distillation, recorded statistics, layers beside the output |
//! | [`walk`] | one node after the other |
//! | [`device`] | where a training runs |
//! | [`parallel`] | whole batches on threads |
//!
//! Neurons are stepped in `snnc_kernels::neuron`, one file a spike code; on tensors in [`tensors`], and on a card in `cuda`. The reference
//! evaluator (`snnc_ir::eval`) and the runtime (`snnc-runtime`) are other executions, written apart on purpose.

#[cfg(feature = "cuda")]
pub mod cuda;
pub mod device;
mod error;
pub mod loss;
pub mod parallel;
pub mod plan;
pub mod processor;
mod sums;
pub mod tensors;
pub mod walk;

pub use device::Device;
pub use error::{Error, Result};
pub use loss::{Inside, Loss, Losses};
pub use plan::Plan;
pub use processor::{Buffers, Gradients, Network, Pool, Wanted};
pub use tensors::TensorNetwork;
pub use walk::Walk;
