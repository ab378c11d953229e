//! Types of tensors.

use std::fmt;

/// What the entries of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    /// Real numbers: activations of a float network, or currents of a spiking one.
    F32,
    /// Spikes at each time step: 0 or 1; behind neurons with [`Reset::Signed`](crate::Reset::Signed), -1, 0 or 1.
    Spike,
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Spike => "spike",
        })
    }
}

/// Type of the tensor that a node makes: entries and shape. The first dimension is the batch and is 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// What the entries are.
    pub element: Element,
    /// The shape, batch first.
    pub dims: Vec<usize>,
}

impl TensorType {
    /// A tensor of real numbers.
    #[must_use]
    pub fn f32(dims: impl Into<Vec<usize>>) -> Self {
        Self { element: Element::F32, dims: dims.into() }
    }

    /// A tensor of spikes.
    #[must_use]
    pub fn spike(dims: impl Into<Vec<usize>>) -> Self {
        Self { element: Element::Spike, dims: dims.into() }
    }

    /// Number of entries for one image; the largest `usize` where that cannot be counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dims.iter().fold(1, |len, &dim| len.saturating_mul(dim))
    }

    /// Whether the tensor has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size of axis 1, which is the channel of an image and the feature of a vector; 1 for a tensor without it.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.dims.get(1).copied().unwrap_or(1)
    }

    /// Entries of one channel of one image: height times width for an image, 1 for a vector.
    #[must_use]
    pub fn plane(&self) -> usize {
        self.dims.iter().skip(2).product()
    }

    /// Shape of a parameter with one value per channel that broadcasts over this tensor: `[1, C, 1, ..]`.
    #[must_use]
    pub fn per_channel(&self) -> Vec<usize> {
        self.dims.iter().enumerate().map(|(axis, &d)| if axis == 1 { d } else { 1 }).collect()
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.element, Dims(&self.dims))
    }
}

/// Prints a shape as `1x3x32x32`.
#[derive(Clone, Copy, Debug)]
pub struct Dims<'a>(
    /// The shape.
    pub &'a [usize],
);

impl fmt::Display for Dims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, d) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("x")?;
            }
            write!(f, "{d}")?;
        }
        Ok(())
    }
}

/// Whether a tensor of shape `small` broadcasts over one of shape `large` without growing it: aligned at the last
/// axis, every dimension of `small` is 1 or equal.
#[must_use]
pub fn broadcasts(small: &[usize], large: &[usize]) -> bool {
    small.len() <= large.len() && small.iter().rev().zip(large.iter().rev()).all(|(&s, &l)| s == 1 || s == l)
}

/// For every entry of a tensor of shape `large`, in row-major order, the index of the entry of `small` that
/// broadcasts onto it. `small` must broadcast over `large` (see [`broadcasts`]).
#[must_use]
pub fn broadcast_index(small: &[usize], large: &[usize]) -> Vec<usize> {
    let offset = large.len() - small.len();
    let mut strides = vec![0; large.len()];
    let mut step = 1;
    for axis in (0..small.len()).rev() {
        if small[axis] != 1 {
            strides[offset + axis] = step;
        }
        step *= small[axis];
    }
    let mut index = vec![0];
    for (axis, &dim) in large.iter().enumerate() {
        index = index.iter().flat_map(|&base| (0..dim).map(move |i| (base, i))).map(|(base, i)| base + i * strides[axis]).collect();
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcast_index_repeats_the_channel() {
        assert_eq!(broadcast_index(&[1, 2, 1], &[1, 2, 3]), [0, 0, 0, 1, 1, 1]);
        assert_eq!(broadcast_index(&[3], &[1, 2, 3]), [0, 1, 2, 0, 1, 2]);
        assert_eq!(broadcast_index(&[], &[2, 2]), [0, 0, 0, 0]);
    }

    #[test]
    fn broadcast_never_grows() {
        assert!(broadcasts(&[1, 3, 1, 1], &[1, 3, 8, 8]));
        assert!(!broadcasts(&[1, 3, 8, 8], &[1, 3, 1, 1]));
        assert!(!broadcasts(&[2, 1, 3], &[1, 3]));
    }
}
