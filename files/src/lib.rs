//! What is said of files: which were read, and which bytes they have.
//!
//! | module | content | feature |
//! |---|---|---|
//! | [`depfile`] | Makefile rules that name what was read: written by the compiler, read by those who call it | |
//! | `digest` | [`Digest`]: SHA-256 | `digest` |

pub mod depfile;
#[cfg(feature = "digest")]
pub mod digest;

#[cfg(feature = "digest")]
pub use digest::Digest;
