//! Linear layers against plain loops.

mod common;

use common::{assert_close, bits, on_threads, random};
use snnc_kernels::{linear_forward, linear_input_gradient, linear_weight_gradient};

const SHAPES: [[usize; 3]; 11] = [
    [1, 1, 1],
    [1, 7, 10],
    [5, 16, 4],
    [5, 33, 9],
    [3, 100, 130],
    [16, 512, 10],
    [2, 1030, 300],
    [4, 20, 1100],
    [7, 1, 5],
    [600, 12, 14],
    [9, 300, 700],
];

fn operands([batch, inputs, outputs]: [usize; 3]) -> [Vec<f32>; 4] {
    [random(batch * inputs, 1), random(outputs * inputs, 2), random(outputs, 3), random(batch * outputs, 4)]
}

#[test]
fn kernels_match_plain_loops() {
    for shape in SHAPES {
        let [batch, inputs, outputs] = shape;
        let [x, weight, bias, dy] = operands(shape);
        let mut expected_y: Vec<f64> = (0..batch * outputs).map(|index| f64::from(bias[index % outputs])).collect();
        let (mut expected_dx, mut expected_dw) = (vec![0.0; x.len()], vec![0.0; weight.len()]);
        for row in 0..batch {
            for output in 0..outputs {
                for input in 0..inputs {
                    let (y, i, w) = (row * outputs + output, row * inputs + input, output * inputs + input);
                    expected_y[y] += f64::from(x[i]) * f64::from(weight[w]);
                    expected_dx[i] += f64::from(dy[y]) * f64::from(weight[w]);
                    expected_dw[w] += f64::from(dy[y]) * f64::from(x[i]);
                }
            }
        }
        let mut y = vec![f32::NAN; dy.len()];
        linear_forward(&x, shape, &weight, Some(&bias), false, &mut y);
        assert_close(&y, &expected_y, &format!("forward of {shape:?}"));
        let mut rectified = vec![f32::NAN; dy.len()];
        linear_forward(&x, shape, &weight, Some(&bias), true, &mut rectified);
        assert_eq!(rectified, y.iter().map(|y| y.max(0.0)).collect::<Vec<_>>(), "rectified forward of {shape:?}");
        let mut dx = vec![f32::NAN; x.len()];
        linear_input_gradient(&dy, shape, &weight, &mut dx);
        assert_close(&dx, &expected_dx, &format!("input gradient of {shape:?}"));
        let mut dw = vec![f32::NAN; weight.len()];
        linear_weight_gradient(&x, &dy, shape, &mut dw);
        assert_close(&dw, &expected_dw, &format!("weight gradient of {shape:?}"));
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    for shape in SHAPES {
        let run = || {
            let [x, weight, bias, dy] = operands(shape);
            let (mut y, mut dx, mut dw) = (dy.clone(), x.clone(), weight.clone());
            linear_forward(&x, shape, &weight, Some(&bias), true, &mut y);
            linear_input_gradient(&dy, shape, &weight, &mut dx);
            linear_weight_gradient(&x, &dy, shape, &mut dw);
            [bits(&y), bits(&dx), bits(&dw)]
        };
        assert!(on_threads(1, run) == on_threads(2, run), "{shape:?}");
    }
}

#[test]
fn a_row_does_not_notice_its_batch() {
    let shape @ [batch, inputs, outputs] = [23, 75, 37];
    let [x, weight, bias, _] = operands(shape);
    let mut y = vec![0.0; batch * outputs];
    linear_forward(&x, shape, &weight, Some(&bias), false, &mut y);
    for row in 0..batch {
        let mut alone = vec![0.0; outputs];
        let x = &x[row * inputs..][..inputs];
        linear_forward(x, [1, inputs, outputs], &weight, Some(&bias), false, &mut alone);
        assert_eq!(bits(&alone), bits(&y[row * outputs..][..outputs]), "row {row}");
    }
}
