//! What the tests share: making networks, and a naive reading of the specification.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod reference;
pub mod vectors;

use snnc_runtime::{
    Artifact, Coding, Head, InputSpec, Layout, NetworkSpec, NodeSpec, OpSpec, OutputSpec, Phase, Preprocess, Reset, Source, Tensor,
};
use std::collections::BTreeMap;

/// Random numbers for tests: SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() >> 11) as usize % n
    }

    /// A multiple of 1/16 in `-range..=range`: sums of such numbers are exact, whatever their order.
    pub fn dyadic(&mut self, range: i64) -> f32 {
        (self.below(32 * range as usize + 1) as i64 - 16 * range) as f32 / 16.0
    }

    pub fn dyadics(&mut self, count: usize, range: i64) -> Vec<f32> {
        (0..count).map(|_| self.dyadic(range)).collect()
    }
}

/// Builds an artifact node by node; shapes are worked out here, apart from the crate.
pub struct Builder {
    pub artifact: Artifact,
}

impl Builder {
    pub fn new(shape: &[usize], layout: Layout, coding: Coding) -> Self {
        let graph = NetworkSpec {
            format: "snnc".into(),
            format_version: 1,
            compiler: "snnc test".into(),
            source: Source { sha256: "0".repeat(64) },
            phase: Phase::Calibrated,
            options: BTreeMap::new(),
            seed: 7,
            timesteps: 8,
            input: InputSpec { name: "x".into(), shape: shape.to_vec(), layout, coding, preprocess: Preprocess::scale(255.0) },
            nodes: Vec::new(),
            output: OutputSpec { node: String::new(), name: "logits".into(), head: Head::None },
        };
        Self { artifact: Artifact { graph, tensors: BTreeMap::new() } }
    }

    pub fn shape(&self, value: &str) -> Vec<usize> {
        let graph = &self.artifact.graph;
        let node = graph.nodes.iter().find(|node| node.name == value);
        node.map_or_else(|| graph.input.shape.clone(), |node| node.shape.clone())
    }

    pub fn spikes(&self, value: &str) -> bool {
        self.artifact.graph.nodes.iter().any(|node| node.name == value && node.spikes)
    }

    /// Adds a node; its name is the operator's with a number.
    pub fn node(&mut self, op: OpSpec, inputs: &[&str], shape: &[usize], spikes: bool, tensors: Vec<(&str, Tensor)>) -> String {
        let name = format!("{}_{}", op.name(), self.artifact.graph.nodes.len());
        let mut roles = BTreeMap::new();
        for (role, tensor) in tensors {
            let key = format!("{name}.{role}");
            roles.insert(role.to_owned(), key.clone());
            self.artifact.tensors.insert(key, tensor);
        }
        self.artifact.graph.nodes.push(NodeSpec {
            name: name.clone(),
            op,
            inputs: inputs.iter().map(|&s| s.to_owned()).collect(),
            shape: shape.to_vec(),
            spikes,
            tensors: roles,
            origin: vec![format!("/{name}")],
        });
        name
    }

    /// A convolution `[stride, dilation]`, pads, groups, over a weight.
    #[allow(clippy::too_many_arguments, reason = "the attributes of a convolution")]
    pub fn conv(
        &mut self,
        x: &str,
        weight: Tensor,
        bias: Option<Tensor>,
        stride: [usize; 2],
        dilation: [usize; 2],
        pads: [usize; 4],
        groups: usize,
    ) -> String {
        let dims = self.shape(x);
        let side = |axis: usize| {
            let extent = (weight.dims[2 + axis] - 1) * dilation[axis] + 1;
            (dims[2 + axis] + pads[axis] + pads[axis + 2] - extent) / stride[axis] + 1
        };
        let shape = [1, weight.dims[0], side(0), side(1)];
        let mut tensors = vec![("weight", weight)];
        tensors.extend(bias.map(|bias| ("bias", bias)));
        self.node(OpSpec::Conv2d { stride, dilation, pads, groups }, &[x], &shape, false, tensors)
    }

    pub fn linear(&mut self, x: &str, weight: Tensor, bias: Option<Tensor>) -> String {
        let shape = [1, weight.dims[0]];
        let mut tensors = vec![("weight", weight)];
        tensors.extend(bias.map(|bias| ("bias", bias)));
        self.node(OpSpec::Linear, &[x], &shape, false, tensors)
    }

    pub fn scale(&mut self, x: &str, factor: Tensor) -> String {
        let shape = self.shape(x);
        self.node(OpSpec::Scale, &[x], &shape, false, vec![("factor", factor)])
    }

    pub fn shift(&mut self, x: &str, offset: Tensor) -> String {
        let shape = self.shape(x);
        self.node(OpSpec::Shift, &[x], &shape, false, vec![("offset", offset)])
    }

    pub fn add(&mut self, operands: &[&str]) -> String {
        let shape = self.shape(operands[0]);
        self.node(OpSpec::Add, operands, &shape, false, vec![])
    }

    pub fn if_neuron(&mut self, x: &str, threshold: Tensor, initial: Tensor, reset: Reset) -> String {
        let shape = self.shape(x);
        self.node(OpSpec::IfNeuron { reset }, &[x], &shape, true, vec![("threshold", threshold), ("initial", initial)])
    }

    pub fn lif_neuron(&mut self, x: &str, threshold: Tensor, initial: Tensor, leak: Tensor, reset: Reset) -> String {
        let shape = self.shape(x);
        let tensors = vec![("threshold", threshold), ("initial", initial), ("leak", leak)];
        self.node(OpSpec::LifNeuron { reset }, &[x], &shape, true, tensors)
    }

    fn pooled(&self, x: &str, kernel: [usize; 2], stride: [usize; 2], pads: [usize; 4], ceil: bool) -> Vec<usize> {
        let dims = self.shape(x);
        let side = |axis: usize| {
            // Counted, not computed: windows start inside the operand or the padding before it.
            let reach = dims[2 + axis] + pads[axis] + pads[axis + 2];
            let starts = (0..).map(|i| i * stride[axis]).take_while(|start| {
                let whole = start + kernel[axis] <= reach;
                let partly = ceil && *start < dims[2 + axis] + pads[axis] && start + kernel[axis] < reach + stride[axis];
                whole || partly
            });
            starts.count()
        };
        vec![1, dims[1], side(0), side(1)]
    }

    pub fn average_pool(
        &mut self,
        x: &str,
        kernel: [usize; 2],
        stride: [usize; 2],
        pads: [usize; 4],
        ceil: bool,
        count_include_pad: bool,
    ) -> String {
        let shape = self.pooled(x, kernel, stride, pads, ceil);
        self.node(OpSpec::AveragePool2d { kernel, stride, pads, ceil, count_include_pad }, &[x], &shape, false, vec![])
    }

    pub fn count_max_pool(&mut self, x: &str, kernel: [usize; 2], stride: [usize; 2], pads: [usize; 4], ceil: bool) -> String {
        let shape = self.pooled(x, kernel, stride, pads, ceil);
        let spikes = self.spikes(x);
        self.node(OpSpec::CountMaxPool2d { kernel, stride, pads, ceil }, &[x], &shape, spikes, vec![])
    }

    pub fn mean(&mut self, x: &str, axes: &[usize]) -> String {
        let shape: Vec<usize> = self.shape(x).iter().enumerate().map(|(i, &d)| if axes.contains(&i) { 1 } else { d }).collect();
        self.node(OpSpec::Mean { axes: axes.to_vec() }, &[x], &shape, false, vec![])
    }

    pub fn concat(&mut self, operands: &[&str], axis: usize) -> String {
        let mut shape = self.shape(operands[0]);
        shape[axis] = operands.iter().map(|x| self.shape(x)[axis]).sum();
        let spikes = operands.iter().all(|x| self.spikes(x));
        self.node(OpSpec::Concat { axis }, operands, &shape, spikes, vec![])
    }

    pub fn pad(&mut self, x: &str, pads: &[(usize, usize)]) -> String {
        let shape: Vec<usize> = self.shape(x).iter().zip(pads).map(|(d, p)| d + p.0 + p.1).collect();
        let spikes = self.spikes(x);
        self.node(OpSpec::Pad { pads: pads.to_vec() }, &[x], &shape, spikes, vec![])
    }

    pub fn slice(&mut self, x: &str, ranges: &[(usize, i64, usize)]) -> String {
        let shape: Vec<usize> = ranges.iter().map(|r| r.2).collect();
        let spikes = self.spikes(x);
        self.node(OpSpec::Slice { ranges: ranges.to_vec() }, &[x], &shape, spikes, vec![])
    }

    pub fn reshape(&mut self, x: &str, shape: &[usize]) -> String {
        let spikes = self.spikes(x);
        self.node(OpSpec::Reshape, &[x], shape, spikes, vec![])
    }

    /// To `[1, everything]`.
    pub fn flatten(&mut self, x: &str) -> String {
        let len = self.shape(x).iter().product();
        self.reshape(x, &[1, len])
    }

    pub fn transpose(&mut self, x: &str, permutation: &[usize]) -> String {
        let dims = self.shape(x);
        let shape: Vec<usize> = permutation.iter().map(|&axis| dims[axis]).collect();
        let spikes = self.spikes(x);
        self.node(OpSpec::Transpose { permutation: permutation.to_vec() }, &[x], &shape, spikes, vec![])
    }

    pub fn finish(mut self, output: &str, head: Head) -> Artifact {
        self.artifact.graph.output = OutputSpec { node: output.into(), name: "logits".into(), head };
        self.artifact
    }
}

/// A random network over all operators whose sums are exact in any order, so that results can be compared bit by bit.
pub fn random_network(seed: u64) -> Artifact {
    let mut random = Random(seed);
    let r = &mut random;
    let (channels, height, width) = (1 + r.below(4), 5 + r.below(4), 5 + r.below(4));
    let coding = match r.below(3) {
        0 => Coding::Poisson { amplitude: (0..channels).map(|c| 0.5 + c as f32).collect() },
        1 => Coding::Poisson { amplitude: vec![2.0] },
        _ => Coding::Direct,
    };
    let nhwc = r.below(4) == 0;
    let mut b = if nhwc {
        Builder::new(&[1, height, width, channels], Layout::Nhwc, coding)
    } else {
        Builder::new(&[1, channels, height, width], Layout::Nchw, coding)
    };
    b.artifact.graph.seed = seed;
    let mut x = "x".to_owned();
    if nhwc {
        x = b.transpose(&x, &[0, 3, 1, 2]);
    }
    // Neurons often enough that numbers stay short: every operator that computes lengthens them.
    let mut length = 0;
    for _ in 0..4 + r.below(9) {
        x = random_operator(r, &mut b, &x);
        length += match b.artifact.graph.nodes.last().map(|node| &node.op) {
            Some(OpSpec::Conv2d { .. } | OpSpec::Add) => 2,
            Some(OpSpec::AveragePool2d { .. } | OpSpec::Scale | OpSpec::Shift) => 1,
            _ => 0,
        };
        if length > 2 || r.below(4) == 0 {
            x = random_neuron(r, &mut b, &x);
            length = 0;
        }
    }
    x = random_neuron(r, &mut b, &x);
    if r.below(3) == 0 {
        x = b.mean(&x, &[2, 3]);
    }
    x = b.flatten(&x);
    let inputs = b.shape(&x)[1];
    let outputs = 2 + r.below(4);
    let weight = Tensor::new([outputs, inputs], r.dyadics(outputs * inputs, 1));
    let bias = (r.below(2) == 0).then(|| Tensor::new([outputs], r.dyadics(outputs, 1)));
    x = b.linear(&x, weight, bias);
    let head = [Head::None, Head::Relu, Head::Softmax, Head::Sigmoid][r.below(4)];
    b.finish(&x, head)
}

fn random_parameter(r: &mut Random, dims: &[usize], mut value: impl FnMut(&mut Random) -> f32) -> Tensor {
    let shape: Vec<usize> = match r.below(5) {
        0 => vec![],
        1 => dims.iter().enumerate().map(|(axis, &d)| if axis == 1 { d } else { 1 }).collect(),
        2 => dims.to_vec(),
        3 => vec![dims[dims.len() - 1]],
        _ => dims[1..].iter().enumerate().map(|(axis, &d)| if axis == 1 { 1 } else { d }).collect(),
    };
    let data: Vec<f32> = (0..shape.iter().product()).map(|_| value(r)).collect();
    Tensor::new(shape, data)
}

fn random_neuron(r: &mut Random, b: &mut Builder, x: &str) -> String {
    let dims = b.shape(x);
    let threshold = random_parameter(r, &dims, |r| 0.25 + r.below(16) as f32 / 8.0);
    let initial = random_parameter(r, &dims, |r| r.dyadic(1));
    let reset = [Reset::Soft, Reset::Hard, Reset::Signed][r.below(3)];
    if r.below(2) == 0 {
        b.if_neuron(x, threshold, initial, reset)
    } else {
        let leak = random_parameter(r, &dims, |r| [0.5, 1.0][r.below(2)]);
        b.lif_neuron(x, threshold, initial, leak, reset)
    }
}

fn random_operator(r: &mut Random, b: &mut Builder, x: &str) -> String {
    let dims = b.shape(x);
    let (channels, height, width) = (dims[1], dims[2], dims[3]);
    match r.below(13) {
        0..=2 => {
            let groups = if channels % 2 == 0 && r.below(2) == 0 { [2, channels][r.below(2)] } else { 1 };
            let out = groups * (1 + r.below(3));
            let kernel = [1 + r.below(3.min(height)), 1 + r.below(3.min(width))];
            let pads = [r.below(2), r.below(3), r.below(3), r.below(2)];
            let fits = |axis: usize, d: usize| (kernel[axis] - 1) * d < [height, width][axis];
            let dilation = [if fits(0, 2) { 1 + r.below(2) } else { 1 }, if fits(1, 2) { 1 + r.below(2) } else { 1 }];
            let per_group = channels / groups;
            let weight = Tensor::new([out, per_group, kernel[0], kernel[1]], r.dyadics(out * per_group * kernel[0] * kernel[1], 1));
            let bias = (r.below(2) == 0).then(|| Tensor::new([out], r.dyadics(out, 1)));
            b.conv(x, weight, bias, [1 + r.below(2), 1 + r.below(2)], dilation, pads, groups)
        }
        3 => {
            let factor = random_parameter(r, &dims, |r| [0.5, 1.0, -1.0, 2.0, 0.0][r.below(5)]);
            b.scale(x, factor)
        }
        4 => {
            let offset = random_parameter(r, &dims, |r| r.dyadic(1));
            b.shift(x, offset)
        }
        5 => match r.below(3) {
            0 => b.add(&[x, x]),
            1 => {
                let other = b.scale(x, Tensor::new([], [-0.5]));
                b.add(&[x, &other, x])
            }
            _ => {
                let weight = Tensor::new([channels, channels, 1, 1], r.dyadics(channels * channels, 1));
                let other = b.conv(x, weight, None, [1, 1], [1, 1], [0; 4], 1);
                b.add(&[&other, x])
            }
        },
        6 if height >= 2 && width >= 2 => {
            let pads = [r.below(2), r.below(2), r.below(2), r.below(2)];
            // Padding counts and no window overhangs: divisors are 4, so that means are exact.
            b.average_pool(x, [2, 2], [1 + r.below(2), 1 + r.below(2)], pads, false, true)
        }
        7 if height >= 2 && width >= 2 => {
            let kernel = [1 + r.below(2.min(height)), 1 + r.below(3.min(width))];
            let pads = [r.below(kernel[0]), r.below(kernel[1]), r.below(kernel[0]), r.below(kernel[1])];
            b.count_max_pool(x, kernel, [1 + r.below(2), 1 + r.below(3)], pads, r.below(2) == 0)
        }
        8 => {
            let other = if r.below(2) == 0 { x.to_owned() } else { random_neuron(r, b, x) };
            b.concat(&[x, &other], 1 + r.below(3))
        }
        9 => {
            let pads = [(0, 0), (r.below(2), r.below(2)), (r.below(2), r.below(2)), (r.below(3), 0)];
            b.pad(x, &pads)
        }
        10 => {
            let mut ranges = vec![(0, 1, 1)];
            for &dim in &dims[1..] {
                let step = [1, 2, -1, -2][r.below(4)];
                let start = if step > 0 { r.below(dim.min(2)) } else { dim - 1 - r.below(dim.min(2)) };
                let room = if step > 0 { dim - 1 - start } else { start };
                ranges.push((start, step as i64, room / (step as i64).unsigned_abs() as usize + 1));
            }
            b.slice(x, &ranges)
        }
        11 => {
            let flat = b.reshape(x, &[1, channels * height, width]);
            let turned = b.transpose(&flat, &[0, 2, 1]);
            b.reshape(&turned, &[1, width, height, channels])
        }
        _ => b.transpose(x, &[[0, 2, 3, 1], [0, 1, 3, 2], [0, 3, 2, 1]][r.below(3)]),
    }
}

/// Images for a network: multiples of 1/16.
pub fn random_images(artifact: &Artifact, count: usize, seed: u64) -> Vec<f32> {
    let image: usize = artifact.graph.input.shape.iter().product();
    Random(seed).dyadics(count * image, 2)
}
