//! Arrays as the network reads them: floats in its own layout, or pixels.
//!
//! An array whose values stand one after the other is read where it is. It is read while the interpreter is held, so that no other
//! thread of Python writes to it meanwhile.

use crate::error::error;
use numpy::{PyArrayDyn, PyArrayMethods as _, PyReadonlyArrayDyn, PyUntypedArray, PyUntypedArrayMethods as _};
use pyo3::{exceptions::PyTypeError, prelude::*};
use snnc_runtime::{Layout, Network, Pixels, RunError};
use std::ops::Range;

/// Images that a network can read.
pub(crate) enum Images<'py> {
    /// `[N, ..]` in the layout of the network.
    Floats(Values<'py, f32>),
    /// `[N, height, width, channels]`.
    Pixels(Values<'py, u8>, [usize; 3]),
}

/// The values of an array, one after the other.
pub(crate) struct Values<'py, T: numpy::Element> {
    array: PyReadonlyArrayDyn<'py, T>,
    /// In order, where the array is not.
    ordered: Option<Vec<T>>,
}

impl<'py, T: numpy::Element + Copy> Values<'py, T> {
    fn of(array: &Bound<'py, PyArrayDyn<T>>) -> PyResult<Self> {
        let array = array.try_readonly().map_err(|e| error(e.to_string()))?;
        let ordered = in_order(&array).is_none().then(|| array.as_array().iter().copied().collect());
        Ok(Self { array, ordered })
    }

    /// Some values, by their places among all.
    fn part(&self, places: Range<usize>) -> PyResult<&[T]> {
        let all = match &self.ordered {
            Some(ordered) => Some(ordered.as_slice()),
            None => in_order(&self.array),
        };
        // Python can give an array another shape in its place.
        all.and_then(|all| all.get(places)).ok_or_else(|| error("the array of images changed while the network ran"))
    }
}

/// The values of an array, if they stand in its order. (A slice there is too of one in the order of Fortran.)
fn in_order<'a, T: numpy::Element>(array: &'a PyReadonlyArrayDyn<'_, T>) -> Option<&'a [T]> {
    array.is_c_contiguous().then(|| array.as_slice().ok()).flatten()
}

impl<'py> Images<'py> {
    /// Of an array, for a network.
    pub(crate) fn of(network: &Network, array: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(floats) = array.cast::<PyArrayDyn<f32>>() {
            let wanted = &network.spec().input.shape;
            if floats.ndim() != wanted.len() || floats.shape()[1..] != wanted[1..] {
                return Err(error(format!("an array of {:?} does not fit: the network reads {}", floats.shape(), batch(wanted))));
            }
            return Ok(Self::Floats(Values::of(floats)?));
        }
        if let Ok(pixels) = array.cast::<PyArrayDyn<u8>>() {
            let image = match pixels.shape() {
                &[_, height, width, channels] => [height, width, channels],
                &[_, length, channels] if signal(network) == Some([length, channels]) => [1, length, channels],
                &[_, height, width] => [height, width, 1],
                &[_, values] => [1, values, 1],
                other => {
                    let problem =
                        format!("pixels of {other:?} do not fit: images are [N, height, width, channels] or gray [N, height, width]");
                    return Err(error(problem));
                }
            };
            return Ok(Self::Pixels(Values::of(pixels)?, image));
        }
        let what = match array.cast::<PyUntypedArray>() {
            Ok(array) => format!("an array of {}", array.dtype()),
            Err(_) => array.get_type().fully_qualified_name()?.to_string(),
        };
        Err(PyTypeError::new_err(format!("images are a numpy array of float32, or of uint8 for pixels, not {what}")))
    }

    /// Number of images.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Floats(floats) => floats.array.shape()[0],
            Self::Pixels(pixels, _) => pixels.array.shape()[0],
        }
    }

    /// Some of the images as the whole numbers that the network reads.
    pub(crate) fn numbers(&self, network: &Network, images: Range<usize>) -> PyResult<Vec<u16>> {
        let (first, count) = (images.start, images.len());
        let part = |image: usize| first * image..(first + count) * image;
        let made = match self {
            Self::Floats(floats) => network.quantise(floats.part(part(network.image_len()))?),
            &Self::Pixels(ref pixels, [height, width, channels]) => {
                let data = pixels.part(part(height * width * channels))?;
                network.quantise_pixels(&Pixels { data, count, height, width, channels })
            }
        };
        made.map_err(|e| error(of_all(e, first)))
    }
}

/// What is said of a part, said of all images.
fn of_all(error: RunError, first: usize) -> RunError {
    match error {
        RunError::NotFinite { image, index } => RunError::NotFinite { image: image + first, index },
        other => other,
    }
}

/// Length and channels, if the network reads signals.
fn signal(network: &Network) -> Option<[usize; 2]> {
    match (network.spec().input.layout, &network.spec().input.shape[..]) {
        (Layout::Nchw, &[_, channels, length]) | (Layout::Nhwc, &[_, length, channels]) => Some([length, channels]),
        _ => None,
    }
}

/// The shape of a batch of any size, from that of one image in the file.
fn batch(shape: &[usize]) -> String {
    let rest: Vec<String> = shape.iter().skip(1).map(ToString::to_string).collect();
    format!("[N, {}]", rest.join(", "))
}
