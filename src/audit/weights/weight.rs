//! The weight of a layer, and its equilibrated form.

use super::equilibrate::{equilibrate, freedom};
use crate::artifact::Shape;

/// Entries that scalings must leave free for a layer to be compared.
pub(crate) const LEAST_FREEDOM: usize = 16;

/// The weight of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// Name of the tensor.
    pub name: &'a str,
    /// `[O, I / groups, kernel..]` or `[O, I]`.
    pub dims: &'a [usize],
    /// Groups of a convolution; 1 for others.
    pub groups: usize,
    /// Row-major entries.
    pub values: &'a [f32],
}

/// A weight with its equilibrated form.
pub(crate) struct Layer<'a> {
    pub(crate) weight: Weights<'a>,
    pub(crate) shape: Shape,
    /// Equilibrated: rows have unit norm.
    pub(crate) unit: Vec<f32>,
}

impl<'a> Layer<'a> {
    /// `None` for weights that tell nothing.
    pub(super) fn new(weight: &Weights<'a>) -> Option<Self> {
        let shape = Shape::new(weight.dims, weight.groups, weight.values.len())?;
        let tells = freedom(weight.values, &shape) >= LEAST_FREEDOM && weight.values.iter().all(|v| v.is_finite());
        tells.then(|| Self { weight: *weight, shape, unit: equilibrate(weight.values, &shape) })
    }
}
