//! Pooling against plain loops.

mod common;

use common::{assert_close, bits, on_threads, random};
use snnc_kernels::Pool2d;

#[rustfmt::skip]
fn geometries() -> Vec<(Pool2d, [usize; 2])> {
    let pool = |kernel, stride, pads, output, size| {
        (Pool2d { kernel, stride, pads, count_include_pad: false, output }, size)
    };
    vec![
        //   kernel  stride  pads          output   size
        pool([2, 2], [2, 2], [0, 0, 0, 0], [4, 3],  [8, 6]),
        pool([2, 2], [2, 2], [0, 0, 0, 0], [3, 3],  [7, 6]),
        pool([2, 2], [2, 2], [0, 0, 0, 0], [4, 4],  [7, 7]),   // ceil_mode
        pool([3, 3], [2, 2], [1, 1, 1, 1], [16, 9], [32, 17]),
        pool([3, 3], [2, 2], [0, 0, 1, 1], [4, 5],  [8, 10]),
        pool([3, 2], [1, 3], [1, 0, 1, 1], [5, 4],  [5, 10]),
        pool([3, 3], [3, 3], [1, 1, 1, 1], [3, 3],  [6, 5]),   // ceil_mode past the padding
        pool([4, 4], [1, 1], [0, 0, 0, 0], [1, 1],  [4, 4]),   // global
        pool([5, 7], [3, 2], [0, 0, 0, 0], [1, 1],  [5, 7]),   // global, of an odd size
        pool([1, 7], [1, 1], [0, 3, 0, 3], [2, 3],  [2, 3]),   // wider than the plane
        pool([2, 2], [2, 2], [0, 0, 0, 0], [2, 2],  [2, 2]),   // last windows see nothing
    ]
}

/// The places of the window of output `(row, column)` that lie in the input, row by row.
fn window(pool: &Pool2d, size: [usize; 2], [row, column]: [usize; 2]) -> Vec<usize> {
    let mut places = Vec::new();
    for ky in 0..pool.kernel[0] {
        for kx in 0..pool.kernel[1] {
            let y = (row * pool.stride[0] + ky).checked_sub(pool.pads[0]).filter(|&y| y < size[0]);
            let x = (column * pool.stride[1] + kx).checked_sub(pool.pads[1]).filter(|&x| x < size[1]);
            if let (Some(y), Some(x)) = (y, x) {
                places.push(y * size[1] + x);
            }
        }
    }
    places
}

/// Taps of that window that lie in the padded input.
fn padded_count(pool: &Pool2d, size: [usize; 2], at: [usize; 2]) -> usize {
    let count = |axis: usize| {
        let limit = size[axis] + pool.pads[axis] + pool.pads[axis + 2];
        (0..pool.kernel[axis]).filter(|tap| at[axis] * pool.stride[axis] + tap < limit).count()
    };
    count(0) * count(1)
}

#[test]
fn kernels_match_plain_loops() {
    for (mut pool, size) in geometries() {
        for include in [false, true] {
            pool.count_include_pad = include;
            let planes = 5;
            let (inputs, outputs) = (size[0] * size[1], pool.output[0] * pool.output[1]);
            let mut x = random(planes * inputs, 1);
            // Ties, and a plane that is negative throughout.
            x.iter_mut().for_each(|x| *x = (*x * 4.0).round());
            x[..inputs].iter_mut().for_each(|x| *x = -1.0 - x.abs());
            let dy = random(planes * outputs, 2);
            let [mut max, mut average] = [vec![0.0; planes * outputs], vec![0.0; planes * outputs]];
            let [mut total, mut total_dx] = [vec![0.0; planes * outputs], vec![0.0; planes * inputs]];
            let [mut max_dx, mut average_dx] = [vec![0.0; planes * inputs], vec![0.0; planes * inputs]];
            for plane in 0..planes {
                for at in (0..outputs).map(|index| [index / pool.output[1], index % pool.output[1]]) {
                    let output = plane * outputs + at[0] * pool.output[1] + at[1];
                    let places = window(&pool, size, at);
                    let places: Vec<usize> = places.into_iter().map(|place| plane * inputs + place).collect();
                    let mut best = None;
                    for &place in &places {
                        if best.is_none_or(|best: usize| x[place] > x[best]) {
                            best = Some(place);
                        }
                    }
                    max[output] = best.map_or(f64::NEG_INFINITY, |best| f64::from(x[best]));
                    if let Some(best) = best {
                        max_dx[best] += f64::from(dy[output]);
                    }
                    let count = if include { padded_count(&pool, size, at) } else { places.len() }.max(1) as f64;
                    for place in places {
                        average[output] += f64::from(x[place]) / count;
                        average_dx[place] += f64::from(dy[output]) / count;
                        total[output] += f64::from(x[place]);
                        total_dx[place] += f64::from(dy[output]);
                    }
                }
            }
            let what = |kernel: &str| format!("{kernel} of {pool:?} on {size:?}");
            let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
            pool.max_forward(&x, planes, size, &mut y);
            assert_eq!(y.iter().map(|&y| f64::from(y)).collect::<Vec<_>>(), max, "{}", what("maximum"));
            pool.max_input_gradient(&x, &dy, planes, size, &mut dx);
            assert_close(&dx, &max_dx, &what("gradient of the maximum"));
            pool.average_forward(&x, planes, size, &mut y);
            assert_close(&y, &average, &what("average"));
            pool.average_input_gradient(&dy, planes, size, &mut dx);
            assert_close(&dx, &average_dx, &what("gradient of the average"));
            // The entries are whole numbers, and so are their sums, whatever counts in a mean.
            pool.sum_forward(&x, planes, size, &mut y);
            assert_eq!(y.iter().map(|&y| f64::from(y)).collect::<Vec<_>>(), total, "{}", what("sum"));
            pool.sum_input_gradient(&dy, planes, size, &mut dx);
            assert_close(&dx, &total_dx, &what("gradient of the sum"));
        }
    }
}

#[test]
fn not_a_number_wins() {
    let pool = Pool2d { kernel: [1, 3], stride: [1, 1], pads: [0; 4], count_include_pad: false, output: [1, 1] };
    let x = [1.0, f32::NAN, 2.0];
    let (mut y, mut dx) = ([0.0], [0.0; 3]);
    pool.max_forward(&x, 1, [1, 3], &mut y);
    assert!(y[0].is_nan());
    pool.max_input_gradient(&x, &[1.0], 1, [1, 3], &mut dx);
    assert_eq!(dx, [0.0, 1.0, 0.0]);
}

#[test]
fn minus_infinity_can_win() {
    let pool = Pool2d { kernel: [1, 2], stride: [1, 1], pads: [0, 1, 0, 0], count_include_pad: false, output: [1, 1] };
    let (mut y, mut dx) = ([0.0], [0.0]);
    pool.max_forward(&[f32::NEG_INFINITY], 1, [1, 1], &mut y);
    pool.max_input_gradient(&[f32::NEG_INFINITY], &[1.0], 1, [1, 1], &mut dx);
    assert_eq!((y, dx), ([f32::NEG_INFINITY], [1.0]));
}

#[test]
fn threads_do_not_change_a_bit() {
    let (kernel, stride, pads) = ([3, 3], [2, 2], [1; 4]);
    let pool = Pool2d { kernel, stride, pads, count_include_pad: true, output: [16, 16] };
    let (planes, size) = (200, [32, 32]);
    let run = || {
        let (x, dy) = (random(planes * 1024, 1), random(planes * 256, 2));
        let (mut y, mut z, mut dx, mut dz) = (dy.clone(), dy.clone(), x.clone(), x.clone());
        pool.max_forward(&x, planes, size, &mut y);
        pool.average_forward(&x, planes, size, &mut z);
        pool.max_input_gradient(&x, &dy, planes, size, &mut dx);
        pool.average_input_gradient(&dy, planes, size, &mut dz);
        [bits(&y), bits(&z), bits(&dx), bits(&dz)]
    };
    assert!(on_threads(1, run) == on_threads(2, run));
}
