//! Images of the user: reading `.npz` and `.npy`, finding out how a model wants them, and converting them.
//!
//! Two kinds of images are known. 8-bit ones, `N,H,W[,C]`, are preprocessed and put into the order of axes that the model
//! reads; 32-bit floats are the model's own tensors and are taken as they are. Everything else is refused by name.
//!
//! | module | content |
//! |---|---|
//! | [`Images`] | what a file holds |
//! | [`layout`] | which axis of a model's input is which |
//! | [`Plan`] | the checked conversion of images to a model's input |
//! | [`npy_bytes`], [`npz_bytes`] | the way back: results as `.npy` and `.npz` files |

mod error;
mod header;
pub mod layout;
mod plan;
mod read;
mod shape;

pub use error::{Error, Result};
pub use plan::Plan;

use ndarray::{ArrayView, IxDyn};
use ndarray_npy::WriteNpyExt;
use std::{io::Write as _, path::PathBuf};

/// Images with or without labels, as a file held them.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// The file, for messages.
    pub path: PathBuf,
    /// How many.
    pub count: usize,
    /// The values.
    pub pixels: Pixels,
    /// The class of each image, if they were read.
    pub labels: Option<Vec<i64>>,
}

/// The values of images, image after image.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// 8-bit images in the order height, width, channels.
    U8 {
        /// `count · height · width · channels` values.
        data: Vec<u8>,
        /// Height.
        height: usize,
        /// Width.
        width: usize,
        /// Channels; 1 where the file had no such axis.
        channels: usize,
        /// The shape of one image in the file, for messages.
        dims: Vec<usize>,
    },
    /// Tensors in the model's own shape and units.
    F32 {
        /// `count · dims` values.
        data: Vec<f32>,
        /// Shape of one image, without the batch.
        dims: Vec<usize>,
    },
}

impl Images {
    /// Keeps the first `limit` images.
    #[must_use]
    pub fn take(mut self, limit: usize) -> Self {
        let size = self.image_len();
        self.count = self.count.min(limit);
        match &mut self.pixels {
            Pixels::U8 { data, .. } => data.truncate(self.count * size),
            Pixels::F32 { data, .. } => data.truncate(self.count * size),
        }
        if let Some(labels) = &mut self.labels {
            labels.truncate(self.count);
        }
        self
    }

    /// Shape of one image in the file.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        match &self.pixels {
            Pixels::U8 { dims, .. } | Pixels::F32 { dims, .. } => dims,
        }
    }

    /// Number of values of one image.
    #[must_use]
    pub fn image_len(&self) -> usize {
        self.dims().iter().product()
    }
}

/// The bytes of an `.npy` file of 32-bit floats.
///
/// # Errors
/// If `data` does not have the shape `dims`: a bug of the caller.
pub fn npy_bytes(dims: &[usize], data: &[f32]) -> Result<Vec<u8>> {
    let view = ArrayView::from_shape(IxDyn(dims), data).map_err(|e| Error::Internal(format!("{} values as {dims:?}: {e}", data.len())))?;
    let mut bytes = Vec::with_capacity(128 + 4 * data.len());
    view.write_npy(&mut bytes).map_err(|e| Error::Internal(format!("writing an array to memory: {e}")))?;
    Ok(bytes)
}

/// The bytes of an `.npz` file of 32-bit floats: name, shape and values of every array. The same arrays give the same bytes.
///
/// # Errors
/// If values do not have their shape: a bug of the caller.
pub fn npz_bytes(arrays: &[(&str, &[usize], &[f32])]) -> Result<Vec<u8>> {
    let broken = |e: &dyn std::fmt::Display| Error::Internal(format!("writing an archive to memory: {e}"));
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    // Without a clock: the options carry the archive format's first day.
    let options = zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    for (name, dims, data) in arrays {
        archive.start_file(format!("{name}.npy"), options).map_err(|e| broken(&e))?;
        archive.write_all(&npy_bytes(dims, data)?).map_err(|e| broken(&e))?;
    }
    Ok(archive.finish().map_err(|e| broken(&e))?.into_inner())
}
