//! What can go wrong in a run.

/// A failure of a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The device cannot do what is asked of it, or there is none.
    #[error("{0}")]
    Unsupported(String),
    /// A graphics card failed: it is out of memory, or broke off.
    #[error("the graphics card failed: {0}")]
    Card(String),
    /// A broken invariant: the graph was verified, and shapes with it.
    #[error("{0}")]
    Bug(String),
}

/// Result of a run.
pub type Result<T> = std::result::Result<T, Error>;

impl From<candle_core::Error> for Error {
    /// Shapes were verified before a tensor was made, so a tensor error is a bug, but on a card: see
    /// [`TensorNetwork`](crate::TensorNetwork).
    fn from(error: candle_core::Error) -> Self {
        Self::Bug(error.to_string())
    }
}
