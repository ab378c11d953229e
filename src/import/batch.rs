//! The axis of a file that the IR has not.

/// The batch that the file was exported with. The IR's batch is always 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchKind {
    /// Any number of images.
    Dynamic,
    /// That many images.
    Fixed(usize),
}
