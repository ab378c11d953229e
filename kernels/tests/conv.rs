//! Convolution against plain loops, over a table of geometries.

mod common;

use common::{assert_close, bits, conv_products, largest_error, on_threads, random};
use snnc_kernels::{Conv2d, bias_gradient};

#[rustfmt::skip]
fn conv(
    channels: [usize; 2], kernel: [usize; 2], stride: [usize; 2], dilation: [usize; 2], pads: [usize; 4], groups: usize,
    size: [usize; 2],
) -> (Conv2d, [usize; 2]) {
    let [in_channels, out_channels] = channels;
    (Conv2d { in_channels, out_channels, kernel, stride, dilation, pads, groups }, size)
}

#[rustfmt::skip]
fn geometries() -> Vec<(Conv2d, [usize; 2])> {
    vec![
        //    channels  kernel  stride  dilation pads       groups  size
        conv([3, 8],    [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1, [8, 8]),
        conv([3, 16],   [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1, [32, 32]), // several bands per image
        conv([2, 3],    [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1, [5, 600]), // wider than a band
        conv([70, 9],   [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1, [4, 4]),   // several blocks of depth
        conv([70, 9],   [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1, [17, 18]),
        conv([8, 600],  [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1, [2, 2]),   // outputs in parts
        conv([8, 20],   [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1, [1, 1]),
        conv([16, 16],  [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1, [2, 2]),   // by tiles from here on
        conv([16, 16],  [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1, [8, 8]),
        conv([20, 37],  [3, 3], [1, 1], [1, 1], [0, 1, 2, 1], 1, [7, 9]),
        conv([33, 18],  [3, 3], [1, 1], [1, 1], [2, 2, 2, 2], 1, [5, 4]),
        conv([17, 16],  [3, 3], [1, 1], [1, 1], [2, 0, 1, 2], 1, [3, 2]),
        conv([16, 24],  [3, 3], [1, 1], [1, 1], [0, 0, 0, 0], 1, [6, 39]),  // more than a panel to a row
        conv([24, 16],  [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1, [10, 64]), // whole panels to a row
        conv([18, 40],  [3, 3], [1, 1], [1, 1], [2, 1, 0, 2], 1, [13, 11]), // several spans
        conv([16, 16],  [3, 3], [1, 1], [1, 1], [1, 0, 0, 1], 1, [3, 201]), // a span ends within a row
        conv([16, 20],  [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1, [4, 530]), // a row is more than a patch
        conv([150, 18], [3, 3], [1, 1], [1, 1], [1, 0, 1, 2], 1, [6, 5]),   // groups of channels ..
        conv([17, 270], [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1, [6, 6]),   // .. and of filters
        conv([16, 16],  [3, 3], [1, 1], [1, 1], [3, 1, 1, 1], 1, [6, 6]),   // not: more padding than kernel
        conv([16, 16],  [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1, [1, 30]),  // not: half of each tile unused
        conv([32, 32],  [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 2, [6, 6]),   // not: groups
        conv([4, 6],    [3, 3], [2, 2], [1, 1], [1, 1, 1, 1], 1, [9, 14]),
        conv([4, 6],    [3, 3], [2, 2], [1, 1], [0, 0, 1, 1], 1, [64, 40]), // strided bands
        conv([4, 6],    [3, 2], [3, 1], [1, 1], [2, 0, 1, 1], 1, [10, 7]),
        conv([4, 6],    [2, 3], [1, 3], [1, 1], [0, 2, 1, 0], 1, [7, 11]),
        conv([4, 6],    [1, 5], [1, 2], [1, 1], [0, 2, 0, 2], 1, [3, 20]),
        conv([5, 7],    [3, 3], [1, 1], [2, 3], [2, 3, 2, 3], 1, [9, 8]),
        conv([5, 7],    [3, 3], [2, 1], [2, 1], [1, 0, 3, 2], 1, [20, 21]),
        conv([6, 10],   [1, 1], [1, 1], [1, 1], [0, 0, 0, 0], 1, [7, 5]),
        conv([6, 10],   [1, 1], [1, 1], [1, 1], [0, 0, 0, 0], 1, [20, 30]), // in place
        conv([600, 10], [1, 1], [1, 1], [1, 1], [0, 0, 0, 0], 1, [16, 17]), // in place, deep
        conv([6, 10],   [1, 1], [2, 2], [1, 1], [0, 0, 0, 0], 1, [16, 16]),
        conv([6, 10],   [1, 1], [2, 3], [1, 1], [1, 0, 0, 2], 1, [8, 9]),
        conv([2, 4],    [5, 5], [1, 1], [1, 1], [2, 2, 2, 2], 1, [2, 3]),   // kernel larger than the plane
        conv([2, 4],    [4, 7], [1, 1], [1, 1], [0, 0, 0, 0], 1, [4, 7]),   // kernel as large as the plane
        conv([1, 6],    [5, 5], [1, 1], [1, 1], [0, 0, 0, 0], 1, [28, 28]),
        conv([3, 1],    [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1, [20, 20]), // a single output
        conv([1, 1],    [1, 1], [1, 1], [1, 1], [0, 0, 0, 0], 1, [20, 20]),
        conv([6, 9],    [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 3, [6, 7]),
        conv([8, 4],    [3, 3], [2, 1], [1, 1], [1, 0, 1, 2], 2, [18, 33]),
        conv([4, 8],    [1, 1], [1, 1], [1, 1], [0, 0, 0, 0], 2, [18, 33]),
        conv([5, 5],    [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 5, [6, 9]),   // depthwise
        conv([5, 15],   [3, 3], [2, 2], [1, 1], [0, 1, 1, 0], 5, [7, 10]),  // with multiplier
        conv([4, 8],    [3, 2], [3, 1], [1, 2], [1, 2, 0, 1], 4, [11, 6]),
        conv([4, 4],    [2, 5], [1, 3], [2, 1], [0, 0, 0, 0], 4, [11, 16]),
    ]
}

/// Input, weight, bias and output gradient for a geometry.
fn operands(conv: &Conv2d, batch: usize, size: [usize; 2]) -> [Vec<f32>; 4] {
    let [height, width] = conv.output_size(size).expect("the geometry fits");
    [
        random(batch * conv.in_channels * size[0] * size[1], 1),
        random(conv.out_channels * conv.in_channels / conv.groups * conv.kernel[0] * conv.kernel[1], 2),
        random(conv.out_channels, 3),
        random(batch * conv.out_channels * height * width, 4),
    ]
}

#[test]
fn kernels_match_plain_loops() {
    for (conv, size) in geometries() {
        for batch in [1, 5] {
            let what = |kernel: &str| format!("{kernel} of {conv:?} on {batch} x {size:?}");
            let [x, weight, bias, dy] = operands(&conv, batch, size);
            let plane = dy.len() / batch / conv.out_channels;
            let mut y = vec![f32::NAN; dy.len()];
            let mut dx = vec![f32::NAN; x.len()];
            let mut dw = vec![f32::NAN; weight.len()];
            let mut db = vec![f32::NAN; bias.len()];

            let bias_of = |index: usize| f64::from(bias[index / plane % conv.out_channels]);
            let mut expected_y: Vec<f64> = (0..y.len()).map(bias_of).collect();
            let (mut expected_dx, mut expected_dw) = (vec![0.0; x.len()], vec![0.0; weight.len()]);
            conv_products(&conv, batch, size, |o, i, w| {
                expected_y[o] += f64::from(x[i]) * f64::from(weight[w]);
                expected_dx[i] += f64::from(dy[o]) * f64::from(weight[w]);
                expected_dw[w] += f64::from(dy[o]) * f64::from(x[i]);
            });
            let mut expected_db = vec![0.0; bias.len()];
            for (index, &dy) in dy.iter().enumerate() {
                expected_db[index / plane % conv.out_channels] += f64::from(dy);
            }

            conv.forward(&x, batch, size, &weight, Some(&bias), false, &mut y);
            assert_close(&y, &expected_y, &what("forward"));
            conv.input_gradient(&dy, batch, size, &weight, &mut dx);
            assert_close(&dx, &expected_dx, &what("input gradient"));
            conv.weight_gradient(&x, &dy, batch, size, &mut dw);
            assert_close(&dw, &expected_dw, &what("weight gradient"));
            bias_gradient(&dy, batch, conv.out_channels, plane, &mut db);
            assert_close(&db, &expected_db, &what("bias gradient"));

            let mut rectified = vec![f32::NAN; y.len()];
            conv.forward(&x, batch, size, &weight, Some(&bias), true, &mut rectified);
            let expected: Vec<f32> = y.iter().map(|&y| y.max(0.0)).collect();
            assert_eq!(rectified, expected, "{}", what("rectified forward"));

            let mut without = vec![f32::NAN; y.len()];
            let expected: Vec<f64> = expected_y.iter().enumerate().map(|(i, y)| y - bias_of(i)).collect();
            conv.forward(&x, batch, size, &weight, None, false, &mut without);
            assert_close(&without, &expected, &what("forward without bias"));
        }
    }
}

/// Products by tiles (`src/conv/winograd.rs`) round more often than plain windows. Each of the roundings is at most half a
/// unit in the last place, 6e-8, of a value of the size of the result, and with random signs few of them add up.
#[test]
fn tiles_are_accurate() {
    let cases = [([16, 16], [16, 16], 3), ([64, 48], [9, 7], 3), ([512, 32], [4, 4], 9), ([16, 16], [32, 32], 20)];
    for (channels, size, batch) in cases {
        let (conv, size) = conv(channels, [3, 3], [1, 1], [1, 1], [1; 4], 1, size);
        let [noise, weight, bias, dy] = operands(&conv, batch, size);
        let spikes: Vec<f32> = noise.iter().map(|&value| if value > 0.6 { 1.0 } else { 0.0 }).collect();
        for (x, what) in [(&noise, "noise"), (&spikes, "spikes")] {
            let plane = dy.len() / batch / conv.out_channels;
            let bias_of = |index: usize| f64::from(bias[index / plane % conv.out_channels]);
            let mut expected: Vec<f64> = (0..dy.len()).map(bias_of).collect();
            let (mut gradient, mut kernels) = (vec![0.0; x.len()], vec![0.0; weight.len()]);
            conv_products(&conv, batch, size, |o, i, w| {
                expected[o] += f64::from(x[i]) * f64::from(weight[w]);
                gradient[i] += f64::from(dy[o]) * f64::from(weight[w]);
                kernels[w] += f64::from(dy[o]) * f64::from(x[i]);
            });
            let (mut y, mut dx, mut dw) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()], vec![f32::NAN; weight.len()]);
            conv.forward(x, batch, size, &weight, Some(&bias), false, &mut y);
            conv.input_gradient(&dy, batch, size, &weight, &mut dx);
            conv.weight_gradient(x, &dy, batch, size, &mut dw);
            let pairs = [(&y, &expected, "forward"), (&dx, &gradient, "input gradient"), (&dw, &kernels, "weight gradient")];
            for (found, expected, kernel) in pairs {
                let error = largest_error(found, expected);
                assert!(error < 2e-6, "{kernel} of {conv:?} on {what} is wrong by {error:e} of its largest value");
            }
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let mut geometries = geometries();
    // Large enough for every path to go parallel.
    geometries.push(conv([32, 48], [3, 3], [1, 1], [1, 1], [1; 4], 1, [32, 32]));
    geometries.push(conv([144, 160], [3, 3], [1, 1], [1, 1], [1; 4], 1, [10, 12]));
    geometries.push(conv([64, 256], [3, 3], [1, 1], [1, 1], [1; 4], 1, [4, 4]));
    geometries.push(conv([64, 64], [3, 3], [1, 1], [1, 1], [1; 4], 64, [40, 40]));
    geometries.push(conv([3, 16], [3, 3], [1, 1], [1, 1], [1; 4], 1, [64, 64]));
    for (conv, size) in geometries {
        let batch = 5;
        let run = || {
            let [x, weight, bias, dy] = operands(&conv, batch, size);
            let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; weight.len()]);
            conv.forward(&x, batch, size, &weight, Some(&bias), true, &mut y);
            conv.input_gradient(&dy, batch, size, &weight, &mut dx);
            conv.weight_gradient(&x, &dy, batch, size, &mut dw);
            [bits(&y), bits(&dx), bits(&dw)]
        };
        let one = on_threads(1, run);
        for threads in [2, 3] {
            assert!(one == on_threads(threads, run), "{conv:?} on {size:?} with {threads} threads");
        }
    }
}

#[test]
fn an_image_does_not_notice_its_batch() {
    for (conv, size) in geometries() {
        // Fewer large images, which share less.
        let batch = if size[0] * size[1] > 200 { 6 } else { 70 };
        let [x, weight, bias, dy] = operands(&conv, batch, size);
        let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
        conv.forward(&x, batch, size, &weight, Some(&bias), false, &mut y);
        conv.input_gradient(&dy, batch, size, &weight, &mut dx);
        let (inputs, outputs) = (x.len() / batch, y.len() / batch);
        for image in [0, 1, 17, 64, 69].into_iter().filter(|&image| image < batch) {
            let (x, dy) = (&x[image * inputs..][..inputs], &dy[image * outputs..][..outputs]);
            let (mut alone, mut gradient) = (vec![0.0; outputs], vec![0.0; inputs]);
            conv.forward(x, 1, size, &weight, Some(&bias), false, &mut alone);
            conv.input_gradient(dy, 1, size, &weight, &mut gradient);
            assert_eq!(bits(&alone), bits(&y[image * outputs..][..outputs]), "forward of {conv:?}, image {image}");
            assert_eq!(bits(&gradient), bits(&dx[image * inputs..][..inputs]), "gradient of {conv:?}, image {image}");
        }
    }
}

#[test]
fn not_a_number_passes_through_the_rectifier() {
    let (conv, size) = conv([1, 1], [1, 1], [1, 1], [1, 1], [0; 4], 1, [1, 2]);
    let mut y = [0.0; 2];
    conv.forward(&[f32::NAN, -1.0], 1, size, &[1.0], Some(&[0.5]), true, &mut y);
    assert!(y[0].is_nan());
    assert_eq!(y[1], 0.0);
}

#[test]
fn void_geometries_have_no_output() {
    let (good, size) = conv([4, 6], [3, 3], [2, 2], [1, 1], [1, 0, 0, 1], 2, [6, 9]);
    assert_eq!(good.output_size(size), Some([3, 4]));
    assert_eq!(good.output_size([2, 2]), Some([1, 1]));
    assert_eq!(good.output_size([1, 9]), None);
    assert_eq!(good.output_size([6, 0]), None);
    assert_eq!(Conv2d { kernel: [0, 3], ..good.clone() }.output_size(size), None);
    assert_eq!(Conv2d { stride: [2, 0], ..good.clone() }.output_size(size), None);
    assert_eq!(Conv2d { dilation: [0, 1], ..good.clone() }.output_size(size), None);
    assert_eq!(Conv2d { groups: 0, ..good.clone() }.output_size(size), None);
    assert_eq!(Conv2d { groups: 4, ..good.clone() }.output_size(size), None);
    assert_eq!(Conv2d { dilation: [usize::MAX, 1], ..good }.output_size(size), None);
}
