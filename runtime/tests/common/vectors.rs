//! The networks of `fixtures/vectors`. Their parameters are multiples of powers of two, so that every reader gets the same
//! spikes and logits to the last bit, whatever the order of its sums.

use super::{Builder, Random};
use snnc_runtime::{Artifact, Coding, Head, Layout, Phase, Preprocess, Reset, Tensor};

/// One vector: a network, and what it is run on.
pub struct Vector {
    pub name: &'static str,
    pub about: &'static str,
    pub artifact: Artifact,
    /// `[images, height, width, channels]`; the input is then made of them.
    pub pixels: Option<Vec<u8>>,
    pub input: Vec<f32>,
    pub images: usize,
    pub timesteps: Vec<usize>,
    pub first_image_index: u64,
}

fn random(r: &mut Random, dims: &[usize]) -> Tensor {
    let count = dims.iter().product();
    Tensor::new(dims, r.dyadics(count, 1))
}

fn per_channel(values: &[f32]) -> Tensor {
    Tensor::new([1, values.len(), 1, 1], values)
}

pub fn all() -> Vec<Vector> {
    vec![linear(), conv_if(), lif_hard(), max_pool(), average_pool(), residual(), poisson(), signal(), flat(), signed()]
}

fn linear() -> Vector {
    let mut b = Builder::new(&[1, 3], Layout::Flat, Coding::Direct);
    b.artifact.graph.timesteps = 4;
    let weight = Tensor::new([2, 3], [0.5, -0.25, 1.0, -1.0, 0.75, 0.5]);
    let x = b.linear("x", weight, Some(Tensor::new([2], [0.125, 0.25])));
    let x = b.if_neuron(&x, Tensor::new([1, 2], [1.0, 0.5]), Tensor::new([], [0.5]), Reset::Soft);
    let x = b.linear(&x, Tensor::new([2, 2], [2.0, -1.0, 0.5, 1.5]), Some(Tensor::new([2], [0.0, -0.25])));
    Vector {
        name: "linear",
        about: "The worked example of docs/artifact.md: linear, if_neuron with soft reset, linear; head softmax, which is not applied.",
        artifact: b.finish(&x, Head::Softmax),
        pixels: None,
        input: vec![1.0, 0.5, 0.25],
        images: 1,
        timesteps: vec![1, 2, 3, 4],
        first_image_index: 0,
    }
}

fn conv_if() -> Vector {
    let r = &mut Random(1);
    let mut b = Builder::new(&[1, 2, 6, 5], Layout::Nchw, Coding::Direct);
    b.artifact.graph.input.preprocess = Preprocess { scale: 256.0, mean: vec![0.5, 0.25], std: vec![0.25] };
    b.artifact.graph.phase = Phase::Sealed;
    b.artifact.graph.options.insert("calibration".into(), serde_json::json!({"samples": 128, "method": "least-squares"}));
    let weight = random(r, &[4, 2, 3, 2]);
    let bias = random(r, &[4]);
    let x = b.conv("x", weight, Some(bias), [1, 2], [1, 1], [1, 0, 1, 1], 1);
    let theta = per_channel(&[1.0, 0.5, 2.0, 0.75]);
    let x = b.if_neuron(&x, theta, per_channel(&[0.5, 0.25, 1.0, 0.375]), Reset::Soft);
    let weight = random(r, &[6, 2, 2, 2]);
    let x = b.conv(&x, weight, None, [1, 1], [2, 1], [0, 1, 1, 0], 2);
    let x = b.if_neuron(&x, Tensor::new([], [0.75]), Tensor::new([], [0.0]), Reset::Soft);
    let x = b.average_pool(&x, [2, 2], [2, 1], [1, 0, 0, 0], false, true);
    let x = b.mean(&x, &[3]);
    let x = b.flatten(&x);
    let inputs = b.shape(&x)[1];
    let weight = random(r, &[3, inputs]);
    let x = b.linear(&x, weight, Some(Tensor::new([3], [0.5, 0.0, -0.5])));
    let pixels: Vec<u8> = (0..2 * 60).map(|_| r.below(256) as u8).collect();
    Vector {
        name: "conv-if",
        about: "Pixels, conv2d with strides, pads, dilation and groups, if_neuron per channel, average_pool2d, mean.",
        artifact: b.finish(&x, Head::None),
        pixels: Some(pixels),
        input: Vec::new(),
        images: 2,
        timesteps: vec![8],
        first_image_index: 0,
    }
}

fn lif_hard() -> Vector {
    let r = &mut Random(2);
    let mut b = Builder::new(&[1, 3, 4, 2], Layout::Nhwc, Coding::Direct);
    let x = b.transpose("x", &[0, 3, 1, 2]);
    let x = b.scale(&x, per_channel(&[0.5, 2.0]));
    let x = b.shift(&x, Tensor::new([4], [0.25, 0.0, -0.25, 0.5]));
    let x = b.lif_neuron(&x, Tensor::new([], [0.75]), per_channel(&[0.0, 0.5]), per_channel(&[0.5, 1.0]), Reset::Hard);
    let x = b.flatten(&x);
    let weight = random(r, &[4, 24]);
    let x = b.linear(&x, weight, None);
    let x = b.lif_neuron(&x, Tensor::new([4], [0.5, 1.0, 0.25, 2.0]), Tensor::new([1], [0.0]), Tensor::new([], [0.75]), Reset::Soft);
    let weight = random(r, &[3, 4]);
    let x = b.linear(&x, weight, None);
    Vector {
        name: "lif-hard",
        about: "NHWC input, transpose, scale, shift by column, lif_neuron with hard and with soft reset, leak per channel.",
        artifact: b.finish(&x, Head::LogSoftmax),
        pixels: None,
        input: Random(3).dyadics(2 * 24, 1),
        images: 2,
        timesteps: vec![6],
        first_image_index: 0,
    }
}

fn max_pool() -> Vector {
    let r = &mut Random(4);
    let mut b = Builder::new(&[1, 1, 7, 6], Layout::Nchw, Coding::Direct);
    let weight = random(r, &[3, 1, 3, 3]);
    let bias = random(r, &[3]);
    let x = b.conv("x", weight, Some(bias), [1, 1], [1, 1], [1; 4], 1);
    let x = b.if_neuron(&x, per_channel(&[1.0, 1.5, 0.5]), Tensor::new([], [0.5]), Reset::Soft);
    let x = b.count_max_pool(&x, [3, 2], [2, 2], [1, 0, 0, 1], true);
    let weight = random(r, &[2, 3, 2, 2]);
    let x = b.conv(&x, weight, None, [1, 1], [1, 1], [0; 4], 1);
    // Over currents, the maximum may also fall back.
    let x = b.count_max_pool(&x, [2, 2], [1, 1], [0; 4], false);
    let x = b.flatten(&x);
    let inputs = b.shape(&x)[1];
    let weight = random(r, &[3, inputs]);
    let x = b.linear(&x, weight, None);
    Vector {
        name: "max-pool",
        about: "count_max_pool2d over spikes, with padding and an overhanging window, and over currents.",
        artifact: b.finish(&x, Head::None),
        pixels: None,
        input: Random(5).dyadics(2 * 42, 1),
        images: 2,
        timesteps: vec![3, 8],
        first_image_index: 0,
    }
}

fn average_pool() -> Vector {
    let r = &mut Random(10);
    let mut b = Builder::new(&[1, 2, 5, 4], Layout::Nchw, Coding::Direct);
    let neurons = b.if_neuron("x", Tensor::new([], [1.0]), Tensor::new([], [0.5]), Reset::Soft);
    // Windows of 1, 2 and 4 entries: all of these divide exactly. The second overhangs the operand by a row, which no padding covers.
    let without = b.average_pool(&neurons, [2, 2], [2, 2], [1, 1, 0, 0], true, false);
    let with = b.average_pool(&neurons, [2, 2], [2, 2], [0, 1, 0, 1], true, true);
    let x = b.concat(&[&without, &with], 1);
    let weight = random(r, &[3, 4, 2, 2]);
    let x = b.conv(&x, weight, None, [1, 1], [1, 1], [0; 4], 1);
    let x = b.if_neuron(&x, per_channel(&[0.5, 0.25, 1.0]), Tensor::new([], [0.0]), Reset::Hard);
    let x = b.flatten(&x);
    let inputs = b.shape(&x)[1];
    let weight = random(r, &[2, inputs]);
    let x = b.linear(&x, weight, None);
    Vector {
        name: "average-pool",
        about: "average_pool2d of spikes with ceil: padding left out of the divisor, and counted but for what overhangs it.",
        artifact: b.finish(&x, Head::None),
        pixels: None,
        input: Random(11).dyadics(2 * 40, 1),
        images: 2,
        timesteps: vec![8],
        first_image_index: 0,
    }
}

fn residual() -> Vector {
    let r = &mut Random(6);
    let mut b = Builder::new(&[1, 2, 4, 4], Layout::Nchw, Coding::Direct);
    let weight = random(r, &[4, 2, 3, 3]);
    let x = b.conv("x", weight, None, [1, 1], [1, 1], [1; 4], 1);
    let negative = b.scale(&x, Tensor::new([], [-1.0]));
    let x = b.if_neuron(&x, Tensor::new([], [1.0]), Tensor::new([], [0.5]), Reset::Soft);
    let negative = b.if_neuron(&negative, Tensor::new([], [1.0]), Tensor::new([], [0.5]), Reset::Soft);
    let weight = random(r, &[8, 4, 3, 3]);
    let main = b.conv(&x, weight, None, [2, 2], [1, 1], [1, 1, 0, 0], 1);
    // The shortcut of a residual network without a convolution: every other place, channels filled up with zeros.
    let halved = b.slice(&x, &[(0, 1, 1), (0, 1, 4), (0, 2, 2), (3, -2, 2)]);
    let shortcut = b.pad(&halved, &[(0, 0), (1, 3), (0, 0), (0, 0)]);
    let leaky = b.scale(&negative, Tensor::new([], [-0.25]));
    let leaky = b.slice(&leaky, &[(0, 1, 1), (0, 1, 4), (1, 2, 2), (0, 1, 2)]);
    let both = b.concat(&[&leaky, &leaky], 1);
    let x = b.add(&[&main, &shortcut, &both]);
    let x = b.if_neuron(&x, Tensor::new([], [0.75]), Tensor::new([], [0.0]), Reset::Soft);
    let x = b.concat(&[&x, &shortcut], 3);
    let x = b.reshape(&x, &[1, 64]);
    let weight = random(r, &[3, 64]);
    let x = b.linear(&x, weight, Some(Tensor::new([3], [-4.0, 0.0, 0.5])));
    Vector {
        name: "residual",
        about: "Two populations for a leaky rectifier, a shortcut of slice (with a negative step) and pad, add of three, concat.",
        artifact: b.finish(&x, Head::Relu),
        pixels: None,
        input: Random(7).dyadics(2 * 32, 1),
        images: 2,
        timesteps: vec![8],
        first_image_index: 0,
    }
}

fn poisson() -> Vector {
    let r = &mut Random(8);
    let mut b = Builder::new(&[1, 2, 4, 4], Layout::Nchw, Coding::Poisson { amplitude: vec![1.0, 2.0] });
    b.artifact.graph.seed = 0xFEDC_BA98_7654_3210;
    let x = b.scale("x", per_channel(&[1.0, 2.0]));
    let weight = random(r, &[3, 2, 3, 3]);
    let x = b.conv(&x, weight, None, [2, 2], [1, 1], [1, 1, 0, 0], 1);
    let x = b.lif_neuron(&x, Tensor::new([], [1.0]), Tensor::new([], [0.0]), Tensor::new([], [0.5]), Reset::Soft);
    let x = b.flatten(&x);
    let weight = random(r, &[2, 12]);
    let x = b.linear(&x, weight, None);
    Vector {
        name: "poisson",
        about: "Poisson coding with an amplitude per channel, a seed above 2^53 and a first image that is not 0.",
        artifact: b.finish(&x, Head::None),
        pixels: None,
        input: Random(9).dyadics(3 * 32, 2),
        images: 3,
        timesteps: vec![4, 16],
        first_image_index: 1000,
    }
}

fn signal() -> Vector {
    let r = &mut Random(10);
    let mut b = Builder::new(&[1, 7, 3], Layout::Nhwc, Coding::Poisson { amplitude: vec![1.0, 2.0, 4.0] });
    b.artifact.graph.input.preprocess = Preprocess { scale: 256.0, mean: vec![0.5, 0.25, 0.0], std: vec![0.25] };
    let x = b.scale("x", Tensor::new([3], [1.0, 2.0, 4.0]));
    let x = b.transpose(&x, &[0, 2, 1]);
    let x = b.reshape(&x, &[1, 3, 1, 7]);
    let weight = random(r, &[4, 3, 1, 3]);
    let x = b.conv(&x, weight, None, [1, 2], [1, 1], [0, 1, 0, 1], 1);
    let x = b.if_neuron(&x, per_channel(&[1.0, 0.5, 2.0, 0.75]), Tensor::new([], [0.25]), Reset::Soft);
    let x = b.flatten(&x);
    let weight = random(r, &[3, 16]);
    let x = b.linear(&x, weight, None);
    Vector {
        name: "signal",
        about: "A signal of three channels, [1, L, C]: preprocessing of images of one row, Poisson coding, conv2d over one row; head sigmoid, which is not applied.",
        artifact: b.finish(&x, Head::Sigmoid),
        pixels: Some((0..2 * 21).map(|_| r.below(256) as u8).collect()),
        input: Vec::new(),
        images: 2,
        timesteps: vec![8],
        first_image_index: 0,
    }
}

fn flat() -> Vector {
    let r = &mut Random(12);
    let amplitude = vec![1.0, 2.0, 4.0, 1.0, 2.0, 4.0];
    let mut b = Builder::new(&[1, 1, 6], Layout::Flat, Coding::Poisson { amplitude: amplitude.clone() });
    b.artifact.graph.input.preprocess = Preprocess { scale: 256.0, mean: vec![0.5, 0.25, 0.0, 0.5, 0.25, 0.0], std: vec![0.25] };
    let x = b.scale("x", Tensor::new([6], amplitude));
    let x = b.reshape(&x, &[1, 6]);
    let weight = random(r, &[4, 6]);
    let x = b.linear(&x, weight, None);
    let x = b.if_neuron(&x, Tensor::new([1, 4], [1.0, 0.5, 2.0, 0.75]), Tensor::new([], [0.25]), Reset::Soft);
    let weight = random(r, &[2, 4]);
    let x = b.linear(&x, weight, None);
    Vector {
        name: "flat",
        about: "A flat vector with another dimension of size 1, [1, 1, F]: preprocessing and Poisson coding per feature.",
        artifact: b.finish(&x, Head::None),
        pixels: Some((0..2 * 6).map(|_| r.below(256) as u8).collect()),
        input: Vec::new(),
        images: 2,
        timesteps: vec![8],
        first_image_index: 0,
    }
}

fn signed() -> Vector {
    let r = &mut Random(11);
    let mut b = Builder::new(&[1, 2, 5, 5], Layout::Nchw, Coding::Direct);
    // The potentials start apart, so that what the second layer hears changes its sign now and then.
    let x = b.if_neuron("x", Tensor::new([], [1.0]), random(r, &[1, 2, 5, 5]), Reset::Soft);
    let weight = random(r, &[4, 2, 3, 3]);
    let bias = random(r, &[4]);
    let x = b.conv(&x, weight, Some(bias), [1, 1], [1, 1], [1; 4], 1);
    let x = b.if_neuron(&x, per_channel(&[1.0, 0.5, 0.75, 2.0]), Tensor::new([], [0.5]), Reset::Signed);
    let pooled = b.count_max_pool(&x, [3, 3], [2, 2], [1; 4], false);
    let weight = random(r, &[3, 4, 3, 3]);
    let x = b.conv(&pooled, weight, None, [1, 1], [1, 1], [1; 4], 1);
    let leak = Tensor::new([3], [1.0, 0.5, 0.75]);
    let x = b.lif_neuron(&x, Tensor::new([], [1.0]), Tensor::new([], [0.0]), leak, Reset::Signed);
    let x = b.concat(&[&x, &pooled], 1);
    let x = b.slice(&x, &[(0, 1, 1), (0, 1, 7), (2, -1, 3), (0, 2, 2)]);
    let x = b.pad(&x, &[(0, 0), (0, 1), (0, 0), (0, 0)]);
    let x = b.flatten(&x);
    let weight = random(r, &[3, 48]);
    let x = b.linear(&x, weight, None);
    Vector {
        name: "signed",
        about: "Signed neurons with and without leak: spikes of -1 through count_max_pool2d, conv2d, concat, slice and pad.",
        artifact: b.finish(&x, Head::None),
        pixels: None,
        input: Random(12).dyadics(2 * 50, 1),
        images: 2,
        timesteps: vec![3, 16],
        first_image_index: 0,
    }
}
