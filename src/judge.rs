//! ONNX Runtime as an independent judge of our own float forward, loaded at run time.
//!
//! Only with the feature `onnxruntime`. The library itself is no dependency of the build: `libonnxruntime.so` of any version
//! from 1.17 on comes, for example, with the Python package `onnxruntime`.

use crate::error::{Error, Result};
use ort::{
    environment::Environment,
    session::{Session, builder::SessionBuilder},
    value::TensorRef,
};
use std::path::Path;

/// A model opened in ONNX Runtime, to run on one thread.
pub struct Judge {
    session: Session,
    // Sessions live in an environment.
    _environment: Environment,
}

fn judge_error(path: &Path) -> impl Fn(String) -> Error + '_ {
    move |message| Error::format(path, format!("ONNX Runtime: {message}"))
}

impl Judge {
    /// Opens `model` with the library at `library`.
    ///
    /// # Errors
    /// If the library cannot be loaded or refuses the model.
    pub fn open(library: &Path, model: &Path) -> Result<Self> {
        let environment =
            ort::init_from(library).map_err(|e| judge_error(library)(e.to_string()))?.build().map_err(|e| judge_error(library)(e.to_string()))?;
        let session = SessionBuilder::new(&environment)
            .and_then(|builder| builder.with_intra_threads(1).map_err(Into::into))
            .and_then(|mut builder| builder.commit_from_file(model))
            .map_err(|e| judge_error(model)(e.to_string()))?;
        Ok(Self { session, _environment: environment })
    }

    /// The named output, or the first, for a float input of shape `dims`.
    ///
    /// # Errors
    /// If ONNX Runtime fails, or the model's input or output is not of 32-bit floats.
    pub fn outputs(&mut self, output: Option<&str>, dims: &[usize], values: &[f32]) -> Result<Vec<f32>> {
        let failed = |e: ort::Error| Error::Internal(format!("ONNX Runtime: {e}"));
        let input = TensorRef::from_array_view((dims, values)).map_err(failed)?;
        let name = output.map_or_else(|| self.session.outputs()[0].name().to_owned(), str::to_owned);
        let results = self.session.run(ort::inputs![input]).map_err(failed)?;
        let (_, data) = results[name.as_str()].try_extract_tensor::<f32>().map_err(failed)?;
        Ok(data.to_vec())
    }
}
