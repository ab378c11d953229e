//! Golden files for users of `.snn` networks: what a network does is written down once, and a test says when it does something else.
//!
//! ```no_run
//! #[test]
//! fn model() {
//!     snnc_golden::assert_golden("model.snn", "golden/model.json");
//! }
//! ```
//!
//! `SNNC_BLESS=1 cargo test` writes the file anew; `docs/golden.md` has the fields of it and a tutorial. A run of a network is whole numbers
//! from the image to the read-out, so that a golden file is exact: it holds on every processor, with any number of threads.
//!
//! | module | content |
//! |---|---|
//! | [`diff`] | what two artifacts differ in: structure, parameters, and what they do with images |
//! | [`check`], [`bless`] | an artifact against a golden file, and a golden file made of an artifact |
//! | [`Golden`] | the file |
//! | [`measure`] | what is counted while images run; `snnc eval` counts with it too |
//! | [`assert_golden`] | all of it in a line of a test |
//!
//! This crate knows nothing of ONNX: the answers of the float network are recorded by `snnc check --bless --ann`, and compared with from then on.

mod ann;
mod assert;
mod bless;
mod check;
mod compare;
mod counts;
pub mod diff;
mod error;
mod file;
mod finding;
mod given;
mod leakage;
mod made;
pub mod measure;
mod paths;
mod subject;
mod tolerances;
mod verdict;

pub use ann::Ann;
pub use assert::{assert_golden, assert_golden_on};
pub use bless::{Blessed, bless};
pub use check::{Checked, check};
pub use counts::Counts;
pub use error::{Error, Result};
pub use file::{Data, EnergyOf, File, Golden, Time, VERSION};
pub use finding::{Finding, OtherClass, text};
pub use given::Given;
pub use leakage::{Leakage, Worst};
pub use subject::Subject;
pub use tolerances::Tolerances;
pub use verdict::verdict;
