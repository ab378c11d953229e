//! Builds the networks of a project: `snnc.toml` says which, a cache keeps what was made, `snnc.lock` says what it must be.
//!
//! This crate knows nothing of networks. It starts a compiler as a program, with a folder of its own to write to; what the compiler wrote goes into the
//! cache under its digest, and from there, whole, to where the project wants it. What was read is what the compiler's depfile lists.
//!
//! | module | content |
//! |---|---|
//! | [`manifest`] | `snnc.toml` |
//! | [`vocabulary`] | which options the compiler has, and which of them write files |
//! | [`recipe`] | all that an artifact depends on, and what of it has changed |
//! | [`cache`] | what was made before, by content |
//! | [`lock`] | `snnc.lock` |
//! | [`build`] | one model: up to date, from the cache, or compiled |
//! | [`run()`] | all of them, side by side |
//!
//! # What a killed build leaves
//!
//! Every file takes its name when it is complete, so there are old files and new ones and nothing between. What was not complete lies in the cache's folder
//! `staging`, from which the next build removes what belongs to nobody who runs.

pub mod build;
pub mod cache;
mod error;
mod files;
pub mod lock;
pub mod manifest;
pub mod recipe;
pub mod run;
pub mod vocabulary;

pub use build::{Built, Compiler, Outcome};
pub use cache::Cache;
pub use error::{Error, Result};
pub use lock::Lock;
pub use manifest::{Model, Project};
pub use run::{Observer, Options, Summary, run};
pub use snnc_files::Digest;
pub use vocabulary::{Takes, Vocabulary, Writes};
