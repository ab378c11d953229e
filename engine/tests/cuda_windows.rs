//! The kernels of windows of graphics cards, compiled for the processor, against those of [`snnc_kernels`]: a convolution and its gradients,
//! with products in loops, in 32 bits and in bfloat16, sums of windows and their gradients, and the places of maxima.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

#[path = "common/convolutions.rs"]
mod convolutions;
#[path = "common/kernel.rs"]
mod kernel;

use convolutions::convolutions;
use snnc_ir::text::noise;
use snnc_kernels::{Conv2d, Pool2d};
use std::path::Path;

const MAIN: &str = r#"
struct Shape {
    size_t rows, outputs, groups, fan, places, plane;
    Windows windows;
};

template <typename T> static std::vector<T> narrow(const std::vector<float> &values) {
    std::vector<T> kept(values.size());
    for (size_t i = 0; i < values.size(); i++) put(kept[i], values[i]);
    return kept;
}

template <typename T>
static void convolve(const Shape &s, void (*unfold)(const T *, T *, size_t, Windows), void (*fold)(const T *, T *, size_t, Windows),
                     void (*by_rows)(const T *, const float *, float *, size_t, size_t, size_t),
                     void (*by_channels)(const float *, T *, size_t, size_t, size_t)) {
    const size_t entries = (size_t)s.windows.channels * s.windows.size[0] * s.windows.size[1];
    const size_t share = s.outputs / s.groups;
    const std::vector<T> x = narrow<T>(take(s.rows * entries)), weight = narrow<T>(take(s.outputs * s.fan));
    const std::vector<float> bias = take(s.outputs), dy = take(s.rows * s.outputs * s.plane), never(s.groups * s.fan * s.places, NAN);
    std::vector<T> unfolded = narrow<T>(never), product(s.outputs * s.places), owed(s.outputs * s.places);
    std::vector<T> of_unfolded(unfolded.size()), dx(x.size());
    std::vector<float> y(dy.size(), NAN), dw(weight.size()), of_x(x.size());
    launch(s.windows.channels * s.places, unfold, x.data(), unfolded.data(), s.rows, s.windows);
    launch(dy.size(), by_channels, dy.data(), owed.data(), s.rows, s.outputs, s.plane);
    for (size_t o = 0; o < s.outputs; o++) {
        for (size_t p = 0; p < s.places; p++) {
            float sum = 0.0f;
            for (size_t k = 0; k < s.fan; k++) sum += wide(weight[o * s.fan + k]) * wide(unfolded[(o / share * s.fan + k) * s.places + p]);
            put(product[o * s.places + p], sum);
        }
        for (size_t k = 0; k < s.fan; k++) {
            float sum = 0.0f;
            for (size_t p = 0; p < s.places; p++) sum += wide(owed[o * s.places + p]) * wide(unfolded[(o / share * s.fan + k) * s.places + p]);
            dw[o * s.fan + k] = sum;
        }
    }
    for (size_t k = 0; k < s.groups * s.fan; k++) {
        for (size_t p = 0; p < s.places; p++) {
            float sum = 0.0f;
            for (size_t o = 0; o < share; o++) {
                const size_t output = k / s.fan * share + o;
                sum += wide(weight[output * s.fan + k % s.fan]) * wide(owed[output * s.places + p]);
            }
            put(of_unfolded[k * s.places + p], sum);
        }
    }
    launch(y.size(), by_rows, product.data(), bias.data(), y.data(), s.rows, s.outputs, s.plane);
    launch(dx.size(), fold, of_unfolded.data(), dx.data(), s.rows, s.windows);
    for (size_t i = 0; i < dx.size(); i++) of_x[i] = wide(dx[i]);
    give(y);
    give(of_x);
    give(dw);
}

int main(int count, char **words) {
    if (count == 3) {
        const size_t windows = atoi(words[1]), taps = atoi(words[2]);
        const std::vector<float> x = take(windows * taps);
        std::vector<unsigned int> winner(windows, 12345);
        launch(windows, first_largest, x.data(), winner.data(), windows, taps);
        give(std::vector<float>(winner.begin(), winner.end()));
        return 0;
    }
    if (count == 12) {
        unsigned int n[11];
        for (int i = 0; i < 11; i++) n[i] = atoi(words[i + 1]);
        const Windows windows = {1, {n[1], n[2]}, {n[3], n[4]}, {n[5], n[6]}, {n[7], n[8]}, {1, 1}, {n[9], n[10]}};
        const size_t planes = n[0], plane = (size_t)n[3] * n[4];
        const std::vector<float> x = take(planes * n[1] * n[2]), share = take(plane), dy = take(planes * plane);
        std::vector<float> y(dy.size(), NAN), dx(x.size(), NAN);
        launch(y.size(), pool, x.data(), share.data(), y.data(), planes, windows);
        launch(dx.size(), spread, dy.data(), share.data(), dx.data(), planes, windows);
        give(y);
        give(dx);
        return 0;
    }
    if (count != 18) return 1;
    unsigned int n[16];
    for (int i = 0; i < 16; i++) n[i] = atoi(words[i + 2]);
    Shape s = {n[0], n[1], n[2], 0, 0, 0, {n[3], {n[4], n[5]}, {n[6], n[7]}, {n[8], n[9]}, {n[10], n[11]}, {n[12], n[13]}, {n[14], n[15]}}};
    s.fan = n[3] / s.groups * n[8] * n[9];
    s.plane = (size_t)n[6] * n[7];
    s.places = s.rows * s.plane;
    if (!strcmp(words[1], "f32")) convolve<float>(s, unfold_f32, fold_f32, by_rows_f32, by_channels_f32);
    else convolve<Half>(s, unfold_bf16, fold_bf16, by_rows_bf16, by_channels_bf16);
    return 0;
}
"#;

fn compare(program: &Path, size: [usize; 2], conv: &Conv2d, format: &str) {
    let rows = 3;
    let what = format!("{format}, {size:?}, {conv:?}");
    let output = conv.output_size(size).unwrap();
    let plane = output[0] * output[1];
    let fan = conv.in_channels / conv.groups * conv.kernel[0] * conv.kernel[1];
    // Whole numbers, whose products and sums 8 bits hold.
    let whole = |values: Vec<f32>| if format == "bf16" { values.iter().map(|v| v.round()).collect() } else { values };
    let x = whole(noise(rows * conv.in_channels * size[0] * size[1], 1, 1.0));
    let weight = whole(noise(conv.out_channels * fan, 2, 1.0));
    let bias = whole(noise(conv.out_channels, 3, 1.0));
    let dy = whole(noise(rows * conv.out_channels * plane, 4, 1.0));

    let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; weight.len()]);
    conv.forward(&x, rows, size, &weight, Some(&bias), false, &mut y);
    conv.input_gradient(&dy, rows, size, &weight, &mut dx);
    conv.weight_gradient(&x, &dy, rows, size, &mut dw);

    let [top, left, ..] = conv.pads;
    let mut words = vec![format.to_owned()];
    let numbers = [rows, conv.out_channels, conv.groups, conv.in_channels].into_iter();
    let pairs = [size, output, conv.kernel, conv.stride, conv.dilation, [top, left]];
    words.extend(numbers.chain(pairs.into_iter().flatten()).map(|n| n.to_string()));
    let got = kernel::run(program, &words, &[&x[..], &weight, &bias, &dy].concat());
    let (got_y, rest) = got.split_at(y.len());
    let (got_dx, got_dw) = rest.split_at(dx.len());
    assert!(y.iter().chain(&dx).chain(&dw).any(|&v| v != 0.0), "{what}: nothing arrives");
    kernel::close(&format!("result: {what}"), got_y, &y);
    kernel::close(&format!("operand: {what}"), got_dx, &dx);
    kernel::close(&format!("weight: {what}"), got_dw, &dw);
}

#[test]
fn the_kernels_do_what_the_processor_does() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = kernel::compiled(folder.path(), "windows", MAIN) else { return };
    for (size, conv) in convolutions() {
        for format in ["f32", "bf16"] {
            compare(&program, size, &conv, format);
        }
    }
    let pools = [
        ([6, 6], Pool2d { kernel: [2, 2], stride: [2, 2], pads: [0; 4], count_include_pad: true, output: [3, 3] }),
        ([8, 6], Pool2d { kernel: [3, 2], stride: [2, 1], pads: [1, 0, 1, 1], count_include_pad: true, output: [4, 6] }),
        // The last windows reach past the padding.
        ([7, 5], Pool2d { kernel: [3, 3], stride: [2, 3], pads: [2, 1, 0, 0], count_include_pad: true, output: [4, 3] }),
    ];
    for (size, pool) in pools {
        let (planes, plane) = (4, pool.output[0] * pool.output[1]);
        let (x, dy) = (noise(planes * size[0] * size[1], 1, 1.0), noise(planes * plane, 2, 1.0));
        let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
        pool.sum_forward(&x, planes, size, &mut y);
        pool.sum_input_gradient(&dy, planes, size, &mut dx);
        // Shares halve some sums.
        let share: Vec<f32> = (0..plane).map(|k| if k % 2 == 0 { 0.5 } else { 1.0 }).collect();
        y.iter_mut().enumerate().for_each(|(k, y)| *y *= share[k % plane]);
        let whole: Vec<f32> = dy.iter().enumerate().map(|(k, dy)| dy / share[k % plane]).collect();
        let pairs = [size, pool.output, pool.kernel, pool.stride, [pool.pads[0], pool.pads[1]]];
        let words: Vec<String> = [planes].into_iter().chain(pairs.into_iter().flatten()).map(|n| n.to_string()).collect();
        let got = kernel::run(&program, &words, &[&x[..], &share, &whole].concat());
        kernel::close(&format!("sums: {pool:?}"), &got[..y.len()], &y);
        kernel::close(&format!("operand of sums: {pool:?}"), &got[y.len()..], &dx);
    }
    // Few different values, so most are as large as another.
    for taps in [1, 2, 4, 9, 25] {
        let windows = 40;
        let x: Vec<f32> = noise(windows * taps, taps as u64, 1.4).iter().map(|v| v.round()).collect();
        let first = |window: &[f32]| (0..taps).fold(0, |best, k| if window[k] > window[best] { k } else { best }) as f32;
        let expected: Vec<f32> = x.chunks(taps).map(first).collect();
        assert_eq!(kernel::run(&program, &[windows.to_string(), taps.to_string()], &x), expected, "{taps} values");
    }
}
