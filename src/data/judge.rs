//! ONNX Runtime as an independent judge of our own float forward, loaded at run time.
//!
//! Only with the feature `onnxruntime`. The library itself is no dependency of the build: `libonnxruntime.so` of any version
//! from 1.17 on comes, for example, with the Python package `onnxruntime`.

use crate::error::{Error, Result};
use half::f16;
use ort::{
    environment::Environment,
    session::{Session, builder::SessionBuilder},
    value::{DynValue, Tensor, TensorElementType},
};
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// A model opened in ONNX Runtime.
pub struct Judge {
    path: PathBuf,
    session: Session,
}

/// An input of a model, in the precision that it wants.
pub struct Input(DynValue);

/// ONNX Runtime allows one environment in a process.
static ENVIRONMENT: OnceLock<std::result::Result<Environment, String>> = OnceLock::new();

fn judge_error(path: &Path) -> impl Fn(String) -> Error + '_ {
    move |message| Error::format(path, format!("ONNX Runtime: {message}"))
}

/// What the library at a path says of itself.
///
/// # Errors
/// If it cannot be loaded.
pub fn version(library: &Path) -> Result<String> {
    environment(library)?;
    Ok(ort::info().trim_start_matches("ORT Build Info: ").to_owned())
}

fn environment(library: &Path) -> Result<&'static Environment> {
    let start = || ort::init_from(library).map_err(|e| e.to_string())?.build().map_err(|e| e.to_string());
    ENVIRONMENT.get_or_init(start).as_ref().map_err(|e| judge_error(library)(e.clone()))
}

impl Judge {
    /// Opens `model` with the library at `library`, to run on one thread; the first call in a process decides on the library.
    ///
    /// # Errors
    /// If the library cannot be loaded or refuses the model.
    pub fn open(library: &Path, model: &Path) -> Result<Self> {
        Self::with_threads(library, model, 1)
    }

    /// As [`Judge::open`], to run on so many threads.
    ///
    /// # Errors
    /// As [`Judge::open`].
    pub fn with_threads(library: &Path, model: &Path, threads: usize) -> Result<Self> {
        let session = SessionBuilder::new(environment(library)?)
            .and_then(|builder| builder.with_intra_threads(threads).map_err(Into::into))
            .and_then(|mut builder| builder.commit_from_file(model))
            .map_err(|e| judge_error(model)(e.to_string()))?;
        Ok(Self { path: model.to_owned(), session })
    }

    /// The batch that the file fixes; `None` where any will do.
    #[must_use]
    pub fn batch(&self) -> Option<usize> {
        let shape = self.session.inputs().first()?.dtype().tensor_shape()?;
        shape.first().and_then(|&n| usize::try_from(n).ok()).filter(|&n| n > 0)
    }

    /// The smallest and the largest number that the model takes, if it takes integers of 8 bits.
    #[must_use]
    pub fn integers(&self) -> Option<[f32; 2]> {
        match self.session.inputs().first().and_then(|i| i.dtype().tensor_type()) {
            Some(TensorElementType::Uint8) => Some([0.0, 255.0]),
            Some(TensorElementType::Int8) => Some([-128.0, 127.0]),
            _ => None,
        }
    }

    /// An input of shape `dims`.
    ///
    /// # Errors
    /// If there are not as many values.
    pub fn input(&self, dims: &[usize], values: &[f32]) -> Result<Input> {
        let failed = |e: ort::Error| Error::Internal(format!("ONNX Runtime: {e}"));
        let element = self.session.inputs().first().and_then(|i| i.dtype().tensor_type());
        let shape = dims.to_vec();
        let input: DynValue = match element {
            Some(TensorElementType::Float16) => {
                Tensor::from_array((shape, values.iter().map(|&v| f16::from_f32(v)).collect::<Vec<_>>())).map_err(failed)?.into_dyn()
            }
            Some(TensorElementType::Float64) => {
                Tensor::from_array((shape, values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>())).map_err(failed)?.into_dyn()
            }
            Some(TensorElementType::Uint8) => {
                Tensor::from_array((shape, values.iter().map(|&v| v.round() as u8).collect::<Vec<_>>())).map_err(failed)?.into_dyn()
            }
            Some(TensorElementType::Int8) => {
                Tensor::from_array((shape, values.iter().map(|&v| v.round() as i8).collect::<Vec<_>>())).map_err(failed)?.into_dyn()
            }
            _ => Tensor::from_array((shape, values.to_vec())).map_err(failed)?.into_dyn(),
        };
        Ok(Input(input))
    }

    /// Runs the model, for the time that it takes.
    ///
    /// # Errors
    /// If ONNX Runtime fails: the input may not be the model's.
    pub fn run(&mut self, input: &Input) -> Result<()> {
        let failed = judge_error(&self.path);
        self.session.run(ort::inputs![&input.0]).map(drop).map_err(|e| failed(e.to_string()))
    }

    /// The named output, or the first, for an input of shape `dims`, given in the precision that the model wants.
    ///
    /// # Errors
    /// If ONNX Runtime fails, or the model's input or output is neither of floats nor of 8-bit integers.
    pub fn outputs(&mut self, output: Option<&str>, dims: &[usize], values: &[f32]) -> Result<Vec<f32>> {
        let failed = |e: ort::Error| Error::Internal(format!("ONNX Runtime: {e}"));
        let Input(input) = self.input(dims, values)?;
        let name = output.map_or_else(|| self.session.outputs()[0].name().to_owned(), str::to_owned);
        // A tensor inside of the network is not given out; asked for it, the library's results would panic.
        if self.session.outputs().iter().all(|known| known.name() != name) {
            return Err(Error::Usage(format!("ONNX Runtime gives out no `{name}`: it is no output of the model")));
        }
        let results = self.session.run(ort::inputs![input]).map_err(failed)?;
        let value = &results[name.as_str()];
        if let Ok((_, data)) = value.try_extract_tensor::<f32>() {
            return Ok(data.to_vec());
        }
        if let Ok((_, data)) = value.try_extract_tensor::<f16>() {
            return Ok(data.iter().map(|v| v.to_f32()).collect());
        }
        if let Ok((_, data)) = value.try_extract_tensor::<u8>() {
            return Ok(data.iter().map(|&v| v.into()).collect());
        }
        if let Ok((_, data)) = value.try_extract_tensor::<i8>() {
            return Ok(data.iter().map(|&v| v.into()).collect());
        }
        let (_, data) = value.try_extract_tensor::<f64>().map_err(failed)?;
        Ok(data.iter().map(|&v| v as f32).collect())
    }
}
