//! The locked read-out: what its bytes must be to follow what comes before it.

use super::{Artifact, Code, bounds::Bounds, shape};
use crate::error::LoadError;
use alloc::{format, string::ToString, vec::Vec};
use snnc_lock::LockedLayer;

impl Artifact {
    /// For each entry of the output the largest magnitude that it can have, in the rate code added up over so many time steps.
    ///
    /// # Errors
    /// As [`Artifact::check`].
    pub fn reach(&self, timesteps: usize) -> Result<Vec<u64>, LoadError> {
        let links = self.link()?;
        Ok(reach(&self.graph.nodes[links.output].shape, &links.bounds, timesteps).collect())
    }

    /// The locked layer, if there is one: whole, for these features, and for as many counts as these can be.
    pub(super) fn check_lock(&self, features: &[usize], bounds: &Bounds) -> Result<Option<LockedLayer>, LoadError> {
        let (Some(lock), Some(bytes)) = (&self.graph.output.lock, &self.lock) else { return Ok(None) };
        let fail = |problem| Err(LoadError::Lock(problem));
        if self.tensors.contains_key(&lock.tensor) || lock.tensor == "__metadata__" {
            return fail(format!("its name `{}` is taken", lock.tensor));
        }
        let layer = LockedLayer::from_bytes(bytes).map_err(|e| LoadError::Lock(e.to_string()))?;
        if Some(layer.features()) != shape::entries(features) || layer.terms().classes != lock.classes {
            let (classes, of) = (layer.terms().classes, layer.features());
            let (wanted, features) = (lock.classes, shape::Dims(features));
            return fail(format!("{classes} classes of {of} features, where {wanted} of {features} are wanted"));
        }
        let steps = if self.graph.code == Code::Radix { 1 } else { self.graph.timesteps };
        let sum = reach(&self.graph.nodes[self.graph.nodes.len() - 1].shape, bounds, steps).fold(steps as u64, u64::saturating_add);
        if layer.steps() as usize != steps || sum != layer.sum() {
            return fail(format!(
                "it is for {} time steps and counts up to {} together, where the network has {steps} and up to {sum}",
                layer.steps(),
                layer.sum()
            ));
        }
        Ok(Some(layer))
    }
}

/// As [`Artifact::reach`], of a checked artifact.
fn reach<'a>(shape: &'a [usize], bounds: &'a Bounds, timesteps: usize) -> impl Iterator<Item = u64> + 'a {
    let inner: usize = shape.iter().skip(2).product();
    let entries: usize = shape.iter().product();
    let most = &bounds.output;
    (0..entries).map(move |entry| most[entry / inner % most.len()].unsigned_abs().saturating_mul(timesteps as u64))
}
