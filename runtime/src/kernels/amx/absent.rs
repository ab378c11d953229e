//! Where there are no tiles.

use super::super::Isa;

/// Lines behind packed weights that are read.
pub(crate) const BEHIND: usize = 0;

/// Memory to gather rows in, of which there is no need.
#[derive(Default)]
pub(crate) struct Panel;

/// The registers of a thread: none.
pub(crate) struct Tiles;

impl Tiles {
    /// There is nothing to set up.
    pub(crate) fn new(_: Isa) -> Self {
        Self
    }
}

/// They are not.
pub(crate) fn is_available() -> bool {
    false
}
