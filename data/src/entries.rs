//! Entries of an array: numbers of NumPy's types, in either order of bytes and of axes.

use crate::header::Header;
use std::io::{Read, Result};

/// Bytes that are read at a time: entries are not held twice.
const AT_ONCE: usize = 1 << 16;

/// A number as an array holds it.
pub(super) trait Element: Copy {
    /// Of its bytes, as many as it has, in the order in which the file has them.
    fn of(bytes: &[u8], is_big_endian: bool) -> Self;
}

macro_rules! element {
    ($($number:ty),*) => {$(
        impl Element for $number {
            fn of(bytes: &[u8], is_big_endian: bool) -> Self {
                let bytes = bytes.try_into().expect("as many bytes as the number has");
                if is_big_endian { Self::from_be_bytes(bytes) } else { Self::from_le_bytes(bytes) }
            }
        }
    )*};
}

element!(u8, u16, u32, u64, i8, i16, i32, i64, f32);

/// The entries behind a header, in row-major order. There must be memory for them.
///
/// # Errors
/// If they cannot be read, or there are too few bytes.
pub(super) fn entries<T: Element>(header: &Header, mut from: impl Read) -> Result<Vec<T>> {
    let count = header.dims.iter().product();
    let is_big_endian = header.element.starts_with('>');
    let mut values = Vec::with_capacity(count);
    let mut buffer = vec![0; (count * size_of::<T>()).min(AT_ONCE)];
    while values.len() < count {
        let bytes = ((count - values.len()) * size_of::<T>()).min(AT_ONCE);
        from.read_exact(&mut buffer[..bytes])?;
        values.extend(buffer[..bytes].chunks_exact(size_of::<T>()).map(|bytes| T::of(bytes, is_big_endian)));
    }
    Ok(if header.is_fortran { row_major(&header.dims, &values) } else { values })
}

/// Entries whose first axis runs fastest, with the last one running fastest.
fn row_major<T: Copy>(dims: &[usize], values: &[T]) -> Vec<T> {
    // How far entries along each axis are apart.
    let strides: Vec<usize> = dims.iter().scan(1, |stride, &d| Some(std::mem::replace(stride, *stride * d))).collect();
    let mut place = vec![0; dims.len()];
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        ordered.push(values[place.iter().zip(&strides).map(|(at, stride)| at * stride).sum::<usize>()]);
        for (at, &d) in place.iter_mut().zip(dims).rev() {
            *at += 1;
            if *at < d {
                break;
            }
            *at = 0;
        }
    }
    ordered
}
