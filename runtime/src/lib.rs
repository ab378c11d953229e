//! Loads a `.snn` spiking network and runs it.
//!
//! This crate is what a deployment links: it knows the artifact ([`Artifact`], specified in `docs/artifact.md`) and how to
//! step it through time ([`Network`]); it knows nothing of ONNX, of passes or of training.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use snnc_runtime::{Network, Pixels};
//!
//! let network = Network::load(&std::fs::read("model.snn")?)?;
//! # let pixels = [0u8; 32 * 32 * 3];
//! let image = network.quantise_pixels(&Pixels { data: &pixels, count: 1, height: 32, width: 32, channels: 3 })?;
//! let outcome = network.run_quantised(&image, network.spec().timesteps, 0)?;
//! let class = outcome.predictions()[0];
//! # let _ = class;
//! # Ok(())
//! # }
//! ```
//!
//! # Reproducibility
//!
//! Everything from the quantised image to the read-out is whole numbers, and the file was proven to keep them in 32 bits. So an
//! image's result depends on the artifact, the image, the number of steps and (with Poisson coding) the index of the image: not on the
//! batch that it came in, the number of threads, the processor or its instruction set. Work runs on the rayon pool of the caller.
//! The environment variable `SNNC_ISA` chooses the instructions, for comparisons; [`Isa::name`] has its values.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;
// The tests' own modules know the crate by its name.
#[cfg(test)]
extern crate self as snnc_runtime;

pub mod artifact;
mod cost;
mod error;
mod kernels;
#[cfg(feature = "locked")]
pub mod locked;
mod network;
pub mod poisson;
mod preprocess;
#[cfg(any(feature = "encrypted", feature = "signed"))]
mod protected;

/// What the tests inside the crate and those outside share.
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod common;

pub use artifact::{
    Artifact, Code, Coding, Data, Head, InputSpec, Layout, Lock, NetworkSpec, NodeSpec, OpSpec, OutputSpec, Phase, Preprocess, Quantiser,
    Reset, Source, Tensor,
};
pub use cost::{Cost, Energy, LayerCost, Rate, Totals};
pub use error::{LoadError, RunError};
pub use kernels::Isa;
pub use network::{
    Domain, Drive, Layer, Network, Outcome, PlannedStep, Population, PopulationKind, Schedule, Session, Trace, Window, argmax,
};
pub use preprocess::Pixels;
#[cfg(feature = "encrypted")]
pub use snnc_vault::Passphrase;
#[cfg(feature = "signed")]
pub use snnc_vault::PublicKey;
#[cfg(any(feature = "encrypted", feature = "signed"))]
pub use snnc_vault::{Error as KeyError, Keys};
