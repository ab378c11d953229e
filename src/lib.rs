//! `snnc`: a compiler from trained neural networks (ONNX) to spiking neural networks.
//!
//! ```text
//! model.onnx ─▶ import ─▶ IR ─▶ passes ─▶ IR (phase by phase) ─▶ emit ─▶ model.snn + model.report.json
//!                                │  asks through a trait
//!                                ▼
//!                     synthesize · calibrate · train              (snnc-engine)
//! model.snn ─▶ snnc-runtime ─▶ predictions
//! ```

pub mod artifact;
pub mod audit;
pub mod calibrate;
pub mod cli;
pub mod coding;
pub mod compile;
pub mod data;
pub mod error;
pub mod float;
pub mod import;
pub mod observer;
pub mod options;
pub mod report;
pub mod synthesize;
pub mod train;
