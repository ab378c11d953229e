//! Buffers that a thread keeps between calls.

use std::cell::RefCell;

/// One cache line; rows of a buffer whose length is a multiple of 16 stay aligned for the widest vectors.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// A growing buffer of unspecified content, aligned to a cache line.
#[derive(Default)]
pub(crate) struct Buffer(Vec<Line>);

impl Buffer {
    /// The first `len` values, holding whatever an earlier use left there.
    pub(crate) fn take(&mut self, len: usize) -> &mut [f32] {
        let lines = len.div_ceil(16);
        if self.0.len() < lines {
            self.0.resize(lines, Line([0.0; 16]));
        }
        // SAFETY: `Line` is `repr(C)` around 16 floats without padding, and `len <= 16 * lines`.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast::<f32>(), len) }
    }
}

/// The buffers of one task.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Unrolled windows.
    pub(crate) columns: Buffer,
    /// Image planes with their padding.
    pub(crate) padded: Buffer,
    /// Outputs or output gradients of several images, side by side.
    pub(crate) folded: Buffer,
    /// A block of the weight, transposed.
    pub(crate) weight: Buffer,
}

thread_local! {
    static SCRATCH: RefCell<Vec<Scratch>> = const { RefCell::new(Vec::new()) };
}

/// Lends buffers of this thread to `body`. They are taken out meanwhile, so a nested call gets others, which are kept
/// for the next nested call.
pub(crate) fn with<R>(body: impl FnOnce(&mut Scratch) -> R) -> R {
    let mut scratch = SCRATCH.with_borrow_mut(Vec::pop).unwrap_or_default();
    let result = body(&mut scratch);
    SCRATCH.with_borrow_mut(|free| free.push(scratch));
    result
}
