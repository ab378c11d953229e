//! The runtime for C and for whatever calls C. `include/snnc.h` is made of this crate and is its documentation: what stands on public
//! items is written for readers of the header.
//!
//! | module | content |
//! |---|---|
//! | `status` | what functions return, and the way out for errors and panics |
//! | `memory` | pointers of the caller, checked as far as they can be |
//! | `pool` | the threads of a network |
//! | `network` | loading, freeing |
//! | `keys` | loading what is encrypted or signed |
//! | `describe` | what a network reads, and what it consists of |
//! | `outcome` | running |
//! | `trace` | every spike of a run |
//! | `version` | versions |
#![allow(clippy::missing_safety_doc, reason = "the header says once what holds for all pointers")]

mod describe;
mod keys;
mod memory;
mod network;
mod outcome;
mod pool;
mod status;
mod trace;
mod version;
