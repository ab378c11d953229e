//! Compiles models to spiking networks in build scripts.
//!
//! In `build.rs`:
//!
//! ```no_run
//! fn main() -> Result<(), snnc_build::Error> {
//!     snnc_build::Model::new("model.onnx").option("timesteps", "8").compile("digits")?;
//!     Ok(())
//! }
//! ```
//!
//! In the program, which depends on `snnc-runtime`:
//!
//! ```ignore
//! include!(concat!(env!("OUT_DIR"), "/digits.rs"));
//!
//! let network = Digits::load()?;
//! let class = network.classify(&pixels);   // of `&[u8; Digits::PIXELS]`
//! ```
//!
//! The artifact is part of the program. It is compiled again when a file changed that the compiler has read (model, external data, calibration
//! images, policy), when an option did, and when the compiler is another one.
//!
//! The compiler is the program that the environment variable `SNNC` names, or else `snnc` on the `PATH`; this crate does not contain it.
//!
//! | module | content |
//! |---|---|
//! | `model` | [`Model`]: what is compiled, and how |
//! | `compiler` | where the compiler is |
//! | `wrapper` | the typed wrapper |
//! | `error` | [`Error`]: what can go wrong |

mod compiler;
mod error;
mod model;
mod wrapper;

pub use error::Error;
pub use model::Model;
