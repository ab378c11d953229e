//! The file becomes the float network.

use crate::{error::Result, float, import::Imported, observer::Observer, options::Options};
use snnc_ir::Graph;
use std::path::Path;

/// What was asked, and the float network.
pub struct Canonical<'a> {
    /// The file.
    pub model: &'a Path,
    /// What was asked.
    pub options: &'a Options,
    /// The model as imported.
    pub imported: Imported,
    /// Its network in the canonical phase: what everything is compared with.
    pub float: Graph,
}

/// Imports the file and brings its network into the canonical phase.
///
/// # Errors
/// If it cannot be read or converted.
pub fn read<'a>(model: &'a Path, options: &'a Options, observer: &mut dyn Observer) -> Result<Canonical<'a>> {
    let (imported, float) = float::canonical(model, options.output.as_deref(), observer)?;
    Ok(Canonical { model, options, imported, float })
}
