//! The unique representative of a weight under positive scalings of its input and output channels.
//!
//! A conversion multiplies a layer's weight by θ of each input channel and divides by θ of each output channel: what is left of
//! the source network then is the weight up to two positive diagonal matrices. Scaling rows and columns in turn until all
//! rows have one norm and all columns have one norm finds the one matrix of that class for which this holds (Sinkhorn and Knopp,
//! Pacific J. Math. 21, 1967, on the squares; it exists where no zeros forbid it, and where they do the iteration is cut off).

use crate::artifact::Shape;

/// Most rounds. Weights without many zeros take about ten.
const ROUNDS: usize = 200;
/// A round that changes no column's factor by more than this share is the last.
const CHANGE: f64 = 1e-9;
/// Factors stay within this and its inverse, where zeros drive them to infinity.
const LEAST: f64 = 1e-60;

/// The representative: rows of unit norm (rows of zeros stay so), and within a group columns of one norm.
pub(crate) fn equilibrate(values: &[f32], shape: &Shape) -> Vec<f32> {
    let (row_factors, column_factors) = factors(values, shape);
    let mut scaled = Vec::with_capacity(values.len());
    for (r, row) in values.chunks_exact(shape.row()).enumerate() {
        let columns = &column_factors[shape.first_input(r)..][..shape.columns];
        for (entries, &column) in row.chunks_exact(shape.taps).zip(columns) {
            let factor = row_factors[r] * column;
            scaled.extend(entries.iter().map(|&v| (f64::from(v) * factor) as f32));
        }
    }
    scaled
}

/// Entries that the scalings leave free: those that are not zero, less one factor for every row and column that is not zero
/// (one of them being redundant). A tensor with none says nothing but its signs.
pub(crate) fn freedom(values: &[f32], shape: &Shape) -> usize {
    let mut columns = vec![false; shape.inputs()];
    let (mut entries, mut rows) = (0, 0);
    for (r, row) in values.chunks_exact(shape.row()).enumerate() {
        let first = shape.first_input(r);
        let mut any = false;
        for (c, kernel) in row.chunks_exact(shape.taps).enumerate() {
            let count = kernel.iter().filter(|&&v| v != 0.0).count();
            columns[first + c] |= count > 0;
            any |= count > 0;
            entries += count;
        }
        rows += usize::from(any);
    }
    let columns = columns.into_iter().filter(|&c| c).count();
    (entries + 1).saturating_sub(rows + columns)
}

/// Sums over the kernel of the squares of `scale` times the entries: `[O, I / groups]`.
fn squares(values: &[f32], scale: f64, shape: &Shape) -> Vec<f32> {
    let square = |kernel: &[f32]| kernel.iter().map(|&v| (f64::from(v) * scale).powi(2)).sum::<f64>() as f32;
    values.chunks_exact(shape.taps).map(square).collect()
}

/// Factors of the rows and of the input channels that lead to the representative.
pub(crate) fn factors(values: &[f32], shape: &Shape) -> (Vec<f64>, Vec<f64>) {
    let largest = values.iter().fold(0.0f32, |m, &v| m.max(v.abs()));
    // Relative to the largest entry no square overflows, and what vanishes is nothing.
    let scale = if largest > 0.0 { 1.0 / f64::from(largest) } else { 0.0 };
    let squares = squares(values, scale, shape);
    let mut rows = vec![1.0f64; shape.rows];
    let mut columns = vec![1.0f64; shape.inputs()];
    let mut sums = vec![0.0f64; shape.inputs()];
    let target = (shape.rows / shape.groups) as f64 / shape.columns as f64;
    let inverse = |sum: f64| if sum > 0.0 { (1.0 / sum).clamp(LEAST, 1.0 / LEAST) } else { 1.0 };
    for _ in 0..ROUNDS {
        sums.fill(0.0);
        for (r, row) in squares.chunks_exact(shape.columns).enumerate() {
            let first = shape.first_input(r);
            let group = &columns[first..first + shape.columns];
            rows[r] = inverse(dot(row, group));
            for (sum, &q) in sums[first..].iter_mut().zip(row) {
                *sum += f64::from(q) * rows[r];
            }
        }
        let mut change = 0.0f64;
        for (column, &sum) in columns.iter_mut().zip(&sums) {
            let next = inverse(sum / target);
            change = change.max((next / *column - 1.0).abs());
            *column = next;
        }
        if change <= CHANGE {
            break;
        }
    }
    // The rows last, so that theirs is the norm that is exact.
    for (r, row) in squares.chunks_exact(shape.columns).enumerate() {
        let first = shape.first_input(r);
        rows[r] = inverse(dot(row, &columns[first..first + shape.columns]));
    }
    (rows.into_iter().map(|r| scale * r.sqrt()).collect(), columns.into_iter().map(f64::sqrt).collect())
}

fn dot(squares: &[f32], factors: &[f64]) -> f64 {
    squares.iter().zip(factors).map(|(&q, &f)| f64::from(q) * f).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesize::random::Random;

    fn normal(stream: u64, n: usize) -> Vec<f32> {
        let mut random = Random::new(3, stream);
        (0..n).map(|_| random.normal()).collect()
    }

    #[test]
    fn scalings_do_not_change_the_representative() {
        for (dims, groups) in [(vec![12, 6, 3, 3], 1), (vec![12, 6, 3, 3], 4), (vec![12, 1, 3, 3], 12), (vec![40, 70], 1), (vec![1, 30], 1)]
        {
            let n = dims.iter().product();
            let shape = Shape::new(&dims, groups, n).expect("sound");
            let weight = normal(1, n);
            let mut random = Random::new(9, 9);
            let theta_out: Vec<f32> = (0..shape.rows).map(|_| (2.0 * random.normal()).exp()).collect();
            let theta_in: Vec<f32> = (0..shape.inputs()).map(|_| (2.0 * random.normal()).exp()).collect();
            let scaled = (0..n).map(|e| {
                let (r, c) = (e / shape.row(), e % shape.row() / shape.taps);
                weight[e] * theta_in[shape.first_input(r) + c] / theta_out[r]
            });
            let (a, b) = (equilibrate(&weight, &shape), equilibrate(&scaled.collect::<Vec<_>>(), &shape));
            let worst = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-6, "{dims:?} {worst}");
            let norm = a[..shape.row()].iter().map(|v| v * v).sum::<f32>();
            assert!((norm - 1.0).abs() < 1e-5, "{norm}");
        }
    }

    #[test]
    fn zeros_stay_and_harm_nothing() {
        let shape = Shape::new(&[3, 3], 1, 9).expect("sound");
        // A row and a column of zeros, then a triangle, which has no representative.
        assert_eq!(equilibrate(&[0.0; 9], &shape), [0.0; 9]);
        let dead = equilibrate(&[1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 3.0, 0.0, 4.0], &shape);
        assert!(dead.iter().all(|v| v.is_finite()) && dead[3..6] == [0.0; 3]);
        let triangle = equilibrate(&[1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0], &shape);
        assert!(triangle.iter().all(|v| v.is_finite()));
        let small = equilibrate(&[1e-30, 2e-30, 0.0, 1e-30, 3e-30, 1e-30, 2e-30, 0.0, 1e-30], &shape);
        assert!((small[0].powi(2) + small[1].powi(2) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn freedom_is_what_scalings_leave() {
        let shape = |dims: &[usize], n| Shape::new(dims, 1, n).expect("sound");
        assert_eq!(freedom(&[1.0; 12], &shape(&[3, 4], 12)), 6);
        assert_eq!(freedom(&[1.0; 4], &shape(&[1, 4], 4)), 0);
        assert_eq!(freedom(&[1.0; 4], &shape(&[4, 1], 4)), 0);
        assert_eq!(freedom(&[0.0; 12], &shape(&[3, 4], 12)), 1);
        let depthwise = Shape::new(&[4, 1, 3, 3], 4, 36).expect("sound");
        assert_eq!(freedom(&[1.0; 36], &depthwise), 36 - 4 - 4 + 1);
    }
}
