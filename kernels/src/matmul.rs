//! Matrix products on slices.

use gemm::Parallelism;

use crate::tasks::Shared;

/// Longest inner dimension given to `gemm` at once. Up to here it never splits a sum itself, where the split would
/// depend on the other two dimensions, and with them on the batch.
pub(crate) const MAX_DEPTH: usize = 512;

/// A matrix to read: element `(i, j)` is `data[i * row + j * col]`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) row: usize,
    pub(crate) col: usize,
}

impl Matrix<'_> {
    fn check(&self, rows: usize, cols: usize) {
        assert!((rows - 1) * self.row + (cols - 1) * self.col < self.data.len(), "matrix outside of its slice");
    }
}

/// Cuts `depth` into equal blocks of at most [`MAX_DEPTH`].
pub(crate) fn depth_blocks(depth: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let block = depth.div_ceil(depth.div_ceil(MAX_DEPTH).max(1)).max(1);
    (0..depth).step_by(block).map(move |start| start..depth.min(start + block))
}

/// `target = left * right`, or `target += left * right` with `add`, where `[m, n, k]` are the rows of `left`, the
/// columns of `right` and the inner dimension, and target rows start at `start` and lie `stride` apart.
///
/// # Safety
/// Nobody else may reach the target values meanwhile.
pub(crate) unsafe fn multiply(
    [m, n, k]: [usize; 3],
    target: &Shared<'_>,
    start: usize,
    stride: usize,
    add: bool,
    left: Matrix<'_>,
    right: Matrix<'_>,
) {
    let to = target.matrix(start, m, n, stride);
    left.check(m, k);
    right.check(k, n);
    for block in depth_blocks(k) {
        let add = add || block.start > 0;
        let (left_start, right_start) = (block.start * left.col, block.start * right.row);
        // SAFETY: both operands and the target lie inside their slices (checked above), and the caller keeps others
        // off the target.
        unsafe {
            gemm::gemm(
                m,
                n,
                block.len(),
                to,
                1,
                stride as isize,
                add,
                left.data.as_ptr().add(left_start),
                left.col as isize,
                left.row as isize,
                right.data.as_ptr().add(right_start),
                right.col as isize,
                right.row as isize,
                1.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}
