//! Running tasks that write disjoint parts of one slice.

use std::marker::PhantomData;

use rayon::prelude::*;

/// Below this many elementary operations waking other threads costs more than it saves.
const SERIAL_BELOW: usize = 1 << 19;

/// Runs `body(0)` to `body(count - 1)`, in parallel when `work` (elementary operations of all tasks) is worth it.
pub(crate) fn for_each(count: usize, work: usize, body: impl Fn(usize) + Sync) {
    if count < 2 || work < SERIAL_BELOW || rayon::current_num_threads() == 1 {
        (0..count).for_each(body);
    } else {
        (0..count).into_par_iter().for_each(&body);
    }
}

/// A mutable slice whose parts are handed to tasks that run at the same time.
pub(crate) struct Shared<'a, T = f32> {
    data: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: the pointer is only reached through unsafe methods, whose callers promise that no two parts overlap.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { data: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// The values `start .. start + len`.
    ///
    /// # Safety
    /// While the part lives, nobody else may reach any value of it.
    #[expect(clippy::mut_from_ref, reason = "disjoint parts of one slice are the purpose; the caller keeps them apart")]
    pub(crate) unsafe fn part(&self, start: usize, len: usize) -> &mut [T] {
        assert!(start <= self.len && len <= self.len - start, "part outside of the slice");
        // SAFETY: in bounds by the assertion, not aliased by the promise of the caller.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(start), len) }
    }

    /// Where a matrix of `rows` rows of `cols` values, rows `stride` apart, starts.
    pub(crate) fn matrix(&self, start: usize, rows: usize, cols: usize, stride: usize) -> *mut T {
        assert!(rows > 0 && cols > 0 && start + (rows - 1) * stride + cols <= self.len, "matrix outside of the slice");
        self.data.wrapping_add(start)
    }
}
