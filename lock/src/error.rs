//! What can go wrong.

/// Why a layer cannot be locked, or a key, a layer or an answer not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layer that is empty, has more classes than a ciphertext has room for, or whose numbers do not fit its shape.
    #[error("{0}")]
    Layer(String),
    /// Noise and sums together need more room than the modulus has.
    #[error(
        "sums of up to {plain} bits and noise of up to {noise} bits do not leave {hiding} bits to hide the features with: {plain} bits leave \
         room for {room}"
    )]
    Room {
        /// Bits of the sums, the sign included.
        plain: u32,
        /// Bits of the noise.
        noise: u32,
        /// Bits that noise may have at most.
        room: u32,
        /// Bits by which flooding has to exceed the noise.
        hiding: u32,
    },
    /// The bytes are not what they should be.
    #[error("not {what}: {problem}")]
    Format {
        /// What they should be.
        what: &'static str,
        /// Why they are not.
        problem: String,
    },
    /// Counts that the layer was not locked for.
    #[error("{0}")]
    Counts(String),
    /// The key is another than that of the lock.
    #[error("this is locked with the key {wanted}, not with {got}")]
    OtherKey {
        /// The key of the lock.
        wanted: String,
        /// The key that was given.
        got: String,
    },
    /// The library refused what it was given: a bug of this crate.
    #[error("the lattice library failed: {0}")]
    Library(String),
}

impl From<fhe::Error> for Error {
    fn from(error: fhe::Error) -> Self {
        Self::Library(error.to_string())
    }
}

impl From<fhe_math::Error> for Error {
    fn from(error: fhe_math::Error) -> Self {
        Self::Library(error.to_string())
    }
}
