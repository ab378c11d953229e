//! The way back: results as `.npy` and `.npz` files of 32-bit floats.

use crate::{
    error::{Error, Result},
    shape::joined,
};
use std::io::{Cursor, Write as _};
use zip::{DateTime, ZipWriter, write::SimpleFileOptions};

/// What the bytes before the entries are a multiple of, so that the entries can be mapped.
const ALIGNMENT: usize = 64;

/// The bytes of an `.npy` file of 32-bit floats.
///
/// # Errors
/// If `data` does not have the shape `dims`: a bug of the caller.
pub fn npy_bytes(dims: &[usize], data: &[f32]) -> Result<Vec<u8>> {
    if dims.iter().product::<usize>() != data.len() {
        return Err(Error::Internal(format!("{} values are no array of [{}]", data.len(), joined(dims, "x"))));
    }
    let comma = if dims.len() == 1 { "," } else { "" };
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{comma}), }}", joined(dims, ", "));
    // Magic, version and length before it, a line break behind it.
    let length = (10 + text.len() + 1).next_multiple_of(ALIGNMENT) - 10;
    let said = u16::try_from(length).map_err(|_| Error::Internal(format!("an array of {} axes", dims.len())))?;
    let mut bytes = Vec::with_capacity(10 + length + 4 * data.len());
    bytes.extend_from_slice(b"\x93NUMPY\x01\x00");
    bytes.extend_from_slice(&said.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(10 + length - 1, b' ');
    bytes.push(b'\n');
    bytes.extend(data.iter().flat_map(|value| value.to_le_bytes()));
    Ok(bytes)
}

/// The bytes of an `.npz` file of 32-bit floats: name, shape and values of every array. The same arrays give the same bytes.
///
/// # Errors
/// If values do not have their shape: a bug of the caller.
pub fn npz_bytes(arrays: &[(&str, &[usize], &[f32])]) -> Result<Vec<u8>> {
    let broken = |e: &dyn std::fmt::Display| Error::Internal(format!("writing an archive to memory: {e}"));
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // Without a clock: the options carry the archive format's first day.
    let options = SimpleFileOptions::default().last_modified_time(DateTime::default());
    for (name, dims, data) in arrays {
        archive.start_file(format!("{name}.npy"), options).map_err(|e| broken(&e))?;
        archive.write_all(&npy_bytes(dims, data)?).map_err(|e| broken(&e))?;
    }
    Ok(archive.finish().map_err(|e| broken(&e))?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{ArrayD, IxDyn};
    use ndarray_npy::{NpzReader, ReadNpyExt};

    #[test]
    fn others_read_what_is_written() {
        for dims in [&[][..], &[5], &[2, 3], &[1, 2, 3, 4]] {
            let values: Vec<f32> = (0..dims.iter().product()).map(|v| v as f32 - 0.5).collect();
            let bytes = npy_bytes(dims, &values).unwrap();
            assert_eq!((bytes.len() - 4 * values.len()) % ALIGNMENT, 0);
            let read = ArrayD::<f32>::read_npy(&bytes[..]).unwrap();
            assert_eq!(read, ArrayD::from_shape_vec(IxDyn(dims), values).unwrap());
        }
        assert!(npy_bytes(&[2, 3], &[0.0; 5]).is_err());
        let archive = npz_bytes(&[("x", &[2], &[1.0, 2.0]), ("logits", &[1, 1], &[3.0])]).unwrap();
        let mut reader = NpzReader::new(Cursor::new(archive)).unwrap();
        assert_eq!(reader.by_name::<ndarray::OwnedRepr<f32>, ndarray::Ix2>("logits").unwrap(), ndarray::array![[3.0f32]]);
    }
}
