//! `snnc._snnc`: the runtime for Python. What a user sees of it is described in `snnc/_snnc.pyi`.
//!
//! | module | content |
//! |---|---|
//! | `error` | exceptions |
//! | `threads` | what runs work on |
//! | `images` | arrays as the network reads them |
//! | `network` | loading, running, what a network is |
//! | `result` | what it made of images |
//! | `golden` | golden files |

mod error;
mod golden;
mod images;
mod network;
mod result;
mod threads;

/// The module.
#[pyo3::pymodule]
mod _snnc {
    #[pymodule_export]
    use crate::{
        error::Error,
        golden::check_golden,
        network::{Layer, Network, Population, load},
        result::{RunResult, Trace},
        threads::{set_threads, threads},
    };

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("FORMAT_VERSION", snnc_runtime::artifact::FORMAT_VERSION)
    }
}
