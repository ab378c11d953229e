//! Constants that differ from place to place at the border alone, written small: what padding makes of a constant is the same along the
//! middle of every row and column.

use snnc_ir::Tensor;

/// An offset over `[1, C, H, W]` without the rows and columns that repeat others, and for every row and column which of those left it is; none
/// where nothing would be saved.
pub(super) fn fold(offset: &Tensor, dims: &[usize]) -> Option<(Tensor, Vec<usize>, Vec<usize>)> {
    let ([_, channels, height, width], true) = (<[usize; 4]>::try_from(offset.dims.clone()).ok()?, dims.len() == 4) else { return None };
    if height != dims[2] || width != dims[3] || height * width == 1 {
        return None;
    }
    let at = |c: usize, i: usize, j: usize| offset.data[(c * height + i) * width + j];
    let (rows, kept_rows) = distinct(height, |a, b| (0..channels).all(|c| (0..width).all(|j| at(c, a, j) == at(c, b, j))));
    let (columns, kept_columns) = distinct(width, |a, b| (0..channels).all(|c| (0..height).all(|i| at(c, i, a) == at(c, i, b))));
    if kept_rows.len() * kept_columns.len() >= height * width {
        return None;
    }
    let mut data = Vec::with_capacity(channels * kept_rows.len() * kept_columns.len());
    for c in 0..channels {
        for &i in &kept_rows {
            data.extend(kept_columns.iter().map(|&j| at(c, i, j)));
        }
    }
    Some((Tensor::new([1, channels, kept_rows.len(), kept_columns.len()], data), rows, columns))
}

/// The offset at every place again.
pub(super) fn unfold(offset: &Tensor, rows: &[usize], columns: &[usize]) -> Tensor {
    let (channels, height, width) = (offset.dims[1], offset.dims[2], offset.dims[3]);
    let mut data = Vec::with_capacity(channels * rows.len() * columns.len());
    for c in 0..channels {
        for &i in rows {
            data.extend(columns.iter().map(|&j| offset.data[(c * height + i) * width + j]));
        }
    }
    Tensor::new([1, channels, rows.len(), columns.len()], data)
}

/// For each of so many lines which of those kept it equals, and those.
fn distinct(count: usize, equal: impl Fn(usize, usize) -> bool) -> (Vec<usize>, Vec<usize>) {
    let mut kept: Vec<usize> = Vec::new();
    let index = (0..count)
        .map(|line| {
            kept.iter().position(|&other| equal(line, other)).unwrap_or_else(|| {
                kept.push(line);
                kept.len() - 1
            })
        })
        .collect();
    (index, kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_border_is_written_once() {
        // 4 rows and 5 columns that differ at the top, the left and the right.
        let value = |i: usize, j: usize| f32::from(u8::from(i == 0)) * 10.0 + [1.0, 0.0, 0.0, 0.0, 2.0][j];
        let whole = Tensor::new([1, 1, 4, 5], (0..20).map(|k| value(k / 5, k % 5)).collect());
        let (small, rows, columns) = fold(&whole, &[1, 1, 4, 5]).expect("it is folded");
        assert_eq!((&small.dims[..], &rows[..], &columns[..]), (&[1, 1, 2, 3][..], &[0, 1, 1, 1][..], &[0, 1, 1, 1, 2][..]));
        assert_eq!(unfold(&small, &rows, &columns), whole);
        let random = Tensor::new([1, 1, 2, 2], vec![1.0, 2.0, 3.0, 4.0]);
        assert_eq!(fold(&random, &[1, 1, 2, 2]), None);
        assert_eq!(fold(&Tensor::splat([1, 3, 1, 1], 1.0), &[1, 3, 4, 4]), None, "what broadcasts is small");
    }
}
