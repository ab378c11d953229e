//! The networks of `fixtures/vectors`.

use super::{Builder, Random, weight};
use snnc_runtime::{Artifact, Coding, Head, Layout, Phase, Preprocess, Quantiser, Reset, Tensor};

/// One vector: a network, and what it is run on.
pub struct Vector {
    pub name: &'static str,
    pub about: &'static str,
    pub artifact: Artifact,
    pub input: Input,
    pub images: usize,
    pub timesteps: Vec<usize>,
    pub first_image_index: u64,
}

/// What the images are given as.
pub enum Input {
    /// Values in the units of the input.
    Values(Vec<f32>),
    /// `[images, height, width, channels]`.
    Pixels(Vec<u8>),
}

/// Values in `-range..=range`, multiples of 1/32: with steps of powers of two, halves occur.
fn values(seed: u64, count: usize, range: i32) -> Input {
    let mut random = Random(seed);
    Input::Values((0..count).map(|_| random.around(32 * range) as f32 / 32.0).collect())
}

fn pixels(seed: u64, count: usize) -> Input {
    let mut random = Random(seed);
    Input::Pixels((0..count).map(|_| random.below(256) as u8).collect())
}

fn one(value: i32) -> Tensor {
    Tensor::new([], [value])
}

fn per_channel(values: &[i32]) -> Tensor {
    Tensor::new([1, values.len(), 1, 1], values.to_vec())
}

pub fn all() -> Vec<Vector> {
    vec![
        linear(),
        conv_if(),
        lif(),
        count_max(),
        poisson(),
        signal(),
        signed(),
        direct_16(),
        radix_linear(),
        radix_conv(),
        radix_residual(),
        radix_max(),
        radix_wide(),
        radix_signal(),
    ]
}

fn linear() -> Vector {
    let mut b = Builder::new(&[1, 3], Layout::Flat, Coding::Direct);
    b.artifact.graph.timesteps = 4;
    b.artifact.graph.input.quantiser = Quantiser { digits: 4, step: vec![0.125], zero: vec![0.0] };
    let x = b.linear("x", weight(&[2, 3], &[4, -2, 8, -8, 6, 4]), Some(Tensor::new([2], [-4, 20])));
    let x = b.if_neuron(&x, Tensor::new([1, 2], [48, 24]), one(24), Reset::Soft);
    let x = b.linear(&x, weight(&[2, 2], &[8, -4, 2, 6]), Some(Tensor::new([2], [0, -1])));
    b.artifact.graph.output.scale = 0.25;
    Vector {
        name: "linear",
        about: "The first worked example of docs/artifact.md: rate code, direct input, if_neuron with soft reset; head softmax, which is not applied.",
        artifact: b.finish(&x, Head::Softmax),
        input: Input::Values(vec![1.0, 0.5, 0.3125]),
        images: 1,
        timesteps: vec![1, 2, 3, 4],
        first_image_index: 0,
    }
}

fn conv_if() -> Vector {
    let r = &mut Random(1);
    let mut b = Builder::new(&[1, 2, 6, 5], Layout::Nchw, Coding::Direct);
    b.artifact.graph.input.preprocess = Preprocess { scale: 255.0, mean: vec![0.5, 0.25], std: vec![0.25] };
    b.artifact.graph.input.quantiser = Quantiser::of_pixels(&b.artifact.graph.input.preprocess);
    b.artifact.graph.phase = Phase::Trained;
    b.artifact.graph.options.insert("calibration".into(), serde_json::json!({"samples": 128, "method": "least-squares"}));
    let w = r.weight(&[4, 2, 3, 2], 100);
    let bias = r.tensor(&[4], 3000);
    let x = b.conv("x", w, Some(bias), [1, 2], [1, 1], [1, 0, 1, 1], 1);
    let x = b.if_neuron(&x, per_channel(&[30_000, 18_000, 50_000, 21_000]), per_channel(&[15_000, 9_000, 25_000, 0]), Reset::Soft);
    let w = r.weight(&[6, 2, 2, 2], 900);
    let x = b.conv(&x, w, None, [1, 1], [2, 1], [0, 1, 1, 0], 2);
    let x = b.if_neuron(&x, one(700), one(0), Reset::Soft);
    let x = b.sum_pool(&x, [2, 2], [2, 1], [1, 0, 0, 0], false);
    let x = b.sum(&x, &[3]);
    let x = b.flatten(&x);
    let inputs = b.shape(&x)[1];
    let w = r.weight(&[3, inputs], 127);
    let x = b.linear(&x, w, Some(Tensor::new([3], [500, 0, -500])));
    b.artifact.graph.output.scale = 0.037;
    b.artifact.graph.output.name = Some("logits".into());
    b.artifact.graph.nodes[0].origin = vec!["/features/0/Conv".into(), "/features/1/BatchNormalization".into()];
    Vector {
        name: "conv-if",
        about: "Rate code, pixels: conv2d with strides, pads, dilation and groups, weights of 8 and of 16 bits, if_neuron per channel, sum_pool2d, sum; names of the source network.",
        artifact: b.finish(&x, Head::None),
        input: pixels(2, 2 * 60),
        images: 2,
        timesteps: vec![3, 8],
        first_image_index: 0,
    }
}

fn lif() -> Vector {
    let r = &mut Random(2);
    let mut b = Builder::new(&[1, 3, 4, 2], Layout::Nhwc, Coding::Direct);
    b.artifact.graph.input.quantiser = Quantiser { digits: 6, step: vec![0.0625, 0.125], zero: vec![30.0, 20.5] };
    let x = b.transpose("x", &[0, 3, 1, 2]);
    let x = b.scale(&x, per_channel(&[5, -20]));
    let x = b.shift(&x, Tensor::new([4], [25, 0, 250, 150]));
    let x = b.lif_neuron(&x, one(300), per_channel(&[0, -50]), per_channel(&[32_768, 65_536]), Reset::Hard);
    let x = b.flatten(&x);
    let w = r.weight(&[4, 24], 50);
    let x = b.linear(&x, w, None);
    let x = b.lif_neuron(&x, Tensor::new([4], [50, 100, 25, 200]), Tensor::new([1], [-7]), one(50_001), Reset::Soft);
    let w = r.weight(&[3, 4], 127);
    let x = b.linear(&x, w, None);
    Vector {
        name: "lif",
        about: "Rate code, NHWC: step and zero per channel, transpose, scale, shift by column, lif_neuron with hard and with soft reset, leaks that round negative potentials.",
        artifact: b.finish(&x, Head::LogSoftmax),
        input: values(3, 2 * 24, 3),
        images: 2,
        timesteps: vec![12],
        first_image_index: 0,
    }
}

fn count_max() -> Vector {
    let r = &mut Random(4);
    let mut b = Builder::new(&[1, 1, 7, 6], Layout::Nchw, Coding::Direct);
    let w = r.weight(&[3, 1, 3, 3], 30);
    let bias = r.tensor(&[3], 4000);
    let x = b.conv("x", w, Some(bias), [1, 1], [1, 1], [1; 4], 1);
    let x = b.if_neuron(&x, per_channel(&[9000, 13_500, 4500]), one(2000), Reset::Soft);
    let x = b.max_pool(&x, [3, 2], [2, 2], [1, 0, 0, 1], true);
    let w = r.weight(&[2, 3, 2, 2], 20);
    let x = b.conv(&x, w, None, [1, 1], [1, 1], [0; 4], 1);
    // Over currents, the maximum may also fall back.
    let x = b.max_pool(&x, [2, 2], [1, 1], [0; 4], false);
    let x = b.flatten(&x);
    let inputs = b.shape(&x)[1];
    let w = r.weight(&[3, inputs], 9);
    let x = b.linear(&x, w, None);
    Vector {
        name: "count-max",
        about: "Rate code: count_max_pool2d over spikes, with padding and an overhanging window, and over currents.",
        artifact: b.finish(&x, Head::None),
        input: values(5, 2 * 42, 255),
        images: 2,
        timesteps: vec![3, 8],
        first_image_index: 0,
    }
}

fn poisson() -> Vector {
    let r = &mut Random(8);
    let mut b = Builder::new(&[1, 2, 4, 4], Layout::Nchw, Coding::Poisson);
    b.artifact.graph.seed = 0xFEDC_BA98_7654_3210;
    b.artifact.graph.input.quantiser = Quantiser { digits: 5, step: vec![0.0625, 0.125], zero: vec![16.0, 15.5] };
    let x = b.scale("x", per_channel(&[16, -32]));
    let w = r.weight(&[3, 2, 3, 3], 16);
    let x = b.conv(&x, w, None, [2, 2], [1, 1], [1, 1, 0, 0], 1);
    let x = b.lif_neuron(&x, one(256), one(0), one(30_000), Reset::Soft);
    let x = b.flatten(&x);
    let w = r.weight(&[2, 12], 16);
    let x = b.linear(&x, w, None);
    Vector {
        name: "poisson",
        about: "Rate code, Poisson input of 5 digits with step and zero per channel, a seed above 2^53 and a first image that is not 0.",
        artifact: b.finish(&x, Head::None),
        input: values(9, 3 * 32, 2),
        images: 3,
        timesteps: vec![4, 16],
        first_image_index: 1000,
    }
}

fn signal() -> Vector {
    let r = &mut Random(10);
    let mut b = Builder::new(&[1, 7, 3], Layout::Nhwc, Coding::Poisson);
    b.artifact.graph.input.preprocess = Preprocess { scale: 256.0, mean: vec![0.5, 0.25, 0.0], std: vec![0.25] };
    // Not the pixels themselves: coarser, and clipped at both ends.
    b.artifact.graph.input.quantiser = Quantiser { digits: 4, step: vec![0.125, 0.25, 0.25], zero: vec![8.0, 8.0, 0.5] };
    let x = b.scale("x", Tensor::new([3], [10, 20, 40]));
    let x = b.transpose(&x, &[0, 2, 1]);
    let x = b.reshape(&x, &[1, 3, 1, 7]);
    let w = r.weight(&[4, 3, 1, 3], 10);
    let x = b.conv(&x, w, None, [1, 2], [1, 1], [0, 1, 0, 1], 1);
    let x = b.if_neuron(&x, per_channel(&[100, 50, 200, 75]), one(25), Reset::Soft);
    let x = b.flatten(&x);
    let w = r.weight(&[3, 16], 10);
    let x = b.linear(&x, w, None);
    Vector {
        name: "signal",
        about: "Rate code, a signal of three channels, [1, L, C]: pixels of images of one row, a quantiser that clips, Poisson input, conv2d over one row; head sigmoid, which is not applied.",
        artifact: b.finish(&x, Head::Sigmoid),
        input: pixels(11, 2 * 21),
        images: 2,
        timesteps: vec![8],
        first_image_index: 0,
    }
}

fn signed() -> Vector {
    let r = &mut Random(11);
    let mut b = Builder::new(&[1, 2, 5, 5], Layout::Nchw, Coding::Direct);
    // The potentials start apart, so that what the second layer hears changes its sign now and then.
    let initial = r.tensor(&[1, 2, 5, 5], 255);
    let x = b.if_neuron("x", one(255), initial, Reset::Soft);
    let w = r.weight(&[4, 2, 3, 3], 16);
    let bias = r.tensor(&[4], 16);
    let x = b.conv(&x, w, Some(bias), [1, 1], [1, 1], [1; 4], 1);
    let x = b.if_neuron(&x, per_channel(&[16, 8, 12, 32]), one(8), Reset::Signed);
    let pooled = b.max_pool(&x, [3, 3], [2, 2], [1; 4], false);
    let w = r.weight(&[4, 4, 3, 3], 16);
    let x = b.conv(&pooled, w, None, [1, 1], [1, 1], [1; 4], 1);
    let x = b.add(&[&x, &pooled]);
    let leak = Tensor::new([3], [65_536, 32_768, 49_153]);
    let x = b.lif_neuron(&x, one(16), one(0), leak, Reset::Signed);
    let x = b.concat(&[&x, &pooled], 1);
    let x = b.slice(&x, &[(0, 1, 1), (0, 1, 7), (2, -1, 3), (0, 2, 2)]);
    let x = b.pad(&x, &[(0, 0), (0, 1), (0, 0), (0, 0)]);
    let x = b.flatten(&x);
    let w = r.weight(&[3, 48], 16);
    let x = b.linear(&x, w, None);
    Vector {
        name: "signed",
        about: "Rate code: signed neurons with and without leak; spikes of -1 through count_max_pool2d, conv2d, add, concat, slice and pad.",
        artifact: b.finish(&x, Head::None),
        input: values(12, 2 * 50, 255),
        images: 2,
        timesteps: vec![3, 16],
        first_image_index: 0,
    }
}

fn direct_16() -> Vector {
    let r = &mut Random(13);
    let mut b = Builder::new(&[1, 1, 6], Layout::Flat, Coding::Direct);
    b.artifact.graph.input.quantiser =
        Quantiser { digits: 16, step: vec![1.0 / 8192.0], zero: vec![32_768.0, 0.0, 65_535.0, 32_768.0, 32_767.5, 100.0] };
    let x = b.reshape("x", &[1, 6]);
    let w = r.weight(&[4, 6], 300);
    let x = b.linear(&x, w, Some(Tensor::new([4], [-3_000_000, 3_000_000, 0, 1])));
    let x = b.if_neuron(&x, Tensor::new([1, 4], [13_000_000, 6_000_000, 9_000_000, 7_000_000]), one(-4_000_000), Reset::Soft);
    let w = r.weight(&[2, 4], 32_767);
    let x = b.linear(&x, w, None);
    b.artifact.graph.output.scale = 1.1e-5;
    Vector {
        name: "direct-16",
        about: "Rate code, a flat vector with another dimension of size 1, direct input of 16 digits with a zero per feature, weights of 16 bits.",
        artifact: b.finish(&x, Head::None),
        input: values(14, 3 * 6, 5),
        images: 3,
        timesteps: vec![8],
        first_image_index: 0,
    }
}

fn radix_linear() -> Vector {
    let mut b = Builder::new(&[1, 2], Layout::Flat, Coding::Digits);
    b.artifact.graph.input.quantiser = Quantiser { digits: 3, step: vec![0.125], zero: vec![0.0] };
    let x = b.linear("x", weight(&[2, 2], &[3, -1, 2, 2]), Some(Tensor::new([2], [-3, 1])));
    let x = b.radix_neuron(&x, Tensor::new([1, 2], [2, 5]), Tensor::new([1, 2], [1, 2]), 3, 7);
    let x = b.linear(&x, weight(&[2, 2], &[4, -6, 1, 5]), Some(Tensor::new([2], [2, 0])));
    b.artifact.graph.output.scale = 0.25;
    Vector {
        name: "radix-linear",
        about: "The second worked example of docs/artifact.md: radix code, three digits.",
        artifact: b.finish(&x, Head::None),
        input: Input::Values(vec![0.625, 0.25]),
        images: 1,
        timesteps: vec![3],
        first_image_index: 0,
    }
}

fn radix_conv() -> Vector {
    let r = &mut Random(20);
    let mut b = Builder::new(&[1, 3, 7, 6], Layout::Nchw, Coding::Digits);
    b.artifact.graph.input.preprocess = Preprocess { scale: 255.0, mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] };
    b.artifact.graph.input.quantiser = Quantiser::of_pixels(&b.artifact.graph.input.preprocess);
    let w = r.weight(&[4, 3, 3, 3], 127);
    let x = b.conv("x", w, None, [1, 1], [1, 1], [1; 4], 1);
    // What padding makes of a constant differs at the border alone.
    let offset = r.tensor(&[1, 4, 3, 3], 9000);
    let x = b.shift_by_place(&x, offset, &[0, 1, 1, 1, 1, 1, 2], &[0, 1, 1, 1, 1, 2]);
    let x = b.radix_neuron(&x, per_channel(&[150, 90, 211, 64]), per_channel(&[75, 45, -105, 0]), 8, 255);
    // Depthwise, with two outputs a channel.
    let w = r.weight(&[8, 1, 3, 2], 127);
    let bias = r.tensor(&[8], 2000);
    let x = b.conv(&x, w, Some(bias), [2, 1], [1, 2], [0, 1, 1, 0], 4);
    let x = b.radix_neuron(&x, one(130), one(65), 6, 50);
    let w = r.weight(&[6, 4, 1, 1], 20_000);
    let x = b.conv(&x, w, None, [1, 1], [1, 1], [0; 4], 2);
    let x = b.radix_neuron(&x, one(12_345), per_channel(&[1, 2, 3, 4, 5, -6000]), 5, 31);
    let pooled = b.sum_pool(&x, [2, 3], [2, 2], [1, 0, 0, 1], true);
    let x = b.radix_neuron(&pooled, one(4), one(2), 4, 15);
    let x = b.sum(&x, &[2, 3]);
    let x = b.flatten(&x);
    let w = r.weight(&[3, 6], 127);
    let x = b.linear(&x, w, Some(Tensor::new([3], [500, 0, -500])));
    b.artifact.graph.output.scale = 0.0123;
    Vector {
        name: "radix-conv",
        about: "Radix code, pixels: conv2d with padding, shift by rows and columns, depthwise and grouped conv2d with strides and dilation, weights of 16 bits, windows of 8, 6, 5 and 4 digits, levels below all ones, sum_pool2d, sum.",
        artifact: b.finish(&x, Head::Softmax),
        input: pixels(21, 2 * 126),
        images: 2,
        timesteps: vec![8],
        first_image_index: 0,
    }
}

fn radix_residual() -> Vector {
    let r = &mut Random(22);
    let mut b = Builder::new(&[1, 2, 4, 4], Layout::Nchw, Coding::Digits);
    b.artifact.graph.input.quantiser = Quantiser { digits: 6, step: vec![0.0625], zero: vec![32.0] };
    let w = r.weight(&[4, 2, 3, 3], 60);
    let x = b.conv("x", w, None, [1, 1], [1, 1], [1; 4], 1);
    let negative = b.scale(&x, one(-1));
    let x = b.radix_neuron(&x, one(40), one(20), 8, 255);
    let negative = b.radix_neuron(&negative, one(150), one(75), 5, 31);
    let w = r.weight(&[8, 4, 3, 3], 60);
    let main = b.conv(&x, w, None, [2, 2], [1, 1], [1, 1, 0, 0], 1);
    // The shortcut of a residual network without a convolution: every other place, channels filled up with zeros.
    let halved = b.slice(&x, &[(0, 1, 1), (0, 1, 4), (0, 2, 2), (3, -2, 2)]);
    let shortcut = b.pad(&halved, &[(0, 0), (1, 3), (0, 0), (0, 0)]);
    let wide = b.scale(&shortcut, per_channel(&[30, 30, 30, -30, 30, 30, 0, 30]));
    let leaky = b.scale(&negative, one(-70));
    let leaky = b.slice(&leaky, &[(0, 1, 1), (0, 1, 4), (1, 2, 2), (0, 1, 2)]);
    let both = b.concat(&[&leaky, &leaky], 1);
    let x = b.add(&[&main, &wide, &both]);
    let x = b.radix_neuron(&x, one(300), one(150), 7, 127);
    let x = b.concat(&[&x, &shortcut], 3);
    let x = b.reshape(&x, &[1, 64]);
    let w = r.weight(&[3, 64], 30);
    let x = b.linear(&x, w, Some(Tensor::new([3], [-4000, 0, 500])));
    Vector {
        name: "radix-residual",
        about: "Radix code: streams of 6, 8, 5 and 7 digits meet in sums and a concat and wait for one another; slice with a negative step, pad; head relu.",
        artifact: b.finish(&x, Head::Relu),
        input: values(23, 2 * 32, 3),
        images: 2,
        timesteps: vec![8],
        first_image_index: 0,
    }
}

fn radix_max() -> Vector {
    let r = &mut Random(24);
    let mut b = Builder::new(&[1, 6, 5, 2], Layout::Nhwc, Coding::Digits);
    let x = b.transpose("x", &[0, 3, 1, 2]);
    let x = b.max_pool(&x, [2, 2], [1, 1], [0; 4], false);
    let w = r.weight(&[3, 2, 2, 2], 60);
    let y = b.conv(&x, w, None, [1, 1], [1, 1], [1, 1, 0, 0], 1);
    let y = b.radix_neuron(&y, one(70), one(35), 4, 15);
    // Streams of 8 and of 4 digits: the shorter has none before the last four.
    let x = b.concat(&[&x, &y], 1);
    let x = b.max_pool(&x, [3, 2], [2, 2], [1, 0, 0, 1], true);
    let x = b.transpose(&x, &[0, 2, 3, 1]);
    let x = b.max_pool(&x, [2, 3], [1, 1], [0, 0, 1, 0], false);
    let x = b.flatten(&x);
    let inputs = b.shape(&x)[1];
    let w = r.weight(&[3, inputs], 127);
    let x = b.linear(&x, w, None);
    Vector {
        name: "radix-max",
        about: "Radix code, NHWC: digit_max_pool2d of the image, of streams of different length with padding and an overhanging window, and across channels.",
        artifact: b.finish(&x, Head::None),
        input: values(25, 2 * 60, 255),
        images: 2,
        timesteps: vec![8],
        first_image_index: 0,
    }
}

fn radix_wide() -> Vector {
    let r = &mut Random(26);
    let mut b = Builder::new(&[1, 5], Layout::Flat, Coding::Digits);
    b.artifact.graph.input.quantiser = Quantiser { digits: 16, step: vec![1.0 / 16_384.0], zero: vec![32_768.0] };
    let w = r.weight(&[6, 5], 3000);
    let x = b.linear("x", w, Some(Tensor::new([6], [-70_000_000, 70_000_000, 0, -1, 5, -300_000_000])));
    // Thresholds up to what 2^15 of them leave room for.
    let theta = Tensor::new([6], [1000, 65_535, 1, 4000, 12_000, 2]);
    let x = b.radix_neuron(&x, theta, Tensor::new([6], [500, -32_000, 0, 2000, 6000, 1]), 16, 32_767);
    let w = r.weight(&[4, 6], 127);
    let x = b.linear(&x, w, None);
    let x = b.radix_neuron(&x, one(40_000), one(20_000), 1, 1);
    let x = b.shift(&x, Tensor::new([4], [1, -1, 0, 7]));
    let w = r.weight(&[2, 4], 127);
    let x = b.linear(&x, w, None);
    Vector {
        name: "radix-wide",
        about: "Radix code, 16 digits and 1: counts up to 2^15 - 1 of 2^16, saturation, potentials that stay negative, weights of 16 bits, currents of 30 bits; a current into a linear layer.",
        artifact: b.finish(&x, Head::None),
        input: values(27, 4 * 5, 2),
        images: 4,
        timesteps: vec![16],
        first_image_index: 0,
    }
}

fn radix_signal() -> Vector {
    let r = &mut Random(28);
    let mut b = Builder::new(&[1, 3, 8], Layout::Nchw, Coding::Digits);
    b.artifact.graph.input.preprocess = Preprocess { scale: 1.0, mean: vec![127.5], std: vec![127.5] };
    b.artifact.graph.input.quantiser = Quantiser::of_pixels(&b.artifact.graph.input.preprocess);
    let x = b.reshape("x", &[1, 3, 1, 8]);
    let w = r.weight(&[4, 3, 1, 3], 50);
    let bias = r.tensor(&[4], 3000);
    let x = b.conv(&x, w, Some(bias), [1, 2], [1, 1], [0, 1, 0, 1], 1);
    let x = b.radix_neuron(&x, per_channel(&[90, 60, 80, 100]), one(40), 8, 200);
    let x = b.flatten(&x);
    let w = r.weight(&[3, 16], 50);
    let x = b.linear(&x, w, None);
    b.artifact.graph.output.scale = 3.0517578e-5;
    Vector {
        name: "radix-signal",
        about: "Radix code, a signal of three channels, [1, C, L], from pixels of images of one row; head sigmoid, which is not applied.",
        artifact: b.finish(&x, Head::Sigmoid),
        input: pixels(29, 2 * 24),
        images: 2,
        timesteps: vec![8],
        first_image_index: 0,
    }
}
