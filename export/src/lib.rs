//! Other forms of a spiking network: [C](c) for microcontrollers, and [pictures](raster) of its spikes.
//!
//! What is here is made of an artifact, or of what the runtime says of a run; it knows nothing of ONNX, of passes or of training.

pub mod c;
pub mod raster;
