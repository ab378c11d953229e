//! Images of the user, as `snnc-data` reads them, and another opinion of them.
//!
//! | module | content |
//! |---|---|
//! | [`Images`], [`Plan`], [`layout`] | what a file holds, and how a model wants it |
//! | [`npy_bytes`], [`npz_bytes`] | the way back: results as files |
//! | `judge` | ONNX Runtime's answers to the same tensors (feature `onnxruntime`) |

#[cfg(feature = "onnxruntime")]
pub mod judge;

pub use snnc_data::{Images, Pixels, Plan, layout, npy_bytes, npz_bytes};
