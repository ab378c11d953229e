//! Parameters: values and where they came from.

use std::fmt;

/// Key of a parameter in its graph's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParamId(pub(crate) u32);

/// A dense row-major tensor of 32-bit floats.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The shape.
    pub dims: Vec<usize>,
    /// The entries, `dims.iter().product()` of them.
    pub data: Vec<f32>,
}

impl Tensor {
    /// A tensor of the given shape and entries.
    ///
    /// # Panics
    /// If the number of entries is not the product of the shape.
    #[must_use]
    pub fn new(dims: impl Into<Vec<usize>>, data: Vec<f32>) -> Self {
        let dims = dims.into();
        assert_eq!(dims.iter().product::<usize>(), data.len(), "a tensor holds as many entries as its shape says");
        Self { dims, data }
    }

    /// All entries equal.
    #[must_use]
    pub fn splat(dims: impl Into<Vec<usize>>, value: f32) -> Self {
        let dims = dims.into();
        let len = dims.iter().product();
        Self { dims, data: vec![value; len] }
    }

    /// The same entries in another shape.
    ///
    /// # Panics
    /// If the number of entries differs.
    #[must_use]
    pub fn reshaped(self, dims: impl Into<Vec<usize>>) -> Self {
        Self::new(dims, self.data)
    }

    /// A new tensor with `f` of every entry.
    #[must_use]
    pub fn map(&self, f: impl FnMut(f32) -> f32) -> Self {
        Self { dims: self.dims.clone(), data: self.data.iter().copied().map(f).collect() }
    }
}

/// Where the values of a parameter came from. The order is that of knowledge about the source network: a parameter
/// made of several is as revealing as the most revealing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provenance {
    /// A constant of the compiler: the same for every source network.
    Fixed,
    /// Rewritten by the temporal training.
    Trained,
    /// Computed from the ONNX file's values.
    Derived,
    /// Taken from the ONNX file as it is.
    Source,
}

impl Provenance {
    /// Provenance of values computed from `self` and `other`.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        self.max(other).min(Self::Derived)
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trained => "trained",
            Self::Fixed => "fixed",
            Self::Derived => "derived",
            Self::Source => "source",
        })
    }
}

/// One entry of the parameter table.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Unique in its graph. ONNX initialiser names are kept.
    pub name: String,
    /// The values.
    pub tensor: Tensor,
    /// Where they came from.
    pub provenance: Provenance,
}
