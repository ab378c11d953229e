//! What is said of files: which were read, and which bytes they have.
//!
//! | module | content |
//! |---|---|
//! | [`depfile`] | Makefile rules that name what was read: written by the compiler, read by those who call it |
//! | [`digest`] | SHA-256 |

pub mod depfile;
pub mod digest;

pub use digest::Digest;
