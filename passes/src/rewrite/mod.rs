//! Rewrites that several passes share.

pub mod affine;
pub mod bounds;
pub mod offset;
pub mod scale;
