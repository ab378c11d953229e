//! The float network of a file, ready to answer.

use super::canonical::canonical;
use crate::{
    error::{Error, Result},
    observer::Silent,
};
use snnc_engine::Network;
use snnc_ir::Head;
use std::path::Path;

/// A float network that is ready to run.
pub struct Ann {
    network: Network<'static>,
    dims: Vec<usize>,
    classes: usize,
    sha256: String,
}

impl Ann {
    /// Reads a model; `output` names its output, where there are several.
    ///
    /// # Errors
    /// If the model cannot be read or converted.
    pub fn open(path: &Path, output: Option<&str>) -> Result<Self> {
        let (imported, graph) = canonical(path, output, &mut Silent)?;
        let broken = || Error::Internal("a verified graph has an input and an output".into());
        let input = graph.input().ok_or_else(broken)?;
        let output = graph.output().ok_or_else(broken)?;
        Ok(Self {
            network: Network::float(&graph, &[])?.into_owned(),
            dims: graph[input].ty.dims.clone(),
            classes: graph[output.node].ty.len(),
            sha256: imported.source_sha256,
        })
    }

    /// Shape of the input; the first dimension is the batch and is 1.
    #[must_use]
    pub fn input_dims(&self) -> &[usize] {
        &self.dims
    }

    /// Number of values of the output for an image.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// SHA-256 of the file.
    #[must_use]
    pub fn source_sha256(&self) -> &str {
        &self.sha256
    }

    /// The scores of `count` images in the network's own layout and units, `[count, classes]`, as a runtime reads them out:
    /// rectified if the head is a rectifier, before any other head. A sigmoid or softmax that saturates would make ties.
    ///
    /// # Errors
    /// [`Error::Internal`] if `images` are not `count` images.
    pub fn logits(&self, images: &[f32], count: usize) -> Result<Vec<f32>> {
        let logits = self.run(images, count)?;
        Ok(if self.network.plan().head == Head::Relu { self.network.head(&logits) } else { logits })
    }

    /// As [`Ann::logits`], with any head applied.
    ///
    /// # Errors
    /// As [`Ann::logits`].
    pub fn outputs(&self, images: &[f32], count: usize) -> Result<Vec<f32>> {
        Ok(self.network.head(&self.run(images, count)?))
    }

    fn run(&self, images: &[f32], count: usize) -> Result<Vec<f32>> {
        let len = self.network.input_len();
        if images.len() != count * len {
            return Err(Error::Internal(format!("{} values are not {count} images of {len}", images.len())));
        }
        Ok(self.network.all_logits(images))
    }
}
