//! Pointers of the caller, checked as far as they can be.

use crate::status::Failure;
use std::{ptr, slice};

/// What a pointer of the caller points to.
///
/// # Safety
/// It is null, or misaligned, or points to a value that lives for `'a`.
pub(crate) unsafe fn borrow<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Failure> {
    check(pointer, name)?;
    // SAFETY: neither null nor misaligned, so alive, as the caller says.
    Ok(unsafe { &*pointer })
}

/// As [`borrow`], to change it.
///
/// # Safety
/// As of [`borrow`], and nobody else looks at the value meanwhile.
pub(crate) unsafe fn borrow_mut<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T, Failure> {
    check(pointer, name)?;
    // SAFETY: neither null nor misaligned, so a live value, as the caller says.
    Ok(unsafe { &mut *pointer })
}

/// An array of the caller; an empty one may be null.
///
/// # Safety
/// It is null, or misaligned, or points to `len` values that live for `'a`.
pub(crate) unsafe fn array<'a, T>(pointer: *const T, len: usize, name: &str) -> Result<&'a [T], Failure> {
    if len == 0 {
        return Ok(&[]);
    }
    check(pointer, name)?;
    if len.checked_mul(size_of::<T>()).is_none_or(|bytes| bytes > isize::MAX as usize) {
        return Err(Failure::argument(format_args!("`{name}`: {len} values are more than fit in memory")));
    }
    // SAFETY: not null, aligned, no larger than memory, and alive, as the caller says.
    Ok(unsafe { slice::from_raw_parts(pointer, len) })
}

/// Where a result goes. Null is written there at once, so that the caller finds it after a failure.
///
/// # Safety
/// It is null, or misaligned, or points to memory for a pointer.
pub(crate) unsafe fn target<T>(place: *mut *mut T, name: &str) -> Result<Target<T>, Failure> {
    check(place, name)?;
    // SAFETY: neither null nor misaligned, so memory for a pointer, as the caller says.
    unsafe { place.write(ptr::null_mut()) };
    Ok(Target(place))
}

/// A place of the caller for a result.
pub(crate) struct Target<T>(*mut *mut T);

impl<T> Target<T> {
    /// Gives the result away, for [`free`].
    pub(crate) fn give(self, value: T) {
        // SAFETY: checked by `target`; the caller waits for the function to return.
        unsafe { self.0.write(Box::into_raw(Box::new(value))) };
    }
}

/// Frees what [`Target::give`] gave.
///
/// # Safety
/// It is null, or came from there and was not freed.
pub(crate) unsafe fn free<T>(pointer: *mut T) {
    if !pointer.is_null() {
        // SAFETY: it came from `Box::into_raw`, and nobody else frees it.
        drop(unsafe { Box::from_raw(pointer) });
    }
}

/// Fills a structure of the caller, which may have been compiled for another version: fields are only ever added at the end, what he
/// does not know is left out, what we do not know is zero.
///
/// # Safety
/// It is null, or misaligned, or points to `size` bytes.
pub(crate) unsafe fn fill<T>(place: *mut T, size: usize, value: T, name: &str) -> Result<(), Failure> {
    check(place, name)?;
    let known = size.min(size_of::<T>());
    let source = (&raw const value).cast::<u8>();
    let target = place.cast::<u8>();
    // SAFETY: both have as many bytes: of `value` no more than it has, and at `place` `size`, as the caller says.
    unsafe {
        ptr::copy_nonoverlapping(source, target, known);
        target.add(known).write_bytes(0, size - known);
    }
    Ok(())
}

/// Tells the caller a number that he may not want to know.
///
/// # Safety
/// It is null, or misaligned, or points to memory for a number.
pub(crate) unsafe fn tell(place: *mut usize, number: usize) {
    if check(place, "").is_ok() {
        // SAFETY: neither null nor misaligned, so memory for a number, as the caller says.
        unsafe { place.write(number) };
    }
}

fn check<T>(pointer: *const T, name: &str) -> Result<(), Failure> {
    match pointer {
        null if null.is_null() => Err(Failure::argument(format_args!("`{name}` is NULL"))),
        pointer if !pointer.is_aligned() => Err(Failure::argument(format_args!("`{name}` is not aligned"))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_checked() {
        let values = [1u32, 2];
        let odd = values.as_ptr().wrapping_byte_add(1);
        // SAFETY: what is no valid pointer is null or misaligned.
        unsafe {
            assert_eq!(array(values.as_ptr(), 2, "a").unwrap(), [1, 2]);
            assert!(array(ptr::null::<u32>(), 0, "a").unwrap().is_empty());
            assert_eq!(array(ptr::null::<u32>(), 1, "a").unwrap_err().message, "`a` is NULL");
            assert_eq!(array(odd, 1, "a").unwrap_err().message, "`a` is not aligned");
            assert!(array(values.as_ptr(), usize::MAX, "a").unwrap_err().message.contains("more than fit"));
            assert_eq!(borrow(odd, "a").unwrap_err().message, "`a` is not aligned");
        }
    }

    #[test]
    fn structures_of_other_versions_are_filled() {
        let mut room = [9u32; 4];
        // SAFETY: the sizes are no larger than the room.
        unsafe {
            fill(room.as_mut_ptr().cast::<[u32; 2]>(), 4, [1, 2], "a").unwrap();
            assert_eq!(room, [1, 9, 9, 9]);
            fill(room.as_mut_ptr().cast::<[u32; 2]>(), 12, [1, 2], "a").unwrap();
        }
        assert_eq!(room, [1, 2, 0, 9]);
    }
}
