//! What runs beside an artifact in ONNX Runtime, for the time that it takes.

use crate::error::{Error, Result};
use std::path::Path;

/// A network in ONNX Runtime, with its input.
pub(super) struct Rival {
    #[cfg(feature = "onnxruntime")]
    judge: crate::data::judge::Judge,
    #[cfg(feature = "onnxruntime")]
    inputs: Vec<crate::data::judge::Input>,
    /// Images that go through it together.
    batch: usize,
}

#[cfg(feature = "onnxruntime")]
impl Rival {
    /// Opens a model, to run on so many threads.
    pub(super) fn open(model: &Path, threads: usize) -> Result<Self> {
        let library = std::env::var_os("ORT_DYLIB_PATH").ok_or_else(|| {
            Error::Usage(
                "ORT_DYLIB_PATH names no ONNX Runtime: set it to `libonnxruntime.so`, which the Python package `onnxruntime` has in its folder \
                 `capi`"
                    .into(),
            )
        })?;
        let judge = crate::data::judge::Judge::with_threads(Path::new(&library), model, threads)?;
        Ok(Self { judge, inputs: Vec::new(), batch: 1 })
    }

    /// Takes images of a shape, whose first number is 1, so many at a time, or as many as the model takes. What is left of them behind the last whole batch
    /// is not run. Returns how many are.
    pub(super) fn take(&mut self, values: &[f32], shape: &[usize], batch: usize) -> Result<usize> {
        self.batch = self.judge.batch().unwrap_or(batch);
        let len = shape.iter().product::<usize>() * self.batch;
        let dims = [&[self.batch], &shape[1..]].concat();
        self.inputs = values.chunks_exact(len).map(|values| self.judge.input(&dims, values)).collect::<Result<_>>()?;
        Ok(self.inputs.len() * self.batch)
    }

    /// Runs it on all images that it took.
    pub(super) fn run(&mut self) -> Result<()> {
        self.inputs.iter().try_for_each(|input| self.judge.run(input))
    }
}

#[cfg(not(feature = "onnxruntime"))]
impl Rival {
    /// There is none in this build.
    pub(super) fn open(_: &Path, _: usize) -> Result<Self> {
        Err(Error::Usage("this build of snnc does not know ONNX Runtime; build it with `--features onnxruntime`".into()))
    }

    /// No images.
    pub(super) fn take(&mut self, _: &[f32], _: &[usize], _: usize) -> Result<usize> {
        Ok(0)
    }

    /// Nothing.
    pub(super) fn run(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Rival {
    /// Images that go through it together.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }
}
