//! Rewrites that several passes share.

pub mod affine;
pub mod scale;
