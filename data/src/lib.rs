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

mod entries;
mod error;
mod header;
pub mod layout;
mod plan;
mod read;
mod shape;
mod write;

pub use error::{Error, Result};
pub use plan::Plan;
pub use write::{npy_bytes, npz_bytes};

use std::path::PathBuf;

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
