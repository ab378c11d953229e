//! The float network of an ONNX file: what everything is compared with.
//!
//! | file | content |
//! |---|---|
//! | `canonical` | a file, imported and in the canonical phase; the same with its batch norms |
//! | [`faithful`] | whether that network is what the file says |
//! | [`pixels`] | how pixels become its input |
//! | `ann` | it, ready to answer |
//! | [`passes`] | stages of passes, as an observer hears of them |
//!
//! Compilation, audit and evaluation stand on it and none of them on another.

mod ann;
mod canonical;
pub mod faithful;
pub mod passes;
pub mod pixels;

pub use ann::Ann;
pub use canonical::{canonical, with_batch_norms};
pub use pixels::preprocessing;
